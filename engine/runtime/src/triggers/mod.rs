//! What starts runs by itself: schedules and events, each firing once whatever crashes.
//!
//! The run of a firing has an id that is made of the firing ([`firing::run_id`]), so that the store refuses to start it twice.
//! How far a schedule has come is a mark of the store. When a schedule fires is `engross-schedule`'s; what a started run does
//! is the core's.
//!
//! - `firing`: the id and the start of a firing's run.
//! - `schedules`: the task that looks at the clock. `events`: what the inbox asks before it settles an event.
//! - `view`: what people are shown.

pub(crate) mod events;
mod firing;
pub(crate) mod schedules;
mod view;

pub(crate) use firing::run_id;
pub use view::TriggerView;

use crate::engine::{Engine, lock};
use crate::limits::TRIGGER_NOTE_CHARS_MAX;
use engross_compiler::{Compiled, Trigger};
use engross_core::{Plan, RunId, Timestamp};
use engross_source::SourceFile;
use engross_store::StoredPlan;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tokio::sync::{Mutex as AsyncMutex, Notify};

/// The requester of runs that a schedule starts. An address, so that an approval that forbids the requester can tell it from
/// every approver, and one of a domain that nobody can have.
pub const SCHEDULE_REQUESTER: &str = "schedule@engross.invalid";

/// The requester of runs that an event starts.
pub const EVENT_REQUESTER: &str = "event@engross.invalid";

/// A workflow whose triggers are kept, with or without any.
#[derive(Debug)]
pub struct TriggeredWorkflow {
    /// The file that it was compiled from.
    pub file: SourceFile,
    /// The workflow.
    pub compiled: Compiled,
}

/// One trigger with what its runs are started from.
pub(crate) struct Armed {
    pub plan: Arc<Plan>,
    pub stored: StoredPlan,
    pub trigger: Trigger,
}

impl Armed {
    pub(crate) fn workflow(&self) -> &str {
        &self.plan.definition().name
    }

    /// The name of the mark that holds its progress.
    pub(crate) fn mark(&self) -> String {
        let kind = match self.trigger.kind {
            engross_compiler::TriggerKind::Schedule { .. } => "schedule",
            engross_compiler::TriggerKind::Event { .. } => "event",
        };
        format!("{kind}/{}/{}", self.workflow(), self.trigger.name)
    }
}

/// What is registered, and how far it has come.
#[derive(Default)]
pub(crate) struct Triggers {
    registered: Mutex<Arc<Registered>>,
    /// Held while schedules are looked at: by mark, what has been read of it.
    progress: AsyncMutex<Known>,
    /// Held while an event starts runs, so that two events of one `id` follow each other.
    events: AsyncMutex<()>,
    /// Somebody should look at the schedules anew.
    pub changed: Notify,
}

#[derive(Default)]
pub(crate) struct Registered {
    /// Counts registrations.
    version: u64,
    workflows: BTreeSet<String>,
    armed: Vec<Armed>,
}

/// What the task knows of the marks.
#[derive(Default)]
struct Known {
    /// The registration whose vanished triggers have been forgotten.
    version: u64,
    progress: BTreeMap<String, Progress>,
}

/// How far a trigger has come: the value of its mark.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// The newest firing that is queued or dealt with, or when the schedule was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cursor: Option<Timestamp>,
    /// Firings whose runs are not started yet, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    queued: Vec<Timestamp>,
    /// The run of the last firing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_run: Option<RunId>,
    /// When that was scheduled, or its event received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_at: Option<Timestamp>,
    /// What became of the last firing, where it started no run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Progress {
    fn note(&mut self, text: &str) {
        self.note = Some(text.chars().take(TRIGGER_NOTE_CHARS_MAX).collect());
    }
}

impl Engine {
    /// Registers the triggers of these workflows, instead of all that were registered before. A schedule that is new begins
    /// now; one that is known goes on where it was. One that a workflow has no more is forgotten. Of two workflows of one
    /// name, the first counts.
    pub fn set_triggers(&self, workflows: Vec<TriggeredWorkflow>) {
        self.inner.triggers.register(workflows);
    }

    /// Does what the schedules owe by now, and returns when that is durable. The engine does so by itself; this is for
    /// whoever sets the clock.
    ///
    /// # Errors
    /// The store, or the engine's end.
    pub async fn tend_schedules(&self) -> Result<(), crate::Error> {
        schedules::tick(self).await.map(|_| ())
    }
}

impl Triggers {
    pub(crate) fn register(&self, workflows: Vec<TriggeredWorkflow>) {
        let mut new = Registered::default();
        for TriggeredWorkflow { file, compiled } in workflows {
            let plan = Arc::new(compiled.plan);
            let name = plan.definition().name.clone();
            if !new.workflows.insert(name.clone()) {
                tracing::warn!(workflow = %name, file = file.path(), "two workflows have this name; the triggers of this one are left out");
                continue;
            }
            for trigger in compiled.triggers {
                let stored = StoredPlan {
                    digest: plan.digest().clone(),
                    definition: plan.definition().clone(),
                    source: file.text().to_string(),
                };
                new.armed.push(Armed { plan: plan.clone(), stored, trigger });
            }
        }
        let mut registered = lock(&self.registered);
        new.version = registered.version + 1;
        *registered = Arc::new(new);
        drop(registered);
        self.changed.notify_one();
    }

    pub(crate) fn registered(&self) -> Arc<Registered> {
        lock(&self.registered).clone()
    }
}
