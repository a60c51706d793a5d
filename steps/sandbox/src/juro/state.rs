//! A contract as the sandbox keeps it. One model for both generations: `v2` and `v3` are two views of it.
//!
//! Data and questions about it only; what may change when is in `lifecycle`, what a client may ask to change in `change`.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;

use super::templates::{self, Template};
use crate::world::Names;

/// The account behind the API key: the person who owns what the API creates.
pub(super) const OWNER_NAME: &str = "Olive Owner";
/// The username of that person; Juro's usernames are e-mail addresses.
pub(super) const OWNER_USERNAME: &str = "olive.owner@sandbox.example";
/// The only team of the account.
pub(crate) const TEAM_ID: &str = "sandbox-team";
/// Its name.
pub(super) const TEAM_NAME: &str = "Legal";

/// The last action on a contract, as v3 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Draft,
    SentForApproval,
    Approved,
    Rejected,
    SentForSigning,
    SignedByUs,
    SignedByThem,
    FullySigned,
    /// A file that was made elsewhere.
    Uploaded,
}

impl Status {
    /// The spelling of v3. v2 joins the words with `_`, its webhooks shout them.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::SentForApproval => "sent for approval",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::SentForSigning => "sent for signing",
            Self::SignedByUs => "signed by us",
            Self::SignedByThem => "signed by them",
            Self::FullySigned => "fully signed",
            Self::Uploaded => "uploaded",
        }
    }
}

/// A person with a Juro account.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) username: String,
}

impl Default for Person {
    fn default() -> Self {
        Self { name: OWNER_NAME.to_owned(), username: OWNER_USERNAME.to_owned() }
    }
}

/// Who must agree before the contract may be sent.
#[derive(Clone, Debug)]
pub(super) struct Approver {
    /// A Juro username or an outside e-mail address.
    pub(super) who: String,
    pub(super) verdict: Verdict,
}

/// What an approver said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Waiting,
    Approved,
    Rejected,
}

impl Verdict {
    /// The text on the wire. "waiting for approval" was seen in live payloads; the other two are the sandbox's guess.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Waiting => "waiting for approval",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }
}

/// A party.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) seed: &'static templates::Side,
    pub(super) name: String,
    pub(super) caption: String,
    pub(super) signatures: Vec<Signature>,
}

impl Side {
    /// Whether anyone of this side was ever asked to sign, or has signed.
    pub(super) fn takes_part(&self) -> bool {
        self.signatures.iter().any(|signature| signature.asked || signature.signed.is_some())
    }

    pub(super) fn is_signed(&self) -> bool {
        self.signatures.iter().all(|signature| signature.signed.is_some())
    }
}

/// One person's place to sign.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) seed: &'static templates::Signature,
    pub(super) upper_text: String,
    pub(super) lower_text: String,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) username: Option<String>,
    /// The secret part of the signing link.
    pub(super) token: String,
    /// Whether a signing request went out.
    pub(super) asked: bool,
    pub(super) signed: Option<Signed>,
}

/// A signature that was placed.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) name: String,
    pub(super) at: Timestamp,
}

/// A contract.
#[derive(Clone, Debug)]
pub(super) struct Contract {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) template: &'static Template,
    pub(super) owner: Person,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) status: Status,
    /// Field uid to value; Juro's values are texts, whatever the field's type.
    pub(super) values: BTreeMap<&'static str, String>,
    /// Table uid to rows.
    pub(super) tables: BTreeMap<&'static str, Vec<Vec<String>>>,
    pub(super) sides: Vec<Side>,
    pub(super) approvers: Vec<Approver>,
    /// The secret part of the public link to the PDF.
    pub(super) pdf_token: String,
    /// The file of an uploaded contract, which is served instead of a made one.
    pub(super) file: Option<Bytes>,
}

impl Contract {
    /// A draft with the template's defaults.
    pub(super) fn new(template: &'static Template, names: &mut Names, now: Timestamp) -> Self {
        let values = template.fields.iter().filter_map(|field| Some((field.uid, (*field.choices.first()?).to_owned())));
        let tables = template.tables.iter().map(|table| (table.uid, seeded_rows(table)));
        Self {
            id: names.id(),
            name: template.name.to_owned(),
            template,
            owner: Person::default(),
            created: now,
            updated: now,
            status: Status::Draft,
            values: values.collect(),
            tables: tables.collect(),
            sides: template.sides.iter().map(|seed| new_side(seed, names)).collect(),
            approvers: Vec::new(),
            pdf_token: names.token(),
            file: None,
        }
    }

    /// The value of a field; empty when it was never filled.
    pub(super) fn value(&self, field_uid: &str) -> &str {
        self.values.get(field_uid).map_or("", String::as_str)
    }

    /// Every signature with its side, in the template's order.
    pub(super) fn signatures(&self) -> impl Iterator<Item = (&Side, &Signature)> {
        self.sides.iter().flat_map(|side| side.signatures.iter().map(move |signature| (side, signature)))
    }

    /// A signature by its uid.
    pub(super) fn signature_mut(&mut self, uid: &str) -> Option<&mut Signature> {
        self.sides.iter_mut().flat_map(|side| side.signatures.iter_mut()).find(|signature| signature.seed.uid == uid)
    }

    /// A signature by its uid, with its side.
    pub(super) fn signature(&self, uid: &str) -> Option<(&Side, &Signature)> {
        self.signatures().find(|(_, signature)| signature.seed.uid == uid)
    }

    pub(super) fn is_signed_by_anyone(&self) -> bool {
        self.signatures().any(|(_, signature)| signature.signed.is_some())
    }
}

/// A template's table as owned text.
pub(super) fn seeded_rows(table: &templates::Table) -> Vec<Vec<String>> {
    table.rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
}

fn new_side(seed: &'static templates::Side, names: &mut Names) -> Side {
    let signatures = seed.signatures.iter().map(|signature| Signature {
        seed: signature,
        upper_text: signature.upper_text.to_owned(),
        lower_text: signature.lower_text.to_owned(),
        name: None,
        email: None,
        username: seed.is_owner.then(|| OWNER_USERNAME.to_owned()),
        token: names.token(),
        asked: false,
        signed: None,
    });
    Side { seed, name: seed.name.to_owned(), caption: seed.caption.to_owned(), signatures: signatures.collect() }
}
