//! What starts runs by itself: schedules that can be read and fire, and inputs that fit the workflow.
//!
//! References in a trigger are checked with all others (`references`, `expressions`); here they are made ready to be kept.

use crate::codes;
use crate::findings::Findings;
use crate::limits::FINDINGS_PER_STEP_MAX;
use crate::model::{TriggerKind as Written, WrittenTrigger};
use crate::templates::Place;
use crate::typing::{Mistake, MistakeKind, mistakes, validator};
use crate::unit::Unit;
use engross_core::{Expr, Template};
use engross_schedule::{CatchUp, Overlap, Part, Schedule};
use engross_source::{Node, Span};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The zone of a schedule that names none.
const UTC: &str = "UTC";

/// What starts runs of a workflow by itself. It is no part of the plan: a run that is under way is not concerned.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// Its name in the workflow: `schedule-5f0c9a1e`, from what makes it fire. It stays when its inputs are changed, and is
    /// another when its time or its event is.
    pub name: String,
    /// The inputs of the runs that it starts: a map of literals and templates over `event` or `trigger`.
    pub inputs: Expr,
    /// What makes it fire.
    pub kind: TriggerKind,
}

/// What makes a trigger fire.
#[derive(Clone, Debug)]
pub enum TriggerKind {
    /// The time. Its templates see `trigger.scheduled_at`.
    Schedule {
        /// When.
        schedule: Box<Schedule>,
        /// What becomes of a firing while an earlier run is still open.
        overlap: Overlap,
        /// Which of the firings that no engine was there for are made up for.
        catch_up: CatchUp,
    },
    /// A named event. Its templates see `event`.
    Event {
        /// The event's type.
        event: String,
        /// What tells one event from another; the event's own id where there is none.
        id: Option<Template>,
        /// Only events for which this is true start a run.
        condition: Option<Template>,
    },
}

/// Checks every trigger and makes it ready, as far as it can be read.
pub(crate) fn check(unit: &Unit<'_>, findings: &mut Findings<'_>) -> Vec<Trigger> {
    let mut checked = Vec::with_capacity(unit.workflow.triggers.len());
    for (index, (written, templates)) in unit.workflow.triggers.iter().zip(&unit.templates.triggers).enumerate() {
        inputs(unit, index, written, findings);
        let kind = match &written.kind {
            Written::Schedule { cron, timezone, overlap, catch_up } => {
                let Some(schedule) = cron.and_then(|cron| schedule(cron, *timezone, findings)) else { continue };
                TriggerKind::Schedule { schedule: Box::new(schedule), overlap: *overlap, catch_up: *catch_up }
            }
            Written::Event { name, id, .. } => {
                if let (Some(node), Some(template)) = (id, &templates.id)
                    && template.references.is_empty()
                {
                    let hint = "refer to what tells one event from another: `id: \"{{ event.data.number }}\"`";
                    let message = "`id` is the same for every event, so that only the first would start a run";
                    findings.report(codes::VALUE, node.span, message, Some(hint.to_owned()));
                }
                let Some(name) = name else { continue };
                TriggerKind::Event {
                    event: (*name).to_owned(),
                    id: templates.id.clone(),
                    condition: templates.condition.clone(),
                }
            }
        };
        checked.push(Trigger { name: String::new(), inputs: templates.inputs.clone(), kind });
    }
    name(&mut checked);
    checked
}

/// Names triggers by a digest of what makes them fire, and counts those of one digest.
fn name(triggers: &mut [Trigger]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for trigger in triggers {
        let (word, text) = match &trigger.kind {
            TriggerKind::Schedule { schedule, .. } => {
                ("schedule", format!("{}\n{}", schedule.cron(), schedule.timezone()))
            }
            TriggerKind::Event { event, .. } => ("event", event.clone()),
        };
        const DIGEST_BYTES: usize = 4;
        let digest = Sha256::digest(text);
        let digest = hex::encode(digest.get(..DIGEST_BYTES).unwrap_or(&digest));
        let name = format!("{word}-{digest}");
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        trigger.name = if *count == 1 { name } else { format!("{name}-{count}") };
    }
}

