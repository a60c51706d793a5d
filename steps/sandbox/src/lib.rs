//! Stateful emulators of the contract providers, over real HTTP.
//!
//! A [`Sandbox`] is one listener that serves every emulated provider under its own mount (`/juro/v3`, `/juro/v2`), the page
//! where a person signs (`/sign/{token}`), and the control endpoints (`/_sandbox/…`). State lives in memory, behind one
//! lock, and is gone with the process: this crate must never be the place where anything real is kept, and it knows no
//! other crate of the workspace, so that a client of it is a client of HTTP only.
//!
//! How a request travels: `gate` (key, route, scripted fault) → the provider's handler (one synchronous function over the
//! locked `world`) → `delivery` (webhooks, in the background). A new provider is a new folder beside `juro` and one line in
//! `gate::PROVIDERS`.
//!
//! ## Where the sandbox had to choose
//!
//! The documents leave gaps. What the sandbox reads into them is written where it is coded; the ones a client can notice:
//! - A contract is fully signed when every signature of every counterparty side is there; the owner's side counts only if it
//!   was ever asked to sign or has signed (`juro::lifecycle`).
//! - Documented rate limits are not enforced by themselves; a fault rule answers 429 when a test wants one (`faults`).
//! - Juro has no event for a signer who declines: the status becomes `rejected` and `contract.edit` is sent.

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
pub use options::{AutoSign, Generation, Options, WebhookTarget};
pub use sandbox::{Refused, Sandbox, Who};
