//! Contract providers as data: the manifest format, its interpreter, and the manifests that come with Engross.
//!
//! A provider is a YAML file. It says how each operation's request is made and its answer read, what a refusal means,
//! what a second execution would do and how it is looked up, how waiting ends, and how webhooks are verified and told
//! apart. This crate reads such files, reporting every mistake with its place, and acts on them; it knows no provider
//! by name. It sees the plugin seam and nothing of the engine.

mod catalog;
mod client;
mod codes;
mod condition;
mod describe;
mod example;
mod interpret;
mod keys;
mod limits;
mod manifest;
mod pointer;
mod template;

pub use catalog::{Own, builtin, describe_builtin, describe_yaml, from_yaml, manifest_schema, own};
pub use client::Client;
pub use codes::CODES;
pub use describe::{
    ErrorDescription, LimitsDescription, OperationDescription, OutcomeDescription, ProviderDescription,
    ProvisionDescription, RetriesDescription, SettingDescription, WebhooksDescription,
};
