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

#[test]
fn a_github_command_is_one_line_that_nothing_can_forge() {
    let file = SourceFile::new("a,b:c.yaml", "x: 1\ny: 2\n");
    let found = Diagnostic::error(Code("E0201"), "a,b:c.yaml", Span::new(0, 1), "50%\n::error::x").hint("100%");
    let shown = diagnostic::render_github([&found], std::slice::from_ref(&file));
    let expected =
        "::error file=a%2Cb%3Ac.yaml,line=1,col=1,endColumn=2,title=E0201::50%25\\n::error::x%0Ahint: 100%25\n";
    assert_eq!(shown, expected);
    let long = Diagnostic::warning(Code("W0401"), "a,b:c.yaml", Span::new(0, 6), "two lines");
    let shown = diagnostic::render_github([&long], std::slice::from_ref(&file));
    assert_eq!(shown, "::warning file=a%2Cb%3Ac.yaml,line=1,endLine=2,title=W0401::two lines\n");
}

#[test]
fn sarif_names_files_by_uri_and_rules_once() {
    let found = [
        Diagnostic::error(Code("E0201"), "./my flows/a:b.yaml", Span::new(0, 1), "one")
            .secondary(Span::new(3, 4), "there"),
        Diagnostic::error(Code("E0201"), "/abs/ä.yaml", Span::at(0), "two"),
    ];
    let file = SourceFile::new("./my flows/a:b.yaml", "x: 1\n");
    let page = |code: Code| (code.0 == "E0201").then_some(diagnostic::Page { title: "a title", text: "# a page" });
    let log = diagnostic::render_sarif(&found, std::slice::from_ref(&file), "1.0.0", page);
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"].as_array().map(Vec::len), Some(1));
    assert_eq!(run["tool"]["driver"]["rules"][0]["help"]["text"], "# a page");
    let uri = |at: usize| run["results"][at]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].clone();
    assert_eq!((uri(0), uri(1)), ("my%20flows/a%3Ab.yaml".into(), "file:///abs/%C3%A4.yaml".into()));
    let related = &run["results"][0]["relatedLocations"][0];
    assert_eq!(related["physicalLocation"]["region"]["startColumn"], 4);
    assert_eq!(related["message"]["text"], "there");
}
