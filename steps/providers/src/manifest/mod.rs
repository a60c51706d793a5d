//! A provider as data: what a manifest says, parsed and checked.
//!
//! The types here hold only what has been found to be sound: every template names what there is, every operation that
//! is called exists. Reading them from YAML is in the neighbours below this module; acting on them is in
//! [`crate::interpret`].

mod calls;
mod compose;
mod delivery;
mod http;
mod load;
mod lookup;
mod names;
mod operation;
mod reader;
mod response;
mod schema;
mod schema_lint;
mod sync;
mod verify;
mod waiting;
mod webhooks;

pub(crate) use compose::{Composed, Part};
pub(crate) use delivery::{HookList, Per, Provision, Replay, SenderRetries};
pub(crate) use load::{Loaded, base_url, load, load_embedded};
pub(crate) use sync::{Compare, Requirement, Sync};
pub(crate) use verify::{Encoding, FormPiece, Hash, Piece, Scheme, Verify};

use crate::condition::Condition;
use crate::pointer::{Pointer, Pointers};
use crate::template::{Template, Tree};
use engross_step_api::{EffectClass, ErrorClass, OutcomeKind};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// One provider.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) title: String,
    /// Where its facts are from.
    pub(crate) docs: Vec<String>,
    pub(crate) environments: BTreeMap<String, Url>,
    /// The environment of a connection that names none; a key of `environments`.
    pub(crate) environment: String,
    pub(crate) settings: BTreeMap<String, SettingSpec>,
    /// The header that carries the idempotency key of an effect.
    pub(crate) idempotency_header: Option<String>,
    /// Where a refusal's body says what is wrong.
    pub(crate) error_message: Pointers,
    /// The first that fits decides.
    pub(crate) errors: Vec<ErrorRule>,
    pub(crate) status: Option<StatusFrom>,
    pub(crate) limits: Limits,
    pub(crate) operations: BTreeMap<String, Arc<Operation>>,
    pub(crate) awaits: Vec<Arc<Await>>,
    pub(crate) composed: Vec<Arc<Composed>>,
    pub(crate) webhooks: Option<Webhooks>,
}

/// A setting of a connection.
#[derive(Clone, Debug)]
pub(crate) struct SettingSpec {
    pub(crate) secret: bool,
    pub(crate) required: bool,
    pub(crate) note: Option<String>,
    /// What it can be; anything where there is none.
    pub(crate) one_of: Vec<String>,
}

/// How a document's status is told.
#[derive(Clone, Debug)]
pub(crate) enum StatusFrom {
    /// It says so itself.
    At(Pointers),
    /// The first condition that holds decides.
    Derived(Vec<(Condition, String)>),
}

/// How often a provider may be asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) pace: Option<Pace>,
    /// Requests per month that a plan has, where the connection does not say otherwise.
    pub(crate) per_month: Option<u64>,
    pub(crate) note: Option<String>,
}

/// So many requests per second on average, and so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    pub(crate) per_second: f64,
    pub(crate) burst: f64,
}

/// A header and what it holds.
#[derive(Clone, Debug)]
pub(crate) struct HeaderSpec {
    /// In lower case.
    pub(crate) name: String,
    pub(crate) value: Template,
    /// Whether it must never be shown.
    pub(crate) credential: bool,
}

/// What proves who asks, and where it stands in a request.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    Header { name: String, value: Template },
    Bearer(Template),
    Basic { username: Template, password: Template },
    Query { name: String, value: Template },
    Body { name: String, value: Template },
}

/// What an operation sends.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Json(Tree),
    /// `a[b]=c`, as browsers send forms.
    Form {
        tree: Tree,
        nulls: Nulls,
    },
    Multipart(Vec<PartSpec>),
}

/// What becomes of null in a form, which has no word for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// It is an error.
    #[default]
    Refuse,
    /// `key=`.
    Empty,
    /// Nothing is sent.
    Omit,
}

/// One part of a multipart body.
#[derive(Clone, Debug)]
pub(crate) struct PartSpec {
    pub(crate) name: Template,
    pub(crate) content: PartContent,
}

