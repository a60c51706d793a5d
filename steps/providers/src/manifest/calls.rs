//! Calls between operations: what is called must exist, must only read, and must get the inputs it needs. An operation
//! that is called has no look-ups of its own, so that one step never sets off a chain of requests.

use super::Operation;
use super::reader::Reader;
use crate::codes;
use engross_step_api::EffectClass;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Checks every call that was read.
pub(super) fn check(reader: &mut Reader<'_>, operations: &BTreeMap<String, Arc<Operation>>) {
    for site in std::mem::take(&mut reader.calls) {
        // One that could not be read has its own findings, and one that is not there was told where it was named.
        let Some(called) = operations.get(&site.operation) else { continue };
        if !site.acts && called.effect != EffectClass::Read {
            let message = format!("`{}` changes something: only operations that read can be called", site.operation);
            reader.error(codes::EFFECT, site.span, message);
        }
        if !site.acts && (!called.lookups.is_empty() || !called.reads.is_empty()) {
            let message = format!("`{}` looks things up itself and cannot be called", site.operation);
            reader.error(codes::NESTED_LOOKUP, site.span, message);
        }
        let known = property_names(&called.input);
        for (name, span) in &site.inputs {
            if !known.contains(&name.as_str()) {
                let message = format!("`{}` has no input `{name}`", site.operation);
                reader.unknown(codes::UNKNOWN_REFERENCE, *span, message, name, &known);
            }
        }
        let required = called.input.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !site.inputs.iter().any(|(given, _)| given == name) {
                reader.error(codes::MISSING_KEY, site.span, format!("`{}` needs the input `{name}`", site.operation));
            }
        }
    }
}

/// The names of an object schema's properties.
pub(super) fn property_names(schema: &Value) -> Vec<&str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flat_map(|map| map.keys()).map(String::as_str).collect()
}
