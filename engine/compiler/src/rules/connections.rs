//! Which connection each provider's step goes through.

use crate::codes;
use crate::findings::{Findings, listed};
use crate::unit::Unit;
use engross_source::Span;

/// The connection of each step; nothing for a built-in.
pub(crate) fn resolve(unit: &Unit<'_>, findings: &mut Findings<'_>) -> Vec<Option<String>> {
    let configured = unit.catalog.connections();
    let mut resolved = Vec::with_capacity(unit.workflow.steps.len());
    for (step, spec) in unit.workflow.steps.iter().zip(&unit.specs) {
        let Some(spec) = spec else {
            resolved.push(None);
            continue;
        };
        resolved.push(match (&spec.provider, step.connection) {
            (None, None) => None,
            (None, Some((_, span))) => {
                let message = format!("`{}` is built in and uses no connection", spec.uses);
                findings.report(codes::CONNECTION, span, message, Some("remove `connection`".to_owned()));
                None
            }
            (Some(provider), Some((name, span))) => {
                if let Some(configured) = &configured {
                    named(provider, name, span, configured, findings);
                }
                Some(name.to_owned())
            }
            (Some(provider), None) => match &configured {
                None => Some(provider.clone()),
                Some(configured) => {
                    let span = step.uses.map_or(step.key.span, |(_, span)| span);
                    implied(provider, span, configured, findings)
                }
            },
        });
    }
    resolved
}

fn of_provider<'a>(provider: &str, configured: &'a [(String, String)]) -> Vec<&'a str> {
    configured.iter().filter(|(_, of)| of == provider).map(|(name, _)| name.as_str()).collect()
}

fn named(provider: &str, name: &str, span: Span, configured: &[(String, String)], findings: &mut Findings<'_>) {
    let fitting = of_provider(provider, configured);
    let hint =
        if fitting.is_empty() { None } else { Some(format!("connections to `{provider}` are {}", listed(&fitting))) };
    match configured.iter().find(|(known, _)| known == name) {
        Some((_, of)) if of == provider => {}
        Some((_, of)) => {
            let message = format!("the connection `{name}` leads to `{of}`, and this step needs one to `{provider}`");
            findings.report(codes::CONNECTION, span, message, hint);
        }
        None => {
            let names: Vec<&str> = configured.iter().map(|(name, _)| name.as_str()).collect();
            let hint = findings.names_hint(name, &names, "configured connections").or(hint);
            let message = format!("there is no connection {}", engross_source::diagnostic::quoted(name));
            findings.report(codes::CONNECTION, span, message, hint);
        }
    }
}

/// The connection that is meant when none is named: the one with the provider's name, or the only one.
fn implied(provider: &str, span: Span, configured: &[(String, String)], findings: &mut Findings<'_>) -> Option<String> {
    let fitting = of_provider(provider, configured);
    match fitting.as_slice() {
        _ if fitting.contains(&provider) => Some(provider.to_owned()),
        [only] => Some((*only).to_owned()),
        [] => {
            let message = format!("no connection to `{provider}` is configured");
            let hint =
                format!("add one to engross.yaml: `connections: {{ {provider}: {{ provider: {provider}, … }} }}`");
            findings.report(codes::CONNECTION, span, message, Some(hint));
            None
        }
        several => {
            let message = format!("{} connections lead to `{provider}`, and none of them is called so", several.len());
            let hint = format!("add `connection:` with one of {}", listed(several));
            findings.report(codes::CONNECTION, span, message, Some(hint));
            None
        }
    }
}
