//! Paperlex v1: contracts and templates ("slaws") with versions, signers, review sessions, signatures and callbacks.
//!
//! `state` is the model, `text` renders PaperlexML, `ops` performs what people do, `callbacks` sends; `contracts`, `people` and
//! `slaws` translate HTTP with the help of `input`. `api` is the table of all endpoints.
//!
//! ## The sandbox's reading
//!
//! - The token is taken from the query or, for POST and PUT, from the form; every error but a missing thing is a 422.
//! - An unknown uuid in the path is the JSON document `null` with 200, as a real client saw it; a control switch makes it the
//!   documented 404. Unknown versions are always 404, unknown response keys 422.
//! - Version 1 is the contract as it was created; each change adds one, and each is called `update`, the only event in the
//!   documents. The answer to a revert says `current_version: true`, because it is.
//! - A locked contract takes no change of its content, no revert, and no change of a signer who has signed. Signers may still
//!   be added.
//! - A review session lets its reader sign if a signer has its e-mail address, and only read otherwise.
//! - The 5 + n⁴ seconds before the next try count n as the retries already made: 5, 6, 21, 86, … seconds.

mod api;
mod callbacks;
mod contracts;
mod input;
mod ops;
mod people;
mod slaws;
mod state;
mod text;

pub(crate) use api::PROVIDER;
pub(crate) use callbacks::replay;
pub(crate) use ops::{DESK, control_json, expire_session, sign_for};
pub(crate) use state::Account;
