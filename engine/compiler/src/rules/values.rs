//! The schema of a value as it stands in the file, with its templates typed. It reports nothing; other rules ask it.

use super::expressions::Scope;
use super::references::schema_of;
use super::tested::Tested;
use crate::expr::has_marker;
use crate::expr::kinds::Kinds;
use crate::expr::tree::{Call, Node as Part, Tree, tree};
use crate::templates::Site;
use crate::typing::{Typer, either, list_of, schema_of as schema_of_literal, standalone};
use crate::unit::Unit;
use engross_core::Expr;
use engross_source::{Node, Value as Yaml};
use serde_json::{Map, Value, json};

/// The schema of what stands at a place. It stands alone.
///
/// What is copied from other schemas takes from `parts`. Recursion follows the tree, whose depth the loader bounds.
pub(crate) fn schema_of_node(unit: &Unit<'_>, node: &Node, parts: &mut usize) -> Value {
    match &node.value {
        Yaml::String(text) if has_marker(text) => {
            let Some(site) = unit.templates.site_of(node) else { return json!({}) };
            if site.text.whole { schema_of_site(unit, site, parts) } else { json!({ "type": "string" }) }
        }
        Yaml::Sequence(items) => list_of(items.iter().map(|item| schema_of_node(unit, item, parts)).collect()),
        Yaml::Mapping(mapping) => {
            let properties: Map<String, Value> =
                mapping.iter().map(|e| (e.key.text.clone(), schema_of_node(unit, &e.value, parts))).collect();
            let required: Vec<&String> = properties.keys().collect();
            json!({
                "type": "object", "required": required, "properties": properties, "additionalProperties": false
            })
        }
        _ => schema_of_literal(&Expr::Literal(node.to_json())),
    }
}

/// The schema of what a template gives that is one expression.
fn schema_of_site(unit: &Unit<'_>, site: &Site<'_>, parts: &mut usize) -> Value {
    let [expression] = site.text.expressions.as_slice() else { return json!({}) };
    let Some(tree) = tree(site.node.as_str().unwrap_or_default(), expression) else { return json!({}) };
    let tested = Tested::default();
    part(&Scope { unit, site, expression, tested: &tested }, &tree, parts)
}

fn part(scope: &Scope<'_, '_>, tree: &Tree, parts: &mut usize) -> Value {
    let inner = match &tree.node {
        Part::Reference(at) => referred(scope, *at, parts),
        // These leave the items of a list what they are.
        Part::Filter(call) if matches!(call.name.as_str(), "reverse" | "sort" | "unique") => {
            Some(part(scope, &call.input, parts))
        }
        Part::Filter(call) if call.name == "default" => default(scope, call, parts),
        Part::If(_, then, other) => Some(either(vec![part(scope, then, parts), part(scope, other, parts)])),
        _ => None,
    };
    inner.unwrap_or_else(|| {
        let mut typer = Typer::new(scope);
        let found = typer.infer(tree);
        if found.known && typer.misfits.is_empty() { of_kinds(found.kinds) } else { json!({}) }
    })
}

/// An empty list instead of one that is absent says nothing new of its items.
fn default(scope: &Scope<'_, '_>, call: &Call, parts: &mut usize) -> Option<Value> {
    let (_, value) = call.arguments.iter().find(|(name, _)| name == "value")?;
    let Part::List(items) = &value.node else { return None };
    if !items.is_empty() {
        return None;
    }
    let mut schema = part(scope, &call.input, parts);
    let boolean = call.arguments.iter().any(|(name, tree)| name == "boolean" && matches!(tree.node, Part::Boolean));
    if let Some(object) = schema.as_object_mut() {
        object.remove("minItems");
        if boolean && object.get("items").is_some() {
            object.insert("type".to_owned(), json!("array"));
        }
    }
    Some(schema)
}

fn referred(scope: &Scope<'_, '_>, at: usize, parts: &mut usize) -> Option<Value> {
    let (root, schema) = schema_of(scope.unit, scope.site, scope.expression.references.get(at)?)?;
    Some(standalone(root, schema, parts))
}

fn of_kinds(kinds: Kinds) -> Value {
    match kinds.names().as_slice() {
        [only] => json!({ "type": only }),
        names => json!({ "type": names }),
    }
}
