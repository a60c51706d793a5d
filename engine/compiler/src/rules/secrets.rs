//! No secret takes a way on which it would be kept.
//!
//! Inputs, requests and outputs stand in a run's journal, and a workflow file in version control. Whether a value is a secret is
//! told by its name alone, so these are warnings.

use crate::codes;
use crate::findings::Findings;
use crate::templates::Place;
use crate::unit::Unit;
use engross_source::diagnostic::quoted;
use engross_source::{Node, Span, Value};
use std::collections::BTreeSet;

/// What names of secrets end with.
const SECRET: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "api_key",
    "apikey",
    "access_token",
    "auth_token",
    "bearer_token",
    "private_key",
    "client_secret",
    "credentials",
];
/// Names that are secrets only as a whole, and headers that carry one.
const WHOLE: [&str; 5] = ["token", "authorization", "proxy_authorization", "x_api_key", "cookie"];

const HINT: &str =
    "a connection in engross.yaml keeps it out of workflows and journals; a manifest of your own gives any API one";

/// Checks inputs and what steps are given.
pub(crate) fn check(unit: &Unit<'_>, findings: &mut Findings<'_>) {
    for entry in unit.workflow.inputs {
        if is_secret(&entry.key.text) {
            let message = format!("{} would be kept in the journal of every run", quoted(&entry.key.text));
            report(entry.key.span, message, findings);
        }
    }
    let mut computed: BTreeSet<Span> = BTreeSet::new();
    for site in &unit.templates.sites {
        // A template that passes on an input which is reported above is no second mistake.
        if let Place::With(_) | Place::Items(_) = site.place
            && site.text.expressions.iter().flat_map(|e| &e.references).any(|reference| {
                reference
                    .segments
                    .iter()
                    .any(|(segment, _)| matches!(segment, crate::expr::Segment::Key(key) if is_secret(key)))
            })
        {
            computed.insert(site.node.span);
        }
    }
    for step in &unit.workflow.steps {
        let items = step.foreach.as_ref().and_then(|foreach| foreach.items);
        step.with.into_iter().chain(items).for_each(|node| given(node, &computed, findings));
    }
}

/// Recursion follows the tree, whose depth the loader bounds.
fn given(node: &Node, computed: &BTreeSet<Span>, findings: &mut Findings<'_>) {
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| given(item, computed, findings)),
        Value::Mapping(mapping) => {
            for entry in mapping {
                let scalar = entry.value.as_mapping().is_none() && entry.value.as_sequence().is_none();
                if scalar && is_secret(&entry.key.text) && !computed.contains(&entry.value.span) {
                    let message = format!("{} would be kept in the journal of every run", quoted(&entry.key.text));
                    report(entry.key.span, message, findings);
                } else {
                    given(&entry.value, computed, findings);
                }
            }
        }
        Value::String(text) if has_password(text) => {
            report(
                node.span,
                "the password in this URL would be kept in the journal of every run".to_owned(),
                findings,
            );
        }
        _ => {}
    }
}

fn report(span: Span, message: String, findings: &mut Findings<'_>) {
    let finding = findings.warning(codes::SECRET_STORED, span, message);
    findings.push(finding.hint(HINT));
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    WHOLE.contains(&name.as_str())
        || SECRET
            .iter()
            .any(|word| name.strip_suffix(word).is_some_and(|before| before.is_empty() || before.ends_with('_')))
}

/// `https://user:password@host`.
fn has_password(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    matches!(scheme, "http" | "https")
        && user.is_some_and(|user| user.split_once(':').is_some_and(|(_, p)| !p.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_others() {
        for name in ["password", "db_password", "Authorization", "x-api-key", "api-key", "token", "CLIENT_SECRET"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["page_token", "secretary", "tokens", "keyword", "monkey", "password_policy", "secret_santa"] {
            assert!(!is_secret(name), "{name}");
        }
        assert!(has_password("https://lena:s3cret@example.com/x"));
        for url in [
            "https://example.com/a:b@c",
            "mailto:a@b.example",
            "https://lena@example.com",
            "https://{{ inputs.host }}/x",
        ] {
            assert!(!has_password(url), "{url}");
        }
    }
}
