//! The schema of a value as it stands in the file, with its templates typed. It reports nothing; other rules ask it.

use super::expressions::Scope;
use super::references::schema_of;
use super::tested::Tested;
use crate::expr::kinds::Kinds;
use crate::expr::tree::{Node as Part, Tree, tree};
use crate::expr::{Expression, has_marker};
use crate::templates::{Place, Site};
use crate::typing::{Typer, either, list_of, schema_of as schema_of_literal, standalone};
use crate::unit::Unit;
use engross_core::Expr;
use engross_source::{Node, Value as Yaml};
use serde_json::{Map, Value, json};

/// The schema of what stands at a place. It stands alone.
pub(crate) fn schema_of_node(unit: &Unit<'_>, place: Place, node: &Node) -> Value {
    match &node.value {
        Yaml::String(text) if has_marker(text) => {
            let mut sites = unit.templates.sites.iter().filter(|site| site.place == place);
            let Some(site) = sites.find(|site| std::ptr::eq(site.node, node)) else { return json!({}) };
            if site.text.whole { schema_of_site(unit, site) } else { json!({ "type": "string" }) }
        }
        Yaml::Sequence(items) => list_of(items.iter().map(|item| schema_of_node(unit, place, item)).collect()),
        Yaml::Mapping(mapping) => {
            let properties: Map<String, Value> =
                mapping.iter().map(|e| (e.key.text.clone(), schema_of_node(unit, place, &e.value))).collect();
            let required: Vec<&String> = properties.keys().collect();
            json!({
                "type": "object", "required": required, "properties": properties, "additionalProperties": false
            })
        }
        _ => schema_of_literal(&Expr::Literal(node.to_json())),
    }
}

/// The schema of what a template gives that is one expression.
fn schema_of_site(unit: &Unit<'_>, site: &Site<'_>) -> Value {
    let [expression] = site.text.expressions.as_slice() else { return json!({}) };
    let Some(tree) = tree(site.node.as_str().unwrap_or_default(), expression) else { return json!({}) };
    let tested = Tested::default();
    part(&Scope { unit, site, expression, tested: &tested }, &tree)
}

fn part(scope: &Scope<'_, '_>, tree: &Tree) -> Value {
    let inner = match &tree.node {
        Part::Reference(at) => referred(scope.unit, scope.site, scope.expression, *at),
        // These leave the items of a list what they are.
        Part::Filter(call) if matches!(call.name.as_str(), "reverse" | "sort" | "unique") => {
            Some(part(scope, &call.input))
        }
        Part::Filter(call) if call.name == "default" => default(scope, call),
        Part::If(_, then, other) => Some(either(vec![part(scope, then), part(scope, other)])),
        _ => None,
    };
    inner.unwrap_or_else(|| {
        let mut typer = Typer::new(scope);
        let found = typer.infer(tree);
        if found.known && typer.misfits.is_empty() { of_kinds(found.kinds) } else { json!({}) }
    })
}

/// An empty list instead of one that is absent says nothing new of its items.
fn default(scope: &Scope<'_, '_>, call: &crate::expr::tree::Call) -> Option<Value> {
    let (_, value) = call.arguments.iter().find(|(name, _)| name == "value")?;
    let Part::List(items) = &value.node else { return None };
    if !items.is_empty() {
        return None;
    }
    let mut schema = part(scope, &call.input);
    let boolean = call.arguments.iter().any(|(name, tree)| name == "boolean" && matches!(tree.node, Part::Boolean));
    if let Some(object) = schema.as_object_mut() {
        object.remove("minItems");
        if boolean && object.get("items").is_some() {
            object.insert("type".to_owned(), json!("array"));
        }
    }
    Some(schema)
}

fn referred(unit: &Unit<'_>, site: &Site<'_>, expression: &Expression, at: usize) -> Option<Value> {
    let (root, schema) = schema_of(unit, site, expression.references.get(at)?)?;
    Some(standalone(root, schema))
}

fn of_kinds(kinds: Kinds) -> Value {
    match kinds.names().as_slice() {
        [only] => json!({ "type": only }),
        names => json!({ "type": names }),
    }
}
