//! The schema of a value that the file itself writes out, for steps whose outputs are their inputs.

use super::walk::type_name;
use super::written::list_of;
use engross_core::Expr;
use serde_json::{Map, Value, json};

/// The schema of what an expression gives. What a whole template gives is not known; any other template gives text.
pub(crate) fn schema_of(expr: &Expr) -> Value {
    match expr {
        Expr::Literal(Value::Object(entries)) => {
            object(entries.iter().map(|(key, value)| (key, schema_of(&Expr::Literal(value.clone())))))
        }
        Expr::Literal(Value::Array(items)) => {
            list_of(items.iter().map(|item| schema_of(&Expr::Literal(item.clone()))).collect())
        }
        Expr::Literal(value) => json!({ "type": type_name(value) }),
        Expr::Template(template) if template.whole => json!({}),
        Expr::Template(_) => json!({ "type": "string" }),
        Expr::List(items) => list_of(items.iter().map(schema_of).collect()),
        Expr::Map(entries) => object(entries.iter().map(|(key, value)| (key, schema_of(value)))),
    }
}

fn object<'a>(entries: impl Iterator<Item = (&'a String, Value)>) -> Value {
    let properties: Map<String, Value> = entries.map(|(key, schema)| (key.clone(), schema)).collect();
    let required: Vec<&String> = properties.keys().collect();
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}
