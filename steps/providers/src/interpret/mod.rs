//! Acting on a manifest. One interpreter for all providers: nothing here knows any of them.
//!
//! A step of a manifest goes through these modules in this order: `lookup` turns people's names into ids, `request`
//! builds the request, `session` sends it, `reply` reads the answer, `action` and `waiting` answer the engine.
//! `compose` makes one step of several operations. `reconcile` looks an effect up: `search` in a list, whose things `fit` or do not. `preview` shows a request without sending it, `webhook` reads what providers send by
//! themselves after `verify` has told who sent it and `intake` what the body is, `feed` what they have sent before, and `provision` sees to it that they send it. `budget` counts requests.

mod action;
mod body;
mod budget;
mod compose;
mod feed;
mod fit;
mod intake;
mod lookup;
mod markup;
mod pace;
mod paging;
mod preview;
mod provider;
mod provision;
mod question;
mod reconcile;
mod reply;
mod request;
mod require;
mod scrub;
mod search;
mod session;
mod sync;
mod verify;
mod waiting;
mod webhook;

pub(crate) use provider::ManifestProvider;

use crate::client::Client;
use crate::manifest::Manifest;

/// What all steps of one provider share.
#[derive(Debug)]
struct Core {
    manifest: Manifest,
    client: Client,
    pacer: pace::Pacer,
    ledger: budget::Ledger,
    progress: compose::Progress,
}
