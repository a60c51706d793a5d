//! Findings as text and as JSON.

use engross_source::{Code, Diagnostic, Diagnostics, SourceFile, Span, diagnostic};

const TEXT: &str = "schema: engross/v1\nsteps:\n\tcreate: {宽: \u{1b}[31m, with: x}\n";

fn files() -> Vec<SourceFile> {
    vec![SourceFile::new("a.yaml", TEXT), SourceFile::new("b\u{1b}.yaml", "x")]
}

fn span(of: &str) -> Span {
    let start = TEXT.find(of).expect("the text has it");
    Span::from_usize(start, start + of.len())
}

fn findings() -> Diagnostics {
    [
        Diagnostic::error(Code("E0201"), "a.yaml", span("with"), "unknown key\n`\u{202e}with`")
            .label("not \u{1b} here")
            .secondary(span("steps"), "of this")
            .secondary(span("create: {宽: \u{1b}[31m, with: x}\n"), "the step")
            .hint("did you mean `uses`?"),
        Diagnostic::warning(Code("E0301"), "a.yaml", Span::at(u32::try_from(TEXT.len()).expect("short")), "no outputs"),
        Diagnostic::warning(Code("E0301"), "a.yaml", Span::new(9, 900), "longer than its line"),
        Diagnostic::error(Code("E0302"), "b\u{1b}.yaml", Span::at(0), "a path with an escape"),
        Diagnostic::error(Code("E0303"), "elsewhere.yaml", Span::at(7), "a file that is not at hand")
            .hint("look there"),
    ]
    .into_iter()
    .collect()
}

#[test]
fn text() {
    insta::assert_snapshot!(diagnostic::render_text(&findings(), &files(), false));
}

#[test]
fn colour_adds_styles_and_nothing_else() {
    let styled = diagnostic::render_text(&findings(), &files(), true);
    let mut bare = String::new();
    let mut rest = styled.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        bare.push_str(before);
        rest = after.split_once('m').expect("only styles are escape sequences").1;
    }
    bare.push_str(rest);
    let trim = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(trim(&bare), trim(&diagnostic::render_text(&findings(), &files(), false)));
    assert!(styled.len() > bare.len());
}

#[test]
fn json() {
    // The order of the fields depends on features that other crates choose.
    insta::with_settings!({ sort_maps => true }, {
        insta::assert_json_snapshot!(diagnostic::render_json(&findings(), &files()));
    });
}

#[test]
fn no_control_character_reaches_the_terminal() {
    let text = diagnostic::render_text(&findings(), &files(), false);
    assert!(text.contains("\\u{1b}[31m"));
    let hazards: Vec<char> = text.chars().filter(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}').collect();
    assert!(hazards.is_empty(), "{hazards:?}");
}

#[test]
fn bytes_that_are_not_utf8_are_shown_over_the_lossy_file() {
    let bytes = b"a: 1\nb: caf\xE9\n";
    let found = SourceFile::from_bytes("a.yaml", bytes).expect_err("the bytes are Latin-1");
    let text = diagnostic::render_text([&*found], &[SourceFile::lossy("a.yaml", bytes)], false);
    insta::assert_snapshot!(text);
}
