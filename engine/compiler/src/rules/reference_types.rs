//! A reference that is a whole value has a type its place can take.
//!
//! Only what is certain is said: both types must be known, and have nothing in common.

use super::references::schema_of;
use crate::codes;
use crate::findings::Findings;
use crate::templates::{Place, Site};
use crate::typing::{Found, Types, follow, type_words, types};
use crate::unit::Unit;

/// Checks whole references under `with` and in `if`.
pub(crate) fn check(unit: &Unit<'_>, findings: &mut Findings<'_>) {
    for site in &unit.templates.sites {
        let [expression] = site.text.expressions.as_slice() else { continue };
        let Some(reference) = expression.plain().filter(|_| site.text.whole) else { continue };
        let Some(given) = schema_of(unit, reference).and_then(|(root, schema)| types(root, schema)) else { continue };
        let span = site.span(findings, &reference.static_range());
        match site.place {
            Place::With(step) => {
                let Some(wanted) = wanted(unit, step, site) else { continue };
                if !compatible(&wanted, &given) {
                    let message = format!("this is {}, and {} is needed here", words(&given), words(&wanted));
                    let hint = takes_text(&wanted)
                        .then(|| "text around it makes it a text, and so does `| json_encode`".to_owned());
                    findings.report(codes::WITH_REFERENCE, span, message, hint);
                }
            }
            Place::Condition(_) if !given.contains("boolean") => {
                let message = format!("`if` is true or false, and this is {}", words(&given));
                let hint = "compare it: `{{ … == … }}`, or test it: `{{ … is defined }}`".to_owned();
                findings.report(codes::CONDITION_TYPE, span, message, Some(hint));
            }
            Place::Condition(_) | Place::Title | Place::RunKey | Place::Output => {}
        }
    }
}

/// The types that the site's place takes, if they are known.
fn wanted(unit: &Unit<'_>, step: usize, site: &Site<'_>) -> Option<Types> {
    let root = &unit.spec(step)?.input;
    let mut schema = root;
    for segment in &site.path {
        let Found::Schema(next) = follow(root, schema, segment) else { return None };
        schema = next;
    }
    types(root, schema)
}

fn compatible(wanted: &Types, given: &Types) -> bool {
    let number = |types: &Types| types.contains("number") || types.contains("integer");
    wanted.intersection(given).next().is_some() || (number(wanted) && number(given))
}

fn takes_text(wanted: &Types) -> bool {
    wanted.contains("string")
}

fn words(types: &Types) -> String {
    types.iter().map(|name| type_words(name)).collect::<Vec<_>>().join(" or ")
}
