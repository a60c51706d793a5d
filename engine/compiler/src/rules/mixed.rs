//! A workflow leads to sandboxes or to live systems, never to both.

use crate::codes;
use crate::findings::Findings;
use crate::unit::Unit;
use std::collections::BTreeSet;

/// Checks the connections that steps go through.
pub(crate) fn check(unit: &Unit<'_>, connections: &[Option<String>], findings: &mut Findings<'_>) {
    let mut first = [None, None];
    let mut seen = BTreeSet::new();
    for (step, name) in unit.workflow.steps.iter().zip(connections) {
        let Some(name) = name.as_deref().filter(|name| seen.insert(*name)) else { continue };
        let Some(sandbox) = unit.catalog.is_sandbox(name) else { continue };
        let span = step.connection.or(step.uses).map_or(step.key.span, |(_, span)| span);
        if let Some(slot) = first.get_mut(usize::from(sandbox)) {
            slot.get_or_insert((name, span));
        }
    }
    let [Some((live, live_span)), Some((sandbox, sandbox_span))] = first else { return };
    let unchosen = unit.catalog.sandbox_by_default(sandbox);
    let why = if unchosen.is_some() { " because nothing else is said" } else { "" };
    let message = format!("the connection `{sandbox}` leads to a sandbox{why}, and `{live}` to a live system");
    let hint = match unchosen {
        Some(setting) => {
            format!("write `{setting}` under the connection `{sandbox}`, or lead the others to sandboxes too")
        }
        None => "lead all connections of a workflow to sandboxes, or none".to_owned(),
    };
    let finding =
        findings.warning(codes::MIXED_CONNECTIONS, sandbox_span, message).secondary(live_span, "this is live");
    findings.push(finding.hint(hint));
}
