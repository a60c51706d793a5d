//! What people are shown of triggers.

use super::Progress;
use crate::Error;
use crate::engine::Engine;
use engross_compiler::{Trigger, TriggerKind};
use engross_core::{RunId, Timestamp};
use serde::{Deserialize, Serialize};

/// A trigger, and where it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TriggerView {
    /// The workflow.
    pub workflow: String,
    /// The trigger's name in it: `schedule-5f0c9a1e`.
    pub name: String,
    /// `schedule` or `event`.
    pub kind: String,
    /// When it fires, in words.
    pub when: String,
    /// When it fires next, as RFC 3339 in UTC; None for an event.
    pub next: Option<String>,
    /// The run of its last firing; None where there was none, or no engine was asked.
    pub last_run: Option<RunId>,
    /// When that was scheduled, or its event was received.
    pub last_at: Option<String>,
    /// Firings that wait for the end of an earlier run.
    pub queued: usize,
    /// Why the last firing started no run, where that is so.
    pub note: Option<String>,
}

impl TriggerView {
    /// What the file alone says of a trigger.
    pub fn of(workflow: &str, trigger: &Trigger, now: Timestamp) -> Self {
        let (kind, when, next) = match &trigger.kind {
            TriggerKind::Schedule { schedule, .. } => ("schedule", schedule.describe(), schedule.next_after(now)),
            TriggerKind::Event { event, condition, .. } => {
                let only = condition.as_ref().map_or(String::new(), |template| format!(" if {}", template.source));
                ("event", format!("on {event}{only}"), None)
            }
        };
        Self {
            workflow: workflow.to_string(),
            name: trigger.name.clone(),
            kind: kind.to_string(),
            when,
            next: next.map(|next| next.to_string()),
            last_run: None,
            last_at: None,
            queued: 0,
            note: None,
        }
    }
}

impl Engine {
    /// The registered triggers, in the order of their workflows as they were registered.
    ///
    /// # Errors
    /// The store.
    pub async fn triggers(&self) -> Result<Vec<TriggerView>, Error> {
        let registered = self.inner.triggers.registered();
        let now = self.inner.clock.wall();
        let mut views = Vec::with_capacity(registered.armed.len());
        for armed in &registered.armed {
            let mut view = TriggerView::of(armed.workflow(), &armed.trigger, now);
            let mark = armed.mark();
            let kept = self.inner.read(move |store| store.mark(&mark)).await?;
            if let Some(progress) = kept.and_then(|value| serde_json::from_value::<Progress>(value).ok()) {
                view.last_run = progress.last_run;
                view.last_at = progress.last_at.map(|at| at.to_string());
                view.queued = progress.queued.len();
                view.note = progress.note;
            }
            views.push(view);
        }
        Ok(views)
    }
}
