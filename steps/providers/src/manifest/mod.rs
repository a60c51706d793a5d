//! A provider as data: what a manifest says, parsed and checked.
//!
//! The types here hold only what has been found to be sound: every template names what there is, every operation that
//! is called exists. Reading them from YAML is in the neighbours below this module; acting on them is in
//! [`crate::interpret`].

mod calls;
mod load;
mod lookup;
mod names;
mod operation;
mod reader;
mod schema;
mod waiting;

pub(crate) use load::{base_url, load};

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
    /// Where a document says its status.
    pub(crate) status: Option<Pointers>,
    pub(crate) operations: BTreeMap<String, Arc<Operation>>,
    pub(crate) awaits: Vec<Arc<Await>>,
    pub(crate) webhooks: Option<Webhooks>,
}

/// A setting of a connection.
#[derive(Clone, Debug)]
pub(crate) struct SettingSpec {
    pub(crate) secret: bool,
    pub(crate) required: bool,
    pub(crate) note: Option<String>,
}

/// A header and what it holds.
#[derive(Clone, Debug)]
pub(crate) struct HeaderSpec {
    /// In lower case.
    pub(crate) name: String,
    pub(crate) value: Template,
    /// Whether it holds a credential: never shown.
    pub(crate) credential: bool,
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
    pub(crate) method: reqwest::Method,
    pub(crate) path: Template,
    pub(crate) query: Vec<(String, Tree)>,
    pub(crate) headers: Vec<HeaderSpec>,
    pub(crate) body: Option<Tree>,
    pub(crate) timeout: Duration,
    pub(crate) effect: EffectClass,
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) outputs: Vec<(String, Source)>,
    /// Calls whose replies the look-ups draw from; made only when one of them needs it.
    pub(crate) reads: BTreeMap<String, Call>,
    /// In the order of the file: later ones may use earlier ones.
    pub(crate) lookups: Vec<(String, Lookup)>,
    pub(crate) reconcile: Option<Reconcile>,
    pub(crate) response: Response,
    pub(crate) paging: Option<Paging>,
}

/// Where an output comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
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
}

/// What a body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decode {
    Json,
    /// Nothing that is of use; it may be anything.
    Ignore,
    /// A file, kept under its digest.
    File {
        media_type: String,
        check: Option<FileCheck>,
    },
}

/// The built-in checks of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileCheck {
    /// It starts as a PDF does.
    Pdf,
}

/// How a list is read to its end: by offset and limit.
#[derive(Clone, Debug)]
pub(crate) struct Paging {
    pub(crate) size: u64,
    pub(crate) items: Pointer,
    /// What tells two items apart.
    pub(crate) id: Pointer,
    pub(crate) total: Option<Pointer>,
    /// How many items a workflow wants at most.
    pub(crate) most: Option<Template>,
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
    Search {
        call: Call,
        items: Pointer,
        /// All must hold; one that cannot be told leaves the doubt.
        matching: Vec<Test>,
        /// Reads the one that was found, named `item`; its reply is the operation's.
        then: Call,
        hint: Option<String>,
    },
    /// By looking at the object that the operation would have changed.
    Look {
        call: Call,
        /// The first that holds decides; none leaves the doubt.
        verdicts: Vec<Verdict>,
        hint: Option<String>,
    },
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
    At { at: Pointer, without: Option<Pointer>, is: Check },
}

/// What is asked about a place.
#[derive(Clone, Debug)]
pub(crate) enum Check {
    Equals(Tree),
    /// A time at or after this one.
    NotBefore(Tree),
    /// So many things are found there.
    Count(usize),
}

/// A wait for an object of the provider.
#[derive(Debug)]
pub(crate) struct Await {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) outputs: Vec<(String, Source)>,
    /// What webhooks correlate by.
    pub(crate) subject: Template,
    pub(crate) poll_ms: u64,
    pub(crate) look: Call,
    /// The good one first.
    pub(crate) outcomes: Vec<AwaitOutcome>,
}

/// An end of a wait that the provider brings about.
#[derive(Clone, Debug)]
pub(crate) struct AwaitOutcome {
    pub(crate) name: String,
    pub(crate) kind: OutcomeKind,
    /// Folded.
    pub(crate) statuses: Vec<String>,
}

/// How webhooks are read.
#[derive(Clone, Debug)]
pub(crate) struct Webhooks {
    pub(crate) header: String,
    pub(crate) scheme: Scheme,
    /// What stands before the signature in the header: `sha256=`.
    pub(crate) prefix: String,
    pub(crate) kind: Pointers,
    pub(crate) correlate: Pointers,
    pub(crate) dedupe: Vec<Pointers>,
    pub(crate) ack: u16,
}

/// How a webhook's secret is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    HmacSha256Hex,
    HmacSha256Base64,
    /// The secret itself is sent.
    Plain,
}

impl Scheme {
    /// All names, as manifests and configurations write them.
    pub(crate) const NAMES: [&str; 3] = ["hmac_sha256_base64", "hmac_sha256_hex", "plain"];

    /// The scheme of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "hmac_sha256_hex" => Some(Self::HmacSha256Hex),
            "hmac_sha256_base64" => Some(Self::HmacSha256Base64),
            "plain" => Some(Self::Plain),
            _ => None,
        }
    }
}
