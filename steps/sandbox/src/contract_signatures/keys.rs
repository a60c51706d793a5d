//! Who may call what: a key has privileges, a time, and addresses it may be used from.

use std::collections::BTreeSet;
use std::net::IpAddr;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;

use crate::wire::{Attempt, Problem};
use crate::world::World;

/// The Atlassian user who owns the key that may do everything.
const OWNER: &str = "123456:b84aeffd-32e5-4b4b-a012-89bf06cae06e";

/// An interface that a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Privilege {
    Get,
    Search,
    Create,
    Archive,
    Delete,
}

/// The security attributes of a key, as an administrator sets them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Key {
    pub(super) privileges: BTreeSet<Privilege>,
    #[serde(default)]
    pub(super) not_before: Option<Timestamp>,
    #[serde(default)]
    pub(super) not_after: Option<Timestamp>,
    /// `None` is any address. Ranges are not emulated.
    #[serde(default)]
    pub(super) allowed_ips: Option<Vec<IpAddr>>,
    /// The Atlassian user in whose name the key acts.
    #[serde(default = "owner")]
    pub(super) owner: String,
}

fn owner() -> String {
    OWNER.to_owned()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// The user in whose name a checked request acts.
pub(super) fn owner_of<'a>(world: &'a World, headers: &HeaderMap) -> &'a str {
    let key = bearer(headers).and_then(|key| world.contract_signatures.keys.get(key));
    key.map_or(OWNER, |key| key.owner.as_str())
}

/// Lets a request through whose key is good for it.
pub(super) fn authorise(world: &World, attempt: &Attempt<'_>) -> Result<(), Problem> {
    let unauthorised = |message: &str| Err(Problem::new(StatusCode::UNAUTHORIZED, message));
    let forbidden = |message: &str| Err(Problem::new(StatusCode::FORBIDDEN, message));
    let Some(given) = bearer(&attempt.parts.headers) else {
        return unauthorised("send the key as Authorization: Bearer");
    };
    if given == world.api_key {
        return Ok(());
    }
    let Some(key) = world.contract_signatures.keys.get(given) else {
        return unauthorised("unknown key");
    };
    let now = Timestamp::now();
    if key.not_before.is_some_and(|from| now < from) || key.not_after.is_some_and(|until| now > until) {
        return unauthorised("the key is not valid at this time");
    }
    if key.allowed_ips.as_ref().is_some_and(|allowed| !allowed.contains(&attempt.peer)) {
        return forbidden("the key may not be used from this address");
    }
    let wanted = match attempt.parts.method {
        Method::POST => Privilege::Create,
        Method::PATCH => Privilege::Archive,
        Method::DELETE => Privilege::Delete,
        _ if attempt.path.trim_end_matches('/') == "/contracts" => Privilege::Search,
        _ => Privilege::Get,
    };
    if !key.privileges.contains(&wanted) {
        return forbidden("the key has no privilege for this interface");
    }
    Ok(())
}
