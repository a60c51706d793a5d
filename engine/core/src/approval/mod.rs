//! Approvals: who may decide, what has been decided, and when that is enough.
//!
//! The rules are here and nowhere else, so that the API, the command line and every later way to answer give the same
//! answer. Silence is never a yes: nothing here turns time into an approval, neither a reminder nor an escalation. What is
//! asked is here, what has happened since is in `asked`, what counts is in `rules`, and whether enough people are left for
//! all stages is in `enough`.

mod asked;
mod enough;
mod rules;

pub(crate) use asked::follow;
pub use asked::{Asked, Delegation};
pub use rules::Refusal;
pub(crate) use rules::Standing;

use crate::{Person, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What people are asked, as it was when the step was parked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The question in one line.
    pub title: String,
    /// More about it, where the author wrote more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// SHA-256 (hex) of the canonical JSON of what is approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_sha256: Option<String>,
    /// Who has to agree, one stage after the other.
    pub stages: Vec<Stage>,
    /// Who may not decide although they are in a group: the requester.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbid: Vec<Person>,
    /// What those who decide fill in: names of fields, and the JSON Schema of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub form: BTreeMap<String, Value>,
    /// How those are reminded who have not decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind: Option<Remind>,
    /// Who is asked as well when a stage takes long, in the order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalate: Vec<Escalation>,
    /// Why these people are asked: the words of the rule that chose them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// One stage of an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The groups and people as the file names them.
    pub from: Vec<String>,
    /// The people they stood for when the step was parked.
    pub people: Vec<Person>,
    /// How many of them must approve.
    pub quorum: u32,
}

/// How people are reminded. A stage that is asked anew is counted anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remind {
    /// The pause before each reminder, in milliseconds.
    pub every_ms: u64,
    /// How many reminders a stage gets.
    pub max: u32,
}

/// Others who may decide as well in a stage that takes long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// How long after the stage was asked, in milliseconds.
    pub after_ms: u64,
    /// The groups and people as the file names them.
    pub to: Vec<String>,
    /// The people they stood for when the step was parked.
    pub people: Vec<Person>,
}

/// One person's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Who.
    pub by: Person,
    /// What.
    pub verdict: Verdict,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When it was accepted.
    pub at: Timestamp,
    /// What they filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Value>,
    /// The digest of what they were shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_sha256: Option<String>,
    /// The round in which they were asked: [`crate::RunState::round`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Yes.
    Approve,
    /// No. One is enough.
    Reject,
}

impl Decision {
    /// A decision without a comment, a form, a digest or a round.
    pub fn new(by: Person, verdict: Verdict, at: Timestamp) -> Self {
        Self { by, verdict, comment: None, at, form: None, subject_sha256: None, round: None }
    }
}
