//! What a workflow has that a test file can name: its steps, what they use, and how they end.

use engross_core::{Expr, OutcomeKind, PlanDefinition, PlanStep, StepId, StepKind};
use engross_step_api::Registry;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The operation that people decide at.
pub const APPROVAL: &str = "approval";

/// The operation that waits for named events.
pub const WAIT_FOR_EVENT: &str = "wait_for_event";

/// The end that only time brings about.
const TIMED_OUT: &str = "timed_out";

/// Steps that stand-ins carry out although no provider is behind them: they would leave the machine.
const OUTGOING: [&str; 2] = ["http", "notify"];

/// Where a step can stand in the end, besides its outcomes.
pub const STANDINGS: [&str; 6] = ["skipped", "cancelled", "pending", "waiting", "incident", "in_doubt"];

/// How an operation is carried out in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As in a real run: it reaches nothing outside.
    Real,
    /// A stand-in answers.
    Acts,
    /// It parks as in a real run, and the timeline ends it.
    Waits,
}

impl Manner {
    /// How an operation is carried out.
    pub fn of(uses: &str, provider: Option<&str>, kind: StepKind) -> Self {
        match (provider, kind) {
            (None, _) if OUTGOING.contains(&uses) => Self::Acts,
            (None, _) => Self::Real,
            (Some(_), StepKind::Wait) => Self::Waits,
            (Some(_), StepKind::Action) => Self::Acts,
        }
    }
}

/// One step.
pub struct Fact {
    /// The operation.
    pub uses: String,
    /// The provider behind it.
    pub provider: Option<String>,
    /// How it is carried out.
    pub manner: Manner,
    /// All its ends.
    pub outcomes: Vec<String>,
    /// The ends that a provider's object can have, so that a look sees them.
    pub seen: Vec<String>,
    /// JSON Schema of its outputs.
    pub output: Value,
    /// The event that it waits for, where the file says it as it is.
    pub event: Option<String>,
}

/// Everything that a workflow has, and the workflows that it starts.
#[derive(Default)]
pub struct Known {
    steps: BTreeMap<String, Fact>,
    /// The connections that its steps go through, each with its provider.
    pub connections: BTreeMap<String, String>,
    /// Names of groups whom it asks or tells, as far as the file says them.
    pub groups: BTreeSet<String>,
}

impl Known {
    /// What a definition has.
    pub fn of(definition: &PlanDefinition, registry: &Registry) -> Self {
        let mut known = Self::default();
        let mut open = vec![definition];
        while let Some(definition) = open.pop() {
            for step in &definition.steps {
                known.step(step, registry);
                open.extend(step.child.as_deref());
            }
        }
        known
    }

    fn step(&mut self, step: &PlanStep, registry: &Registry) {
        let acting = step.foreach.as_deref().map_or(step, |foreach| &foreach.each);
        self.add(step.id.to_string(), acting, &step.outcomes, registry);
        let undoing = step.compensate.as_deref().or(acting.compensate.as_deref());
        if let Some(undoing) = undoing {
            self.add(PlanStep::undoing(&step.id).to_string(), undoing, &[], registry);
        }
    }

    fn add(&mut self, name: String, acting: &PlanStep, whole: &[engross_core::OutcomeSpec], registry: &Registry) {
        let spec = registry.step(&acting.uses).map(|step| step.spec());
        let provider = spec.and_then(|spec| spec.provider.clone());
        if let (Some(connection), Some(provider)) = (&acting.connection, &provider) {
            self.connections.insert(connection.clone(), provider.clone());
        }
        if TELLING.contains(&acting.uses.as_str()) {
            groups(&acting.with, &mut self.groups);
            acting.policy.iter().for_each(|policy| groups_of(policy, &mut self.groups));
        }
        let mut outcomes: Vec<String> = Vec::new();
        for outcome in acting.outcomes.iter().chain(whole) {
            let name = outcome.name.to_string();
            if !outcomes.contains(&name) {
                outcomes.push(name);
            }
        }
        let own = spec.map(|spec| spec.outcomes.as_slice()).unwrap_or_default();
        let seen = own.iter().filter(|o| o.kind != OutcomeKind::Failure && o.name.as_str() != TIMED_OUT);
        let fact = Fact {
            manner: Manner::of(&acting.uses, provider.as_deref(), acting.kind),
            provider,
            outcomes,
            seen: seen.map(|outcome| outcome.name.to_string()).collect(),
            output: spec.map_or(Value::Null, |spec| spec.output.clone()),
            event: event(acting),
            uses: acting.uses.clone(),
        };
        // A workflow's own step hides one of the same name in a workflow that it starts.
        self.steps.entry(name).or_insert(fact);
    }

