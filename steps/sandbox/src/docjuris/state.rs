//! What DocJuris remembers: contracts with their turns, imports, subscriptions and sent messages. Data and questions only.

use std::collections::{BTreeMap, VecDeque};

use axum::http::StatusCode;
use jiff::Timestamp;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::message::Kind;
use crate::limits::FILE_BYTES_TOTAL_MAX;
use crate::multipart::File;
use crate::wire::Problem;
use crate::world::iso;

/// A category that contracts are filed under.
pub(super) struct ContractType {
    pub(super) id: u64,
    pub(super) name: &'static str,
    pub(super) description: &'static str,
}

/// The contract types, which only the app can change.
pub(super) static CONTRACT_TYPES: [ContractType; 5] = [
    ContractType { id: 1, name: "NDA", description: "Non-disclosure agreement" },
    ContractType { id: 2, name: "MSA", description: "Master services agreement" },
    ContractType { id: 3, name: "SOW", description: "Statement of work" },
    ContractType { id: 4, name: "DPA", description: "Data processing agreement" },
    ContractType { id: 5, name: "Order Form", description: "Order under a master agreement" },
];

impl ContractType {
    pub(super) fn view(&self) -> Value {
        json!({"id": self.id, "name": self.name, "description": self.description})
    }
}

/// A label on a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
}

/// The tags with a documented id, each with its documented name in the interface.
pub(super) const WELL_KNOWN_TAGS: [(&str, &str); 2] = [
    ("1ccc94a7-e71b-4e03-9bb9-995a6a63f568", "ImportedIsExecutionCopy"),
    ("56651238-5584-40e6-8957-d8ddcb3ea689", "ExportedIsExecutionCopy"),
];

impl Tag {
    /// A well-known tag by its id or documented name. Both show as "Execution Copy", as in the sample.
    pub(super) fn well_known(named: &str) -> Option<Self> {
        let (id, _) = WELL_KNOWN_TAGS.iter().find(|(id, name)| id.eq_ignore_ascii_case(named) || *name == named)?;
        let name = "Execution Copy".to_owned();
        Some(Self { id: (*id).to_owned(), description: name.clone(), name })
    }

    pub(super) fn view(&self) -> Value {
        json!({"id": self.id, "name": self.name, "description": self.description})
    }
}

/// One value that a client attached.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedValue {
    pub(super) name: String,
    pub(super) value: String,
    #[serde(default, rename = "type")]
    pub(super) kind: ValueKind,
}

/// How the app treats a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ValueKind {
    #[default]
    Text,
    Url,
}

/// Attached values as the API shows them.
pub(super) fn extended_view(values: &[NamedValue]) -> Value {
    let view = |value: &NamedValue| {
        let kind = if value.kind == ValueKind::Url { "url" } else { "text" };
        json!({"name": value.name, "value": value.value, "type": kind})
    };
    json!({"namedValues": values.iter().map(view).collect::<Vec<Value>>()})
}

/// The account of the API key.
#[derive(Default)]
pub(crate) struct Account {
    pub(super) contracts: BTreeMap<String, Contract>,
    /// Names of counterparties; the id is the position, from 1.
    pub(super) counterparties: Vec<String>,
    pub(super) imports: BTreeMap<String, Import>,
    pub(super) subscriptions: BTreeMap<String, Subscription>,
    /// Bytes of all files.
    pub(super) file_bytes: usize,
    /// Whether a stale turn is a 409 instead of a 400.
    pub(crate) stale_is_409: bool,
    /// Whether webhooks spell types and ids as the samples do.
    pub(crate) as_sampled: bool,
    /// Whether the feed of messages starts with the newest.
    pub(crate) newest_first: bool,
}

impl Account {
    pub(super) fn contract(&self, id: &str) -> Result<&Contract, Problem> {
        self.contracts.get(&id.to_ascii_lowercase()).ok_or_else(|| Problem::missing("Contract", id))
    }

    pub(super) fn contract_mut(&mut self, id: &str) -> Result<&mut Contract, Problem> {
        self.contracts.get_mut(&id.to_ascii_lowercase()).ok_or_else(|| Problem::missing("Contract", id))
    }

    pub(super) fn subscription(&self, id: &str) -> Result<&Subscription, Problem> {
        self.subscriptions.get(&id.to_ascii_lowercase()).ok_or_else(|| Problem::missing("Subscription", id))
    }

    /// Makes room for a file; files are kept until the sandbox stops.
    pub(super) fn keep(&mut self, file: &File) -> Result<(), Problem> {
        let bytes = self.file_bytes + file.content.len();
        if bytes > FILE_BYTES_TOTAL_MAX {
            let message = format!("the sandbox keeps at most {FILE_BYTES_TOTAL_MAX} bytes of files: start it again");
            return Err(Problem::new(StatusCode::INSUFFICIENT_STORAGE, message));
        }
        self.file_bytes = bytes;
        Ok(())
    }

