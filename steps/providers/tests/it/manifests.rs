//! Mistakes in manifests: every one, with its place.

use engross_providers::from_yaml;
use engross_source::{SourceFile, diagnostic::render_text};

pub(crate) const GOOD: &str = r##"manifest: 1
provider: acme
title: Acme
environments: { live: { base_url: "https://api.acme.example/v1", default: true } }
config: { token: { type: secret, required: true }, team: { type: string } }
auth: { default: [{ in: header, name: authorization, value: "Bearer ${config.token}" }] }
errors: [{ when: { status: 404 }, class: not_found }]
lifecycle: { status: /state, known: [open, done] }
types: { id: { type: string, minLength: 1 } }
operations:
  get:
    title: Get
    method: GET
    path: "/things/${input.id}"
    effect: read
    input: { required: [id], properties: { id: { $ref: "#/types/id" } } }
    output: { name: { from: /name, type: string } }
  make:
    title: Make
    method: POST
    path: "/${config.team}/things"
    effect: unsafe
    input: { required: [name], properties: { name: { type: string } } }
    body: { tree: { name: "${input.name|trim}" } }
awaits:
  await_done:
    title: Wait
    input: { required: [id], properties: { id: { $ref: "#/types/id" } } }
    subject: "${input.id}"
    look: { operation: get, input: { id: "${input.id}" } }
    outcomes: { done: { kind: good, status: done } }
webhooks:
  verify: { header: x-signature, scheme: hmac_sha256_hex }
  type: /type
  correlate: /id
  dedupe: [/event_id]
"##;

fn findings(text: &str) -> String {
    let file = SourceFile::new("acme.yaml", text);
    let found = from_yaml("acme.yaml", text).err().unwrap_or_default();
    let rendered = render_text(&found, &[file], false);
    let wanted = |line: &&str| line.starts_with("acme.yaml:") || line.trim_start().starts_with("hint:");
    rendered.lines().filter(wanted).collect::<Vec<_>>().join("\n")
}

/// The findings after replacing one text of the good manifest by another.
fn after(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    findings(&GOOD.replacen(from, to, 1))
}

#[test]
fn a_good_manifest_is_a_provider() {
    let provider = from_yaml("acme.yaml", GOOD).expect("a good manifest");
    let uses: Vec<String> = provider.steps().iter().map(|step| step.spec().uses.clone()).collect();
    assert_eq!(uses, ["acme/get", "acme/make", "acme/await_done"]);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = GOOD
        .replace("manifest: 1", "manifest: 2")
        .replace("title: Get", "titel: Get")
        .replace("effect: unsafe", "effect: create")
        .replace("${input.name|trim}", "${input.nam|trimm} ${input.nam}")
        .replace("status: done", "status: dnoe")
        .replace("#/types/id\" } } }\n    subject", "#/types/di\" } } }\n    subject")
        .replace("correlate: /id", "correlate: id");
    insta::assert_snapshot!(findings(&text));
}

