//! A store as one file that no store's own format is in: for backups, for moving on, and for whoever wants to look.
//!
//! The file is JSON Lines: a header, the events of the inbox, the marks, each run with its records (and its plan before the
//! first run that needs it), and a last line that counts them and has the digest of all before it. `line` is the format,
//! `export` writes it, `check` says what is wrong with one, `journal` what is wrong with one run's records, and `import`
//! fills an empty store with it.
//!
//! Timers and waits are not in the file. They follow from the journals, and an import makes them anew, as this version of
//! the core sees them; so does it make every other index. What a run means is not known here beyond that.

mod check;
mod export;
mod file;
mod import;
mod journal;
mod line;
mod rows;
#[cfg(test)]
pub(crate) mod tests;

pub use check::{Checked, Problem, check};
pub use export::{export, export_run, export_sound};
pub use file::{ExportFile, Finished, discard_partial, open};
pub use import::{ARCHIVED_MARKS, ImportError, import, unfinished_import};
pub use journal::JournalCheck;
pub use line::{Counts, EXPORT_FORMAT, ExportError, LeftOut, Line, LineReader, LineWriter, ReadError};
pub use rows::owed_rows;
