//! Sled in particular: its directory, its files, its failures. What every store must do is in `conformance`.

mod crash;
mod damage;
mod format_1;

use super::*;
use crate::conformance;
use crate::conformance::samples::{commit, event, event_with, plan, run, write};
use crate::holder;
use serde_json::json;
use std::fs;
use std::ops::ControlFlow;

pub(super) fn open(dir: &Path) -> Result<SledStore> {
    SledStore::open(dir, Holder::this_process("engross test", Timestamp::from_millis(0)))
}

pub(super) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn conforms() {
    conformance::check_all(&|| {
        let dir = tempfile::tempdir().unwrap();
        Box::new(move || Box::new(open(dir.path()).unwrap()))
    });
}

#[test]
fn a_second_opening_is_told_who_holds_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.announce_api("http://127.0.0.1:7700").unwrap();
    let told = open(dir.path()).unwrap_err().to_string();
    let expected = format!(
        "{} is held by process {} (engross test), since 1970-01-01T00:00:00.000Z, API at http://127.0.0.1:7700",
        dir.path().display(),
        std::process::id()
    );
    assert_eq!(told, expected);
    assert_eq!(holder(dir.path()).and_then(|holder| holder.api).as_deref(), Some("http://127.0.0.1:7700"));
    drop(store);
    assert_eq!(holder(dir.path()), None);
    open(dir.path()).unwrap();
}

/// Sled never syncs the files it makes for large pages. It splits a page at 16 rows whatever their size, so that what
/// decides is how large a row may be.
#[test]
fn no_value_makes_sled_write_a_file_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    for n in 0..40 {
        let mut first = commit(&run(n), 0, 3);
        first.head.doing = "d".repeat(4_000);
        first.plan = Some(plan(&format!("digest {n}"), &"p".repeat(60_000)));
        let long = "e".repeat(if n % 10 == 0 { 1_900_000 } else { 4_000 });
        let entry = event_with(&format!("{n}{}", "i".repeat(90)), &"t".repeat(96), 1, json!(long));
        store.write(&[write(first), Write::Inbox(entry)]).unwrap();
        let blobs = fs::read_dir(dir.path().join("sled/blobs")).unwrap().count();
        assert_eq!(blobs, 0, "after {n} writes");
    }
}

#[test]
fn a_store_of_a_later_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.stage(|staged| staged.put(keys::format(), b"3")).unwrap();
    drop(store);
    let told = open(dir.path()).unwrap_err().to_string();
    let expected = "has format 3, and this version of engross reads up to 2; use a later version";
    assert!(told.ends_with(expected), "{told}");
    assert_eq!(holder(dir.path()), None, "a directory that could not be opened is let go of");
}

#[test]
fn a_damaged_row_is_told_wherever_it_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let mut first = commit(&run(1), 0, 2);
    first.head.doing = "x".repeat(10_000);
    store.write(&[write(first)]).unwrap();
    let key = keys::head(&run(1));
    for at in [key.clone(), keys::part(&key, 1), keys::part(&key, 2)] {
        let row = store.generation().db.get(&at).unwrap().unwrap();
        for byte in (0..row.len()).step_by(if row.len() > 100 { 97 } else { 1 }) {
            let mut damaged = row.to_vec();
            damaged[byte] ^= 0x10;
            store.generation().db.insert(&at, damaged).unwrap();
            let told = store.head(&run(1));
            assert!(matches!(told, Err(Error::Damaged(_))), "byte {byte}: {told:?}");
        }
        for short in [0, 1, 5, 12, row.len() - 1] {
            store.generation().db.insert(&at, &row[..short.min(row.len() - 1)]).unwrap();
            assert!(matches!(store.head(&run(1)), Err(Error::Damaged(_))), "{short} bytes");
        }
        store.generation().db.remove(&at).unwrap();
        assert!(!matches!(store.head(&run(1)), Ok(Some(_))));
        store.generation().db.insert(&at, row).unwrap();
    }
    assert!(store.head(&run(1)).unwrap().is_some());
    // A row in the place of another is not what was written either.
    let other = store.generation().db.get(keys::record(&run(1), 1)).unwrap().unwrap();
    store.generation().db.insert(keys::record(&run(1), 2), other).unwrap();
    assert!(matches!(store.journal(&run(1), 0, 9), Err(Error::Damaged(_))));
}

