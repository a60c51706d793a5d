//! DocJuris v1: contracts negotiated in turns, their documents, imports, and subscriptions to what people do.
//!
//! `state` is the model, `input` reads uploads, `contracts` and `subscriptions` translate HTTP, `office` makes files, `ops`
//! performs what people do in the app, `message` tells of it; `api` is the table of all endpoints.
//!
//! ## The sandbox's reading
//!
//! - Refusals carry both documented shapes of `meta` at once: `errors[]`, and `errorType` with `errorDetail`.
//! - A stale `currentTurnId` is 400; a control switch makes it 409. The documents only say "an error".
//! - A turn is complete when a person has completed it, whatever the sample of a create shows.
//! - Every turn, the first one too, is told as `turnCreated`. Tags given with a turn are in that event and are no `turnTagged`.
//! - The feed of messages goes from the oldest to the newest; a control switch turns it round. A message is in it whether it
//!   could be delivered or not.
//! - Ids are lower case and types as in the list of types; a control switch makes webhooks as in the samples (`TurnCompleted`,
//!   ids in capitals). Ids in paths are taken in either case.
//! - Completed documents, converted ones and screening reports are real but made-up files: nothing is redlined here.

mod api;
mod contracts;
mod input;
mod message;
mod office;
mod ops;
mod state;
mod subscriptions;

pub(crate) use api::PROVIDER;
pub(crate) use ops::{Mention, complete, control_json, mention, tag, upload, use_import};
pub(crate) use state::Account;
