//! The interpreter and the embedded manifests against a scripted server on loopback.

mod advice;
mod awaits;
mod budgets;
mod composing;
mod connections;
mod contract_signatures;
mod delivering;
mod docjuris;
mod errors;
mod examples;
mod features;
mod fifth;
mod lookups;
mod manifests;
mod paperlex;
mod preconditions;
mod previews;
mod reconciling;
mod requests;
mod sandbox;
mod schema;
mod secrets;
mod specs;
mod support;
mod syncing;
mod webhooks;
