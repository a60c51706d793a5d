//! Damaged manifests that look right: each mistake is told where it stands, and warnings keep nobody from going on.

use crate::manifests::GOOD;
use engross_providers::own;
use engross_source::{Diagnostic, Severity, SourceFile};

/// A finding as its line, the text that is underlined in it, its code and its message.
fn shown(finding: &Diagnostic, file: &SourceFile) -> String {
    let (line, _) = file.line_col(finding.primary.span.start);
    let column = file.slice(finding.primary.span);
    let hint = finding.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{line} {column}: {} {}{hint}", finding.code, finding.message)
}

fn findings(text: &str) -> Vec<String> {
    let file = SourceFile::new("providers/acme.yaml", text);
    own(std::slice::from_ref(&file)).findings.iter().map(|finding| shown(finding, &file)).collect()
}

/// The findings after one text of the good manifest is replaced by another.
fn after(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    findings(&GOOD.replacen(from, to, 1))
}

fn check(from: &str, to: &str, expected: &[&str]) {
    assert_eq!(after(from, to), expected, "{to}");
}

const INPUT: &str = "input: { required: [name], properties: { name: { type: string } } }";
const TYPE: &str = "types: { id: { type: string, minLength: 1 } }";

#[test]
fn mistakes_inside_of_a_schema_have_their_own_places() {
    assert_eq!(findings(GOOD), [""; 0]);
    let name = |more: &str| INPUT.replace("type: string", more);
    check(INPUT, &name("type: bool"), &["23 bool: E0508 there is no type \"bool\" (did you mean `boolean`?)"]);
    check(
        INPUT,
        &name("type: array, minItems: one"),
        &["23 one: E0508 `minItems` is a whole number that is not negative, found \"one\""],
    );
    check(
        INPUT,
        &name("type: string, pattern: \"(\""),
        &["23 \"(\": E0508 `(` is no regular expression (brackets that are meant literally have a `\\` before them)"],
    );
    check(
        INPUT,
        &name("type: string, format: emial"),
        &["23 emial: E0508 there is no format `emial` (did you mean `email`?)"],
    );
    check(INPUT, &name("anyOf: []"), &["23 []: E0508 `anyOf` is a list of schemas, found []"]);
    check(
        INPUT,
        &name("enum: a, maximum: x"),
        &["23 a: E0508 `enum` is a list, found \"a\"", "23 x: E0508 `maximum` is a number, found \"x\""],
    );
    // Through a reference: once, where the type is.
    check(
        TYPE,
        &TYPE.replace("1 }", "-1 }"),
        &["9 -1: E0508 `minLength` is a whole number that is not negative, found -1"],
    );
    // One that nobody uses.
    check(
        TYPE,
        &TYPE.replace("1 } }", "1 }, more: { items: { type: list } } }"),
        &["9 list: E0508 there is no type \"list\" (one of array, boolean, integer, null, number, object, string)"],
    );
}

#[test]
fn what_nobody_can_give_is_not_required() {
    check(
        INPUT,
        &INPUT.replace("[name]", "[name, nmae]"),
        &["23 nmae: E0508 `nmae` is required, and there is no property of this name (did you mean `name`?)"],
    );
    check(
        INPUT,
        &INPUT.replace("required: [name]", "anyOf: [{ required: [name] }, { required: [id] }]"),
        &["23 id: E0508 `id` is required, and there is no property of this name \
         (describe it under `properties`: nothing else can be given than name)"],
    );
    let nested = "name: { type: object, required: [x], properties: { y: {} } }";
    let closed = nested.replace("{} }", "{} }, additionalProperties: false");
    check(INPUT, &INPUT.replace("name: { type: string }", nested), &[]);
    check(
        INPUT,
        &INPUT.replace("name: { type: string }", &closed),
        &[
            "23 x: E0508 `x` is required, and there is no property of this name (describe it under `properties`: nothing else can be given than y)",
        ],
    );
}

