//! Whether everybody whom a workflow names is known, asked before a run starts: an approval by a group that nobody has configured
//! would stop the run half-way, perhaps when a contract is out already. What templates name is known only later, and checked there.

use engross_core::{Expr, PlanDefinition, PlanStep};
use engross_step_api::Directory;
use serde_json::Value;

/// Where operations name people: keys, and `*` for each item of a list.
const PLACES: [(&str, &[&str]); 3] = [
    ("approval", &["stages", "*", "from", "*"]),
    ("approval", &["escalate", "*", "to", "*"]),
    ("notify", &["to", "*"]),
];

/// Every name that is neither a group nor an address, with the step that has it, in words; each once.
pub(crate) fn unknown(workflow: &PlanDefinition, directory: &Directory) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Vec<&PlanStep> = workflow.steps.iter().collect();
    while let Some(step) = open.pop() {
        for name in names(step) {
            if let Err(unknown) = directory.resolve(&name) {
                found.push(format!("step `{}`: {unknown}", PlanStep::written(&step.id)));
            }
        }
        open.extend(step.compensate.as_deref());
        open.extend(step.foreach.as_deref().map(|foreach| &foreach.each));
        open.extend(step.child.iter().flat_map(|child| &child.steps));
    }
    found.sort();
    found.dedup();
    found
}

/// Whom a step names, as far as its file says so by itself.
fn names(step: &PlanStep) -> Vec<String> {
    let mut found = Vec::new();
    for (_, path) in PLACES.iter().filter(|(uses, _)| *uses == step.uses) {
        in_expr(&step.with, path, &mut found);
    }
    step.policy.iter().for_each(|policy| in_policy(policy, &mut found));
    found
}

fn in_expr(expr: &Expr, path: &[&str], found: &mut Vec<String>) {
    match (expr, path) {
        (Expr::Literal(value), _) => in_value(value, path, found),
        (Expr::List(items), ["*", rest @ ..]) => items.iter().for_each(|item| in_expr(item, rest, found)),
        (Expr::Map(entries), [key, rest @ ..]) => {
            entries.get(*key).into_iter().for_each(|value| in_expr(value, rest, found));
        }
        (Expr::Template(_) | Expr::List(_) | Expr::Map(_), _) => {}
    }
}

fn in_value(value: &Value, path: &[&str], found: &mut Vec<String>) {
    match (value, path) {
        (Value::String(name), []) => found.push(name.clone()),
        (Value::Array(items), ["*", rest @ ..]) => items.iter().for_each(|item| in_value(item, rest, found)),
        (Value::Object(entries), [key, rest @ ..]) => {
            entries.get(*key).into_iter().for_each(|value| in_value(value, rest, found));
        }
        _ => {}
    }
}

/// Whom the stages of a decision table ask, whichever of them a rule chooses.
fn in_policy(table: &Value, found: &mut Vec<String>) {
    match table {
        Value::Array(items) => items.iter().for_each(|item| in_policy(item, found)),
        Value::Object(entries) => {
            for (key, value) in entries {
                match key.as_str() {
                    "stages" => in_value(value, &["*", "from", "*"], found),
                    _ => in_policy(value, found),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{PLACES, in_expr, in_policy};
    use engross_core::{Expr, Template};
    use serde_json::json;
    use std::collections::BTreeMap;

    fn check(with: &Expr, expected: &[&str]) {
        let mut found = Vec::new();
        PLACES.iter().for_each(|(_, path)| in_expr(with, path, &mut found));
        assert_eq!(found, expected);
    }

    #[test]
    fn names_are_found_beside_templates_and_nowhere_else() {
        let map = |entries: Vec<(&str, Expr)>| {
            Expr::Map(entries.into_iter().map(|(key, value)| (key.to_string(), value)).collect::<BTreeMap<_, _>>())
        };
        let template =
            || Expr::Template(Template { source: "{{ inputs.who }}".to_string(), whole: true, references: Vec::new() });
        let stages = json!([{ "from": ["legal", "lena@legal.example"], "quorum": 1 }, { "from": ["leads"] }]);
        check(&Expr::Literal(json!({ "title": "from", "stages": stages })), &["legal", "lena@legal.example", "leads"]);
        check(
            &map(vec![
                ("title", template()),
                ("stages", Expr::Literal(json!([{ "from": ["legal"] }]))),
                (
                    "escalate",
                    Expr::List(vec![map(vec![("after", template()), ("to", Expr::Literal(json!(["leads"])))])]),
                ),
            ]),
            &["legal", "leads"],
        );
        check(&map(vec![("to", Expr::List(vec![template(), Expr::Literal(json!("legal"))]))]), &["legal"]);
        check(&map(vec![("to", template())]), &[]);
        check(&Expr::Literal(json!({ "stages": { "policy": "orders", "given": { "from": ["x"] } } })), &[]);
    }

    #[test]
    fn every_stage_of_a_table_is_looked_through() {
        let mut found = Vec::new();
        let rule =
            |group: &str| json!({ "when": { "value": { "from": 1 } }, "stages": [{ "from": [group], "quorum": 1 }] });
        in_policy(
            &json!({ "name": "orders", "rules": [rule("legal"), { "refuse": "no" }, rule("leads")] }),
            &mut found,
        );
        assert_eq!(found, ["legal", "leads"]);
    }
}
