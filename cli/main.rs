//! The `engross` command: it reads arguments, wires the engine to the providers, and prints. No engine logic is here.
//!
//! - `args`: what can be asked, one file per verb in `commands/`.
//! - `config`: `engross.yaml` with its secrets.
//! - `host`: an engine and its server in this process; `client`: the API of one in another.
//! - `scenarios`: the tests of workflows, played.
//! - `ui`: the only place that prints. Data goes to stdout, everything else to stderr.

mod args;
mod beside;
mod client;
mod commands;
mod config;
mod exit;
mod follow;
mod host;
mod offline;
mod sandboxed;
mod scenarios;
mod sources;
mod timeline;
mod triggers;
mod ui;
mod upkeep;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = args::Args::parse();
    ui::start_log(args.log.as_deref());
    // Fails only when a provider is installed already, and then that one serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            ui::error(&anyhow::Error::new(error).context("the runtime cannot start"));
            return exit::COULD_NOT.into();
        }
    };
    let code = runtime.block_on(commands::run(args));
    // Work that still waits on a thread must not hold up the end: what matters is durable already.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    if let Some(why) = ui::lost() {
        ui::error(&anyhow::anyhow!("the answer is lost, stdout cannot be written: {why}"));
        return exit::COULD_NOT.into();
    }
    code.into()
}
