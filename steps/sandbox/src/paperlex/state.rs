//! What Paperlex remembers: contracts and templates with all their versions. Data and questions about it; HTTP is elsewhere.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::Timestamp;
use reqwest::Url;

use crate::limits::VERSIONS_MAX;
use crate::wire::{Problem, clip};

/// The template of the documents' samples, which the account has from the start.
const NDA: (&str, &str, &str) = (
    "23a15b9e18d09168",
    "Non-Disclosure Agreement",
    "{% n '#' %} This Non-Disclosure Agreement (the **\"Agreement\"**) is made as of **{{effective_date}}** between \
     **{{party_a}}**, reachable at **{{party_a_address}}**, and **{{party_b}}**, reachable at **{{party_b_address}}**.\n\n\
     {% n '#' %} Each party keeps the other's confidential information secret for {{confidential_duration}}. The law of \
     {{state}} applies.",
);

/// A click-through agreement, which it has too.
const TERMS: (&str, &str, &str) = (
    "5d21c0de4a7be901",
    "Terms of Use",
    "{% n '#' %} **{{party_a}}** offers the service to **{{party_b}}** under these terms as of {{effective_date}}.\n\n\
     {% n '#' %} {{party_b}} agrees to them by signing.",
);

/// The account of the API token.
pub(crate) struct Account {
    pub(super) contracts: BTreeMap<String, Contract>,
    pub(super) slaws: BTreeMap<String, Slaw>,
    /// The token of a review session to its contract and itself.
    pub(super) links: BTreeMap<String, (String, String)>,
    /// Whether an unknown uuid is the documented 404 instead of the observed `null`.
    pub(crate) missing_is_404: bool,
    /// Whether callbacks are JSON instead of a form.
    pub(crate) json_callbacks: bool,
}

impl Default for Account {
    fn default() -> Self {
        let seeded = |(uuid, name, body): (&str, &str, &str)| {
            let content = SlawContent { name: name.to_owned(), body: body.to_owned(), description: name.to_owned() };
            (uuid.to_owned(), Slaw { uuid: uuid.to_owned(), versions: vec![content.clone()], content })
        };
        Self {
            contracts: BTreeMap::new(),
            slaws: [NDA, TERMS].map(seeded).into(),
            links: BTreeMap::new(),
            missing_is_404: false,
            json_callbacks: false,
        }
    }
}

impl Account {
    /// Whether there is a contract of that uuid.
    pub(crate) fn knows(&self, uuid: &str) -> bool {
        self.contracts.contains_key(uuid)
    }

    pub(super) fn contract(&self, uuid: &str) -> Result<&Contract, Problem> {
        self.contracts.get(uuid).ok_or_else(|| Problem::missing("Contract", uuid))
    }

    pub(super) fn contract_mut(&mut self, uuid: &str) -> Result<&mut Contract, Problem> {
        self.contracts.get_mut(uuid).ok_or_else(|| Problem::missing("Contract", uuid))
    }

    pub(super) fn slaw(&self, uuid: &str) -> Result<&Slaw, Problem> {
        self.slaws.get(uuid).ok_or_else(|| Problem::missing("Template", uuid))
    }

    pub(super) fn slaw_mut(&mut self, uuid: &str) -> Result<&mut Slaw, Problem> {
        self.slaws.get_mut(uuid).ok_or_else(|| Problem::missing("Template", uuid))
    }
}

/// 422, the status of every problem that is not a missing thing.
pub(super) fn unprocessable(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, message)
}

/// What is versioned of a contract.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) subject: String,
    pub(super) body: String,
    pub(super) number_of_signers: usize,
    pub(super) responses: BTreeMap<String, String>,
}

/// A contract.
pub(super) struct Contract {
    pub(super) uuid: String,
    pub(super) content: Content,
    pub(super) versions: Vec<Content>,
    /// The template it was made from.
    pub(super) slaw: Option<String>,
    pub(super) callback: Option<Url>,
    /// Where the browser goes after a simple signature.
    pub(super) return_url: Option<Url>,
    pub(super) signers: Vec<Signer>,
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) signatures: Vec<Signature>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
}

