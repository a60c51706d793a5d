//! The disk itself: a file that is appended to and made durable, one record at a time and many at a time.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Records that one sync makes durable when many writers share it.
pub(crate) const GROUP: usize = 256;

/// Times of one kind, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// The middle one.
    pub(crate) middle: f64,
    /// Ninety-nine of a hundred are below this.
    pub(crate) late: f64,
}

impl Times {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |part: usize| times.get(times.len() * part / 100).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
        Self { middle: at(50), late: at(99) }
    }
}

/// What the disk does.
pub(crate) struct Disk {
    /// One append with its own `fdatasync`.
    pub(crate) alone: Times,
    /// Appends in a second when [`GROUP`] of them share an `fdatasync`.
    pub(crate) grouped: f64,
}

pub(crate) fn measure(dir: &Path, bytes: usize, span: Duration) -> Disk {
    let alone = syncs(&dir.join("alone"), bytes, span);
    let grouped = syncs(&dir.join("grouped"), bytes * GROUP, span);
    let seconds: f64 = grouped.iter().map(Duration::as_secs_f64).sum();
    Disk { alone: Times::of(alone), grouped: (grouped.len() * GROUP) as f64 / seconds }
}

/// How long each append took, its sync included.
fn syncs(path: &Path, bytes: usize, span: Duration) -> Vec<Duration> {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    let record = vec![b'x'; bytes];
    let began = Instant::now();
    let mut times = Vec::new();
    while began.elapsed() < span {
        let one = Instant::now();
        file.write_all(&record).unwrap();
        file.sync_data().unwrap();
        times.push(one.elapsed());
    }
    times
}
