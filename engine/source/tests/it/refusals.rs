//! What the loader refuses, as people are shown it.

use engross_source::{Limits, SourceFile, codes, diagnostic, load};

/// The text shown for `input`, or the tree as JSON if nothing is wrong with it.
fn shown(input: &str, limits: &Limits) -> String {
    let file = SourceFile::new("flow.yaml", input);
    match load(&file, limits) {
        Ok(node) => format!("{}\n", node.to_json()),
        Err(found) => {
            assert!(!found.is_empty(), "a refusal says why");
            assert!(found.len() <= limits.diagnostics_max);
            diagnostic::render_text(&found, &[file], false)
        }
    }
}

macro_rules! check {
    ($name:ident, $input:expr) => {
        check!($name, $input, Limits::default());
    };
    ($name:ident, $input:expr, $limits:expr) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!(shown($input, &$limits));
        }
    };
}

check!(duplicate_keys_show_both_places, "steps:\n  a: 1\n  b: 2\n  'a': 3\n  \"a\": 4\nsteps: {}\n");
check!(duplicate_keys_far_apart, &format!("a: 1\n{}a: 2\n", (0..40).map(|n| format!("k{n}: x\n")).collect::<String>()));
check!(duplicate_keys_before_a_syntax_error, "a: 1\na: 2\nb: [\n");
check!(aliases_and_anchors, "base: &base {x: 1}\nuse: *base\nnone: *nowhere\n*base : 1\n? *base\n: 2\n&k key: v\n");
check!(tags, "a: !env HOME\nb: !!str 1\nc: !<tag:example.com,2026:x> [1]\nd: ! x\n!!str e: 1\n");
check!(tag_with_unknown_handle, "a: !e!x 1\n");
check!(merge_keys, "a:\n  <<: {x: 1}\n  '<<': text\n  y: <<\n");
check!(keys_that_are_no_scalars, "[a, b]: 1\n{c: d}: 2\n? - e\n: 3\n");
check!(unquoted_template, "title: {{ inputs.name }}\nbody: {{ inputs.name }} and more\n");
check!(empty_keys, "'': 1\n: 2\n\"\": 3\nok: {: 4}\n");
check!(long_key, &format!("{}: 1\n{}: 2\n", "k".repeat(256), "é".repeat(129)));
check!(key_characters, "\"a\\u001bb\": 1\n\"pay\\u202eee\": 2\n\u{200b}name: 3\n\"x\\ny\": 4\n\u{feff}z: 5\n");
check!(yaml_1_1_booleans, "yes: no\non: [on, OFF, 'on']\ny: Y\nn: {a: n}\nTrue: True\ntext: \"yes\"\n");
check!(leading_zeros, "zip: 014\nneg: -007\nfloat: 01.50\nok: [0, 0.5, '014', 0o14, 014-1]\n");
check!(not_finite, "a: .nan\nb: [-.inf, .INF]\nc: '.inf'\n");
check!(
    large_numbers,
    "a: 9007199254740993\nb: 9007199254740992\nc: -12345678901234567890123\nd: 1e400\ne: 0xffffffffffffffff\n"
);
check!(not_refused, "a: 1_000\nb: 1:30\nc: 2026-08-20\nd: 0x1F\ne: 1.5e3\nf: ~\ng:\nh: \"\"\n");
check!(several_documents, "a: 1\n---\nb: 2\n---\nc: 3\n");
check!(document_after_an_end_marker, "a: 1\n...\nb: 2\n");
check!(empty_file, "");
check!(only_comments, "# nothing here\n\n");
check!(only_a_marker, "---\n");
check!(directive, "%YAML 1.1\n---\na: 1\n");
check!(control_characters, "a: \u{1b}[31mred\nb: x\u{0}y\nc: \"\u{7f}\"\nd: \u{9b}2J\n");
check!(byte_order_mark_inside, "a: 1\n\u{feff}b: 2\n");
check!(tab_indentation, "a:\n\tb: 1\n");
check!(colon_in_a_value, "title: Note: important\n");
check!(at_sign, "who: @lena\n");
check!(unclosed_bracket, "a: [1, 2\nb: 3\n");
check!(wrong_bracket, "a: [1, 2}\n");
check!(stray_bracket, "a: ]\n");
check!(unclosed_quote, "a: 'it\nb: 1\n");
check!(unknown_escape, "a: \"C:\\path\"\n");
check!(lone_surrogate, "a: \"\\ud800\"\n");
check!(bad_indentation, "a:\n  - x\n - y\n");
check!(missing_comma, "a: {b: 1 c: 2}\n");
check!(text_after_a_quote, "a: \"x\" y\n");
check!(wide_characters_and_tabs, "a: {宽宽:\tno,\t'é': yes}\n");
check!(crlf, "a: 1\r\nb: no\r\n");
check!(long_line_is_cut, &format!("{{a: [{} no, {}]}}\n", "'宽', ".repeat(400), "1, ".repeat(400)));
check!(file_too_large, "a: 12345\n", Limits { file_bytes_max: 8, ..Limits::default() });
check!(too_deep, "a: [[[1]]]\n", Limits { depth_max: 3, ..Limits::default() });
check!(too_deep_in_blocks, "a:\n  - b:\n      - c\n", Limits { depth_max: 3, ..Limits::default() });
check!(too_many_nodes, "[1, 2, 3, 4]\n", Limits { nodes_max: 4, ..Limits::default() });
check!(long_scalar, "a: 'éé'\nb: [xxxxx]\n", Limits { scalar_bytes_max: 4, ..Limits::default() });
check!(too_many_findings, "[no, no, no, no, no]\n", Limits { diagnostics_max: 3, ..Limits::default() });
check!(as_many_findings_as_fit, "[no, no]\n", Limits { diagnostics_max: 3, ..Limits::default() });

#[test]
fn every_code_is_snapshotted_or_made_from_bytes() {
    let from_bytes = [codes::NOT_UTF8.0, codes::NOT_UTF8_ENCODING.0];
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/snapshots");
    let shown: String = std::fs::read_dir(folder)
        .expect("the snapshots are committed")
        .map(|entry| std::fs::read_to_string(entry.expect("a snapshot").path()).expect("a readable snapshot"))
        .collect();
    let missing: Vec<_> = codes::CODES
        .iter()
        .map(|(code, _)| *code)
        .filter(|code| !from_bytes.contains(code) && !shown.contains(&format!("error[{code}]")))
        .collect();
    assert!(missing.is_empty(), "no refusal shows {missing:?}");
    assert!(codes::CODES.windows(2).all(|pair| pair[0].0 < pair[1].0), "the codes are in ascending order");
}