/// A person who shall sign.
#[derive(Clone)]
pub(super) struct Signer {
    pub(super) uuid: String,
    pub(super) email: String,
}

/// Somebody's access to a contract, for a time.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) uuid: String,
    pub(super) email: String,
    pub(super) token: String,
    pub(super) expires: Timestamp,
}

impl Session {
    pub(super) fn is_open(&self) -> bool {
        Timestamp::now() < self.expires
    }
}

/// A signature that was placed.
#[derive(Clone)]
pub(super) struct Signature {
    pub(super) uuid: String,
    pub(super) signer_uuid: String,
    /// `email`, `sms` or `phone`.
    pub(super) method: String,
    pub(super) value: String,
    /// What the person typed on the page, which the API does not show.
    pub(super) name: String,
    pub(super) at: Timestamp,
}

impl Contract {
    /// The documents: always true after the contract was signed by at least one party.
    pub(super) fn is_locked(&self) -> bool {
        !self.signatures.is_empty()
    }

    pub(super) fn check_unlocked(&self) -> Result<(), Problem> {
        if self.is_locked() {
            return Err(unprocessable("Contract is locked: it has been signed by at least one party"));
        }
        Ok(())
    }

    pub(super) fn signature_of(&self, signer_uuid: &str) -> Option<&Signature> {
        self.signatures.iter().find(|signature| signature.signer_uuid == signer_uuid)
    }

    pub(super) fn signer(&self, uuid: &str) -> Result<&Signer, Problem> {
        self.signers.iter().find(|signer| signer.uuid == uuid).ok_or_else(|| Problem::missing("Signer", uuid))
    }

    pub(super) fn session(&self, uuid: &str) -> Result<&Session, Problem> {
        self.sessions.get(uuid).ok_or_else(|| Problem::missing("Review session", uuid))
    }

    /// The signer that a session's reader is, if any: one who has not signed before one who has.
    pub(super) fn signer_of(&self, session: &Session) -> Option<&Signer> {
        let mut matching: Vec<&Signer> =
            self.signers.iter().filter(|signer| signer.email.eq_ignore_ascii_case(&session.email)).collect();
        matching.sort_by_key(|signer| self.signature_of(&signer.uuid).is_some());
        matching.first().copied()
    }

    /// Replaces the content by a new version.
    pub(super) fn change(&mut self, content: Content, at: Timestamp) -> Result<(), Problem> {
        self.check_unlocked()?;
        add_version(&mut self.versions, content.clone())?;
        self.content = content;
        self.updated = at;
        Ok(())
    }

    /// What the API does not say in one word.
    pub(super) fn status(&self) -> &'static str {
        match self.signatures.len() {
            0 if self.signers.is_empty() => "draft",
            0 => "sent",
            signed if signed >= self.content.number_of_signers => "completed",
            _ => "partially signed",
        }
    }
}

/// What is versioned of a template.
#[derive(Clone)]
pub(super) struct SlawContent {
    pub(super) name: String,
    pub(super) body: String,
    pub(super) description: String,
}

/// A template.
pub(super) struct Slaw {
    pub(super) uuid: String,
    pub(super) content: SlawContent,
    pub(super) versions: Vec<SlawContent>,
}

/// Appends a version, as far as there is room.
pub(super) fn add_version<T>(versions: &mut Vec<T>, content: T) -> Result<(), Problem> {
    if versions.len() >= VERSIONS_MAX {
        return Err(unprocessable(format!("the sandbox keeps at most {VERSIONS_MAX} versions")));
    }
    versions.push(content);
    Ok(())
}

/// A version by its index, which starts at 1, and whether it is the current one. The documents promise 404 for others.
pub(super) fn version<'a, T>(versions: &'a [T], index: &str) -> Result<(&'a T, bool), Problem> {
    let number = index.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    match number.and_then(|number| Some((versions.get(number)?, number + 1 == versions.len()))) {
        Some(found) => Ok(found),
        None => Err(Problem::new(StatusCode::NOT_FOUND, format!("no version {}", clip(index)))),
    }
}