/// What stands in a part.
#[derive(Clone, Debug)]
pub(crate) enum PartContent {
    /// Text as it is, anything else as JSON; absent and null leave the part out.
    Value(Tree),
    /// A kept file.
    File(Template),
}

/// Something that is allowed and probably not meant.
#[derive(Clone, Debug)]
pub(crate) struct Warning {
    pub(crate) when: Condition,
    pub(crate) text: String,
}

/// An optimistic token: the state that a change is meant for, named `token` in the request.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// The token that the workflow gives.
    pub(crate) given: Option<Template>,
    /// Reads the current one.
    pub(crate) read: Call,
    pub(crate) from: Pointers,
    /// Refusals that may mean that somebody else was first; the current token is then read again.
    pub(crate) stale_when: Vec<StatusRange>,
    pub(crate) hint: Option<String>,
}

/// What a refusal means.
#[derive(Clone, Debug)]
pub(crate) struct ErrorRule {
    pub(crate) status: Vec<StatusRange>,
    /// The operations it is about; empty for all.
    pub(crate) operations: Vec<String>,
    /// What the body must say.
    pub(crate) body: Vec<Test>,
    pub(crate) class: ErrorClass,
    pub(crate) hint: Option<String>,
}

/// HTTP statuses from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StatusRange {
    pub(crate) from: u16,
    pub(crate) to: u16,
}

impl StatusRange {
    pub(crate) fn holds(self, status: u16) -> bool {
        (self.from..=self.to).contains(&status)
    }
}

/// One operation: one request, what it needs and what its answer means.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) note: Option<String>,
    /// What it is called across providers: `contract.create`.
    pub(crate) capability: Option<String>,
    pub(crate) example: Option<Value>,
    pub(crate) method: reqwest::Method,
    pub(crate) path: Template,
    pub(crate) query: Query,
    pub(crate) credentials: Vec<Credential>,
    pub(crate) headers: Vec<HeaderSpec>,
    pub(crate) body: Option<Body>,
    /// Whether a person's browser sends it, so that it is only written down as a page.
    pub(crate) browser: bool,
    pub(crate) pace: Option<Pace>,
    pub(crate) warnings: Vec<Warning>,
    /// Settings that a connection may lack, but not for this.
    pub(crate) needs: Vec<String>,
    pub(crate) token: Option<Token>,
    pub(crate) timeout: Duration,
    pub(crate) effect: EffectClass,
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) outputs: Vec<(String, Source)>,
    /// Calls whose replies the look-ups draw from; made only when one of them needs it.
    pub(crate) reads: BTreeMap<String, Call>,
    /// In the order of the file: later ones may use earlier ones.
    pub(crate) lookups: Vec<(String, Lookup)>,
    /// What must be so before anything is sent.
    pub(crate) requires: Vec<Requirement>,
    pub(crate) sync: Option<Sync>,
    pub(crate) reconcile: Option<Reconcile>,
    pub(crate) response: Response,
    pub(crate) paging: Option<Paging>,
}

/// The query of an address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pub(crate) entries: Vec<(Template, Tree)>,
    /// Whether mappings and lists are sent as `a[b]=c`; they are refused otherwise.
    pub(crate) brackets: bool,
}

/// Where an output comes from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) from: From,
    /// What stands for it where it is absent.
    pub(crate) absent: Option<Value>,
}

/// What an output is read from.
#[derive(Clone, Debug)]
pub(crate) enum From {
    /// The reply.
    Reply(Pointers),
    /// Anything the templates can name.
    Built(Tree),
}

/// A call of another operation.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) input: Tree,
}

/// How a good answer is told and read.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) expect: Vec<StatusRange>,
    pub(crate) decode: Decode,
    /// What the document must say for the operation to have worked.
    pub(crate) ok_when: Vec<Test>,
    /// Refusals that mean that the effect is there already.
    pub(crate) done_when: Vec<StatusRange>,
    /// What the document says where a good status is a refusal all the same. None where it never is.
    pub(crate) refused_when: Vec<Test>,
    /// Where the document repeats the HTTP status.
    pub(crate) status_at: Option<Pointer>,
    pub(crate) null_is: NullIs,
    pub(crate) digests: Vec<DigestSpec>,
}

