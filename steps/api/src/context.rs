//! What a step sees while it works: who it is, its key, its connection, the files and the people. No clock is hidden in it:
//! `now` is the time at which the attempt began.

use crate::{ChildRuns, Connection, Files, IdempotencyKey, Person, RunId, StepId, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a step sees while it works.
#[derive(Clone)]
pub struct StepContext {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepId,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The key of the step's effect: the same on every attempt.
    pub key: IdempotencyKey,
    /// The earliest time an effect of this step can have happened: when it was first meant to leave, or else the run's start.
    pub run_started_at: Timestamp,
    /// When this attempt began.
    pub now: Timestamp,
    /// Who asked for the run.
    pub requester: Person,
    /// The connection, for a provider's step.
    pub connection: Option<Arc<Connection>>,
    /// Where files are kept.
    pub files: Arc<dyn Files>,
    /// Who is in which group.
    pub directory: Arc<Directory>,
    /// The runs that this step starts, for the step `workflow`.
    pub child: Option<Arc<dyn ChildRuns>>,
    /// The decision table that this step asks, as it was when the run's plan was made.
    pub policy: Option<Arc<Value>>,
}

/// Groups and the people in them, from `people:` of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    groups: BTreeMap<String, Vec<Person>>,
}

/// A name that is neither a group nor a person's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is neither a group in `people:` nor an e-mail address")]
pub struct UnknownGroup {
    /// The name.
    pub name: String,
}

impl Directory {
    /// A directory of these groups.
    pub fn new(groups: BTreeMap<String, Vec<Person>>) -> Self {
        Self { groups }
    }

    /// The people behind a group's name, or the person an address stands for.
    ///
    /// # Errors
    /// A name that is neither: an approval must never wait for nobody.
    pub fn resolve(&self, name: &str) -> Result<Vec<Person>, UnknownGroup> {
        match self.groups.get(name) {
            Some(people) => Ok(people.clone()),
            None if name.contains('@') => Ok(vec![Person::new(name)]),
            None => Err(UnknownGroup { name: name.to_string() }),
        }
    }

    /// The names of all groups, in order.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }
}
