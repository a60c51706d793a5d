//! `engross events`: send events that workflows wait for.

use crate::args::{FormatArg, ServerArg};
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{offline, ui};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use engross_server::wire;

/// Send events that workflows wait for.
#[derive(Debug, Subcommand)]
pub enum Events {
    /// Send one event
    Send(Send),
}

/// The event.
#[derive(Debug, Args)]
pub struct Send {
    /// Its type, such as crm/opportunity.won
    pub kind: String,

    /// What it says, as JSON
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub data: String,

    /// Its id: sent twice with one id, it is one event
    #[arg(long)]
    pub id: Option<String>,

    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Carries it out.
///
/// # Errors
/// The data are no JSON, or no engine runs.
pub async fn run(events: Events, config: &Config) -> Result<Exit> {
    let Events::Send(args) = events;
    let data = serde_json::from_str(&args.data).context("--data is not JSON")?;
    let client = offline::must_run(config, &args.server)?;
    let event = wire::SendEvent { kind: args.kind, id: args.id, data };
    let sent = client.send_event(&event).await?;
    // The inbox has an id of its own, which is in the journals; the sender knows the one that was given.
    let given = event.id.as_deref().map(|id| format!("{} as ", ui::escaped(id))).unwrap_or_default();
    ui::print(args.format.format, &sent, || {
        let became = if sent.duplicate { "was there already" } else { "accepted" };
        format!("event {given}{} {became}\n", ui::escaped(&sent.id))
    });
    Ok(exit::OK)
}
