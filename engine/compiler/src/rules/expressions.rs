//! What an expression is made of fits together, and its value fits its place.
//!
//! An error is only what fails on every path; what fails for some of the values that a schema allows (null, mostly) is a warning.

use super::references::schema_of;
use super::tested::Tested;
use crate::codes;
use crate::expr::kinds::{ANY, BOOLEAN, FLOAT, INTEGER, Kinds, LIST, NULL, STRING};
use crate::expr::tree::tree;
use crate::expr::{Expression, Segment};
use crate::findings::Findings;
use crate::templates::{Place, Site};
use crate::typing::{Found, Misfit, MisfitKind, References, Type, Typer, follow, types};
use crate::unit::Unit;
use serde_json::Value;

/// Checks every expression.
pub(crate) fn check(unit: &Unit<'_>, findings: &mut Findings<'_>) {
    let tested = Tested::new(unit);
    for site in &unit.templates.sites {
        let source = site.node.as_str().unwrap_or_default();
        for expression in &site.text.expressions {
            let Some(tree) = tree(source, expression) else { continue };
            let scope = Scope { unit, site, expression, tested: &tested };
            let mut typer = Typer::new(&scope);
            let found = typer.infer(&tree);
            let inside = typer.misfits.iter().any(|m| m.kind != MisfitKind::Sometimes);
            if !site.text.whole {
                typer.takes(&tree, found, ANY.without(NULL), "a text", MisfitKind::Never);
            }
            for misfit in &typer.misfits {
                report(site, misfit, findings);
            }
            if site.text.whole && !inside {
                place(unit, site, expression, found, findings);
            }
        }
    }
}

/// What the references of one expression give.
pub(super) struct Scope<'s, 'u> {
    pub(super) unit: &'s Unit<'u>,
    pub(super) site: &'s Site<'u>,
    pub(super) expression: &'s Expression,
    pub(super) tested: &'s Tested<'s>,
}

impl References for Scope<'_, '_> {
    fn reference(&self, position: usize) -> Type {
        let Some(reference) = self.expression.references.get(position) else { return Type::UNKNOWN };
        let Some((root, schema)) = schema_of(self.unit, self.site, reference) else { return Type::UNKNOWN };
        let Some(names) = types(root, schema) else { return Type::UNKNOWN };
        let mut kinds = Kinds::of(&names);
        let key = matches!(reference.path().as_slice(), [Segment::Key(root), Segment::Key(name)] if root == "run" && name == "key");
        if key && (self.unit.workflow.run.key.is_some() || self.site.place.step().is_none()) {
            kinds = kinds.without(NULL);
        }
        if self.tested.assures(self.site, reference, true) {
            kinds = kinds.without(NULL);
        }
        let items = schema.get("items").and_then(|items| types(root, items)).map(|names| Kinds::of(&names));
        let required = schema.get("required").and_then(Value::as_array);
        let filled = schema.get("minItems").and_then(Value::as_u64).is_some_and(|least| least > 0)
            || required.is_some_and(|names| !names.is_empty());
        Type { kinds, known: true, items, filled }
    }

    fn same(&self, one: usize, other: usize) -> bool {
        let path = |at: usize| self.expression.references.get(at).map(|reference| reference.path());
        one == other || path(one) == path(other)
    }
}

fn report(site: &Site<'_>, misfit: &Misfit, findings: &mut Findings<'_>) {
    let span = site.span(findings, &misfit.range);
    let Misfit { kind, given, taken, taker, .. } = misfit;
    let (given_words, taken_words) = (given.words(), taken.words());
    let text = taker == "a text";
    let finding = match kind {
        MisfitKind::Never if text => {
            findings.error(codes::KINDS, span, "this is null, and a text cannot hold it").hint("write a text instead")
        }
        MisfitKind::Never => findings
            .error(codes::KINDS, span, format!("{taker} takes {taken_words}, and this is {given_words}"))
            .hint(conversion(*given, *taken)),
        MisfitKind::Argument => findings
            .error(codes::FILTER_ARGUMENT, span, format!("{taker} is {taken_words}, and this is {given_words}"))
            .hint("quotes make a text; numbers, `true` and `false` have none"),
        MisfitKind::Compare => findings
            .error(codes::KINDS, span, format!("{taker} cannot compare {given_words} with {taken_words}"))
            .hint("compare values of the same kind"),
        MisfitKind::Sometimes => {
            let message = if text {
                format!("this may be {given_words}, and a text cannot hold it")
            } else {
                format!("this may be {given_words}, and {taker} takes {taken_words}")
            };
            findings.warning(codes::MAYBE_OTHER_KIND, span, message).hint(if given.holds(NULL) {
                "write `| default(value=…, boolean=true)` behind it, or test it with `if`"
            } else {
                "test it with `is string`, `is number` or the like, or make a text of it with `| str`"
            })
        }
    };
    findings.push(finding);
}

