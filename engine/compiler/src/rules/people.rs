//! Whom a workflow names is known, and enough of them are asked: an approval that waits for nobody, or for more than there are, is
//! never given. What templates name is known only when the run gets there.

use super::approvals::APPROVAL;
use crate::codes;
use crate::expr::has_marker;
use crate::findings::Findings;
use crate::unit::Unit;
use engross_source::diagnostic::{escaped, quoted};
use engross_source::{Node, Span};
use std::collections::{BTreeMap, BTreeSet};

/// The operation that tells people.
const NOTIFY: &str = "notify";

/// Checks approvals and notices. Nothing is said where no people are configured.
pub(crate) fn check(unit: &Unit<'_>, findings: &mut Findings<'_>) {
    let Some(groups) = unit.catalog.people() else { return };
    let people = People { groups: groups.into_iter().collect() };
    for (index, step) in unit.workflow.steps.iter().enumerate() {
        let (Some(with), Some(spec)) = (step.with, unit.spec(index)) else { continue };
        match spec.uses.as_str() {
            APPROVAL => {
                for stage in with.get("stages").and_then(Node::as_sequence).into_iter().flatten() {
                    of_stage(&people, stage, findings);
                }
                for escalation in with.get("escalate").and_then(Node::as_sequence).into_iter().flatten() {
                    of_list(&people, escalation.get("to"), findings);
                }
                if let (Some(table), Some(node)) =
                    (unit.policies.get(&index), with.get("stages").and_then(|stages| stages.get("policy")))
                {
                    of_policy(&people, table, node.span, findings);
                }
            }
            NOTIFY => {
                of_list(&people, with.get("to"), findings);
            }
            _ => {}
        }
    }
}

struct People {
    groups: BTreeMap<String, Vec<String>>,
}

impl People {
    /// The people of these names; nothing when one of them is known only later, or not at all.
    fn of<'n>(&self, names: impl Iterator<Item = &'n str>) -> Option<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        for name in names {
            match self.groups.get(name) {
                Some(members) => found.extend(members.iter().cloned()),
                None if name.contains('@') && !has_marker(name) => {
                    found.insert(name.trim().to_lowercase());
                }
                None => return None,
            }
        }
        Some(found)
    }

    fn is_known(&self, name: &str) -> bool {
        has_marker(name) || name.contains('@') || self.groups.contains_key(name)
    }

    fn report(&self, name: &str, policy: Option<&str>, span: Span, findings: &mut Findings<'_>) {
        let known: Vec<&str> = self.groups.keys().map(String::as_str).collect();
        let asked = match policy {
            Some(policy) => format!("the policy {} asks {}, which", quoted(policy), quoted(name)),
            None => quoted(name),
        };
        let message = format!("{asked} is neither a group in `people:` nor an e-mail address");
        let hint = findings.names_hint(name, &known, "groups");
        findings.report(codes::UNKNOWN_PEOPLE, span, message, hint);
    }
}

/// Checks a list of names; whether all of them are known.
fn of_list(people: &People, list: Option<&Node>, findings: &mut Findings<'_>) -> bool {
    let mut all = true;
    for node in list.and_then(Node::as_sequence).into_iter().flatten() {
        if let Some(name) = node.as_str().filter(|name| !people.is_known(name)) {
            people.report(name, None, node.span, findings);
            all = false;
        }
    }
    all
}

fn of_stage(people: &People, stage: &Node, findings: &mut Findings<'_>) {
    if !of_list(people, stage.get("from"), findings) {
        return;
    }
    let names = stage.get("from").and_then(Node::as_sequence).into_iter().flatten().filter_map(Node::as_str);
    // That nobody is named is told by the operation's schema.
    let Some(asked) = people.of(names).filter(|asked| !asked.is_empty()) else { return };
    let quorum = stage.get("quorum").and_then(Node::as_i64).and_then(|quorum| usize::try_from(quorum).ok());
    let (quorum, span) = match (quorum, stage.get("quorum")) {
        (Some(quorum), Some(node)) => (quorum, node.span),
        _ => (1, stage.get("from").map_or(stage.span, |from| from.span)),
    };
    if quorum > asked.len() {
        let message = format!("{quorum} must approve, and {} asked", are(asked.len()));
        let hint = "ask more people, or lower the quorum".to_owned();
        findings.report(codes::QUORUM, span, message, Some(hint));
    }
}

fn are(count: usize) -> String {
    match count {
        0 => "nobody is".to_owned(),
        1 => "only 1 is".to_owned(),
        count => format!("only {count} are"),
    }
}

/// Whom the rules of a policy ask.
fn of_policy(people: &People, table: &engross_policy::PolicyTable, span: Span, findings: &mut Findings<'_>) {
    let mut told = BTreeSet::new();
    for stage in table.stages() {
        for name in stage.from.iter().filter(|name| !people.is_known(name)) {
            if told.insert(name.clone()) {
                people.report(name, Some(&table.name), span, findings);
            }
        }
        let asked = people.of(stage.from.iter().map(String::as_str));
        let quorum = usize::try_from(stage.quorum).unwrap_or(usize::MAX);
        if let Some(asked) = asked.filter(|asked| quorum > asked.len()) {
            let from = stage.from.join(", ");
            let message = format!(
                "the policy `{}` has {quorum} of {} approve, and {} asked",
                escaped(&table.name),
                escaped(&from),
                are(asked.len())
            );
            if told.insert(message.clone()) {
                let hint = "put more people into the group, or lower the quorum in the policy".to_owned();
                findings.report(codes::QUORUM, span, message, Some(hint));
            }
        }
    }
}
