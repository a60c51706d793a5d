//! The order in which a file is compiled: load, read, look through templates, apply the rules, build.

use crate::catalog::Catalog;
use crate::findings::{Findings, cap};
use crate::model::{self, Workflow};
use crate::plan;
use crate::rules::triggers::Trigger;
use crate::rules::{
    absent, advice, connections, cycles, edges, expressions, input_schemas, mixed, needs, operations, reach,
    references, secrets, triggers, waits, with,
};
use crate::templates;
use crate::typing::schema_of;
use crate::unit::Unit;
use engross_core::Plan;
use engross_source::{Diagnostic, Limits, Node, SourceFile, load};
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
    let root = load(file, &Limits::default()).map_err(|mut found| {
        cap(&mut found);
        found
    })?;
    let root = model::compensate::lift(root);
    let mut findings = Findings::new(file);
    let checked = check(&root, catalog, &mut findings);
    match checked {
        Some((plan, triggers)) if !findings.has_errors() => {
            Ok(Compiled { plan, triggers, warnings: findings.into_vec(), source: file.clone() })
        }
        _ => Err(findings.into_vec()),
    }
}

fn check<'a>(root: &'a Node, catalog: &'a dyn Catalog, findings: &mut Findings<'a>) -> Option<(Plan, Vec<Trigger>)> {
    let workflow = model::read(root, findings)?;
    let unit = resolve(workflow, catalog, findings);
    with::check(&unit, findings);
    advice::check(&unit, findings);
    let connections = connections::resolve(&unit, findings);
    mixed::check(&unit, &connections, findings);
    secrets::check(&unit, findings);
    let triggers = triggers::check(&unit, findings);
    let mut edges = needs::resolve(&unit, findings);
    let uses = references::check(&unit, findings);
    expressions::check(&unit, findings);
    absent::check(&unit, &uses, &edges, findings);
    edges::add_implied(&unit, &uses, &mut edges);
    cycles::check(&unit, &edges, findings);
    reach::check(&unit, &edges, findings);
    waits::check(&unit, &uses, &edges, findings);
    if findings.has_errors() {
        return None;
    }
    Some((plan::build(unit, edges, connections, findings)?, triggers))
}

/// What the rules look at: the workflow with the promises of its operations and the schemas of its values.
fn resolve<'a>(workflow: Workflow<'a>, catalog: &'a dyn Catalog, findings: &mut Findings<'a>) -> Unit<'a> {
    let inputs = input_schemas::check(&workflow, findings);
    let templates = templates::collect(&workflow, findings);
    let specs = operations::resolve(&workflow, catalog, findings);
    let outputs = specs
        .iter()
        .zip(&templates.withs)
        .map(|(spec, with)| {
            let spec = (*spec)?;
            Some(if spec.uses == SET { Cow::Owned(schema_of(with)) } else { Cow::Borrowed(&spec.output) })
        })
        .collect();
    let positions: BTreeMap<&str, usize> =
        workflow.steps.iter().enumerate().map(|(index, step)| (step.key.text.as_str(), index)).collect();
    Unit { catalog, workflow, templates, specs, positions, inputs, outputs }
}
