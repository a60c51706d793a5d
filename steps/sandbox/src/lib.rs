//! Stateful emulators of the contract providers, over real HTTP.
//!
//! A [`Sandbox`] is one listener that serves every emulated provider under its own mount, the page where a person signs
//! (`/sign/{token}`), and the control endpoints (`/_sandbox/…`). State lives in memory, behind one
//! lock, and is gone with the process: this crate must never be the place where anything real is kept, and it knows no
//! other crate of the workspace, so that a client of it is a client of HTTP only.
//!
//! How a request travels: `gate` (key, route, scripted fault) → the provider's handler (one synchronous function over the
//! locked `world`) → `delivery` (webhooks, in the background). A new provider is a new folder beside `juro` and one line in
//! `gate::PROVIDERS`; if people sign there, one more in `signing_page::DESKS`.
//!
//! | provider | mount | credentials, where `KEY` is [`Options::api_key`] |
//! | --- | --- | --- |
//! | Juro v3, v2 | `/juro/v3`, `/juro/v2` | header `x-api-key: KEY` |
//! | Paperlex | `/paperlex/v1` | parameter `token=KEY`, in the query or the form; [`PAPERLEX_PUBLIC_TOKEN`] for simple signatures, [`PAPERLEX_SIGNATURE_TOKEN`] to place signatures |
//! | Contract Signatures | `/contract_signatures/webapi` | `Authorization: Bearer KEY`, or a key with fewer rights that was made under the control endpoints |
//! | DocJuris | `/docjuris/v1` | HTTP Basic, [`DOCJURIS_ACCOUNT_ID`] and `KEY` |
//!
//! ## Where the sandbox had to choose
//!
//! The documents leave gaps. What the sandbox reads into them is written where it is coded, for each provider in the `mod.rs`
//! of its folder; the ones that a client of Juro can notice:
//! - A contract is fully signed when every signature of every counterparty side is there; the owner's side counts only if it
//!   was ever asked to sign or has signed (`juro::lifecycle`).
//! - Documented rate limits are not enforced by themselves; a fault rule answers 429 when a test wants one (`faults`).
//! - Juro has no event for a signer who declines: the status becomes `rejected` and `contract.edit` is sent.

mod accounts;
mod contract_signatures;
mod control;
mod counters;
mod delivery;
mod docjuris;
mod faults;
mod form;
mod gate;
mod html;
mod juro;
mod limits;
mod listener;
mod multipart;
mod options;
mod paper;
mod paperlex;
mod postman;
mod sandbox;
mod signing_page;
mod wire;
mod world;

pub use counters::{Counters, ProviderCounters};
pub use faults::{Action, Faults, On, Rule};
pub use options::{
    AutoSign, DOCJURIS_ACCOUNT_ID, Emulated, Generation, Options, PAPERLEX_PUBLIC_TOKEN, PAPERLEX_SIGNATURE_TOKEN,
    WebhookTarget,
};
pub use sandbox::{Refused, Sandbox, Who};
