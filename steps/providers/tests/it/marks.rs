//! What must not be shown is marked: in every output of every operation, whether it is told by the name of a property or seen in
//! a value. The engine masks what is marked and nothing else, so that a mark that is missing here shows an address that lets in.

use crate::support::{provider, step};
use engross_providers::builtin;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Properties that only look as if they had to be marked, by provider and name, each with the reason.
const OPEN: &[(&str, &str, &str)] = &[
    ("contract_signatures", "name", "what the contract is called"),
    ("docjuris", "api", "asks for the key"),
    ("docjuris", "app", "asks for an account"),
    ("docjuris", "document", "asks for the key"),
    ("docjuris", "importedFileName", "a file's name"),
    ("docjuris", "name", "a contract, a type, a company, a tag or a value"),
    ("docjuris", "url", "asks for an account"),
    ("docjuris", "urls", "each asks for the account or the key"),
    ("juro", "draftLink", "the address in it is marked"),
    ("juro", "internalUrl", "asks for an account"),
    ("juro", "name", "a contract, a team, a template or a side; people's names are marked"),
    ("juro_v2", "contractUserUrl", "asks for an account"),
    ("juro_v2", "name", "a template; people's names are marked"),
    ("paperlex", "name", "a template"),
    ("*", "file", "a kept file"),
];

/// The parts of names that let in or that are people's.
const WORDS: [&str; 14] = [
    "url",
    "uri",
    "link",
    "href",
    "token",
    "secret",
    "email",
    "mail",
    "phone",
    "username",
    "firstname",
    "lastname",
    "fullname",
    "decisionip",
];

fn is_open(provider: &str, name: &str) -> bool {
    OPEN.iter().any(|(of, known, _)| (*of == provider || *of == "*") && *known == name)
}

/// Whether something of this name has to be marked.
fn is_told_by_name(name: &str) -> bool {
    let plain = name.to_lowercase().replace(['_', '-'], "");
    plain == "name"
        || plain.ends_with("ip") && plain.contains("decision")
        || WORDS.iter().any(|word| plain.contains(word))
}

fn is_marked(schema: &Value) -> bool {
    schema["x-sensitive"] == json!(true) || schema["x-personal"] == json!(true)
}

fn is_kind(schema: &Value, kind: &str) -> bool {
    match &schema["type"] {
        Value::String(known) => known == kind,
        Value::Array(known) => known.contains(&json!(kind)),
        _ => false,
    }
}

/// The places in a schema that should be marked and are not, and those of which nothing is said: in them a mark can be missing
/// unseen.
fn unmarked(provider: &str, at: &str, name: &str, schema: &Value, found: &mut BTreeSet<String>) {
    if is_marked(schema) {
        return;
    }
    if is_told_by_name(name) && !is_open(provider, name) {
        found.insert(format!("{at}: is not marked"));
    }
    let properties = schema["properties"].as_object();
    let says_nothing = is_kind(schema, "object") && properties.is_none() && !schema["additionalProperties"].is_object()
        || is_kind(schema, "array") && !schema["items"].is_object();
    if says_nothing {
        found.insert(format!("{at}: nothing is said of what is in it"));
    }
    for (name, schema) in properties.into_iter().flatten() {
        unmarked(provider, &format!("{at}.{name}"), name, schema, found);
    }
    for part in ["items", "additionalProperties"].iter().filter_map(|part| schema.get(part)).filter(|s| s.is_object()) {
        unmarked(provider, &format!("{at}[]"), "", part, found);
    }
}

#[test]
fn every_output_that_lets_in_or_is_about_people_is_marked() {
    let mut found = BTreeSet::new();
    for provider in builtin() {
        for step in provider.steps() {
            unmarked(provider.name(), &step.spec().uses, "", &step.spec().output, &mut found);
        }
    }
    assert!(found.is_empty(), "mark these, or say in OPEN why not: {found:#?}");
}

