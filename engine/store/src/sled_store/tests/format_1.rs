//! A store as format 1 had it is moved to this format when it is opened, whole, and even when that was cut off before.

use super::open;
use crate::conformance::model::{TOPICS, random_write};
use crate::conformance::samples::{Dice, event};
use crate::conformance::view;
use crate::sled_store::rows::{Staged, get_json};
use crate::sled_store::{Counts, FORMAT, SledStore, counts_of, keys, live_rows};
use crate::{MemoryStore, Store, Write};
use std::path::Path;

/// Turns a store back to format 1.
fn turn_back(store: &SledStore) {
    let db = &store.generation().db;
    let mut staged = Staged::over(db);
    for row in db.range(keys::below(&keys::settled())) {
        staged.remove(&row.unwrap().0).unwrap();
    }
    let Counts { batches, .. } = counts_of(db).unwrap();
    staged.remove(&keys::counts()).unwrap();
    staged.put(keys::batches_1(), batches.to_string().as_bytes()).unwrap();
    staged.put(keys::format(), b"1").unwrap();
    db.apply_batch(staged.into_batch()).unwrap();
}

fn fill(dir: &Path, reference: &MemoryStore) -> SledStore {
    let store = open(dir).unwrap();
    let mut dice = Dice(3);
    for n in 0..300 {
        let id = format!("many {n}");
        let settled = if n % 3 == 0 { "another" } else { &id };
        let writes = [
            random_write(&mut dice, reference),
            Write::Inbox(event(&id, "t", n)),
            Write::Matched(settled.into()),
            random_write(&mut dice, reference),
        ];
        assert_eq!(store.write(&writes).unwrap(), reference.write(&writes).unwrap());
    }
    store
}

fn check(store: &SledStore, reference: &MemoryStore, late: i64) {
    // Such a store knows its newest time as soon as something is written.
    let write = Write::Inbox(event(&format!("late {late}"), "t", late));
    assert_eq!(store.write(std::slice::from_ref(&write)).unwrap(), reference.write(&[write]).unwrap());
    let db = &store.generation().db;
    assert_eq!(view(store, &TOPICS), view(reference, &TOPICS));
    assert_eq!(get_json::<u16>(db, &keys::format()).unwrap(), Some(FORMAT));
    assert_eq!(get_json::<u64>(db, &keys::batches_1()).unwrap(), None);
    assert_eq!(store.live_bytes(), live_rows(db).unwrap());
}

#[test]
fn a_store_of_format_1_is_moved_to_this_one() {
    let dir = tempfile::tempdir().unwrap();
    let reference = MemoryStore::new();
    let store = fill(dir.path(), &reference);
    let batches = store.writer().counts.batches;
    turn_back(&store);
    drop(store);
    let store = open(dir.path()).unwrap();
    check(&store, &reference, 9_000);
    assert!(store.writer().counts.batches > batches, "the batches go on from where they were");
    // Cut off: the events have been moved, and the format says nothing of it.
    {
        let db = &store.generation().db;
        let mut staged = Staged::over(db);
        staged.put(keys::format(), b"1").unwrap();
        staged.put(keys::batches_1(), batches.to_string().as_bytes()).unwrap();
        db.apply_batch(staged.into_batch()).unwrap();
    }
    drop(store);
    check(&open(dir.path()).unwrap(), &reference, 9_001);
}