/// What the document `null` means in the place of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NullIs {
    /// A document like any other.
    #[default]
    Value,
    /// There is no such object.
    NotFound,
    /// The object is gone, which is what was wanted.
    Done,
}

/// A digest that a file must have.
#[derive(Clone, Debug)]
pub(crate) struct DigestSpec {
    pub(crate) algorithm: Algorithm,
    /// In hex; where it is absent, nothing is checked.
    pub(crate) expected: Template,
}

/// The algorithms of digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Sha256,
    Sha3_512,
}

/// What a body is.
#[derive(Clone, Debug)]
pub(crate) enum Decode {
    Json,
    /// Nothing that is of use; it may be anything.
    Ignore,
    /// A file, kept under its digest.
    File {
        /// What it is; the answer says so where the manifest does not.
        media_type: Option<String>,
        check: Option<FileCheck>,
        /// What it is called where the answer gives it no name.
        name: Option<Template>,
    },
}

/// The built-in checks of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileCheck {
    /// It starts as a PDF does.
    Pdf,
}

/// How a list is read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Paging {
    pub(crate) style: PagingStyle,
    pub(crate) size: u64,
    pub(crate) items: Pointer,
    /// Whether a page without a list is one without items.
    pub(crate) absent_is_empty: bool,
    /// What tells two items apart.
    pub(crate) id: Pointer,
    pub(crate) total: Option<Pointer>,
    /// How many items a workflow wants at most.
    pub(crate) most: Option<Template>,
}

/// How the next page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PagingStyle {
    /// `page.skip` and `page.limit`.
    Offset,
    /// `page.number`, from 1, and `page.limit`.
    Number,
    /// `page.cursor`, absent for the first page, and `page.limit`. The answer says the next one here; none after the last.
    Cursor(Pointer),
}

/// Names that people give, resolved to the provider's ids.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    pub(crate) given: Given,
    /// The list to choose from: the first of these that is there.
    pub(crate) candidates: Vec<Template>,
    pub(crate) id: Pointer,
    /// What people call a candidate; without it only ids are known.
    pub(crate) name: Option<Pointers>,
    /// `field`, `signing side`: for messages.
    pub(crate) noun: String,
    /// What is chosen where no name is given.
    pub(crate) only: Option<Only>,
    /// What is made of each choice, from `id`, `value` and `candidate`.
    pub(crate) shape: Tree,
    /// Look-ups inside of one choice; named `inner` in `shape`.
    pub(crate) inner: Vec<(String, Lookup)>,
    /// What to do when a name is not found.
    pub(crate) hint: Option<String>,
}

/// How names are given.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    /// One name.
    One(Template),
    /// A mapping of names to values.
    Map(Template),
    /// A list of mappings, each with its name under this key.
    List { items: Template, key: String },
}

/// The rule for a name that is not given: the only candidate that fits.
#[derive(Clone, Debug)]
pub(crate) struct Only {
    /// Candidates in which this leads to something are not meant.
    pub(crate) without: Option<Pointer>,
    /// `the only signing side that is not the owner's`.
    pub(crate) what: String,
}

/// How it is found out whether an effect happened.
#[derive(Clone, Debug)]
pub(crate) enum Reconcile {
    /// By going through a list for what the operation would have made.
    Search(Box<Search>),
    /// By looking at the object that the operation would have changed.
    Look {
        call: Call,
        /// The first that holds decides; none leaves the doubt.
        verdicts: Vec<Verdict>,
        hint: Option<String>,
    },
}

