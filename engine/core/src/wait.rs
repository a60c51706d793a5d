//! What a parked step waits for, as data. A wait is journaled, so it says everything that is needed to end it.

use crate::{Approval, OutcomeName, RunId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a parked step waits for. At least one thing ends every wait: a deadline, an event, a poll or a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// What the step hopes for.
    pub kind: WaitKind,
    /// When it gives up, and how it ends then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
}

/// What a parked step hopes for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitKind {
    /// Only for time to pass: the deadline.
    Timer,
    /// For something to happen outside.
    Event {
        /// What wakes the step.
        subscriptions: Vec<Subscription>,
        /// What an event means.
        on_event: OnEvent,
        /// How often the step looks by itself, in milliseconds: the net for lost webhooks.
        poll_ms: Option<u64>,
        /// Whether the step looks once as soon as it is parked, for what happened before.
        look_first: bool,
    },
    /// For another run to end.
    Run {
        /// Which.
        run: RunId,
        /// Whether this step started it, and so ends it when it is given up itself.
        owned: bool,
    },
    /// For people to decide.
    Approval(Box<Approval>),
}

/// Which events wake a step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subscription {
    /// The topic an event is filed under: `juro:contract/5b32…` for a provider's webhook, `event:crm/opportunity.won` for a
    /// named event.
    pub topic: String,
    /// Fields of the event's data (dotted paths) and the text each must have; all must match.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub matching: BTreeMap<String, String>,
}

impl Subscription {
    /// To everything a connection's webhooks say about one object.
    pub fn to_object(connection: &str, correlation: &str) -> Self {
        Self { topic: format!("{connection}:{correlation}"), matching: BTreeMap::new() }
    }

    /// To people's decisions: the topic under which all open approvals are found.
    pub fn to_decisions() -> Self {
        Self { topic: "approvals".to_string(), matching: BTreeMap::new() }
    }

    /// To the end of this run.
    pub fn to_run(run: &RunId) -> Self {
        Self { topic: format!("run:{run}"), matching: BTreeMap::new() }
    }

    /// To the ends of runs that nobody told of: the topic under which all steps that wait for other runs are found.
    pub fn to_untold(run: &RunId) -> Self {
        let matching = BTreeMap::from([("run".to_string(), run.to_string())]);
        Self { topic: Self::RUNS.to_string(), matching }
    }

    /// The topic of [`Subscription::to_untold`].
    pub const RUNS: &str = "runs";

    /// To a run's own turn among those of its group: the topic under which all runs are found that wait for it.
    pub fn to_turn(group: &str) -> Self {
        let matching = BTreeMap::from([("group".to_string(), group.to_string())]);
        Self { topic: Self::QUEUE.to_string(), matching }
    }

    /// The topic of [`Subscription::to_turn`].
    pub const QUEUE: &str = "queue";

    /// A place among the runs of a group that may be at work.
    pub fn to_place(group: &str) -> Self {
        Self { topic: format!("group:{group}"), matching: BTreeMap::new() }
    }

    /// To events of a name, sent by `engross events send` or the API.
    pub fn to_event(kind: &str, matching: BTreeMap<String, String>) -> Self {
        Self { topic: format!("event:{kind}"), matching }
    }

    /// Whether an event with these data is meant. Values are compared as text, so that `5` in a file matches `"5"`.
    pub fn accepts(&self, data: &Value) -> bool {
        self.matching.iter().all(|(path, wanted)| {
            let mut found = Some(data);
            for part in path.split('.') {
                found = found.and_then(|value| value.get(part));
            }
            match found {
                Some(Value::String(text)) => text == wanted,
                Some(Value::Null) | None => false,
                Some(other) => {
                    let text = other.to_string();
                    text == *wanted
                }
            }
        })
    }
}

/// What an event means to a waiting step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnEvent {
    /// The event itself is the answer: the step ends with this outcome and `outputs.event`.
    Finish(OutcomeName),
    /// The event only wakes the step, which then asks the provider. So it is with all unsigned webhooks.
    Check,
}

/// When a wait gives up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// At this time or as soon after it as the engine runs.
    pub at: Timestamp,
    /// The outcome it ends with then.
    pub outcome: OutcomeName,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(matching: &[(&str, &str)], data: Value, expected: bool) {
        let matching = matching.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        assert_eq!(Subscription { topic: "event:x".into(), matching }.accepts(&data), expected, "{data}");
    }

    #[test]
    fn a_subscription_accepts_only_events_with_all_its_fields() {
        check(&[], json!({}), true);
        check(&[("id", "5")], json!({"id": 5}), true);
        check(&[("id", "5")], json!({"id": "5"}), true);
        check(&[("a.b", "x")], json!({"a": {"b": "x"}}), true);
        check(&[("a.b", "x"), ("c", "true")], json!({"a": {"b": "x"}, "c": false}), false);
        check(&[("id", "null")], json!({"id": null}), false);
        check(&[("id", "5")], json!([]), false);
    }
}
