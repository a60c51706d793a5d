//! `engross store verify`.

use super::{Progress, counted, counts_in_words, exit_of, in_words, problems_in_words};
use crate::args::{FormatArg, ServerArg};
use crate::config::Config;
use crate::exit::Exit;
use crate::{offline, ui};
use anyhow::{Context, Result};
use clap::Args;
use engross_runtime::fsck::{self, Mode, Report};
use engross_store::backup::{self, Counts};
use serde_json::json;
use std::fs::File;
use std::io::{self, BufReader};
use tokio::runtime::Handle;

/// Check that everything that is kept is what was written.
///
/// Every row can be read; every journal, of runs that are over too, has no gap, its chain of hashes holds, and it folds to the
/// head that lists show; every plan has its digest, and every key leads to its run. Every archived run is read as well, and
/// one whose file is gone is named. With FILE, the same of an export. This reads everything. Whether the runs that are open will go on is another question: `engross fsck` answers that.
///
/// Exit codes: 0 all is well; 1 something is not, all of which is told; 2 it could not be looked at.
#[derive(Debug, Args)]
pub struct Verify {
    /// An export instead of the store; `-` for stdin
    pub file: Option<String>,

    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Carries it out.
///
/// # Errors
/// The store or the file cannot be read.
pub async fn run(args: Verify, config: &Config) -> Result<Exit> {
    let progress = Progress::start("runs looked at");
    if let Some(file) = &args.file {
        return export(file, &args, &progress).await;
    }
    let report = match offline::running(config, &args.server)? {
        Some(client) => client.verify(&mut |done| progress.at(done)).await,
        None => {
            let (config, progress, runtime) = (config.clone(), progress.clone(), Handle::current());
            let work = move || -> Result<Report> {
                let store = super::open(&config, "engross store verify")?;
                let mut at = |done| progress.at(done);
                let mut report = fsck::verify(&store, Mode::Stopped, &mut at)?;
                let archive = offline::archive(&config)?;
                fsck::verify_archive(&store, archive.as_ref(), &runtime, &mut report, &mut at)?;
                Ok(report)
            };
            tokio::task::spawn_blocking(work).await?
        }
    };
    progress.end();
    let report = report?;
    ui::print(args.format.format, &report, || in_words(&report));
    Ok(exit_of(report.is_good()))
}

async fn export(name: &str, args: &Verify, progress: &Progress) -> Result<Exit> {
    let (file, watch) = (name.to_string(), progress.clone());
    let work = move || -> io::Result<_> {
        let mut at = |counts: Counts| watch.at(counts.runs);
        Ok(match file.as_str() {
            "-" => backup::check(BufReader::new(io::stdin()), &mut at),
            path => backup::check(File::open(path).and_then(backup::open)?, &mut at),
        })
    };
    let checked = tokio::task::spawn_blocking(work).await?;
    progress.end();
    match checked.with_context(|| format!("cannot read {name}"))? {
        Ok(checked) => {
            let value = json!({ "counts": checked.counts, "sha256": checked.sha256, "product": checked.product, "at": checked.at, "left_out": checked.left_out, "problems": [] });
            ui::print(args.format.format, &value, || {
                let (product, at) = (ui::escaped(&checked.product), ui::escaped(&checked.at));
                let left_out = match checked.left_out.len() as u64 {
                    0 => String::new(),
                    left => format!("; {} could not be read then, and not in it", counted(left, "run")),
                };
                let counts = counts_in_words(checked.counts);
                format!("{counts}, written by {product} at {at}: all is well{left_out}\n")
            });
            Ok(exit_of(true))
        }
        Err(problems) => {
            ui::print(args.format.format, &json!({ "problems": problems }), || problems_in_words(name, &problems));
            Ok(exit_of(false))
        }
    }
}
