//! From a workflow without errors to the plan that runs.

use crate::codes;
use crate::findings::Findings;
use crate::templates::Place;
use crate::unit::{Edge, Unit};
use engross_core::{Expr, Plan, PlanDefinition, PlanStep, StepId};
use engross_source::{Node, Span};
use sha2::{Digest, Sha256};

/// The version of the stored form this compiler writes.
const FORM: u16 = 1;

/// Assembles the plan. Nothing is returned, and something reported, only when a rule let through what the core refuses.
pub(crate) fn build(
    unit: Unit<'_>,
    edges: Vec<Vec<Edge>>,
    connections: Vec<Option<String>>,
    findings: &mut Findings<'_>,
) -> Option<Plan> {
    let mut pointers: Vec<Vec<String>> = vec![Vec::new(); unit.workflow.steps.len()];
    for site in &unit.templates.sites {
        if let Place::With(step) = site.place
            && let Some(pointers) = pointers.get_mut(step)
        {
            pointers.push(site.pointer());
        }
    }
    let Unit { catalog, workflow, templates, specs, inputs, .. } = unit;
    let mut steps: Vec<PlanStep> = Vec::with_capacity(workflow.steps.len());
    let parts = templates.withs.into_iter().zip(templates.conditions).zip(edges).zip(connections).zip(pointers);
    for ((step, spec), ((((with, condition), edges), connection), pointers)) in
        workflow.steps.iter().zip(specs).zip(parts)
    {
        let spec = spec?;
        let source = step.with.map_or_else(|| serde_json::json!({}), Node::to_json);
        steps.push(PlanStep {
            id: StepId::new(step.id()),
            uses: spec.uses.clone(),
            connection,
            with,
            needs: edges.into_iter().map(|edge| edge.need).collect(),
            condition,
            effect: catalog.effect(&spec.uses, &source, &pointers),
            kind: spec.kind,
            outcomes: spec.outcomes.clone(),
            retry: step.retry.clone(),
            timeout_ms: step.timeout.map(|(ms, _)| ms),
            on_error: step.on_error,
            compensate: None,
            foreach: None,
            child: None,
            policy: None,
        });
    }
    put_back(&mut steps);
    let definition = PlanDefinition {
        v: FORM,
        name: workflow.name.to_owned(),
        title: templates.title,
        source_sha256: hex::encode(Sha256::digest(findings.file.text())),
        inputs,
        steps,
        outputs: templates
            .outputs
            .into_iter()
            .map(|(name, expr)| (name.to_owned(), expr))
            .collect::<std::collections::BTreeMap<String, Expr>>(),
        key: templates.key,
        timeout_ms: workflow.timeout_ms,
        concurrency: None,
    };
    match Plan::build(definition) {
        Ok(plan) => Some(plan),
        Err(error) => {
            findings.report(codes::PLAN, Span::at(0), format!("the plan cannot be built: {error}"), None);
            None
        }
    }
}

/// Puts each step that undoes another into that one. When it runs is the core's to decide, not its needs'.
fn put_back(steps: &mut Vec<PlanStep>) {
    let undoing: Vec<PlanStep> = steps.extract_if(.., |step| PlanStep::undone_by(&step.id).is_some()).collect();
    for mut undoing in undoing {
        undoing.needs.clear();
        if let Some(step) = steps.iter_mut().find(|step| PlanStep::undoing(&step.id) == undoing.id) {
            step.compensate = Some(Box::new(undoing));
        }
    }
}