#[test]
fn a_missing_mark_is_found_by_the_name_and_so_is_what_says_nothing() {
    let text = json!({"type": "string"});
    let marked = json!({"type": "string", "x-sensitive": true});
    let of = |properties: Value| json!({"type": "object", "properties": properties});
    for (schema, expected) in [
        (of(json!({"sharingUrl": text})), vec!["o.sharingUrl: is not marked"]),
        (of(json!({"sharingUrl": marked, "id": text})), vec![]),
        (of(json!({"draft_link": of(json!({"id": text}))})), vec!["o.draft_link: is not marked"]),
        (
            of(json!({"list": {"type": "array", "items": of(json!({"fullName": text}))}})),
            vec!["o.list[].fullName: is not marked"],
        ),
        (
            of(json!({"blocks": {"type": "array", "items": {"type": "object"}}})),
            vec!["o.blocks[]: nothing is said of what is in it"],
        ),
        (of(json!({"items": {"type": "array"}})), vec!["o.items: nothing is said of what is in it"]),
        (of(json!({"decisionIp": text, "phone": text})), vec!["o.decisionIp: is not marked", "o.phone: is not marked"]),
        (of(json!({"internalUrl": text})), vec![]),
    ] {
        let mut found = BTreeSet::new();
        unmarked("juro", "o", "", &schema, &mut found);
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{schema}");
    }
}

#[test]
fn every_exception_is_still_one() {
    let mut names = BTreeSet::new();
    fn collect(provider: &str, schema: &Value, names: &mut BTreeSet<(String, String)>) {
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            if !is_marked(schema) {
                names.insert((provider.to_string(), name.clone()));
                names.insert(("*".to_string(), name.clone()));
            }
            collect(provider, schema, names);
        }
        for part in ["items", "additionalProperties"].iter().filter_map(|part| schema.get(part)) {
            collect(provider, part, names);
        }
    }
    for provider in builtin() {
        for step in provider.steps() {
            collect(provider.name(), &step.spec().output, &mut names);
        }
    }
    for (provider, name, _) in OPEN {
        assert!(names.contains(&((*provider).to_string(), (*name).to_string())), "{provider} has no open `{name}`");
    }
}

/// Whether a text is an address or an e-mail address, whatever it is called.
fn looks_like_one(text: &str) -> bool {
    let is_address = |text: &str| text.starts_with("http://") || text.starts_with("https://");
    let is_mail = |text: &str| {
        let parts = text.split_once('@');
        parts
            .is_some_and(|(who, domain)| !who.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace))
    };
    is_address(text) || is_mail(text)
}

fn seen(provider: &str, at: &str, name: &str, schema: &Value, value: &Value, found: &mut BTreeSet<String>) {
    if is_marked(schema) || is_open(provider, name) {
        return;
    }
    match value {
        Value::String(text) if looks_like_one(text) => {
            found.insert(format!("{at}: {text}"));
        }
        Value::Array(items) => {
            items.iter().for_each(|item| seen(provider, &format!("{at}[]"), name, &schema["items"], item, found));
        }
        Value::Object(map) => {
            for (name, value) in map {
                let schema = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
                seen(provider, &format!("{at}.{name}"), name, schema, value, found);
            }
        }
        _ => {}
    }
}

/// The addresses among real outputs that are not marked.
pub(crate) fn shown(provider_name: &str, operation: &str, outputs: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let step = step(provider(provider_name).as_ref(), operation);
    seen(provider_name, operation, "", &step.spec().output, outputs, &mut found);
    found
}

#[test]
fn an_address_is_seen_where_it_is_not_marked() {
    let outputs = json!({"contract": {"id": "c1", "owner": {"name": "ann@example.com", "extra": "ann@example.com"},
        "fields": [{"value": "https://x.example/"}], "internalUrl": "https://x.example/"}});
    let found = shown("juro", "get_contract", &outputs);
    let expected = [
        "get_contract.contract.fields[].value: https://x.example/",
        "get_contract.contract.owner.extra: ann@example.com",
    ];
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
