//! Contract Signatures for Confluence and Jira: contracts made from pages or issues, signed by one to 26 people.
//!
//! `state` is the model, `create` checks a new contract, `search` the grammar of the search, `ops` performs what people do,
//! `webhook` tells of it, `keys` says who may call what; `api` is the table of all endpoints.
//!
//! ## The sandbox's reading
//!
//! - A key that is absent, unknown or outside its time is 401; one without the privilege or from another address is 403.
//! - Creating answers 200 with the contract as a search shows it, without signers; a control switch makes it an empty 201,
//!   because the documents do not say what is answered.
//! - Every templateId is taken: the sandbox has every page. The documents name no error for an unknown one.
//! - Creating sends: the first signer (sequential) or all of them are asked at once. A rejection ends the contract.
//! - The attachments appear with the last signature. Their bytes are to be had under the control endpoints, as the real ones
//!   are elsewhere, too.
//! - The webhooks' `signer` was cut off in what could be read: it has `ordinal` from 1, and the rest as in a contract.
//! - Webhooks go to `http://` here, where the real ones demand `https://`; only 201, 202 and 204 acknowledge one.

mod api;
mod create;
mod keys;
mod ops;
mod search;
mod state;
mod webhook;

pub(crate) use api::PROVIDER;
pub(crate) use keys::Key;
pub(crate) use ops::{DESK, attachment, control_json, decide_for, expire, sign_for};
pub(crate) use state::Account;
pub(crate) use webhook::add_webhook;