fn conversion(given: Kinds, taken: Kinds) -> &'static str {
    if taken.holds(STRING) && given.and(NULL).is_empty() {
        "`| str` makes a text of it"
    } else if !given.and(STRING).is_empty() && taken.holds(INTEGER) {
        "`| int` or `| float` makes a number of it"
    } else {
        "refer to a value of the right kind"
    }
}

/// Whether the value of a whole template fits where it stands.
fn place(unit: &Unit<'_>, site: &Site<'_>, expression: &Expression, found: Type, findings: &mut Findings<'_>) {
    if !found.known {
        return;
    }
    let range = expression.plain().map_or_else(|| expression.inner.clone(), |reference| reference.static_range());
    let span = site.span(findings, &range);
    let is_condition = matches!(site.place, Place::Condition(_) | Place::TriggerCondition(_));
    let (taken, what) = match site.place {
        Place::With(step) => {
            let Some(wanted) = unit.spec(step).and_then(|spec| wanted(&spec.input, site)) else { return };
            (wanted, format!("{} is needed here", wanted.words()))
        }
        Place::TriggerInputs(_) => {
            let Some(wanted) = wanted(&unit.inputs, site) else { return };
            (wanted, format!("{} is needed here", wanted.words()))
        }
        Place::Condition(_) | Place::TriggerCondition(_) => (BOOLEAN, "`if` is true or false".to_owned()),
        Place::Items(_) if !site.path.is_empty() => return,
        Place::Items(_) => (LIST, "`items` is a list".to_owned()),
        Place::ItemKey(_) => (STRING.or(INTEGER).or(FLOAT), "the key of an item is a text or a number".to_owned()),
        Place::Group => (STRING.or(INTEGER).or(FLOAT), "the group of a run is a text or a number".to_owned()),
        Place::Title | Place::RunKey | Place::Output | Place::TriggerId(_) => return,
    };
    // A number without a fraction fits a place for whole numbers, whichever way it was computed.
    let taken_or_whole = if taken.holds(INTEGER) { taken.or(FLOAT) } else { taken };
    if taken_or_whole.holds(found.kinds) {
        return;
    }
    let given = found.kinds.words();
    if found.kinds.and(taken_or_whole).is_empty() {
        if is_condition {
            let message = format!("`if` is true or false, and this is {given}");
            let hint = "compare it: `{{ … == … }}`, or test it: `{{ … is defined }}`".to_owned();
            findings.report(codes::CONDITION_TYPE, span, message, Some(hint));
        } else {
            let hint = match site.place {
                Place::Items(_) => Some("write a list, or refer to one".to_owned()),
                Place::ItemKey(_) | Place::Group => {
                    Some("refer to a field of it that is a text or a number".to_owned())
                }
                _ => taken
                    .holds(STRING)
                    .then(|| "text around it makes it a text, and so does `| json_encode`".to_owned()),
            };
            let code = match site.place {
                Place::Items(_) => codes::FOREACH_ITEMS,
                Place::ItemKey(_) => codes::FOREACH_KEY,
                Place::Group => codes::GROUP,
                place if place.trigger().is_some() => codes::TRIGGER_INPUTS,
                _ => codes::WITH_REFERENCE,
            };
            findings.report(code, span, format!("this is {given}, and {what}"), hint);
        }
        return;
    }
    let other = found.kinds.without(taken_or_whole);
    let hint = if is_condition {
        "compare it: `{{ … == … }}`, or test it: `{{ … is defined }}`"
    } else if other.holds(NULL) {
        "write `| default(value=…, boolean=true)` behind it, or let the step's `if` test it"
    } else {
        "make it one kind: `| str` makes a text, `| int` a whole number"
    };
    let finding = findings.warning(codes::MAYBE_OTHER_KIND, span, format!("this may be {}, and {what}", other.words()));
    findings.push(finding.hint(hint));
}

/// The kinds that the site's place takes, if they are known.
fn wanted(root: &Value, site: &Site<'_>) -> Option<Kinds> {
    let mut schema = root;
    for segment in &site.path {
        let Found::Schema(next) = follow(root, schema, segment) else { return None };
        schema = next;
    }
    types(root, schema).map(|names| Kinds::of(&names))
}