#[test]
fn an_example_is_one_that_the_operation_takes() {
    let with = |example: &str| format!("{INPUT}\n    example: {example}");
    check(INPUT, &with("{ name: NDA }"), &[]);
    check(INPUT, &with("{ name: 5 }"), &["24 5: E0516 the example does not fit `input`: 5 is not of type \"string\""]);
    check(INPUT, &with("{ name: \"{{ steps.a.outputs.n }}\" }"), &[]);
    check(INPUT, &with("{}"), &["24 {}: E0516 the example does not fit `input`: \"name\" is a required property"]);
}

#[test]
fn a_constant_that_no_output_can_be_was_meant_as_a_pointer() {
    let from = "name: { from: /name, type: string }";
    check(
        from,
        "name: { from: data, type: array }",
        &["17 data: E0509 `data` is a constant, and this output is none (did you mean the pointer `/data`?)"],
    );
    check(
        from,
        "name: { from: data }",
        &["17 data: E0509 `data` is a constant, and this output is none (did you mean the pointer `/data`?)"],
    );
    check(from, "name: { from: sent, type: string }", &[]);
    check(from, "name: { from: sent, enum: [sent] }", &[]);
    check(
        from,
        "name: { from: sent, enum: [send] }",
        &["17 sent: E0509 `sent` is a constant, and this output is none (did you mean the pointer `/sent`?)"],
    );
}

#[test]
fn a_get_has_no_body() {
    check(
        "    effect: read\n",
        "    effect: read\n    body: { tree: { a: b } }\n",
        &[
            "16 : E0515 a GET has no body: servers and proxies drop it (put the values under `query`, or say another `method`)",
        ],
    );
    check(
        "in: header, name: authorization",
        "in: body, name: token",
        &[
            "11 get: E0515 a GET has no body: servers and proxies drop it (put the values under `query`, or say another `method`)",
        ],
    );
}

#[test]
fn secrets_do_not_travel_as_clear_text() {
    let url = "https://api.acme.example/v1";
    let told = "4 \"http://api.acme.example/v1\": W0501 whoever is on the way to `http://api.acme.example/v1` can read the connection's secrets (write `https://`)";
    check(url, "http://api.acme.example/v1", &[told]);
    for near in
        ["http://127.0.0.1:4010/v1", "http://10.1.2.3", "http://[::1]:1", "http://acme", "http://acme.internal/v1"]
    {
        check(url, near, &[]);
    }
    for far in ["http://8.8.8.8", "http://[2001:db8::1]", "http://local.example"] {
        assert_eq!(after(url, far).len(), 1, "{far}");
    }
    let text = GOOD.replacen(url, "http://api.acme.example/v1", 1);
    let own = own(&[SourceFile::new("acme.yaml", &text)]);
    assert!(own.findings[0].severity == Severity::Warning && own.providers.len() == 1, "a warning is no mistake");
    let public = text.replace("type: secret, required: true", "type: string");
    assert_eq!(findings(&public), [""; 0], "nothing is secret");
}

#[test]
fn a_name_belongs_to_one_file() {
    let file =
        |path: &str, name: &str| SourceFile::new(path, &GOOD.replace("provider: acme", &format!("provider: {name}")));
    let files = [file("providers/a.yaml", "acme"), file("providers/b.yaml", "juro"), file("providers/c.yaml", "acme")];
    let own = own(&files);
    let told: Vec<String> = own
        .findings
        .iter()
        .map(|one| {
            format!("{}:{}", one.path, shown(one, files.iter().find(|file| *file.path() == *one.path).expect("a file")))
        })
        .collect();
    assert_eq!(
        told,
        [
            "providers/b.yaml:2 juro: E0517 the name `juro` is taken by manifests/juro.yaml, which comes with Engross \
             (give this provider another name, in connections and in `uses` too)",
            "providers/c.yaml:2 acme: E0517 the name `acme` is taken by providers/a.yaml \
             (give this provider another name, in connections and in `uses` too)",
        ]
    );
    let names: Vec<&str> = own.providers.iter().map(|(provider, _)| provider.name()).collect();
    assert_eq!(names, ["acme"], "the others can be used");
}
