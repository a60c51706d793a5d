//! Every reference leads to something that there is.
//!
//! Names are checked against the scope of their place, steps against the file, fields against schemas. Whether a value is there
//! on every path of a run is another question, asked in `absent`.

use crate::codes;
use crate::expr::{Reference, Segment, path_text};
use crate::findings::Findings;
use crate::model::TriggerKind;
use crate::templates::{Place, Site};
use crate::typing::{Found, follow, type_words};
use crate::unit::{Unit, Use};
use engross_source::Code;
use engross_source::diagnostic::quoted;
use serde_json::{Value, json};
use std::ops::Range;
use std::sync::LazyLock;

/// Names that authors look for and that are not in scope, and why.
const EXPLAINED: [(&str, &str, &str); 4] = [
    (
        "secrets",
        "secrets are not in scope, anywhere",
        "a connection in engross.yaml holds them, and the step names the connection",
    ),
    ("env", "environment variables are not in scope", "pass the value as an input of the run"),
    ("trigger", "`trigger` is in scope in the `inputs` of a schedule only", "pass the value as an input of the run"),
    (
        "event",
        "`event` is in scope in event triggers only",
        "pass the value as an input of the run; what `wait_for_event` received is `steps.ID.outputs.event`",
    ),
];

const ROOTS: [&str; 3] = ["inputs", "steps", "run"];
/// What else there is in a step that is done for each item of a list.
const ROOTS_OF_ITEM: [&str; 2] = ["item", "index"];

/// What `run` holds.
static RUN: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "id": {"type": "string"},
            "key": {"type": ["string", "null"]},
            "started_at": {"type": "string"},
            "requester": {"type": "string"},
        },
    })
});

/// What `event` holds in an event trigger.
static EVENT: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "id": {"type": "string"},
            "type": {"type": "string"},
            "data": {},
            "received_at": {"type": "string"},
        },
    })
});

/// What `trigger` holds in the inputs of a schedule.
static TRIGGER: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "scheduled_at": {"type": "string"},
            "previous_at": {"type": ["string", "null"]},
        },
    })
});

/// What `index` is: the place of the item, from 0.
static INDEX: LazyLock<Value> = LazyLock::new(|| json!({ "type": "integer" }));

/// What `steps.ID.outcome` is.
static OUTCOME: LazyLock<Value> = LazyLock::new(|| json!({ "type": "string" }));

/// Checks all references, and returns those to other steps.
pub(crate) fn check(unit: &Unit<'_>, findings: &mut Findings<'_>) -> Vec<Use> {
    let ids = unit.ids();
    let mut uses = Vec::new();
    for (index, site) in unit.templates.sites.iter().enumerate() {
        for reference in site.text.expressions.iter().flat_map(|expression| &expression.references) {
            let mut checker = Checker { unit, site, site_index: index, reference, findings, ids: &ids };
            uses.extend(checker.run());
        }
    }
    uses
}

/// The schema of the value a reference leads to, with the root that its `$ref`s are relative to. Nothing when it is not known,
/// or when the reference is wrong.
pub(super) fn schema_of<'u>(
    unit: &'u Unit<'_>,
    site: &Site<'_>,
    reference: &Reference,
) -> Option<(&'u Value, &'u Value)> {
    if reference.computed() {
        return None;
    }
    let path = reference.path();
    let (root, rest): (&Value, &[&Segment]) = match path.as_slice() {
        [Segment::Key(name), rest @ ..] if name == "inputs" => (&unit.inputs, rest),
        [Segment::Key(name), rest @ ..] if name == "run" => (&RUN, rest),
        [Segment::Key(name), rest @ ..] if name == "event" => (&EVENT, rest),
        [Segment::Key(name), rest @ ..] if name == "trigger" => (&TRIGGER, rest),
        [Segment::Key(name), Segment::Key(id), Segment::Key(what), rest @ ..] if name == "steps" => match what.as_str()
        {
            "outcome" => (&OUTCOME, rest),
            "outputs" => (unit.outputs_for(site.place.step(), *unit.positions.get(id.as_str())?)?, rest),
            _ => return None,
        },
        [Segment::Key(name), rest @ ..] if name == "item" => (&unit.item(site)?.schema, rest),
        [Segment::Key(name), rest @ ..] if name == "index" => {
            unit.item(site)?;
            (&INDEX, rest)
        }
        _ => return None,
    };
    let mut schema = root;
    for segment in rest {
        let Found::Schema(next) = follow(root, schema, segment) else { return None };
        schema = next;
    }
    Some((root, schema))
}

