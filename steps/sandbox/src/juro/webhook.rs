//! The bodies of webhooks: v2 as documented, v3 as observed live. Neither carries an event id; rendering only.

use serde_json::{Value, json};

use super::lifecycle::EventType;
use super::ops::internal_url;
use super::state::{Contract, Side, Signature};
use super::v3;
use crate::options::Generation;
use crate::world::iso;

/// Who caused an event.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    pub(super) name: String,
    email: String,
    side: String,
}

impl Actor {
    /// The person the API key acts for.
    pub(super) fn owner(contract: &Contract) -> Self {
        let side = contract.sides.iter().find(|side| side.seed.is_owner).map_or("", |side| side.name.as_str());
        Self { name: contract.owner.name.clone(), email: contract.owner.username.clone(), side: side.to_owned() }
    }

    /// The person behind a signature. Without a name they are called by their side, so that a signature is never nameless.
    pub(super) fn signatory(side: &Side, signature: &Signature, contract: &Contract) -> Self {
        if side.seed.is_owner {
            return Self::owner(contract);
        }
        let email = signature.email.clone().unwrap_or_default();
        let name = signature.name.clone().or_else(|| signature.email.clone());
        Self { name: name.unwrap_or_else(|| format!("Signatory of {}", side.name)), email, side: side.name.clone() }
    }

    /// An approver, of whom only the username or e-mail address is known.
    pub(super) fn approver(who: &str) -> Self {
        Self { name: who.to_owned(), email: who.to_owned(), side: String::new() }
    }
}

/// The body of one event for one generation.
pub(super) fn body(generation: Generation, event: EventType, contract: &Contract, by: &Actor, origin: &str) -> Value {
    match generation {
        Generation::V2 => json!({
            "contract": {
                "id": contract.id,
                "status": contract.status.words().replace(' ', "_").to_ascii_uppercase(),
            },
            "event": {"createdDate": iso(contract.updated), "type": event.name(), "author": by.name},
        }),
        Generation::V3 => json!({
            "event": {
                "type": event.name(),
                "by": {"email": by.email, "name": by.name, "side": by.side},
            },
            "contract": {
                "id": contract.id,
                "name": contract.name,
                "status": contract.status.words(),
                "template": v3::template_ref(contract),
                "owner": {"name": contract.owner.name, "username": contract.owner.username},
                "fields": v3::fields(contract),
                "internalUrl": internal_url(origin, contract),
                "state": v3::state(contract),
                "updatedDate": iso(contract.updated),
            },
        }),
    }
}
