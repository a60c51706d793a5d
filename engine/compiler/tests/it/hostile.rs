//! Files that are made to hurt: each is refused with a place, in bounded time.

use crate::common::catalog;
use engross_compiler::compile;
use engross_core::limits::STEPS_MAX;
use engross_source::{Diagnostic, SourceFile};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Far more than any of these needs, also unoptimised and on a busy machine; a quadratic rule or an exponential parser needs more.
const PATIENCE: Duration = Duration::from_secs(20);

const HEAD: &str = "schema: engross/v1\nname: example\n";

fn findings(text: &str) -> (SourceFile, Vec<Diagnostic>) {
    let file = SourceFile::new("hostile.yaml", text);
    let start = Instant::now();
    let found = match compile(&file, &catalog()) {
        Ok(compiled) => compiled.warnings,
        Err(found) => found,
    };
    assert!(start.elapsed() < PATIENCE, "it took {:?}", start.elapsed());
    (file, found)
}

/// The code of the first finding and its line and column.
fn check(text: &str, code: &str, place: (usize, usize)) {
    let (file, found) = findings(text);
    let first = found.first().expect("there is a finding");
    assert_eq!((first.code.0, file.line_col(first.primary.span.start)), (code, place), "{}", first.message);
}

#[test]
fn bombs_for_the_parser_are_refused() {
    check(&format!("{HEAD}steps: {}", "[".repeat(100_000)), "E0141", (3, 72));
    check(&format!("{HEAD}steps: {}", "{a: ".repeat(100_000)), "E0141", (3, 260));
    check(&format!("{HEAD}steps:\n{}", "- ".repeat(100_000)), "E0141", (4, 127));
    let bomb = format!(
        "{HEAD}a: &a {}\n{}",
        "x".repeat(1_000_000),
        (0..2_000).fold(String::new(), |mut text, n| {
            let _ = writeln!(text, "k{n}: *a");
            text
        })
    );
    check(&bomb, "E0121", (3, 4));
}

fn in_template(expression: &str) -> String {
    format!("{HEAD}steps:\n  a: {{ uses: notify, with: {{ text: \"{{{{ {expression} }}}}\" }} }}\n")
}

#[test]
fn bombs_for_the_templates_are_refused() {
    let place = |expression: &str, code: &str| {
        let (_, found) = findings(&in_template(expression));
        assert_eq!(
            found.first().map(|finding| finding.code.0),
            Some(code),
            "{}",
            expression.get(..20).unwrap_or_default()
        );
    };
    place(&"(".repeat(20_000), "E0301");
    place(&format!("{}1{}", "(".repeat(20_000), ")".repeat(20_000)), "E0301");
    place(&format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000)), "E0301");
    place(&format!("{}true", "not ".repeat(10_000)), "E0301");
    place(&format!("1{}", " + 1".repeat(10_000)), "E0301");
    place(&format!("run.id{}", " | upper".repeat(5_000)), "E0301");
    place(&format!("run{}", ".id".repeat(15_000)), "E0310");
    place(&format!("run{}", "['id']".repeat(8_000)), "E0310");
    place(&"run.id ~ ".repeat(2_000), "E0304");
    place(&"x".repeat(70_000), "E0304");
    place(&format!("[{}]", "run.id, ".repeat(2_000)), "E0304");
}

#[test]
fn more_findings_than_fit_are_counted() {
    let steps = (0..3_000).fold(String::new(), |mut text, n| {
        let _ = writeln!(
            text,
            "  s{n}: {{ uses: notiffy, needs: [t{n}], with: {{ text: \"{{{{ steps.u{n}.outcome }}}}\" }} }}"
        );
        text
    });
    let (_, found) = findings(&format!("{HEAD}steps:\n{steps}"));
    assert_eq!(found.len(), 60);
    let more = found.iter().filter(|finding| finding.message.contains("(and 2980 more findings of "));
    assert_eq!(
        more.map(|finding| finding.code.0).collect::<BTreeSet<_>>(),
        BTreeSet::from(["E0220", "E0230", "E0313"])
    );
}

#[test]
fn a_workflow_with_too_many_steps_is_refused() {
    let steps = (0..=STEPS_MAX).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "  s{n}: {{ uses: set }}");
        text
    });
    check(&format!("{HEAD}steps:\n{steps}"), "E0207", (3, 1));
}

/// A chain in which every step refers to the one before it.
fn chain(steps: usize) -> String {
    let mut text = format!("{HEAD}steps:\n  s0: {{ uses: set, with: {{ v: 1 }} }}\n");
    for n in 1..steps {
        let _ = writeln!(
            text,
            "  s{n}:\n    uses: juro/create_contract\n    with:\n      template_id: \"{{{{ steps.s0.outputs.v | str }}}}\"\n      \
             name: \"NDA {{{{ steps.s{}.outcome | upper }}}} for {{{{ run.id }}}}\"",
            n - 1
        );
    }
    text
}

#[test]
fn ten_thousand_steps_compile() {
    let (_, found) = findings(&chain(STEPS_MAX));
    assert_eq!(found, []);
}

#[test]
fn a_circle_of_ten_thousand_steps_is_one_finding() {
    let text = chain(STEPS_MAX).replacen(
        "uses: set, with: { v: 1 }",
        &format!("uses: set, needs: [s{}], with: {{ v: 1 }}", STEPS_MAX - 1),
        1,
    );
    let (_, found) = findings(&text);
    assert_eq!(found.iter().map(|finding| finding.code.0).collect::<Vec<_>>(), ["E0234"]);
}

#[test]
fn a_provider_with_a_broken_schema_is_named() {
    let mut catalog = catalog();
    catalog.specs.get_mut("notify").expect("it is there").input = serde_json::json!({"type": "nonsense"});
    let file = SourceFile::new("w", &format!("{HEAD}steps: {{ a: {{ uses: notify }} }}"));
    let found = compile(&file, &catalog).expect_err("the schema is broken");
    let shown: Vec<String> = found.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect();
    assert_eq!(shown.len(), 1);
    assert!(shown[0].starts_with("E0229 the input schema of `notify` is broken"), "{shown:?}");
}
