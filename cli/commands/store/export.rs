//! `engross store export`.

use super::{Progress, product};
use crate::args::{Format, FormatArg, ServerArg};
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{offline, ui};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use engross_runtime::{Clock, SystemClock};
use engross_store::backup::{self, Checked, ExportFile};
use serde_json::json;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Write everything that the store keeps to one file.
///
/// The file is JSON Lines, and does not depend on the store's own format: runs with their journals, plans, events of the inbox
/// and marks, and a last line with the digest of all before it. It is compressed when its name ends in `.gz`. While an engine
/// runs, it comes through its API, each run as of one moment. The file is read back and checked before it gets its name.
///
/// Not in it: the files' folder with the archive in it, and the webhook tokens beside the store. Whatever runs hold is in
/// it, so that only its owner may read it.
#[derive(Debug, Args)]
pub struct Export {
    /// Where to: a file that is not there yet, or `-` for stdout
    pub file: String,

    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Carries it out.
///
/// # Errors
/// The store cannot be read, or the file not be written.
pub async fn run(args: Export, config: &Config) -> Result<Exit> {
    let progress = Progress::start("runs exported");
    if args.file == "-" {
        let stdout = write_to(BufWriter::new(io::stdout()), &args, config, &progress).await;
        progress.end();
        stdout?.flush()?;
        return Ok(exit::OK);
    }
    let path = Path::new(&args.file);
    let exported = to_file(path, &args, config, &progress).await;
    progress.end();
    if exported.is_err() {
        backup::discard_partial(path);
    }
    let checked = exported?;
    let counts = checked.counts;
    match args.format.format {
        Format::Json => ui::json(&json!({ "file": args.file, "counts": counts, "sha256": checked.sha256 })),
        Format::Text => ui::note(&format!(
            "{} has {} runs with {} records, {} events and {} marks",
            args.file, counts.runs, counts.records, counts.events, counts.marks
        )),
    }
    Ok(exit::OK)
}

/// Writes the file, reads it back, and gives it its name.
async fn to_file(path: &Path, args: &Export, config: &Config, progress: &Progress) -> Result<Checked> {
    let shown = path.display();
    let file = match ExportFile::create(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("{shown} is there already\n  hint: name another file, or remove it first")
        }
        Err(error) => return Err(error).with_context(|| format!("cannot write {shown}")),
    };
    let finished = write_to(file, args, config, progress).await?.finish().context("the export was not kept")?;
    progress.now("runs read back");
    let watch = progress.clone();
    let (finished, checked) = tokio::task::spawn_blocking(move || {
        let checked = finished.read().map(|from| backup::check(from, &mut |counts| watch.at(counts.runs)));
        (finished, checked)
    })
    .await?;
    let checked = checked.context("the export cannot be read back")?.map_err(|problems| {
        ui::note(&super::problems_in_words(&args.file, &problems));
        anyhow!(
            "what the store holds is not sound, and the export would be refused; nothing was kept\n  hint: `engross store \
             verify` tells more"
        )
    })?;
    finished.keep().with_context(|| format!("cannot give {shown} its name"))?;
    Ok(checked)
}

/// Writes the lines, from the engine's API or from the store itself.
async fn write_to<W: Write + Send + 'static>(
    mut to: W,
    args: &Export,
    config: &Config,
    progress: &Progress,
) -> Result<W> {
    if let Some(client) = offline::running(config, &args.server)? {
        client.export(&mut to).await?;
        return Ok(to);
    }
    let (config, progress) = (config.clone(), progress.clone());
    let work = move || -> Result<W> {
        let store = super::open(&config, "engross store export")?;
        let at = SystemClock.now().to_string();
        Ok(backup::export(&store, to, &product(), at, &mut |counts| progress.at(counts.runs))?.0)
    };
    tokio::task::spawn_blocking(work).await?
}
