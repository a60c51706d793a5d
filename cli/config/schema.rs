//! The JSON Schema of `engross.yaml`, for editors. Its keys are those that the parser knows, its connections those of the providers.
//!
//! It is a help while typing; `parse` decides.

use super::parse::{FOR_EVER, TOP, WEBHOOK};
use engross_core::SPAN_PATTERN;
use engross_providers::ProviderDescription;
use serde_json::{Map, Value, json};

/// The schema (2020-12) of a configuration with connections to these providers.
pub fn schema(providers: &[ProviderDescription]) -> Value {
    let properties: Map<String, Value> = TOP.iter().map(|key| ((*key).to_string(), section(key))).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Engross configuration",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "$defs": {
            "place": {
                "description": "Where a value is: a variable of the environment, or a file that only its owner can read.",
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": false,
                "properties": {"env": {"type": "string", "minLength": 1}, "file": {"type": "string", "minLength": 1}},
            },
            "value": {"anyOf": [{"type": ["string", "integer"]}, {"$ref": "#/$defs/place"}]},
            "span": {"type": "string", "pattern": SPAN_PATTERN},
            "connection": connection(providers),
        },
    })
}

/// What stands under a key of the configuration. A key that is not described here takes anything.
fn section(key: &str) -> Value {
    match key {
        "connections" => json!({
            "description": "Named ways to providers. A step takes the one with its provider's name, or the one that it names.",
            "type": "object",
            "additionalProperties": {"$ref": "#/$defs/connection"},
        }),
        "people" => json!({
            "description": "Groups by name, each a list of e-mail addresses; approvals name groups.",
            "type": "object",
            "additionalProperties": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
        }),
        "store" => folder("sled", "Where runs are kept."),
        "files" => folder("local", "Where documents are kept."),
        "workflows" => json!({"type": "string", "minLength": 1, "description": "The folder of the workflow files."}),
        "providers" => json!({"type": "string", "minLength": 1, "description": "The folder of manifests of your own."}),
        "server" => object(json!({
            "listen": {"type": "string", "examples": ["127.0.0.1:7878"]},
            "public_url": {"type": "string", "pattern": "^https?://", "description": "Where webhooks reach it from outside."},
            "token": {"$ref": "#/$defs/place"},
        })),
        "http" => object(json!({"allow": {"type": "array", "items": {"type": "string"}}})),
        "retention" => {
            let kept = json!({"anyOf": [{"$ref": "#/$defs/span"}, {"const": FOR_EVER}]});
            object(json!({"runs": kept, "events": kept}))
        }
        _ => json!({}),
    }
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

fn folder(kind: &str, description: &str) -> Value {
    let place = json!({"type": "string", "minLength": 1, "description": "A folder, meant from where this file is."});
    json!({"description": description, "type": "object", "properties": {kind: place}})
}

fn connection(providers: &[ProviderDescription]) -> Value {
    let names: Vec<&str> = providers.iter().map(|provider| provider.name.as_str()).collect();
    let webhook: Map<String, Value> = WEBHOOK
        .iter()
        .map(|key| {
            let kind = if matches!(*key, "token" | "secret") { "place" } else { "value" };
            ((*key).to_string(), json!({"$ref": format!("#/$defs/{kind}")}))
        })
        .collect();
    let cases: Vec<Value> = providers.iter().map(case).collect();
    json!({
        "type": "object",
        "required": ["provider"],
        "properties": {
            "provider": {"anyOf": [{"enum": names}, {"type": "string"}]},
            "base_url": {"type": "string", "pattern": "^https?://"},
            "concurrency": {"type": "integer", "minimum": 1, "maximum": 256},
            "settle": {"$ref": "#/$defs/span"},
            "webhook": object(Value::Object(webhook)),
        },
        "allOf": cases,
    })
}

/// The settings of a connection to this provider.
fn case(provider: &ProviderDescription) -> Value {
    let setting = |secret: bool, note: &Option<String>| {
        let mut schema = json!({"$ref": if secret { "#/$defs/place" } else { "#/$defs/value" }});
        if let (Some(note), Some(schema)) = (note, schema.as_object_mut()) {
            schema.insert("description".to_string(), json!(note));
        }
        schema
    };
    let properties: Map<String, Value> =
        provider.settings.iter().map(|(name, one)| (name.clone(), setting(one.secret, &one.note))).collect();
    let required: Vec<&String> =
        provider.settings.iter().filter(|(_, setting)| setting.required).map(|(name, _)| name).collect();
    let environments: Vec<&String> = provider.environments.keys().collect();
    let mut then = json!({"required": required, "properties": properties});
    if let Some(properties) = then.pointer_mut("/properties").and_then(Value::as_object_mut) {
        properties.insert("environment".to_string(), json!({"enum": environments}));
    }
    json!({"if": {"required": ["provider"], "properties": {"provider": {"const": provider.name}}}, "then": then})
}
