//! Bodies of requests and answers: the wire's own types, which the command line uses as well.

use engross_core::{Record, RunId, Verdict};
use engross_runtime::{ApprovalView, ConnectionView, IncidentView, TimelineEntry, TriggerView, Unreadable};
use engross_store::RunHead;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `POST /api/v1/runs`. Either `workflow` (a name in the server's folder) or `source` (a file's own text).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartRun {
    /// A workflow of the server's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// A workflow file brought along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The files of the workflows that it starts, if they are to be others than those of the server's folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Source>,
    /// Its inputs.
    #[serde(default)]
    pub inputs: Value,
    /// A second start with this key attaches to the first run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Who asks.
    pub requester: String,
}

/// A workflow file's own text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What it is called in messages.
    pub path: String,
    /// The text.
    pub text: String,
}

/// The answer to a start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StartedRun {
    /// The run.
    pub run: RunId,
    /// Whether it was there already.
    pub attached: bool,
}

/// `GET /api/v1/runs`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListRuns {
    /// Only runs that are not over.
    #[serde(default)]
    pub open: bool,
    /// Runs of the archive, and no others; `open` and `workflow` do not narrow these.
    #[serde(default)]
    pub archived: bool,
    /// Only runs of this workflow.
    #[serde(default)]
    pub workflow: Option<String>,
    /// Only runs older than this one.
    #[serde(default)]
    pub before: Option<String>,
    /// At most so many.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// A run in a list. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunRow {
    /// Its id.
    pub id: String,
    /// The workflow's name.
    pub workflow: String,
    /// Its title.
    pub title: String,
    /// How it stands.
    pub status: String,
    /// Finer: working, waiting, in_doubt, incident, idle.
    pub summary: engross_core::Summary,
    /// What is under way, in words.
    pub doing: String,
    /// The key it holds.
    pub key: Option<String>,
    /// When it was started.
    pub started_at: String,
    /// When something last happened.
    pub updated_at: String,
}

impl From<RunHead> for RunRow {
    fn from(head: RunHead) -> Self {
        Self {
            id: head.run.to_string(),
            workflow: head.workflow,
            title: head.title,
            status: head.status.as_str().to_string(),
            summary: head.summary,
            doing: head.doing,
            key: head.key,
            started_at: head.started_at.to_string(),
            updated_at: head.updated_at.to_string(),
        }
    }
}

/// The answer to a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Runs {
    /// Newest first.
    pub runs: Vec<RunRow>,
    /// Runs that could not be read, and of which nothing is said here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
}

/// `GET /api/v1/store/export`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportStore {
    /// Leave out what cannot be read, run by run, and say so in the copy.
    #[serde(default)]
    pub skip_damaged: bool,
    /// End a copy that breaks off with a line `{"failed": {code, message}}`, which no reader of exports takes, in place of
    /// breaking the connection: for clients that look for it.
    #[serde(default)]
    pub tell: bool,
}

/// `GET /api/v1/runs/{run}/journal`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadJournal {
    /// Only records after this number.
    #[serde(default)]
    pub after: u64,
    /// Wait so many seconds for news, if there are none.
    #[serde(default)]
    pub wait: u64,
}

/// The answer to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Journal {
    /// The records.
    pub records: Vec<Record>,
    /// The same in words.
    pub timeline: Vec<TimelineEntry>,
    /// Whether the run is over, so that no more will come.
    pub over: bool,
}

/// `POST /api/v1/runs/{run}/cancel`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelRun {
    /// Who.
    pub by: String,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `POST /api/v1/runs/{run}/steps/{step}/decision`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// `approve` or `reject`.
    pub decision: Verdict,
    /// Who.
    pub by: String,
    /// Why.
    #[serde(default)]
    pub comment: Option<String>,
    /// What they filled in of the form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Value>,
    /// The digest of what they were shown; a decision about anything else is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_sha256: Option<String>,
    /// The round in which they were asked; a decision in any other is refused. From the second round on, a decision says this, or
    /// the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
}

/// `POST /api/v1/runs/{run}/steps/{step}/delegation`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegate {
    /// Who is asked, and hands on.
    pub by: String,
    /// Who decides instead.
    pub to: String,
    /// Why.
    #[serde(default)]
    pub comment: Option<String>,
}

/// `POST /api/v1/runs/{run}/steps/{step}/subject`: what is approved was changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeSubject {
    /// The SHA-256 (hex) of what it is now.
    pub subject_sha256: String,
    /// Who says so.
    pub by: String,
    /// Why.
    #[serde(default)]
    pub comment: Option<String>,
}

/// The answer to it: `recorded`, `decided` or `expired`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Decided {
    /// What the decision did.
    pub effect: String,
}

/// `GET /api/v1/incidents`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListIncidents {
    /// Only those of this run.
    #[serde(default)]
    pub run: Option<String>,
}

/// The answer to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Incidents {
    /// Every step that needs a person to go on, those of the newest run first.
    pub incidents: Vec<IncidentView>,
    /// Runs that could not be read, and of which nothing is said here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
}

/// `POST /api/v1/runs/{run}/steps/{step}/retry`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryStep {
    /// Who.
    pub by: String,
    /// The attempt that they looked at: refused when there was another since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// `POST /api/v1/runs/{run}/steps/{step}/answer`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerStep {
    /// Who.
    pub by: String,
    /// The attempt that they looked at: refused when there was another since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What became of the step.
    pub said: Saying,
}

/// `{"ended": {"outcome": …, "outputs": …}}`, or `"not_done"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Saying {
    /// It ended so.
    Ended {
        /// The outcome; the step's good one where none is given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<String>,
        /// Its outputs; null where the outcome has none.
        #[serde(default)]
        outputs: Value,
    },
    /// Its effect did not happen, and it may be tried again. Only of a step in doubt.
    NotDone,
}

/// `POST /api/v1/runs/{run}/rerun`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RerunRun {
    /// Who.
    pub by: String,
    /// The first step to run again; all that follows from it does as well.
    pub from: String,
    /// Effects that happened may happen once more, under new keys.
    #[serde(default)]
    pub effects_again: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// `GET /api/v1/approvals`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Approvals {
    /// All that wait, the oldest run first.
    pub approvals: Vec<ApprovalView>,
    /// Runs that could not be read, and of which nothing is said here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
}

/// `GET /api/v1/connections`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Connections {
    /// All connections, by name.
    pub connections: Vec<ConnectionView>,
}

/// The answer to `GET /api/v1/triggers`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Triggers {
    /// What starts runs by itself, by workflow.
    pub triggers: Vec<TriggerView>,
}

/// `POST /api/v1/events`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendEvent {
    /// What kind: `crm/opportunity.won`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same id twice is one event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What it says.
    #[serde(default)]
    pub data: Value,
}

/// The answer to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventSent {
    /// Its id in the inbox.
    pub id: String,
    /// Whether it was there already.
    pub duplicate: bool,
}

/// A line of an answer that takes its time: `GET /api/v1/store/verify`, `GET /api/v1/fsck`, `POST /api/v1/store/compact`. The
/// last of these also ends a copy of the store that broke off ([`ExportStore::tell`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobLine<T> {
    /// How far it has come.
    Progress {
        /// Runs that were looked at, or rows that were copied.
        done: u64,
    },
    /// The answer: the last line.
    Done(T),
    /// It could not be done: the last line.
    Failed {
        /// A short stable word.
        code: String,
        /// One sentence.
        message: String,
    },
}