struct Checker<'c, 'a, 'f> {
    unit: &'c Unit<'a>,
    site: &'c Site<'a>,
    site_index: usize,
    reference: &'c Reference,
    findings: &'c mut Findings<'f>,
    ids: &'c [&'a str],
}

impl<'c> Checker<'c, '_, '_> {
    fn run(&mut self) -> Option<Use> {
        let unit = self.unit;
        if let Some(trigger) = self.site.place.trigger() {
            self.of_trigger(trigger);
            return None;
        }
        match self.key(0)? {
            "inputs" => self.walk(&unit.inputs, 1, codes::UNKNOWN_INPUT),
            "run" => self.run_field(),
            "steps" => return self.step(),
            root @ ("item" | "index") => self.item(root),
            other => self.unknown_root(other),
        }
        None
    }

    /// A reference in a trigger: no run is there yet, only what fires.
    fn of_trigger(&mut self, trigger: usize) {
        let kind = self.unit.workflow.triggers.get(trigger).map(|trigger| &trigger.kind);
        let (name, schema): (&str, &Value) = match kind {
            Some(TriggerKind::Schedule { .. }) => ("trigger", &TRIGGER),
            Some(TriggerKind::Event { .. }) | None => ("event", &EVENT),
        };
        match self.key(0) {
            Some(root) if root == name => self.walk(schema, 1, codes::UNKNOWN_NAME),
            _ => {
                let message = format!("only `{name}` is in scope here: no run is there yet");
                let hint = match name {
                    "trigger" => "write the value out, or use `trigger.scheduled_at`",
                    _ => "write the value out, or use `event.data`, `event.type`, `event.id` or `event.received_at`",
                };
                self.report(codes::NOT_IN_SCOPE, &self.range(0), message, Some(hint.to_owned()));
            }
        }
    }