#[test]
fn each_mistake_has_its_words() {
    let mut text = String::new();
    for (from, to) in [
        ("provider: acme", "provider: Acme Inc"),
        ("provider: acme\n", ""),
        ("default: true } }", "default: false } }"),
        ("https://api.acme.example/v1", "ftp://api.acme.example"),
        ("https://api.acme.example/v1", "https://u:p@api.acme.example"),
        ("type: secret", "type: password"),
        ("in: header", "in: cookie"),
        ("${config.token}", "${config.tokn}"),
        ("${config.team}", "${config.token}"),
        ("status: 404", "status: many"),
        ("class: not_found", "class: missing"),
        ("known: [open, done]", "known: open"),
        ("minLength: 1", "minLenght: 1"),
        ("type: string, minLength", "type: text, minLength"),
        ("id: { type: string, minLength: 1 }", "id: { $ref: \"#/types/id\" }"),
        ("/things/${input.id}", "things/${input.id}"),
        ("/things/${input.id}", "/things/${input.id"),
        ("/things/${input.id}", "/things?id=${input.id}"),
        ("method: GET", "method: FETCH"),
        ("effect: read", "effect: unsafe"),
        ("effect: unsafe", "effect: reconcilable"),
        ("from: /name", "from: 5"),
        ("from: /name, ", ""),
        ("{ operation: get, input: { id: \"${input.id}\" } }", "{ operation: gte, input: { id: x } }"),
        ("{ operation: get, input: { id: \"${input.id}\" } }", "{ operation: get, input: { di: x } }"),
        ("{ operation: get, input: { id: \"${input.id}\" } }", "{ operation: make, input: { name: x } }"),
        ("kind: good", "kind: bad"),
        ("done: { kind", "timed_out: { kind"),
        ("await_done:", "get:"),
        ("scheme: hmac_sha256_hex", "scheme: md5"),
        ("dedupe: [/event_id]", "dedupe: /event_id"),
        ("title: Acme", "title: [Acme]"),
        ("title: Wait", "title: Wait\n    title: Again"),
    ] {
        let found = after(from, to);
        assert_ne!(found, "", "{to} is not noticed");
        text.push_str(&format!("{from:?} -> {to:?}\n{found}\n\n"));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn reconciling_and_lookups_are_checked_too() {
    let make = "    body: { tree: { name: \"${input.name|trim}\" } }\n";
    let mut text = String::new();
    for more in [
        "    reconcile: { look: { operation: get, input: { id: x }, verdicts: [] } }\n",
        "    reconcile: { search: { operation: get } }\n",
        "    reconcile: { search: { operation: get, input: { id: x }, items: '', one_is: unclear, match: [{ at: /x, equals: z, margin_s: 5 }, { at: /x, not_before: z, margin_s: -1 }], unclear_when: { at: /x } } }\n",
        "    lookups: { side: { in: \"${reads.thing.sides}\", id: /uid, noun: side } }\n",
        "    lookups: { side: { one: \"${input.name}\", in: \"${lookups.other}\", id: uid, noun: side } }\n",
        "    reads: { thing: { operation: get, input: { id: \"${input.name}\" } } }\n    lookups: { a: { one: x, in: \"${reads.thng.sides}\", id: /uid, noun: side } }\n",
        "    response: { decode: xml, expect: 999, ok_when: [{ at: /x }, { status: opne }] }\n",
        "    paging: { style: cursor, size: 0 }\n",
    ] {
        let found = after(make, &format!("{make}{more}"));
        assert_ne!(found, "", "{more} is not noticed");
        text.push_str(&format!("{more}{found}\n\n"));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn set_up_replay_and_synchronisation_are_checked_too() {
    let make = "    body: { tree: { name: \"${input.name|trim}\" } }\n";
    let mut text = String::new();
    for (at, more) in [
        ("  correlate: /id\n", "  provision: { per: type }\n"),
        ("  correlate: /id\n", "  provision: { per: manual, operation: make, input: { name: x } }\n"),
        (
            "  correlate: /id\n",
            "  provision: { per: team, operation: make, input: { nam: \"${callback.uri}\" }, events: gone }\n",
        ),
        ("  correlate: /id\n", "  provision: { per: town, instructions: x }\n"),
        ("  correlate: /id\n", "  replay: { operation: make, input: { name: x }, items: things, every_s: 1 }\n"),
        ("  correlate: /id\n", "  sender_retries: { grows: power, at_most: many }\n"),
        (make, "    requires: { read: thing, if: \"reads.thing.x ==\", class: auth }\n"),
        (make, "    sync: { compare: nobody, overlap_s: -1 }\n"),
    ] {
        let found = after(at, &format!("{at}{more}"));
        assert_ne!(found, "", "{more} is not noticed");
        text.push_str(&format!("{more}{found}\n\n"));
    }
    insta::assert_snapshot!(text);
}