fn schedule(cron: &Node, timezone: Option<&Node>, findings: &mut Findings<'_>) -> Option<Schedule> {
    let zone = timezone.and_then(Node::as_str).unwrap_or(UTC);
    match Schedule::parse(cron.as_str().unwrap_or_default(), zone) {
        Ok(schedule) if schedule.never_fires() => {
            let hint = "no such day ever comes; name one that does".to_owned();
            findings.report(codes::NEVER_FIRES, cron.span, "this schedule never fires", Some(hint));
            None
        }
        Ok(schedule) => Some(schedule),
        Err(errors) => {
            for error in errors {
                let node = match error.part {
                    Part::Cron => cron,
                    Part::Timezone => timezone.unwrap_or(cron),
                };
                let span = if error.range.is_empty() {
                    node.span
                } else {
                    node.map_range(findings.file, error.range.start, error.range.end)
                };
                findings.report(codes::SCHEDULE, span, error.message, error.hint);
            }
            None
        }
    }
}

/// Whether the inputs fit the workflow's, as far as they are written out.
fn inputs(unit: &Unit<'_>, index: usize, trigger: &WrittenTrigger<'_>, findings: &mut Findings<'_>) {
    if trigger.inputs_broken {
        return;
    }
    // What is wrong with the inputs' own schemas has been said.
    let Ok(validator) = validator(&unit.inputs) else { return };
    let templates: BTreeSet<String> = unit
        .templates
        .sites
        .iter()
        .filter(|site| site.place == Place::TriggerInputs(index))
        .map(crate::templates::Site::pointer)
        .collect();
    let instance = trigger.inputs.map_or_else(|| serde_json::json!({}), Node::to_json);
    let found = mistakes(&validator, &unit.inputs, &instance, &templates);
    for mistake in found.iter().filter(|one| !is_misspelt(one, &found)).take(FINDINGS_PER_STEP_MAX) {
        report(trigger, mistake, findings);
    }
}

/// Whether something is missing only because its key is misspelt, which is said of the key.
fn is_misspelt(one: &Mistake, found: &[Mistake]) -> bool {
    let MistakeKind::Missing(name) = &one.kind else { return false };
    let hint = Some(format!("did you mean `{name}`?"));
    found.iter().any(|other| {
        matches!(other.kind, MistakeKind::Unknown(_)) && other.pointer == one.pointer && other.hint == hint
    })
}

fn report(trigger: &WrittenTrigger<'_>, mistake: &Mistake, findings: &mut Findings<'_>) {
    let key = |pointer: &str| -> Span {
        trigger.inputs.and_then(|inputs| inputs.key_span_at_pointer(pointer)).unwrap_or(trigger.span)
    };
    let path = mistake.pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"));
    let name = std::iter::once("inputs".to_owned()).chain(path).collect::<Vec<_>>().join(".");
    let name = engross_source::diagnostic::quoted(&name);
    let (span, message, hint) = match &mistake.kind {
        MistakeKind::Missing(missing) if mistake.pointer.is_empty() => {
            let message = format!("the workflow needs the input `{missing}`, and this trigger does not give it");
            (
                trigger.span,
                message,
                Some(format!("add `{missing}: …` under `inputs` of the trigger, or give it a `default`")),
            )
        }
        MistakeKind::Missing(missing) => {
            (key(&mistake.pointer), format!("{name} needs `{missing}`"), Some(format!("add `{missing}: …`")))
        }
        MistakeKind::Unknown(unknown) => {
            let pointer = format!("{}/{}", mistake.pointer, unknown.replace('~', "~0").replace('/', "~1"));
            let owner = if mistake.pointer.is_empty() { "the workflow".to_owned() } else { name };
            let shown = engross_source::diagnostic::quoted(unknown);
            (key(&pointer), format!("{owner} has no input {shown}"), mistake.hint.clone())
        }
        MistakeKind::Type | MistakeKind::Value => {
            let value = trigger.inputs.and_then(|inputs| inputs.at_pointer(&mistake.pointer)).map(|node| node.span);
            let span = value.filter(|span| !span.is_empty()).unwrap_or_else(|| key(&mistake.pointer));
            (span, format!("{name} {}", mistake.message), mistake.hint.clone())
        }
    };
    findings.report(codes::TRIGGER_INPUTS, span, message, hint);
}
