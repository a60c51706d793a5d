//! Copies of a store with damage of every kind in every file: they are refused, or everything is there, or what is missing is
//! found by counting. A panic of sled, which is how it finds most damage, goes no further than an error.

use super::{copy_dir, open};
use crate::conformance::samples::{Dice, commit, event_with, run, write};
use crate::{InboxEntry, InboxQuery, Result, RunQuery, SledStore, Store, Write};
use engross_core::{Record, RunId};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// How many damaged copies there are at least.
const COPIES_MIN: u64 = 400;

/// What a disk loses at once.
const SECTOR_BYTES: usize = 512;

/// Copies of which sled lost a part at its opening, so that only counting finds it: about one in 150 is such a one, and
/// without the anchor one in five.
const PARTIAL_MAX: u64 = 6;

#[derive(Debug, PartialEq)]
struct Everything {
    journals: BTreeMap<RunId, Vec<Record>>,
    events: Vec<InboxEntry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Damage {
    /// One bit is another one.
    Bit,
    /// It ends early.
    Cut,
    /// What was written last is noise.
    Torn,
    /// A sector is zero.
    Zeroed,
    /// It is not there.
    Gone,
}

#[derive(Debug, Default, PartialEq)]
struct Outcomes {
    refused: u64,
    intact: u64,
    partial: u64,
}

/// What came of a kind of damage to a kind of file.
type Table = BTreeMap<(&'static str, Damage), Outcomes>;

#[test]
fn damage_is_an_error_or_harmless_or_found_and_never_a_wrong_answer() {
    let place = tempfile::tempdir().unwrap();
    let [working, killed, closed, moved] = ["working", "killed", "closed", "moved"].map(|name| place.path().join(name));
    let store = fill(&working);
    // What is on the disk while the store is open is what kill -9 leaves: a log that is read again, without a snapshot.
    copy_dir(&working, &killed);
    drop(store);
    let written = read_everything(&working).unwrap();
    copy_dir(&working, &closed);
    open(&working).unwrap().compact(&mut |_| ControlFlow::Continue(())).unwrap();
    copy_dir(&working, &moved);
    let tables: Vec<(&Path, Table)> = std::thread::scope(|scope| {
        let originals =
            [&killed, &closed, &moved].map(|original| (original, scope.spawn(|| check(original, &written))));
        originals.into_iter().map(|(original, checked)| (original.as_path(), checked.join().unwrap())).collect()
    });
    let of = |outcome: fn(&Outcomes) -> u64| -> u64 {
        tables.iter().flat_map(|(_, table)| table.values()).map(outcome).sum()
    };
    let (refused, intact, partial) = (of(|o| o.refused), of(|o| o.intact), of(|o| o.partial));
    println!("{refused} refused, {intact} intact, {partial} partial and found: {tables:#?}");
    assert!(refused + intact + partial >= COPIES_MIN, "{tables:#?}");
    assert!(refused > 0 && intact > 0 && partial <= PARTIAL_MAX, "{tables:#?}");
    for file in ["db", "conf", "snap", "anchor", "current"] {
        assert!(
            tables.iter().any(|(_, table)| table.keys().any(|(damaged, _)| *damaged == file)),
            "{file}: {tables:#?}"
        );
    }
}

/// The files of a store that can be damaged.
fn files(original: &Path) -> Vec<(&'static str, PathBuf)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(original).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.file_name().unwrap().to_str().unwrap() {
            "engross.anchor" => found.push(("anchor", entry)),
            "engross.current" => found.push(("current", entry)),
            name if name.starts_with("sled") => {
                for inner in fs::read_dir(&entry).unwrap().map(|entry| entry.unwrap().path()) {
                    match inner.file_name().unwrap().to_str().unwrap() {
                        "db" => found.push(("db", inner)),
                        "conf" => found.push(("conf", inner)),
                        name if name.starts_with("snap.") => found.push(("snap", inner)),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    found.sort();
    found
}

fn check(original: &Path, written: &Everything) -> Table {
    let mut dice = Dice(7);
    let mut table = Table::new();
    for (file, path) in files(original) {
        let times = match file {
            "db" => [45, 20, 20, 30, 1],
            "snap" => [6, 3, 2, 1, 1],
            _ => [4, 2, 1, 1, 1],
        };
        let inside = path.strip_prefix(original).unwrap();
        for (damage, times) in
            [Damage::Bit, Damage::Cut, Damage::Torn, Damage::Zeroed, Damage::Gone].into_iter().zip(times)
        {
            for n in 0..times {
                let what = format!("{}, {damage:?} {n}", path.display());
                let copy = tempfile::tempdir().unwrap();
                copy_dir(original, copy.path());
                do_damage(&copy.path().join(inside), damage, &mut dice);
                let outcomes = table.entry((file, damage)).or_default();
                judge(copy.path(), written, &what, outcomes);
            }
        }
    }
    table
}

fn do_damage(path: &Path, damage: Damage, dice: &mut Dice) {
    let mut bytes = fs::read(path).unwrap();
    let offset = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
    match damage {
        Damage::Bit => bytes[offset] ^= 1 << dice.below(8),
        Damage::Cut => bytes.truncate(offset),
        Damage::Torn => bytes[offset..].fill_with(|| u8::try_from(dice.below(256)).unwrap()),
        Damage::Zeroed => {
            let begin = offset - offset % SECTOR_BYTES;
            let end = bytes.len().min(begin + SECTOR_BYTES);
            bytes[begin..end].fill(0);
        }
        Damage::Gone => return fs::remove_file(path).unwrap(),
    }
    fs::write(path, bytes).unwrap();
}

fn judge(dir: &Path, written: &Everything, what: &str, outcomes: &mut Outcomes) {
    match read_everything(dir) {
        Err(error) => {
            let told = error.to_string();
            assert!(told.contains("the latest backup") || told.contains("engross.current"), "{what}: {told}");
            // Whoever starts it again must not be given less without a word.
            if let Ok(read) = read_everything(dir)
                && read != *written
            {
                assert!(open(dir).unwrap().check_counts().is_err(), "{what}: refused once, and then a part is given");
            }
            outcomes.refused += 1;
        }
        Ok(read) if read == *written => outcomes.intact += 1,
        Ok(read) => {
            assert_part(&read, written, what);
            let found = open(dir).and_then(|store| store.check_counts());
            assert!(found.is_err(), "{what}: a part is missing, and nothing tells");
            outcomes.partial += 1;
        }
    }
}

fn fill(dir: &Path) -> SledStore {
    let store = open(dir).unwrap();
    for round in 0..60 {
        // Events are written once and stay, so that most of the file is in use and damage matters.
        let writes = (0..10).flat_map(|n| {
            let data = json!("x".repeat(usize::try_from(n * 400).unwrap()));
            let event = event_with(&format!("{n}/{round}"), "t", i64::try_from(round).unwrap(), data);
            [write(commit(&run(n), round * 2, 2)), Write::Inbox(event)]
        });
        store.write(&writes.collect::<Vec<_>>()).unwrap();
    }
    store
}

fn read_everything(dir: &Path) -> Result<Everything> {
    let store = open(dir)?;
    let heads = store.runs(&RunQuery { limit: usize::MAX, ..RunQuery::default() })?;
    let journals = heads.into_iter().map(|head| {
        let journal = store.journal(&head.run, 0, usize::MAX)?;
        Ok((head.run, journal))
    });
    let journals = journals.collect::<Result<_>>()?;
    Ok(Everything { journals, events: store.inbox(&InboxQuery::Unmatched)? })
}

/// Whatever sled lost, what is left was written, and journals are whole or refused.
fn assert_part(read: &Everything, written: &Everything, what: &str) {
    for (run, journal) in &read.journals {
        assert!(written.journals.get(run) == Some(journal), "{what}: the journal of {run}");
    }
    for event in &read.events {
        assert!(written.events.contains(event), "{what}: event {}", event.event.id);
    }
}
