//! A test file as it was understood: plain data, made by `load`, played by `play`, judged by `judge`.

use crate::scenarios::known::Known;
use engross_core::{ErrorClass, Person, PlanDefinition, RunStatus};
use engross_source::SourceFile;
use serde_json::Value;
use std::collections::BTreeMap;

/// One test file.
pub struct Suite {
    /// Its path.
    pub path: String,
    /// The workflow's name.
    pub workflow: String,
    /// The workflow's file.
    pub source: SourceFile,
    /// The workflow.
    pub definition: PlanDefinition,
    /// What the workflow has.
    pub known: Known,
    /// Groups and people, instead of those of the configuration.
    pub people: BTreeMap<String, Vec<Person>>,
    /// The scenarios, in order.
    pub scenarios: Vec<Scenario>,
}

/// One run and what is expected of it.
pub struct Scenario {
    /// As it is reported.
    pub name: String,
    /// Where it begins in the file, from 1.
    pub line: usize,
    /// The run's inputs.
    pub inputs: Value,
    /// Who starts the run.
    pub requester: Person,
    /// What stand-ins leave, by step: laid over what is made up.
    pub outputs: BTreeMap<String, Value>,
    /// When the scenario is looked at, if the run is not over before; in milliseconds after its start.
    pub until_ms: Option<u64>,
    /// What happens, in order.
    pub timeline: Vec<Entry>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// How it must end.
    pub expect: Expect,
}

/// One thing that happens.
pub struct Entry {
    /// Where it stands in the file, from 1.
    pub line: usize,
    /// The step that it is about: it happens as soon as that one waits.
    pub at: Option<String>,
    /// How long after that, or after the entry before, in milliseconds.
    pub after_ms: u64,
    /// What.
    pub act: Act,
    /// Whether it comes too late and must change nothing.
    pub ignored: bool,
}

/// What happens.
pub enum Act {
    /// A person decides.
    Decide { approve: bool, by: Person, comment: Option<String>, form: Option<Value> },
    /// A provider tells of something by webhook; `sees` is what the waiting steps see at the provider then.
    Webhook { provider: String, kind: String, sees: Sees, data: Value, times: u32 },
    /// A named event comes.
    Event { kind: String, data: Option<Value>, times: u32 },
    /// The provider's object changes, and no webhook tells of it.
    Outcome(String),
    /// Somebody gives the run up.
    Cancel { by: Person, comment: Option<String> },
    /// Somebody has a step tried again that cannot go on by itself.
    Retry { by: Person, comment: Option<String> },
}

/// What a step sees at its provider when an event makes it look.
pub enum Sees {
    /// The end whose name has the event's last word.
    Alike,
    /// This end.
    Outcome(String),
    /// Nothing that ends it.
    Nothing,
}

/// One thing that goes wrong.
#[derive(Clone)]
pub struct Fault {
    /// The step.
    pub at: String,
    /// How often.
    pub times: u32,
    /// Whether its effect has happened by then.
    pub after_effect: bool,
    /// What.
    pub trouble: Trouble,
}

/// What goes wrong.
#[derive(Clone, Copy)]
pub enum Trouble {
    /// The process dies.
    Crash,
    /// The attempt fails with this class of error.
    Error(ErrorClass),
}

/// What must be so in the end.
#[derive(Default)]
pub struct Expect {
    /// How the run stands.
    pub outcome: Option<RunStatus>,
    /// How steps ended, or stand.
    pub steps: BTreeMap<String, String>,
    /// How often operations took effect.
    pub calls: BTreeMap<String, u64>,
    /// Operations that must not have taken effect.
    pub never_called: Vec<String>,
    /// What the run leaves; what is not named may be anything.
    pub outputs: Option<Value>,
}
