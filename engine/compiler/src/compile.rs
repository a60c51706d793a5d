//! The order in which a file is compiled: load, read, look through templates, apply the rules, build.

use crate::catalog::Catalog;
use crate::facts::facts;
use crate::family::{Facts, Family};
use crate::findings::{Findings, cap};
use crate::model::{self, Workflow};
use crate::plan;
use crate::rules::triggers::Trigger;
use crate::rules::{
    absent, advice, approvals, children, connections, cycles, edges, expressions, foreach, input_schemas, mixed, needs,
    operations, people, reach, references, secrets, tolerated, triggers, waits, with,
};
use crate::templates;
use crate::typing::schema_of;
use crate::unit::Unit;
use engross_core::Plan;
use engross_source::{Diagnostic, Limits, Node, SourceFile, load};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The operation whose outputs are its inputs.
const SET: &str = "set";

/// A workflow that can run.
#[derive(Debug)]
pub struct Compiled {
    /// The plan.
    pub plan: Plan,
    /// What starts runs of it by itself.
    pub triggers: Vec<Trigger>,
    /// What probably is not meant, sorted by place.
    pub warnings: Vec<Diagnostic>,
    /// The file it was compiled from; its text is what the plan's `source_sha256` is the digest of.
    pub source: SourceFile,
}

/// Compiles a workflow file against the operations and connections of `catalog`. Pure: no file is read and nothing is sent.
///
/// # Errors
/// Every error and every warning of the file, sorted by place and bounded in number; at least one is an error. What the loader
/// refuses (no YAML, too large, aliases, duplicate keys) comes alone, because there is no workflow to check then.
pub fn compile(file: &SourceFile, catalog: &dyn Catalog) -> Result<Compiled, Vec<Diagnostic>> {
    compile_in(file, &Family::new(catalog)).map(|(compiled, _)| compiled)
}

/// The same for one of a family, with what it is to the one that starts it, if one does.
pub(crate) fn compile_in(file: &SourceFile, family: &Family<'_>) -> Result<(Compiled, Option<Facts>), Vec<Diagnostic>> {
    let root = load(file, &Limits::default()).map_err(|mut found| {
        cap(&mut found);
        found
    })?;
    let root = model::compensate::lift(root);
    let mut findings = Findings::new(file);
    let checked = check(&root, family, &mut findings);
    match checked {
        Some((plan, triggers, facts)) if !findings.has_errors() => {
            Ok((Compiled { plan, triggers, warnings: findings.into_vec(), source: file.clone() }, facts))
        }
        _ => Err(findings.into_vec()),
    }
}

fn check<'a>(
    root: &'a Node,
    family: &'a Family<'_>,
    findings: &mut Findings<'a>,
) -> Option<(Plan, Vec<Trigger>, Option<Facts>)> {
    let workflow = model::read(root, findings)?;
    family.enter(workflow.name);
    let unit = resolve(workflow, family, findings);
    family.leave();
    with::check(&unit, findings);
    advice::check(&unit, findings);
    people::check(&unit, findings);
    let connections = connections::resolve(&unit, findings);
    mixed::check(&unit, &connections, findings);
    secrets::check(&unit, findings);
    foreach::check(&unit, findings);
    let triggers = triggers::check(&unit, findings);
    let mut edges = needs::resolve(&unit, findings);
    let uses = references::check(&unit, findings);
    expressions::check(&unit, findings);
    edges::add_implied(&unit, &uses, &mut edges);
    absent::check(&unit, &uses, &edges, findings);
    cycles::check(&unit, &edges, findings);
    reach::check(&unit, &edges, findings);
    waits::check(&unit, &uses, &edges, findings);
    tolerated::check(&unit, &edges, findings);
    if findings.has_errors() {
        return None;
    }
    let facts = family.is_started_by_another().then(|| facts(&unit, &edges));
    Some((plan::build(unit, edges, connections, findings)?, triggers, facts))
}

/// What the rules look at: the workflow with the promises of its operations and the schemas of its values.
fn resolve<'a>(workflow: Workflow<'a>, family: &'a Family<'_>, findings: &mut Findings<'a>) -> Unit<'a> {
    let catalog = family.catalog;
    let inputs = input_schemas::check(&workflow, findings);
    let templates = templates::collect(&workflow, findings);
    let specs = operations::resolve(&workflow, catalog, findings);
    let children = children::resolve(&workflow, &specs, family, findings);
    let policies = approvals::policies(&workflow, &specs, catalog, findings);
    let mut promises = approvals::promises(&workflow, &specs, &policies);
    promises.extend(
        children.iter().filter_map(|(step, child)| Some((*step, children::promise((*specs.get(*step)?)?, child)))),
    );
    let outputs: Vec<Option<Cow<'a, Value>>> = specs
        .iter()
        .zip(&templates.withs)
        .enumerate()
        .map(|(step, (spec, with))| {
            let spec = (*spec)?;
            Some(match promises.get(&step) {
                Some(promise) => Cow::Owned(promise.output.clone()),
                None if spec.uses == SET => Cow::Owned(schema_of(with)),
                None => Cow::Borrowed(&spec.output),
            })
        })
        .collect();
    let wholes = workflow
        .steps
        .iter()
        .zip(&specs)
        .zip(&outputs)
        .enumerate()
        .filter(|(_, ((step, _), _))| step.foreach.is_some())
        .filter_map(|(index, ((_, spec), output))| Some((index, foreach::whole((*spec)?, output.as_deref()?))))
        .collect();
    let positions: BTreeMap<&str, usize> =
        workflow.steps.iter().enumerate().map(|(index, step)| (step.key.text.as_str(), index)).collect();
    let items = BTreeMap::new();
    let mut unit = Unit {
        catalog,
        workflow,
        templates,
        specs,
        children,
        policies,
        promises,
        wholes,
        items,
        positions,
        inputs,
        outputs,
    };
    unit.items = foreach::items(&unit);
    unit
}
