//! From a workflow without errors to the plan that runs.

use crate::codes;
use crate::findings::Findings;
use crate::templates::{ForeachTemplates, Place};
use crate::unit::{Edge, Unit};
use engross_core::{
    Concurrency, EffectClass, Expr, Foreach, OutcomeSpec, Plan, PlanDefinition, PlanStep, RetryPolicy, StepId, StepKind,
};
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
    let pointers = templates_of_withs(&unit);
    let wholes: Vec<Option<Vec<OutcomeSpec>>> =
        (0..unit.workflow.steps.len()).map(|step| Some(unit.wholes.get(&step)?.outcomes.clone())).collect();
    let Unit { catalog, workflow, templates, specs, children, policies, inputs, .. } = unit;
    let foreach = templates.foreach.into_iter().zip(wholes);
    let mut steps: Vec<PlanStep> = Vec::with_capacity(workflow.steps.len());
    let parts = templates.withs.into_iter().zip(templates.conditions).zip(edges).zip(connections).zip(pointers);
    for (index, ((step, spec), (((((with, condition), edges), connection), pointers), (foreach, whole)))) in
        workflow.steps.iter().zip(specs).zip(parts.zip(foreach)).enumerate()
    {
        let spec = spec?;
        let source = step.with.map_or_else(|| serde_json::json!({}), Node::to_json);
        let built = PlanStep {
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
            child: children.get(&index).map(|child| Box::new(child.definition.clone())),
            policy: policies.get(&index).and_then(|table| serde_json::to_value(table).ok()).map(Box::new),
        };
        steps.push(match (foreach, whole, &step.foreach) {
            (Some(templates), Some(outcomes), Some(written)) => {
                let (max_parallel, tolerate) = (written.max_parallel, written.tolerate);
                let each = PlanStep { id: PlanStep::item(&built.id, ""), ..built };
                let ForeachTemplates { items, key } = templates;
                holding(Foreach { items, key, max_parallel, tolerate, each }, step.id(), outcomes)
            }
            _ => built,
        });
    }
    put_back(&mut steps);
    let limited = workflow.run.concurrency.zip(templates.group);
    let concurrency = limited.map(|((_, limit), group)| Concurrency { group, limit });
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
        timeout_ms: workflow.run.timeout_ms,
        concurrency,
    };
    match Plan::build(definition) {
        Ok(plan) => Some(plan),
        Err(error) => {
            findings.report(codes::PLAN, Span::at(0), format!("the plan cannot be built: {error}"), None);
            None
        }
    }
}

/// The JSON pointers of the templates in each step's `with`.
fn templates_of_withs(unit: &Unit<'_>) -> Vec<Vec<String>> {
    let mut pointers: Vec<Vec<String>> = vec![Vec::new(); unit.workflow.steps.len()];
    for site in &unit.templates.sites {
        if let Place::With(step) = site.place
            && let Some(pointers) = pointers.get_mut(step)
        {
            pointers.push(site.pointer());
        }
    }
    pointers
}

/// The step that holds the items together. When it may start is the whole's to say; all else is each item's.
fn holding(mut foreach: Foreach, id: &str, outcomes: Vec<OutcomeSpec>) -> PlanStep {
    let each = &mut foreach.each;
    PlanStep {
        id: StepId::new(id),
        uses: each.uses.clone(),
        connection: None,
        with: Expr::Literal(serde_json::json!({})),
        needs: std::mem::take(&mut each.needs),
        condition: each.condition.take(),
        effect: EffectClass::Read,
        kind: StepKind::Wait,
        outcomes,
        retry: RetryPolicy::default(),
        timeout_ms: None,
        on_error: each.on_error,
        compensate: None,
        foreach: Some(Box::new(foreach)),
        child: None,
        policy: None,
    }
}

/// Puts each step that undoes another into that one. When it runs is the core's to decide, not its needs'.
fn put_back(steps: &mut Vec<PlanStep>) {
    let undoing: Vec<PlanStep> = steps.extract_if(.., |step| PlanStep::undone_by(&step.id).is_some()).collect();
    for mut undoing in undoing {
        undoing.needs.clear();
        if let Some(step) = steps.iter_mut().find(|step| PlanStep::undoing(&step.id) == undoing.id) {
            let undone =
                step.foreach.as_deref_mut().map_or(&mut step.compensate, |foreach| &mut foreach.each.compensate);
            *undone = Some(Box::new(undoing));
        }
    }
}
