//! Whatever the text, loading it ends, says where, and gives places that lie in the file.

use engross_source::{Limits, Node, SourceFile, Value, diagnostic, load};
use proptest::prelude::*;

/// Pieces of YAML that mean something to the parser, the renderer or the map of offsets.
const PIECES: &[&str] = &[
    "a", "é", "宽", "𝄞", " ", " ", "\n", "\n", "\n  ", "\r\n", "\r", "\t", ": ", ":", "- ", "-", "? ", "[", "]", "{",
    "}", ", ", "'", "''", "\"", "\\", "\\\"", "\\n", "\\u00e9", "\\\n", "|", "|2", "|+\n  ", ">", ">-\n  ", "#", " # ",
    "&a ", "*a", "!t ", "!!str ", "<<: ", "---\n", "...\n", "%", "@", "no", "014", "1e400", "true", "~", "{{ a }}",
    "\u{1b}", "\u{feff}", "\u{202e}", "\u{85}", "\u{2028}", "\0",
];

/// Checks that the place of each node and of each character lies in the file, in order.
fn check(node: &Node, file: &SourceFile) {
    let text = file.text();
    assert!(text.get(node.span.range()).is_some(), "{:?} of {text:?}", node.span);
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| check(item, file)),
        Value::Mapping(mapping) => {
            for entry in mapping {
                assert!(text.get(entry.key.span.range()).is_some(), "{:?} of {text:?}", entry.key.span);
                check(&entry.value, file);
            }
        }
        value => {
            let map = node.offset_map(file);
            let decoded = if let Value::String(decoded) = value { decoded.as_str() } else { "" };
            let places: Vec<u32> = decoded.char_indices().map(|(offset, _)| map.offset(offset)).collect();
            assert!(places.is_sorted(), "{places:?} in {text:?}");
            for ((offset, c), place) in decoded.char_indices().zip(places) {
                let span = map.span(offset, offset + c.len_utf8());
                let raw = text.get(span.range()).expect("the place of a character is between characters");
                let plausible = raw == c.to_string() || c == ' ' || c == '\n' || raw.starts_with('\\') || raw == "''";
                assert!(plausible && span.start == place, "{c:?} is {raw:?} in {text:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn loads_or_says_why(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24)) {
        let file = SourceFile::new("flow.yaml", &pieces.concat());
        match load(&file, &Limits::default()) {
            Ok(root) => check(&root, &file),
            Err(found) => {
                prop_assert!(!found.is_empty());
                for diagnostic in &found {
                    prop_assert!(file.text().get(diagnostic.primary.span.range()).is_some());
                }
                let text = diagnostic::render_text(&found, std::slice::from_ref(&file), false);
                prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
                let headers = text.lines().filter(|line| line.starts_with("flow.yaml:") && line.contains(": error[E01"));
                prop_assert_eq!(headers.count(), found.len());
                diagnostic::render_json(&found, std::slice::from_ref(&file));
            }
        }
    }
}
