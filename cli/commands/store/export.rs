//! `engross store export`.

use super::{Progress, counts_in_words, product};
use crate::args::{Format, FormatArg, ServerArg};
use crate::config::Config;
use crate::exit::Exit;
use crate::{offline, ui};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use engross_runtime::{Clock, SystemClock};
use engross_server::wire;
use engross_store::backup::{self, Checked, ExportError, ExportFile, LeftOut, Line};
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

    /// Leave out the runs that cannot be read or are not what was written, name them, and end with 1
    #[arg(long)]
    pub skip_damaged: bool,

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
        let (mut stdout, left_out) = stdout?;
        stdout.flush()?;
        return Ok(told(&left_out));
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
        Format::Json => ui::json(&json!({
            "file": args.file, "counts": counts, "sha256": checked.sha256, "left_out": checked.left_out
        })),
        Format::Text => ui::note(&format!("{} has {}", args.file, counts_in_words(counts))),
    }
    Ok(told(&checked.left_out))
}

/// Says which runs are not in the copy, and gives the exit code.
fn told(left_out: &[LeftOut]) -> Exit {
    for LeftOut { run, why } in left_out {
        ui::note(&format!("warning: run {} is left out: {}", ui::escaped(run.as_str()), ui::escaped(why)));
    }
    super::exit_of(left_out.is_empty())
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
    let (file, _) = write_to(file, args, config, progress).await?;
    let finished = file.finish().context("the export was not kept")?;
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
            "what the store holds is not sound, and the export would be refused; nothing was kept\n  hint: {HOW_ON}"
        )
    })?;
    finished.keep().with_context(|| format!("cannot give {shown} its name"))?;
    Ok(checked)
}

/// What to do when a store cannot be exported whole.
const HOW_ON: &str =
    "`engross store verify` names what is damaged; `engross store export --skip-damaged` leaves those runs out";

/// Writes the lines, from the engine's API or from the store itself. What was left out, too.
async fn write_to<W: Write + Send + 'static>(
    to: W,
    args: &Export,
    config: &Config,
    progress: &Progress,
) -> Result<(W, Vec<LeftOut>)> {
    if let Some(client) = offline::running(config, &args.server)? {
        let mut to = Overheard::new(to);
        client.export(args.skip_damaged, &mut to).await?;
        return to.end();
    }
    let (config, progress, skip_damaged) = (config.clone(), progress.clone(), args.skip_damaged);
    let work = move || -> Result<(W, Vec<LeftOut>)> {
        let store = super::open(&config, "engross store export")?;
        let at = SystemClock.now().to_string();
        let mut watch = |counts: backup::Counts| progress.at(counts.runs);
        let exported = match skip_damaged {
            true => backup::export_sound(&store, to, &product(), at, &mut watch).map(|(to, _, left)| (to, left)),
            false => backup::export(&store, to, &product(), at, &mut watch).map(|(to, _)| (to, Vec::new())),
        };
        exported.map_err(|error| match error {
            error @ ExportError::Store(engross_store::Error::Damaged(_)) => anyhow!("{error}\n  hint: {HOW_ON}"),
            error => error.into(),
        })
    };
    tokio::task::spawn_blocking(work).await?
}

/// What an engine sends on its way to where it goes, and the lines in it that are about the copy itself.
struct Overheard<W> {
    to: W,
    /// The line that is coming; nothing of one that is not of these.
    line: Vec<u8>,
    wanted: bool,
    left_out: Vec<LeftOut>,
    failed: Option<String>,
}

impl<W: Write> Overheard<W> {
    const LEFT_OUT: &'static [u8] = b"{\"left_out\":";
    const FAILED: &'static [u8] = b"{\"failed\":";

    fn new(to: W) -> Self {
        Self { to, line: Vec::new(), wanted: true, left_out: Vec::new(), failed: None }
    }

    fn hear(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.wanted {
                self.line.extend_from_slice(piece);
                self.wanted = [Self::LEFT_OUT, Self::FAILED].iter().any(|begin| {
                    let known = begin.len().min(self.line.len());
                    self.line.get(..known) == begin.get(..known)
                });
            }
            if piece.ends_with(b"\n") {
                if self.wanted {
                    self.take();
                }
                self.line.clear();
                self.wanted = true;
            } else if !self.wanted {
                self.line.clear();
            }
        }
    }

    fn take(&mut self) {
        if let Ok(Line::LeftOut(left)) = serde_json::from_slice(&self.line) {
            self.left_out.push(left);
        } else if let Ok(wire::JobLine::<()>::Failed { message, .. }) = serde_json::from_slice(&self.line) {
            self.failed = Some(message);
        }
    }

    /// Where it went, and what was left out.
    fn end(self) -> Result<(W, Vec<LeftOut>)> {
        match self.failed {
            Some(message) => bail!("the copy broke off: {message}\n  hint: {HOW_ON}"),
            None => Ok((self.to, self.left_out)),
        }
    }
}

impl<W: Write> Write for Overheard<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hear(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::{Overheard, Write};

    /// Whatever the pieces are in which it comes.
    #[test]
    fn lines_about_the_copy_are_heard_wherever_it_is_cut() {
        let text = b"{\"record\":{\"failed\":1}}\n{\"left_out\":{\"run\":\"r1\",\"why\":\"a\"}}\n{\"left\":1}\n\n";
        let failed = b"{\"failed\":{\"code\":\"c\",\"message\":\"it is gone\"}}\n";
        for size in 1..40 {
            let mut heard = Overheard::new(Vec::new());
            text.chunks(size).for_each(|piece| heard.write_all(piece).unwrap());
            let (to, left_out) = heard.end().unwrap();
            assert_eq!((to.as_slice(), left_out.len(), left_out[0].why.as_str()), (&text[..], 1, "a"));
            let mut heard = Overheard::new(Vec::new());
            failed.chunks(size).for_each(|piece| heard.write_all(piece).unwrap());
            assert!(heard.end().unwrap_err().to_string().contains("it is gone"));
        }
    }
}
