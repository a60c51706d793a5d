//! The JSON Schema of manifests, for editors: it lets through what the reader lets through.

use crate::manifests::GOOD;
use crate::support::MANIFESTS;
use engross_source::{Limits, SourceFile, load};
use jsonschema::Validator;
use serde_json::Value;

/// What none of the others says of its webhooks.
const SEVERAL: &str = "
manifest: 1
provider: several
title: Several ways to prove who sends
environments: { live: { base_url: 'https://api.acme.example', default: true } }
operations: {}
webhooks:
  verify:
    - { scheme: basic }
    - { header: x-sig, scheme: ed25519_hex, timestamp: x-time, over: '${timestamp}.${body}', public_key: abc }
  decode: [json, multipart]
  part: payload
  items: ''
  type: /type
  correlate: /id
  dedupe: [/id]
";

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(include_str!("../../../../schemas/manifest.schema.json")).expect("JSON");
    jsonschema::meta::validate(&schema).expect("a JSON Schema");
    jsonschema::validator_for(&schema).expect("a JSON Schema")
}

fn mistakes(validator: &Validator, name: &str, text: &str) -> Vec<String> {
    let manifest = load(&SourceFile::new(name, text), &Limits::default()).expect("YAML").to_json();
    validator.iter_errors(&manifest).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn every_manifest_fits_the_schema() {
    let validator = validator();
    for (name, text) in MANIFESTS.into_iter().chain([
        ("acme", GOOD),
        ("docuseal", include_str!("fifth/docuseal.yaml")),
        ("several", SEVERAL),
    ]) {
        assert_eq!(mistakes(&validator, name, text), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn an_editor_sees_mistakes() {
    let validator = validator();
    for (from, to) in [
        ("manifest: 1", "manifest: 2"),
        ("provider: acme\n", ""),
        ("provider: acme", "provider: Acme Inc"),
        ("title: Get", "titel: Get"),
        ("in: header", "in: cookie"),
        ("effect: unsafe", "effect: create"),
        ("method: GET", "method: FETCH"),
        ("status: 404", "status: many"),
        ("class: not_found", "class: missing"),
        ("/things/${input.id}", "things"),
        ("kind: good", "kind: best"),
        ("scheme: hmac_sha256_hex", "scheme: md5"),
        ("header: x-signature, scheme", "scheme"),
        ("correlate: /id", "correlate: id"),
        ("body: { tree:", "body: { encoding: xml, tree:"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        assert_ne!(mistakes(&validator, "acme", &GOOD.replacen(from, to, 1)), Vec::<String>::new(), "{to}");
    }
}