    /// A step by its name in the file, also as one item of a list (`send[acme]`).
    pub fn get(&self, name: &str) -> Option<&Fact> {
        let plain = || PlanStep::item_of(&StepId::new(name)).and_then(|(of, _)| self.steps.get(of.as_str()));
        self.steps.get(name).or_else(plain)
    }

    /// A step by its id in a run.
    pub fn fact(&self, id: &StepId) -> Option<&Fact> {
        let undoing = || self.steps.get(PlanStep::undoing(&PlanStep::written(id)).as_str());
        match PlanStep::undone_by(id) {
            Some(_) => undoing(),
            None => self.steps.get(PlanStep::written(id).as_str()),
        }
    }

    /// All names of steps.
    pub fn names(&self) -> Vec<&str> {
        self.steps.keys().map(String::as_str).collect()
    }

    /// All steps.
    pub fn facts(&self) -> impl Iterator<Item = (&str, &Fact)> {
        self.steps.iter().map(|(name, fact)| (name.as_str(), fact))
    }

    /// All operations, each once.
    pub fn uses(&self) -> BTreeSet<&str> {
        self.steps.values().map(|fact| fact.uses.as_str()).collect()
    }
}

/// Whether a step of a run is the one that a test file names.
pub fn is_meant(id: &StepId, name: &str) -> bool {
    id.as_str() == name || PlanStep::item_of(id).is_some_and(|(of, _)| of.as_str() == name)
}

/// The last word of a name: `signed` of `contract.signed` and of `fully_signed`, `tagged` of `turnTagged`.
pub fn last_word(name: &str) -> String {
    let last = name.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let from = last.char_indices().rfind(|(_, c)| c.is_uppercase()).map_or(0, |(at, _)| at);
    last.get(from..).unwrap_or(last).to_lowercase()
}

fn event(step: &PlanStep) -> Option<String> {
    if step.uses != WAIT_FOR_EVENT {
        return None;
    }
    let written = match &step.with {
        Expr::Map(entries) => match entries.get("type") {
            Some(Expr::Literal(value)) => Some(value),
            _ => None,
        },
        Expr::Literal(value) => value.get("type"),
        Expr::Template(_) | Expr::List(_) => None,
    };
    written.and_then(Value::as_str).map(str::to_string)
}

/// The operations that name groups, and the keys under which they do.
const TELLING: [&str; 2] = [APPROVAL, "notify"];
const ASKED: [&str; 2] = ["from", "to"];

fn groups(with: &Expr, found: &mut BTreeSet<String>) {
    match with {
        Expr::Literal(value) => groups_of(value, found),
        Expr::Template(_) => {}
        Expr::List(items) => items.iter().for_each(|item| groups(item, found)),
        Expr::Map(entries) => {
            for (key, item) in entries {
                match item {
                    Expr::List(names) if ASKED.contains(&key.as_str()) => {
                        for name in names {
                            if let Expr::Literal(Value::String(name)) = name {
                                group(name, found);
                            }
                        }
                    }
                    Expr::Literal(Value::Array(names)) if ASKED.contains(&key.as_str()) => {
                        names.iter().filter_map(Value::as_str).for_each(|name| group(name, found));
                    }
                    other => groups(other, found),
                }
            }
        }
    }
}

fn groups_of(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| groups_of(item, found)),
        Value::Object(map) => {
            for (key, item) in map {
                match item {
                    Value::Array(names) if ASKED.contains(&key.as_str()) => {
                        names.iter().filter_map(Value::as_str).for_each(|name| group(name, found));
                    }
                    other => groups_of(other, found),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn group(name: &str, found: &mut BTreeSet<String>) {
    if !name.contains('@') {
        found.insert(name.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::last_word;

    #[test]
    fn the_last_word_of_a_name() {
        for (name, expected) in [
            ("contract.signed", "signed"),
            ("fully_signed", "signed"),
            ("turnTagged", "tagged"),
            ("signature", "signature"),
            ("approved", "approved"),
            ("contract.slaw_updated", "updated"),
            ("", ""),
        ] {
            assert_eq!(last_word(name), expected, "{name}");
        }
    }
}
