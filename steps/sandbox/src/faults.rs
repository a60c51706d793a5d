//! Scripted misbehaviour as data: which operation, how often, what goes wrong.
//!
//! Rules are read from JSON and used up in order. This module only says what to do next; `gate` does it to answers, and
//! `delivery` to webhooks. Wire form: `{"on":"send","times":2,"do":{"status":{"code":503,"retry_after":1}}}`.

use serde::{Deserialize, Serialize};

use crate::limits::{FAULT_DELAY_MS_MAX, FAULT_RULES_MAX};

/// The rules in force, first match first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Faults {
    /// A rule leaves the list when it was used `times` times.
    pub rules: Vec<Rule>,
}

/// One scripted misbehaviour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it happens to.
    pub on: On,
    /// How many matching requests (or deliveries) pass unharmed before the rule starts.
    #[serde(default)]
    pub skip: u32,
    /// How many are hit after that; once when not said.
    #[serde(default = "once")]
    pub times: u32,
    /// What goes wrong.
    #[serde(rename = "do")]
    pub action: Action,
}

fn once() -> u32 {
    1
}

/// What a rule aims at: a kind of operation, any operation, or a webhook delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// Every operation of every provider, but no delivery.
    Any,
    /// Creating a contract.
    CreateContract,
    /// Reading one contract.
    Get,
    /// Listing contracts.
    List,
    /// Changing a contract.
    Update,
    /// Deleting a contract.
    Delete,
    /// Asking people to sign.
    Send,
    /// The owner's own signature.
    Sign,
    /// Downloading a document: a PDF, a rendered contract, the file of a turn.
    Pdf,
    /// Starting or cancelling an approval.
    Approval,
    /// Listing or reading templates.
    Template,
    /// Creating, changing or deleting a template.
    WriteTemplate,
    /// Adding a person who shall sign.
    AddSigner,
    /// Adding a turn to a negotiation.
    AddTurn,
    /// Staging a document for a person.
    Import,
    /// Putting a contract into the archive.
    Archive,
    /// Reading or listing what belongs to a contract or an account: signers, sessions, versions, subscriptions, messages.
    Read,
    /// The health check, and the ping of a callback.
    Health,
    /// Registering a webhook over the provider's API.
    RegisterWebhook,
    /// One delivery of one event to one target.
    Webhook,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// The effect happens, then the connection is closed without an answer.
    DropAnswer,
    /// The effect does not happen; this status is answered.
    Status {
        /// An HTTP status of 400 to 599.
        code: u16,
        /// The `retry-after` header, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
    },
    /// The effect happens, but the answer is a 200 whose body is not JSON, as a broken proxy would give.
    Garbage,
    /// The effect happens at once, the answer comes late. For a delivery: it starts late.
    Slow {
        /// Milliseconds, at most ten minutes.
        ms: u64,
    },
    /// The connection is closed at once without an answer, and the effect happens so much later: a request that a proxy or the
    /// provider still had in hand.
    ActLate {
        /// Milliseconds, at most ten minutes.
        ms: u64,
    },
    /// A delivery is made twice.
    Duplicate,
    /// A delivery is never made.
    Lose,
    /// A delivery is made after the next one to the same receiver, or after a second when none comes.
    Reorder,
}

impl Faults {
    /// Every rule that makes no sense, as one sentence each.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.rules.len() > FAULT_RULES_MAX {
            problems.push(format!("{} rules: at most {FAULT_RULES_MAX} are kept", self.rules.len()));
        }
        for (index, rule) in self.rules.iter().enumerate() {
            if let Some(problem) = rule.problem() {
                problems.push(format!("rule {index}: {problem}"));
            }
        }
        problems
    }

    /// What happens to the next operation of this kind. Uses the matching rule up by one.
    pub(crate) fn next_answer(&mut self, operation: On) -> Option<Action> {
        self.take(|on| on == operation || on == On::Any)
    }

    /// What happens to the next delivery. Uses the matching rule up by one.
    pub(crate) fn next_delivery(&mut self) -> Option<Action> {
        self.take(|on| on == On::Webhook)
    }

    fn take(&mut self, matches: impl Fn(On) -> bool) -> Option<Action> {
        let mut found = None;
        for rule in &mut self.rules {
            if !matches(rule.on) || rule.times == 0 {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times -= 1;
            found = Some(rule.action);
            break;
        }
        self.rules.retain(|rule| rule.times > 0);
        found
    }
}

impl Rule {
    fn problem(&self) -> Option<String> {
        match (self.on, self.action) {
            (On::Webhook, Action::Duplicate | Action::Lose | Action::Reorder) => None,
            (On::Webhook, Action::DropAnswer | Action::Status { .. } | Action::Garbage) => {
                Some("on: webhook takes duplicate, lose, reorder or slow".to_owned())
            }
            (_, Action::Duplicate | Action::Lose | Action::Reorder) => {
                Some("duplicate, lose and reorder happen to deliveries only: say on: webhook".to_owned())
            }
            (_, Action::Status { code, .. }) if !(400..=599).contains(&code) => {
                Some(format!("status code {code}: say one of 400 to 599"))
            }
            (_, Action::Slow { ms } | Action::ActLate { ms }) if ms > FAULT_DELAY_MS_MAX => {
                Some(format!("slow by {ms} ms: at most {FAULT_DELAY_MS_MAX}"))
            }
            (
                _,
                Action::DropAnswer
                | Action::Garbage
                | Action::Status { .. }
                | Action::Slow { .. }
                | Action::ActLate { .. },
            ) => None,
        }
    }
}
