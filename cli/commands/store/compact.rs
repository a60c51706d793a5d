//! `engross store compact`.

use super::Progress;
use crate::args::{FormatArg, ServerArg};
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::upkeep::Upkeep;
use crate::{offline, ui};
use anyhow::{Result, anyhow};
use clap::Args;
use engross_runtime::housekeeping::{Compacted, Maintenance};
use std::sync::Arc;

/// Give back the disk that the store takes and does not need.
///
/// Everything that is there is copied to a fresh database, which then takes the place of the old one; a crash at any moment
/// leaves the one or the other. An engine that runs goes on meanwhile, and does this by itself when it is worth its while.
/// The disk must have room for the copy.
#[derive(Debug, Args)]
pub struct Compact {
    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Carries it out.
///
/// # Errors
/// The copy could not be made; the store is as it was.
pub async fn run(args: Compact, config: &Config) -> Result<Exit> {
    let progress = Progress::start("rows copied");
    let compacted = match offline::running(config, &args.server)? {
        Some(client) => client.compact(&mut |done| progress.at(done)).await,
        None => {
            let (config, progress) = (config.clone(), progress.clone());
            let work = move || -> Result<Compacted> {
                let store = Upkeep(Arc::new(super::open(&config, "engross store compact")?));
                let mut go_on = |rows| {
                    progress.at(rows);
                    true
                };
                store.compact(&mut go_on).map_err(|why| anyhow!(why))
            };
            tokio::task::spawn_blocking(work).await?
        }
    };
    progress.end();
    let compacted = compacted?;
    ui::print(args.format.format, &compacted, || {
        let Compacted { before_bytes, after_bytes, live_bytes, pause_ms, .. } = compacted;
        format!(
            "{} on the disk before, {} now, for {} of data; nothing could be written for {pause_ms} ms\n",
            size(before_bytes),
            size(after_bytes),
            size(live_bytes)
        )
    });
    Ok(exit::OK)
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut whole, mut tenth, mut unit) = (bytes, 0, 0);
    while whole >= 1024 && unit + 1 < UNITS.len() {
        tenth = whole % 1024 * 10 / 1024;
        whole /= 1024;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or("B");
    if unit == 0 { format!("{whole} {name}") } else { format!("{whole}.{tenth} {name}") }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_short() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (5 << 20, "5.0 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }
}
