//! What Contract Signatures remembers. Data and questions about it only.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use reqwest::Url;
use serde_json::{Map, Value, json};
use sha3::{Digest, Sha3_512};

use super::keys::Key;
use crate::wire::Problem;
use crate::world::iso;

/// The Confluence space of every contract.
pub(super) const COLLECTION: &str = "98765";

/// The app of one Atlassian site.
#[derive(Default)]
pub(crate) struct Account {
    pub(super) contracts: BTreeMap<String, Contract>,
    /// The keys besides the one that may do everything.
    pub(crate) keys: BTreeMap<String, Key>,
    /// The secret of a signer's address to the contract and the signer's index.
    pub(super) links: BTreeMap<String, (String, usize)>,
    /// Where an administrator has webhooks sent.
    pub(super) webhooks: Vec<Url>,
    /// Whether a create answers nothing instead of the contract.
    pub(crate) silent_create: bool,
}

impl Account {
    /// Whether there is a contract of that id.
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.contracts.contains_key(id)
    }

    pub(super) fn contract(&self, id: &str) -> Result<&Contract, Problem> {
        self.contracts.get(id).ok_or_else(|| Problem::missing("Contract", id))
    }

    pub(super) fn contract_mut(&mut self, id: &str) -> Result<&mut Contract, Problem> {
        self.contracts.get_mut(id).ok_or_else(|| Problem::missing("Contract", id))
    }
}

/// The documented statuses. Being archived is no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Sent,
    Ongoing,
    Rejected,
    Signed,
    Expired,
}

impl Status {
    pub(super) const ALL: [Self; 5] = [Self::Sent, Self::Ongoing, Self::Rejected, Self::Signed, Self::Expired];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Ongoing => "ongoing",
            Self::Rejected => "rejected",
            Self::Signed => "signed",
            Self::Expired => "expired",
        }
    }
}

/// A contract.
pub(super) struct Contract {
    pub(super) id: String,
    pub(super) template_id: String,
    pub(super) name: String,
    /// The Atlassian user whose key created it.
    pub(super) creator: String,
    pub(super) created: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) sequential: bool,
    pub(super) archived: Option<Timestamp>,
    pub(super) signers: Vec<Signer>,
    /// The final document and its certificate, once everyone has signed.
    pub(super) attachments: Option<[Attachment; 2]>,
}

/// A person who was asked to sign.
pub(super) struct Signer {
    pub(super) full_name: String,
    pub(super) access: Access,
    pub(super) email: Option<String>,
    pub(super) phone: Option<String>,
    /// The secret of the address of their page.
    pub(super) token: String,
    pub(super) decision: Option<Decision>,
}

/// How a signer comes to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// The address is sent by e-mail.
    Email,
    /// The creator passes the address on.
    Url,
}

impl Access {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Url => "url",
        }
    }
}

/// What a signer said.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub(super) signed: bool,
    /// The name typed on the page.
    pub(super) name: String,
    pub(super) at: Timestamp,
    pub(super) from: IpAddr,
}

impl Decision {
    pub(super) fn word(&self) -> &'static str {
        if self.signed { "signed" } else { "rejected" }
    }
}

/// A file of the page or issue.
pub(super) struct Attachment {
    pub(super) id: String,
    pub(super) created: Timestamp,
    pub(super) content: Vec<u8>,
}

impl Attachment {
    fn view(&self) -> Value {
        json!({
            "id": self.id,
            "version": 1,
            "creationTimestamp": iso(self.created),
            "sha3": hex::encode(Sha3_512::digest(&self.content)),
        })
    }
}

impl Contract {
    /// The status at this moment: nothing happens when a contract expires, it just is.
    pub(super) fn status(&self) -> Status {
        let decided =
            |signed| move |signer: &&Signer| signer.decision.as_ref().is_some_and(|said| said.signed == signed);
        let signatures = self.signers.iter().filter(decided(true)).count();
        if self.signers.iter().any(|signer| decided(false)(&signer)) {
            Status::Rejected
        } else if signatures == self.signers.len() {
            Status::Signed
        } else if Timestamp::now() >= self.expires {
            Status::Expired
        } else if signatures > 0 {
            Status::Ongoing
        } else {
            Status::Sent
        }
    }

    /// As the API shows it, without signers.
    pub(super) fn view(&self) -> Value {
        let mut view = Map::new();
        let mut put = |key: &str, value: Value| view.insert(key.to_owned(), value);
        put("id", json!(self.id));
        put("templateId", json!(self.template_id));
        put("collectionId", json!(COLLECTION));
        put("name", json!(self.name));
        put("createdById", json!(self.creator));
        put("creationTimestamp", json!(iso(self.created)));
        put("expirationTimestamp", json!(iso(self.expires)));
        put("sequentialSigning", json!(self.sequential));
        put("status", json!(self.status().word()));
        if let Some(archived) = self.archived {
            put("archivalTimestamp", json!(iso(archived)));
        }
        if let Some([finalized, certificate]) = &self.attachments {
            put("finalizedPdf", finalized.view());
            put("certificatePdf", certificate.view());
        }
        Value::Object(view)
    }
}

impl Signer {
    /// As a contract shows it, without the address of the page. What is not there is absent, not null.
    pub(super) fn view(&self) -> Map<String, Value> {
        let mut view = Map::new();
        let mut put = |key: &str, value: Option<String>| view.extend(value.map(|value| (key.to_owned(), json!(value))));
        put("fullName", Some(self.full_name.clone()));
        put("accessKind", Some(self.access.word().to_owned()));
        put("email", self.email.clone());
        put("phone", self.phone.clone());
        if let Some(decision) = &self.decision {
            put("decision", Some(decision.word().to_owned()));
            put("decisionTimestamp", Some(iso(decision.at)));
            put("decisionIp", Some(decision.from.to_string()));
        }
        view
    }
}
