//! The expression scanner and everything behind it in the compiler.

use crate::{INPUT_BYTES_MAX, findings};
use engross_compiler::{Catalog, TeraEvaluator, compile};
use engross_core::{EffectClass, Evaluate, Expr, OutcomeKind, OutcomeSpec, StepKind, StepSpec};
use engross_source::SourceFile;
use serde_json::{Value, json};

/// One step, whose `text` is looked at.
struct OneStep(StepSpec);

impl Catalog for OneStep {
    fn spec(&self, uses: &str) -> Option<&StepSpec> {
        (uses == self.0.uses).then_some(&self.0)
    }

    fn uses(&self) -> Vec<String> {
        vec![self.0.uses.clone()]
    }

    fn effect(&self, _uses: &str, _with: &Value, _templates: &[String]) -> EffectClass {
        self.0.effect
    }

    fn connections(&self) -> Option<Vec<(String, String)>> {
        None
    }
}

fn catalog() -> OneStep {
    OneStep(StepSpec {
        uses: "tell".to_owned(),
        title: "Tells something".to_owned(),
        input: json!({"type": "object", "properties": {"text": {}}}),
        output: json!({"type": "object", "properties": {"told": {"type": "string"}}}),
        outcomes: vec![
            OutcomeSpec::new("succeeded", OutcomeKind::Good),
            OutcomeSpec::new("failed", OutcomeKind::Failure),
        ],
        effect: EffectClass::Idempotent,
        kind: StepKind::Action,
        provider: None,
    })
}

/// Compiling a workflow with any text in a step ends; what is refused has findings with places in the file; what is accepted can
/// be computed, to a value or to an error, within the evaluator's bounds.
pub fn expression(data: &[u8]) -> bool {
    let data = data.get(..INPUT_BYTES_MAX).unwrap_or(data);
    let text = String::from_utf8_lossy(data);
    // JSON's quotes are YAML's; what YAML refuses is refused, with its place.
    let quoted = Value::from(text.as_ref());
    let file = SourceFile::new(
        "input.yaml",
        &format!(
            "schema: engross/v1\nname: example\ninputs: {{ name: {{ type: string }}, list: {{ type: array }}, n: {{ type: integer }} }}\n\
             steps:\n  first: {{ uses: tell, with: {{ text: x }} }}\n  second:\n    uses: tell\n    needs: [first]\n    with: {{ text: {quoted} }}\n"
        ),
    );
    match compile(&file, &catalog()) {
        Err(found) => {
            assert!(!found.is_empty(), "a refusal says why");
            findings::check(&found, &file);
            false
        }
        Ok(compiled) => {
            findings::check(&compiled.warnings, &file);
            let evaluator = TeraEvaluator::default();
            let scope = json!({
                "inputs": {"name": "Acme", "list": [1, "b", null], "n": 7},
                "steps": {"first": {"outputs": {"told": "x"}, "outcome": "succeeded"}},
                "run": {"id": "r1", "key": "k", "requester": "lena@legal.example", "attempt": 1, "started_at": "2026-01-01T00:00:00Z"},
            });
            for step in compiled.plan.ordered() {
                compute(&step.with, &evaluator, &scope);
            }
            true
        }
    }
}

fn compute(expr: &Expr, evaluator: &TeraEvaluator, scope: &Value) {
    for template in expr.templates() {
        // A value or an error: both are answers.
        let _ = evaluator.evaluate(template, scope);
    }
}
