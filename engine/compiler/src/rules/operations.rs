//! Every `uses` names an operation that there is.

use crate::catalog::Catalog;
use crate::codes;
use crate::findings::{Findings, listed};
use crate::limits::NAMES_LISTED_MAX;
use crate::model::Workflow;
use engross_core::StepSpec;
use engross_source::Span;
use engross_source::diagnostic::quoted;

/// The promise of each step's operation.
pub(crate) fn resolve<'a>(
    workflow: &Workflow<'_>,
    catalog: &'a dyn Catalog,
    findings: &mut Findings<'_>,
) -> Vec<Option<&'a StepSpec>> {
    // The names are copied out of the catalog only when one is wrong.
    let mut known: Option<Vec<String>> = None;
    let mut specs = Vec::with_capacity(workflow.steps.len());
    for step in &workflow.steps {
        let spec = step.uses.and_then(|(uses, _)| catalog.spec(uses));
        if let (None, Some((uses, span))) = (spec, step.uses) {
            unknown(known.get_or_insert_with(|| catalog.uses()), uses, span, findings);
        }
        specs.push(spec);
    }
    specs
}

fn unknown(known: &[String], uses: &str, span: Span, findings: &mut Findings<'_>) {
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    if let Some((provider, operation)) = uses.split_once('/')
        && let Some(others) = elsewhere(&names, provider, operation)
    {
        let message = format!("`{provider}` cannot {}", operation.replace('_', " "));
        let hint = format!("{others} can; people are asked with `uses: approval`");
        findings.report(codes::CAPABILITY, span, message, Some(hint));
        return;
    }
    if let Some(near) = findings.nearest(uses, &names) {
        let message = format!("there is no operation {}", quoted(uses));
        findings.report(codes::UNKNOWN_OPERATION, span, message, Some(format!("did you mean `{near}`?")));
        return;
    }
    let (message, hint) = match uses.split_once('/') {
        Some((provider, operation)) => {
            let prefix = format!("{provider}/");
            let own: Vec<&str> = names.iter().filter_map(|name| name.strip_prefix(&prefix)).collect();
            if own.is_empty() {
                let mut providers: Vec<&str> = names.iter().filter_map(|name| Some(name.split_once('/')?.0)).collect();
                providers.dedup();
                (
                    format!("there is no provider {}", quoted(provider)),
                    findings.names_hint(provider, &providers, "providers"),
                )
            } else {
                let near = findings.nearest(operation, &own).map(|near| format!("did you mean `{provider}/{near}`?"));
                let hint = near.or_else(|| Some(format!("its operations are {}", some(&own))));
                (format!("the provider `{provider}` has no operation {}", quoted(operation)), hint)
            }
        }
        None => {
            let own: Vec<&str> = names.iter().copied().filter(|name| !name.contains('/')).collect();
            let suffix = format!("/{uses}");
            let hint = match names.iter().find(|name| name.ends_with(&suffix)) {
                Some(full) => format!("did you mean `{full}`?"),
                None => format!("the built-in steps are {}; a provider's are written `provider/operation`", some(&own)),
            };
            (format!("there is no step {}", quoted(uses)), Some(hint))
        }
    };
    findings.report(codes::UNKNOWN_OPERATION, span, message, hint);
}

/// The operations of other providers with just this name, where the provider that is named is one.
fn elsewhere(names: &[&str], provider: &str, operation: &str) -> Option<String> {
    let own = format!("{provider}/");
    if !names.iter().any(|name| name.starts_with(&own)) {
        return None;
    }
    let suffix = format!("/{operation}");
    let same: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| name.ends_with(&suffix) && name.split_once('/').is_some_and(|(of, _)| of != provider))
        .collect();
    (!same.is_empty()).then(|| listed(&same))
}

fn some(names: &[&str]) -> String {
    match names.get(..NAMES_LISTED_MAX * 2) {
        Some(first) => format!("{} and {} more", listed(first), names.len() - first.len()),
        None => listed(names),
    }
}
