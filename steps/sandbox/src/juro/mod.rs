//! Juro, both generations, over one account: what v3 creates, v2 shows.
//!
//! `state` is the model, `lifecycle` decides what may happen, `change` checks what clients send, `ops` performs an effect
//! together with its counts and webhooks, `v2`, `v3` and `upload` translate HTTP, `webhook` and `pdf` render. `templates` are the seeds.
//! The rest of the crate sees the two provider tables and the functions re-exported here, and none of Juro's rules.

mod change;
mod lifecycle;
mod ops;
mod pdf;
mod state;
mod templates;
mod upload;
pub(crate) mod v2;
pub(crate) mod v3;
mod webhook;

pub(crate) use state::TEAM_ID;

pub(crate) use ops::{
    Account, DESK, Verdict, contract_json, contracts_json, decide_approval, public_pdf, request_approval, sign_for,
};