/// How a list is gone through for what an operation would have made.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    pub(crate) call: Call,
    pub(crate) items: Pointer,
    /// Where there are more items than are read one by one, those are left out of which one of these does not hold.
    pub(crate) among: Vec<Test>,
    /// Reads each item, named `item`, where the list does not say enough.
    pub(crate) each: Option<Call>,
    /// All must hold; one that cannot be told leaves the doubt.
    pub(crate) matching: Vec<Test>,
    /// What does not match and of which all of these hold leaves the doubt too.
    pub(crate) unclear: Vec<Test>,
    /// Reads the one that was found, named `item`; its reply is the operation's.
    pub(crate) then: Option<Call>,
    /// Whether one that is found is certainly the operation's own.
    pub(crate) certain: bool,
    pub(crate) hint: Option<String>,
}

/// What a look means.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) when: Vec<Test>,
    pub(crate) done: bool,
}

/// A question to a document.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    /// Its status is one of these, folded.
    Status(Vec<String>),
    /// What is found at a place is so.
    At {
        at: Pointer,
        without: Option<Pointer>,
        is: Check,
        /// The answer where nothing is found there; without it, that cannot be told.
        absent: Option<bool>,
    },
}

/// What is asked about a place.
#[derive(Clone, Debug)]
pub(crate) enum Check {
    Equals(Tree),
    /// Text that contains this, whatever the letter case.
    Contains(String),
    /// A time at or after this one. While an effect is looked up, one that is earlier by no more than the margin, in milliseconds,
    /// leaves the doubt: the clock that it is from may be another.
    NotBefore {
        from: Tree,
        margin_ms: i64,
    },
    /// So many things are found there.
    Count(usize),
}

/// A wait for an object of the provider.
#[derive(Debug)]
pub(crate) struct Await {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) note: Option<String>,
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) outputs: Vec<(String, Source)>,
    /// What webhooks correlate by.
    pub(crate) subject: Template,
    pub(crate) poll_ms: u64,
    pub(crate) look: Call,
    /// More to read after `look`, each made only when its inputs are there; named `reads`.
    pub(crate) reads: Vec<(String, Call)>,
    /// In the order of the file: the first that holds decides.
    pub(crate) outcomes: Vec<AwaitOutcome>,
}

/// An end of a wait that the provider brings about.
#[derive(Clone, Debug)]
pub(crate) struct AwaitOutcome {
    pub(crate) name: String,
    pub(crate) kind: OutcomeKind,
    pub(crate) when: AwaitWhen,
}

/// When a wait ends so.
#[derive(Clone, Debug)]
pub(crate) enum AwaitWhen {
    /// The object has one of these statuses, folded.
    Status(Vec<String>),
    If(Condition),
}

/// How webhooks are read.
#[derive(Clone, Debug)]
pub(crate) struct Webhooks {
    /// How the sender proves who it is, one of which is enough; without any, only the address does.
    pub(crate) verify: Vec<Verify>,
    /// What a body may be, in the order in which it is tried.
    pub(crate) decode: Vec<WebhookBody>,
    /// The field of a form that holds the document as JSON.
    pub(crate) part: Option<String>,
    /// Where the events are where a delivery holds a list of them; everything else is then about one of them.
    pub(crate) items: Option<Pointer>,
    pub(crate) kind: Pointers,
    pub(crate) correlate: Pointers,
    /// Whether letter case in what is correlated by means nothing.
    pub(crate) correlate_lower: bool,
    pub(crate) dedupe: Vec<Pointers>,
    /// The known kinds, as they are passed on, with what they mean.
    pub(crate) events: BTreeMap<String, Option<String>>,
    /// Spellings of values and what is made of them.
    pub(crate) values: Vec<(Pointer, BTreeMap<String, Value>)>,
    /// Whether a delivery that names neither a kind nor an object is a test of the address.
    pub(crate) pings: bool,
    pub(crate) ack: u16,
    /// How quickly the sender wants its answer, in milliseconds; documentation.
    pub(crate) ack_within_ms: Option<u64>,
    pub(crate) sender_retries: Option<SenderRetries>,
    pub(crate) provision: Option<Provision>,
    pub(crate) replay: Option<Replay>,
}

/// What the body of a webhook is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WebhookBody {
    Json,
    Form,
    /// A form of several parts, as browsers send files.
    Multipart,
}