    /// The id of a counterparty, which is new if nobody has that name yet.
    pub(super) fn counterparty(&mut self, name: &str) -> usize {
        let known = self.counterparties.iter().position(|known| known.eq_ignore_ascii_case(name));
        let index = known.unwrap_or_else(|| {
            self.counterparties.push(name.to_owned());
            self.counterparties.len() - 1
        });
        index + 1
    }
}

/// A contract.
pub(super) struct Contract {
    pub(super) id: String,
    /// The number in the app's addresses.
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) modified: Timestamp,
    pub(super) counterparty: (usize, String),
    pub(super) kind: &'static ContractType,
    /// From the first to the latest; never empty.
    pub(super) turns: Vec<Turn>,
    pub(super) extended: Vec<NamedValue>,
}

/// One side's move in the negotiation: a document.
pub(super) struct Turn {
    pub(super) id: String,
    pub(super) modified: Timestamp,
    pub(super) source: String,
    pub(super) description: String,
    pub(super) is_complete: bool,
    pub(super) changes: u32,
    pub(super) file: File,
    pub(super) extended: Vec<NamedValue>,
    pub(super) tags: Vec<Tag>,
}

/// A document that waits for a person to make something of it.
pub(super) struct Import {
    pub(super) id: String,
    pub(super) file: File,
    pub(super) extended: Vec<NamedValue>,
}

/// One receiver of one type of event.
pub(super) struct Subscription {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) url: Url,
    pub(super) created: Timestamp,
    /// What was sent, the oldest first, as the feed shows it.
    pub(super) messages: VecDeque<Value>,
}

impl Subscription {
    pub(super) fn view(&self) -> Value {
        json!({"id": self.id, "type": self.kind.name(), "created": iso(self.created)})
    }
}

/// The three addresses of a thing.
fn urls(app: &str, api: &str) -> Value {
    json!({"app": app, "api": api, "document": format!("{api}/document")})
}

impl Contract {
    pub(super) fn turn(&self, id: &str) -> Result<&Turn, Problem> {
        let mut turns = self.turns.iter();
        turns.find(|turn| turn.id.eq_ignore_ascii_case(id)).ok_or_else(|| Problem::missing("Turn", id))
    }

    /// The turn of that id, or the latest when none is given.
    pub(super) fn turn_mut(&mut self, id: Option<&str>) -> Result<&mut Turn, Problem> {
        let found = match id {
            Some(id) => self.turns.iter_mut().find(|turn| turn.id.eq_ignore_ascii_case(id)),
            None => self.turns.last_mut(),
        };
        found.ok_or_else(|| Problem::missing("Turn", id.unwrap_or_default()))
    }

    pub(super) fn latest_id(&self) -> &str {
        self.turns.last().map_or("", |turn| turn.id.as_str())
    }

    pub(super) fn app_url(&self, origin: &str) -> String {
        format!("{origin}/docjuris/app/contracts/{}", self.number)
    }

    pub(super) fn api_url(&self, origin: &str) -> String {
        format!("{origin}/docjuris/v1/contracts/{}", self.id)
    }

    /// As the API shows it.
    pub(super) fn view(&self, origin: &str) -> Value {
        let turns: Vec<Value> = self
            .turns
            .iter()
            .map(|turn| {
                json!({
                    "id": turn.id,
                    "isComplete": turn.is_complete,
                    "lastModified": iso(turn.modified),
                    "source": turn.source,
                    "changeCount": turn.changes,
                })
            })
            .collect();
        let (counterparty_id, counterparty) = &self.counterparty;
        json!({
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "lastModified": iso(self.modified),
            "counterParty": {"id": counterparty_id, "name": counterparty},
            "type": self.kind.view(),
            "turns": turns,
            "latestTurnId": self.latest_id(),
            "extendedData": extended_view(&self.extended),
            "urls": urls(&self.app_url(origin), &self.api_url(origin)),
        })
    }

    pub(super) fn turn_app_url(&self, turn: &Turn, origin: &str) -> String {
        format!("{}/turns/{}", self.app_url(origin), turn.id)
    }

    pub(super) fn turn_api_url(&self, turn: &Turn, origin: &str) -> String {
        format!("{}/turns/{}", self.api_url(origin), turn.id)
    }

    /// One turn as the API shows it.
    pub(super) fn turn_view(&self, turn: &Turn, origin: &str) -> Value {
        json!({
            "id": turn.id,
            "lastModified": iso(turn.modified),
            "source": turn.source,
            "description": turn.description,
            "importedFileName": turn.file.name,
            "isComplete": turn.is_complete,
            "isLatest": turn.id == self.latest_id(),
            "urls": urls(&self.turn_app_url(turn, origin), &self.turn_api_url(turn, origin)),
            "extendedData": extended_view(&turn.extended),
            "tags": turn.tags.iter().map(Tag::view).collect::<Vec<Value>>(),
        })
    }
}
