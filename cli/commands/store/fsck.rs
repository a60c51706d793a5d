//! `engross fsck`.

use super::{Progress, exit_of, in_words};
use crate::args::{FormatArg, ServerArg};
use crate::config::Config;
use crate::exit::Exit;
use crate::{offline, ui};
use anyhow::{Result, bail};
use clap::Args;
use engross_runtime::fsck::{self, Mode, Report};
use engross_step_api::Files;
use engross_store::FileStore;
use tokio::runtime::Handle;

/// Check that every run that is open will go on.
///
/// Each open run's journal folds to its stored head; the timers and waits in the store are exactly those that the runs owe;
/// every step that waits has something that will wake it; nothing that is over holds a timer or a wait; plans and files that
/// runs name are there. Runs that are over are not read: whether everything that is kept is what was written is what
/// `engross store verify` answers.
///
/// While an engine runs, it is asked through its API, and runs that are at work all the time are left out.
///
/// Exit codes: 0 all is well, or is now; 1 something is not, all of which is told; 2 it could not be looked at.
#[derive(Debug, Args)]
pub struct Fsck {
    /// Put missing timers and waits back and remove those that nothing waits for, and say each; journals are never touched.
    /// No engine may run
    #[arg(long)]
    pub repair: bool,

    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Carries it out.
///
/// # Errors
/// The store cannot be read, or not be repaired now.
pub async fn run(args: Fsck, config: &Config) -> Result<Exit> {
    let client = offline::running(config, &args.server)?;
    if args.repair && client.is_some() {
        bail!(
            "an engine runs on this store, which then is not repaired\n  hint: stop it first; without --repair it is asked"
        );
    }
    let progress = Progress::start("runs looked at");
    let report = match client {
        Some(client) => client.fsck(&mut |done| progress.at(done)).await,
        None => {
            let (config, watch, runtime) = (config.clone(), progress.clone(), Handle::current());
            let mode = if args.repair { Mode::Repair } else { Mode::Stopped };
            tokio::task::spawn_blocking(move || stopped(&config, mode, &watch, &runtime)).await?
        }
    };
    progress.end();
    let report = report?;
    ui::print(args.format.format, &report, || in_words(&report));
    Ok(exit_of(report.is_good()))
}

fn stopped(config: &Config, mode: Mode, progress: &Progress, runtime: &Handle) -> Result<Report> {
    let store = super::open(config, "engross fsck")?;
    // A folder that is not there is not made for a look.
    let files = config.files.is_dir().then(|| FileStore::local(&config.files)).transpose()?;
    let has_file = |sha256: &str| match &files {
        Some(files) => runtime.block_on(files.has(sha256)).map_err(|error| error.to_string()),
        None => Ok(false),
    };
    Ok(fsck::fsck(&store, mode, &has_file, &mut |done| progress.at(done))?)
}
