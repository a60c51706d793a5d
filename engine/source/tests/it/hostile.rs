//! Inputs made to exhaust a reader: each is refused early, at a place that shows how far it was read.

use std::time::{Duration, Instant};

use engross_source::{Limits, SourceFile, load};

/// Far above what any of these takes without optimisation, far below what a quadratic reader takes.
const GENEROUS: Duration = Duration::from_secs(10);

/// Checks the code and the place `line:column` of the last finding.
fn check(input: &str, expected: &str) {
    check_within(input, &Limits::default(), expected);
}

fn check_within(input: &str, limits: &Limits, expected: &str) {
    let started = Instant::now();
    let file = SourceFile::new("flow.yaml", input);
    let found = load(&file, limits).expect_err("hostile input is refused");
    let elapsed = started.elapsed();
    let last = found.last().expect("a refusal says why");
    let (line, column) = file.line_col(last.primary.span.start);
    assert_eq!(format!("{} {line}:{column}", last.code), expected);
    assert!(found.len() <= 100);
    assert!(elapsed < GENEROUS, "{expected} took {elapsed:?}");
}

#[test]
fn nesting_stops_at_the_limit() {
    check(&"[".repeat(100_000), "E0141 1:65");
    check(&"{a: ".repeat(100_000), "E0141 1:257");
    check(&"- ".repeat(100_000), "E0141 1:129");
    check(&"[{a: ".repeat(50_000), "E0141 1:161");
    check(&"? ".repeat(100_000), "E0141 1:129");
    check(&format!("a: {}", "!t ".repeat(100_000)), "E0101 1:7");
    let stairs: String = (0..3_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    check(&stairs, "E0141 65:65");
    let mixed = format!("{}{}{}", "- ".repeat(40), "[".repeat(40), "]".repeat(40));
    check(&mixed, "E0141 1:105");
}

#[test]
fn aliases_are_never_followed() {
    let scalar = "x".repeat(1_000_000);
    let aliases = "  - *a\n".repeat(2_000);
    check(&format!("a: &a {scalar}\nb:\n{aliases}"), "E0149 100:5");
    let mut laughs = String::from("a0: &a0 lol\n");
    for level in 1..10 {
        let items = vec![format!("*a{}", level - 1); 9].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    check(&laughs, "E0120 10:50");
    check("a: &a [*a]\n", "E0120 1:8");
    check("&a a: *a\n", "E0120 1:7");
}

#[test]
fn breadth_and_size_are_bounded() {
    let limits = Limits { nodes_max: 100_000, ..Limits::default() };
    check_within(&"- 1\n".repeat(1_100_000), &limits, "E0142 100000:3");
    check(&"a".repeat(9 * 1024 * 1024), "E0140 1:1");
    check(&format!("a: {}", "x".repeat(300 * 1024)), "E0143 1:4");
    check(&format!("a: \"{}\"", "\\u0041".repeat(300 * 1024)), "E0143 1:4");
    check(&format!("{}: 1", "k".repeat(1_000_000)), "E0101 1:1000001");
    check(&"a: 1\n".repeat(200_000), "E0149 101:1");
    check(&"\u{1b}".repeat(1_000_000), "E0149 1:100");
    check(&format!("{}]", "#\n".repeat(1_000_000)), "E0101 1000001:1");
    check(&"'".repeat(999_999), "E0101 1:1");
    check(&"a: {{ x }}\n".repeat(50_000), "E0149 100:4");
}