    /// The segment at `index`, if it is a name.
    fn key(&self, index: usize) -> Option<&'c str> {
        match self.reference.segments.get(index) {
            Some((Segment::Key(key), _)) => Some(key),
            _ => None,
        }
    }

    /// The place of the segment at `index`, or of all that is written out.
    fn range(&self, index: usize) -> Range<usize> {
        self.reference.segments.get(index).map_or_else(|| self.reference.static_range(), |(_, range)| range.clone())
    }

    fn report(&mut self, code: Code, range: &Range<usize>, message: String, hint: Option<String>) {
        let span = self.site.span(self.findings, range);
        self.findings.report(code, span, message, hint);
    }

    /// The path up to before `index`.
    fn before(&self, index: usize) -> String {
        path_text(self.reference.segments.iter().take(index).map(|(segment, _)| segment))
    }

    fn item(&mut self, root: &str) {
        let unit = self.unit;
        if let Some(item) = unit.item(self.site) {
            return self.walk(if root == "item" { &item.schema } else { &INDEX }, 1, codes::UNKNOWN_ITEM);
        }
        let step = self.site.place.step().and_then(|step| unit.workflow.steps.get(step));
        let has_items = step.is_some_and(|step| step.foreach.is_some());
        let (message, hint) = match self.site.place {
            Place::Condition(_) if has_items => (
                format!("`{root}` is not in scope in `if`, which is asked once for the whole list"),
                "leave the items out of the list in `items`, so that only those that are meant are in it",
            ),
            Place::Items(_) => {
                (format!("`{root}` is not in scope in `items`, which is what it comes from"), "refer to a list")
            }
            _ => (
                format!("`{root}` is in scope under `with` and in `key` of a step with `foreach` only"),
                "add `foreach: { items: … }` to the step; what came of the items is `steps.ID.outputs.results`",
            ),
        };
        self.report(codes::NOT_IN_SCOPE, &self.range(0), message, Some(hint.to_owned()));
    }

    fn unknown_root(&mut self, name: &str) {
        let range = self.range(0);
        if let Some((_, message, hint)) = EXPLAINED.iter().find(|(explained, _, _)| *explained == name) {
            self.report(codes::NOT_IN_SCOPE, &range, (*message).to_owned(), Some((*hint).to_owned()));
            return;
        }
        let inputs = self.unit.inputs.get("properties");
        let hint = if inputs.is_some_and(|inputs| inputs.get(name).is_some()) {
            format!("did you mean `inputs.{name}`?")
        } else if self.unit.positions.contains_key(name) {
            format!("did you mean `steps.{name}.outputs`?")
        } else {
            let more: &[&str] = if self.unit.item(self.site).is_some() { &ROOTS_OF_ITEM } else { &[] };
            let roots: Vec<&str> = ROOTS.iter().chain(more).copied().collect();
            match self.findings.nearest(name, &roots) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "references start with `inputs`, `steps` or `run`; text stands in quotes".to_owned(),
            }
        };
        self.report(codes::UNKNOWN_NAME, &range, format!("there is nothing called {}", quoted(name)), Some(hint));
    }

    fn run_field(&mut self) {
        match self.key(1) {
            Some("attempt") => {
                let message = "`run.attempt` is not built yet".to_owned();
                let hint = "`run.id` and `run.started_at` stay the same on every attempt".to_owned();
                self.report(codes::NOT_BUILT, &self.range(1), message, Some(hint));
            }
            Some("key") if matches!(self.site.place, Place::Title | Place::RunKey | Place::Group) => {
                let message = "`run.key` is not there yet when this is made".to_owned();
                self.report(codes::NOT_IN_SCOPE, &self.range(1), message, Some("make it of `inputs`".to_owned()));
            }
            _ => self.walk(&RUN, 1, codes::UNKNOWN_NAME),
        }
    }

    fn step(&mut self) -> Option<Use> {
        let all = self.reference.static_range();
        if matches!(self.site.place, Place::Title | Place::RunKey | Place::Group) {
            let message = "no step has run when this is made".to_owned();
            self.report(codes::NOT_IN_SCOPE, &all, message, Some("make it of `inputs` and `run`".to_owned()));
            return None;
        }
        let Some(id) = self.key(1) else {
            let message = "a reference to a step names it: `steps.ID.outputs.…`".to_owned();
            let hint = self
                .reference
                .computed()
                .then(|| "the step's name must be written out, because the plan depends on it".to_owned());
            self.report(codes::INCOMPLETE_REFERENCE, &all, message, hint);
            return None;
        };
        let Some(target) = self.unit.positions.get(id).copied() else {
            let hint = self.findings.names_hint(id, self.ids, "steps");
            self.report(
                codes::UNKNOWN_STEP_REFERENCE,
                &self.range(1),
                format!("there is no step {}", quoted(id)),
                hint,
            );
            return None;
        };
        if self.site.place.step() == Some(target) {
            let message = format!("the step `{id}` refers to itself");
            let hint = "a step sees what came before it, not what it makes".to_owned();
            self.report(codes::SELF_REFERENCE, &all, message, Some(hint));
            return None;
        }
        let outputs = match self.key(2) {
            Some("outputs") => true,
            Some("outcome") => false,
            other => {
                self.incomplete(id, target, other);
                return None;
            }
        };
        if outputs {
            self.output(id, target);
        } else {
            self.walk(&OUTCOME, 3, codes::UNKNOWN_OUTPUT);
        }
        Some(Use { target, site: self.site_index, range: all, outputs, guarded: self.reference.guarded })
    }

    fn incomplete(&mut self, id: &str, target: usize, given: Option<&str>) {
        let Some(given) = given else {
            let message = format!("`steps.{id}` is no value yet");
            let hint = format!("write `steps.{id}.outputs.…` or `steps.{id}.outcome`");
            self.report(codes::INCOMPLETE_REFERENCE, &self.reference.static_range(), message, Some(hint));
            return;
        };
        let outputs = self.unit.outputs_for(self.site.place.step(), target);
        let is_output = outputs
            .is_some_and(|schema| matches!(follow(schema, schema, &Segment::Key(given.to_owned())), Found::Schema(_)));
        let hint = if is_output {
            format!("did you mean `steps.{id}.outputs.{given}`?")
        } else {
            match self.findings.nearest(given, &["outputs", "outcome"]) {
                Some(near) => format!("did you mean `steps.{id}.{near}`?"),
                None => "a step has `outputs` and an `outcome`".to_owned(),
            }
        };
        let message = format!("`steps.{id}` has no {}", quoted(given));
        self.report(codes::INCOMPLETE_REFERENCE, &self.range(2), message, Some(hint));
    }

    fn output(&mut self, id: &str, target: usize) {
        let unit = self.unit;
        let viewer = self.site.place.step();
        if let Some(spec) =
            unit.ends_for(viewer, target).filter(|spec| !spec.outcomes.iter().any(|outcome| outcome.outputs))
        {
            let message = format!("`{id}` (`{}`) has no outputs", spec.uses);
            self.report(
                codes::UNKNOWN_OUTPUT,
                &self.range(2),
                message,
                Some(format!("only `steps.{id}.outcome` can be read")),
            );
        } else if let Some(name) = self.of_one_item(viewer, target) {
            let message = format!("`steps.{id}.outputs` has no {}: it is done for each item of a list", quoted(name));
            let hint = format!("what came of each item is in the list `steps.{id}.outputs.results`, under `outputs`");
            self.report(codes::UNKNOWN_OUTPUT, &self.range(3), message, Some(hint));
        } else if let Some(schema) = unit.outputs_for(viewer, target) {
            self.walk(schema, 3, codes::UNKNOWN_OUTPUT);
        }
    }

    /// The name that is referred to, where one item leaves it and the whole does not.
    fn of_one_item(&self, viewer: Option<usize>, target: usize) -> Option<&'c str> {
        let name = self.key(3)?;
        let segment = Segment::Key(name.to_owned());
        let leaves = |schema: &Value| matches!(follow(schema, schema, &segment), Found::Schema(_));
        let whole = self.unit.outputs_for(viewer, target)?;
        let one = self.unit.outputs.get(target)?.as_deref()?;
        (!std::ptr::eq(whole, one) && leaves(one) && !leaves(whole)).then_some(name)
    }

    /// Follows the segments from `first` on, and reports the first that leads nowhere.
    fn walk(&mut self, root: &Value, first: usize, code: Code) {
        let mut schema = root;
        for index in first..self.reference.segments.len() {
            let Some((segment, _)) = self.reference.segments.get(index) else { return };
            let owner = self.before(index);
            let shown = match segment {
                Segment::Key(key) => quoted(key),
                Segment::Index(at) => format!("`[{at}]`"),
            };
            match follow(root, schema, segment) {
                Found::Schema(next) => schema = next,
                Found::Anything => return,
                Found::Nothing(known) => {
                    let name = if let Segment::Key(key) = segment { key.as_str() } else { "" };
                    let hint = self.findings.names_hint(name, &known, "names");
                    return self.report(code, &self.range(index), format!("`{owner}` has no {shown}"), hint);
                }
                Found::NoParts(kind) => {
                    let kinds: Vec<&str> = kind.split(" or ").map(type_words).collect();
                    let message = format!("`{owner}` is {} and has no {shown}", kinds.join(" or "));
                    return self.report(code, &self.range(index), message, None);
                }
            }
        }
    }
}
