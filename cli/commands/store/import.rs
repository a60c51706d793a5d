//! `engross store import`.

use super::{Progress, counts_in_words, problems_in_words};
use crate::args::{Format, FormatArg};
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::ui;
use anyhow::{Context, Result};
use clap::Args;
use engross_runtime::{Clock, SystemClock};
use engross_store::backup::{self, Counts, ImportError};
use engross_store::{Holder, SledStore};
use serde_json::json;
use std::fs::File;
use std::io;
use std::path::Path;

/// Fill an empty store with an export.
///
/// Every line is checked before the first is believed: the count, the digest, each journal. The data directory of the
/// configuration must hold no runs and no events, and no engine may run on it. Timers, waits and all other indexes are made
/// anew from the journals. An import that was interrupted goes on when it is started again with the same file; no engine
/// starts on such a store before.
///
/// Bring the files' folder, the archive in it and webhook-tokens.json along by yourself.
#[derive(Debug, Args)]
pub struct Import {
    /// The export, compressed or not, or `-` for stdin
    pub file: String,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Carries it out.
///
/// # Errors
/// The export or the store cannot be used.
pub async fn run(args: Import, config: &Config) -> Result<Exit> {
    let progress = Progress::start("runs checked");
    let (watch, name, config) = (progress.clone(), args.file.clone(), config.clone());
    let done = tokio::task::spawn_blocking(move || import(&name, &config, &watch)).await?;
    progress.end();
    let counts = match done? {
        Ok(counts) => counts,
        Err(ImportError::Refused(problems)) => {
            match args.format.format {
                Format::Json => ui::json(&json!({ "problems": problems })),
                Format::Text => ui::data(&problems_in_words(&args.file, &problems)),
            }
            ui::note("the export is not sound, and nothing of it was taken; use another one");
            return Ok(exit::NOT_GOOD);
        }
        Err(error @ ImportError::NotEmpty(_)) => {
            let hint = "import into another directory (`store:` of engross.yaml), or move this one aside";
            return Err(anyhow::Error::new(error).context(format!("nothing was imported\n  hint: {hint}")));
        }
        Err(error) => return Err(error.into()),
    };
    ui::print(args.format.format, &json!({ "counts": counts }), || format!("{} are there\n", counts_in_words(counts)));
    Ok(exit::OK)
}

fn import(name: &str, config: &Config, progress: &Progress) -> Result<Result<Counts, ImportError>> {
    let holder = Holder::this_process("engross store import", SystemClock.now());
    let unreadable = || format!("cannot read {name}");
    if name != "-" {
        // Before a store is made for it.
        File::open(name).with_context(unreadable)?;
    }
    let store = SledStore::open(&config.data, holder)?;
    let spool = config.data.join("import.partial");
    if name == "-" {
        spool_stdin(&spool).context("stdin cannot be kept for the second reading")?;
    }
    let path = if name == "-" { spool.as_path() } else { Path::new(name) };
    let mut open = || File::open(path).and_then(backup::open);
    let done = backup::import(&store, &mut open, &mut |writing, counts| {
        if writing {
            progress.now("runs imported");
        }
        progress.at(counts.runs);
    });
    if name == "-" {
        std::fs::remove_file(&spool).ok();
    }
    Ok(done)
}

/// The whole of it is checked before any of it is believed, so that it has to be read twice.
fn spool_stdin(path: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    io::copy(&mut io::stdin().lock(), &mut options.open(path)?).map(drop)
}
