//! Copies of a store with one bit turned: they are refused, or what they give is what was written. A panic of sled, which is
//! how it finds most damage, goes no further than an error.

use super::{copy_dir, open};
use crate::conformance::samples::{Dice, commit, event_with, run, write};
use crate::{InboxEntry, InboxQuery, Result, RunQuery, SledStore, Store, Write};
use engross_core::{Record, RunId};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const COPIES: u64 = 40;

/// Copies of which sled may lose a part without anybody noticing; about one in 400 does, and without the anchor one in five.
const MISSING_MAX: u64 = 2;

#[derive(Debug, PartialEq)]
struct Everything {
    journals: BTreeMap<RunId, Vec<Record>>,
    events: Vec<InboxEntry>,
}

#[derive(Debug, Default, PartialEq)]
struct Outcomes {
    refused: u64,
    intact: u64,
    missing: u64,
}

#[test]
fn a_turned_bit_is_an_error_or_harmless_and_never_a_wrong_answer() {
    let place = tempfile::tempdir().unwrap();
    let [working, killed, closed] = ["working", "killed", "closed"].map(|name| place.path().join(name));
    let store = fill(&working);
    // What is on the disk while the store is open is what kill -9 leaves: a log that is read again, without a snapshot.
    copy_dir(&working, &killed);
    drop(store);
    let written = read_everything(&working).unwrap();
    copy_dir(&working, &closed);
    for original in [&killed, &closed] {
        let outcomes = check_copies(original, &written);
        assert!(outcomes.refused > 0 && outcomes.missing <= MISSING_MAX, "{original:?}: {outcomes:?}");
    }
}

fn check_copies(original: &Path, written: &Everything) -> Outcomes {
    let bytes = fs::read(original.join("sled/db")).unwrap();
    let mut dice = Dice(7);
    let mut outcomes = Outcomes::default();
    for _ in 0..COPIES {
        let copy = tempfile::tempdir().unwrap();
        copy_dir(original, copy.path());
        let offset = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
        let mut damaged = bytes.clone();
        damaged[offset] ^= 1 << dice.below(8);
        fs::write(copy.path().join("sled/db"), damaged).unwrap();
        match read_everything(copy.path()) {
            Err(error) => {
                let told = error.to_string();
                assert!(told.contains("the latest backup"), "it does not say what to do: {told}");
                outcomes.refused += 1;
            }
            Ok(read) if read == *written => outcomes.intact += 1,
            Ok(read) => {
                assert_part(&read, written, offset);
                outcomes.missing += 1;
            }
        }
    }
    outcomes
}

fn fill(dir: &Path) -> SledStore {
    let store = open(dir).unwrap();
    for round in 0..60 {
        // Events are written once and stay, so that most of the file is in use and a turned bit matters.
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
fn assert_part(read: &Everything, written: &Everything, offset: usize) {
    for (run, journal) in &read.journals {
        assert!(written.journals.get(run) == Some(journal), "offset {offset}: the journal of {run}");
    }
    for event in &read.events {
        assert!(written.events.contains(event), "offset {offset}: event {}", event.event.id);
    }
}