#[test]
fn a_journal_with_a_hole_or_without_its_end_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.write(&[write(commit(&run(1), 0, 5)), write(commit(&run(2), 0, 1))]).unwrap();
    let told = |missing: u64| {
        let key = keys::record(&run(1), missing);
        let row = store.generation().db.remove(&key).unwrap().unwrap();
        let told = store.journal(&run(1), 1, 9).map_err(|e| e.to_string());
        store.generation().db.insert(key, row).unwrap();
        let told = told.unwrap_err();
        told.split(". ").next().unwrap().to_owned()
    };
    assert_eq!(told(3), format!("the store is damaged: record 3 of run {} is missing", run(1)));
    assert_eq!(told(2), format!("the store is damaged: record 2 of run {} is missing", run(1)));
    assert_eq!(told(5), format!("the store is damaged: the journal of run {} ends at 4, and its head is at 5", run(1)));
    assert_eq!(store.journal(&run(1), 1, 9).unwrap().len(), 4);
}

#[test]
fn nothing_is_written_after_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.write(&[write(commit(&run(1), 0, 1))]).unwrap();
    // Without the directory of its files, what is durable cannot be known.
    fs::remove_dir(dir.path().join("sled/blobs")).unwrap();
    assert!(matches!(store.write(&[Write::Inbox(event("e", "t", 1))]), Err(Error::Io(_))));
    fs::create_dir(dir.path().join("sled/blobs")).unwrap();
    let told = store.write(&[write(commit(&run(2), 0, 1))]).unwrap_err().to_string();
    assert!(told.contains("nothing is written after an earlier failure"), "{told}");
    assert_eq!(store.head(&run(1)).unwrap(), Some(commit(&run(1), 0, 1).head));
    drop(store);
    let store = open(dir.path()).unwrap();
    assert_eq!(store.head(&run(1)).unwrap(), Some(commit(&run(1), 0, 1).head));
    assert_eq!(store.head(&run(2)).unwrap(), None);
    store.write(&[write(commit(&run(2), 0, 1))]).unwrap();
}

/// A second sync may claim success for what the first has lost.
#[test]
fn a_sync_that_failed_is_not_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    store.write(&[write(commit(&run(1), 0, 1))]).unwrap();
    let syncs = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&syncs);
    let generation = Arc::get_mut(store.current.get_mut().unwrap().as_mut().unwrap()).unwrap();
    generation.durable.sync_with(Box::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Err(std::io::Error::other("the disk is ill"))
    }));
    let told = store.write(&[write(commit(&run(1), 1, 1))]).unwrap_err();
    assert_eq!(told.to_string(), "the store failed: the disk did not keep a write: the disk is ill");
    assert!(!told.is_refusal());
    let later = [
        store.write(&[Write::Inbox(event("e", "t", 1))]).map(drop),
        store.compact(&mut |_| ControlFlow::Continue(())).map(drop),
    ];
    for answer in later {
        let told = answer.unwrap_err().to_string();
        assert!(told.contains("nothing is written after an earlier failure") && told.contains("is ill"), "{told}");
    }
    assert!(store.head(&run(1)).unwrap().is_some(), "reads go on");
    drop(store);
    assert_eq!(syncs.load(Ordering::Relaxed), 1);
    // What was acknowledged is there, and the write that failed is there or not.
    let seq = open(dir.path()).unwrap().head(&run(1)).unwrap().unwrap().seq;
    assert!((1..=2).contains(&seq), "{seq}");
}

#[test]
fn promised_batches_that_are_missing_are_told() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("data");
    let store = open(&dir).unwrap();
    store.write(&[write(commit(&run(1), 0, 1))]).unwrap();
    drop(store);
    for name in ["db", "conf"] {
        fs::copy(dir.join("sled").join(name), place.path().join(name)).unwrap();
    }
    let store = open(&dir).unwrap();
    store.write(&[write(commit(&run(2), 0, 1))]).unwrap();
    // Refused writes and those that change nothing are no batches.
    store.write(&[write(commit(&run(2), 0, 1)), Write::Matched("unknown".into())]).unwrap();
    store.write(&[]).unwrap();
    drop(store);
    open(&dir).unwrap();
    let told = |found: u64| {
        let told = open(&dir).unwrap_err().to_string();
        let expected = format!("it ends at batch {found}, and batch 3 was durable: the last ones are missing");
        assert!(told.contains(&expected), "{told}");
    };
    fs::remove_dir_all(dir.join("sled")).unwrap();
    told(0);
    fs::remove_dir_all(dir.join("sled")).unwrap();
    fs::create_dir(dir.join("sled")).unwrap();
    for name in ["db", "conf"] {
        fs::copy(place.path().join(name), dir.join("sled").join(name)).unwrap();
    }
    told(2);
}
