//! Compactions that are cut off, that fail, and that others write and read through.

mod churn;

use super::*;
use crate::conformance::model::{TOPICS, random_write};
use crate::conformance::samples::{Dice, commit, event_with, run, write};
use crate::conformance::{View, view};
use crate::sled_store::live_rows;
use crate::sled_store::tests::{copy_dir, open};
use crate::{InboxQuery, MemoryStore, Store, Write};
use serde_json::json;
use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};

const POINTS: [Point; 11] = [
    Point::Created,
    Point::Copied,
    Point::CaughtUp,
    Point::Prepared,
    Point::Applied,
    Point::Synced,
    Point::Renamed,
    Point::Switched,
    Point::Swapped,
    Point::Closed,
    Point::Removed,
];

/// Whether the writer's lock is held there.
fn is_locked(point: Point) -> bool {
    (Point::Applied..=Point::Switched).contains(&point)
}

fn on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A store with something in it, and the reference that has the same.
struct World {
    store: SledStore,
    reference: MemoryStore,
    dice: RefCell<Dice>,
}

impl World {
    /// With so many parts of 100 kB; a compaction copies ten at a time.
    fn new(dir: &Path, parts: u64) -> Self {
        let world = Self { store: open(dir).unwrap(), reference: MemoryStore::new(), dice: RefCell::new(Dice(11)) };
        for part in 0..parts {
            let events = (0..100).map(|n| {
                let data = json!("x".repeat(1_000));
                Write::Inbox(event_with(&format!("{part}/{n}"), "t", n, data))
            });
            world.write_all(&events.collect::<Vec<_>>());
            world.write(10);
        }
        world
    }

    fn write(&self, calls: u64) {
        for _ in 0..calls {
            let writes: Vec<Write> = {
                let mut dice = self.dice.borrow_mut();
                (0..=dice.below(4)).map(|_| random_write(&mut dice, &self.reference)).collect()
            };
            self.write_all(&writes);
        }
    }

    fn write_all(&self, writes: &[Write]) {
        assert_eq!(self.store.write(writes).unwrap(), self.reference.write(writes).unwrap());
    }

    fn expected(&self) -> View {
        view(&self.reference, &TOPICS)
    }
}

#[track_caller]
fn check(store: &SledStore, expected: &View, what: &str) {
    assert!(view(store, &TOPICS) == *expected, "{what}: the store is not what it was");
    let counted = live_rows(&store.generation().db).unwrap();
    assert_eq!(store.live_bytes(), counted, "{what}: live bytes");
}

fn generations(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("sled") || name.ends_with(".new")).collect();
    names.sort();
    names
}

#[test]
fn a_compaction_changes_nothing_but_the_place() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 2);
    for n in 1..=3 {
        let before_bytes = world.store.disk_bytes().unwrap();
        let mut told = Vec::new();
        let compacted = world
            .store
            .compact(&mut |progress| {
                told.push(progress);
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!((compacted.before_bytes, compacted.live_bytes), (before_bytes, world.store.live_bytes()));
        assert_eq!(compacted.after_bytes, world.store.disk_bytes().unwrap());
        assert_eq!(told.last().map(|last| last.rows), Some(compacted.rows));
        assert!(told.is_sorted_by_key(|progress| progress.bytes));
        check(&world.store, &world.expected(), "after a compaction");
        world.write(20);
        assert_eq!(generations(dir.path()), [format!("sled.{n}")]);
    }
    let expected = world.expected();
    check(&world.store, &expected, "after all");
    drop(world.store);
    check(&open(dir.path()).unwrap(), &expected, "after a reopening");
}

#[test]
fn a_store_that_nobody_writes_to_is_compacted_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 2);
    let expected = world.expected();
    for n in 1..=3 {
        world.store.compact(&mut on).unwrap_or_else(|error| panic!("compaction {n}: {error}"));
        check(&world.store, &expected, "after a compaction");
    }
    drop(world.store);
    // Neither is one that was opened in between.
    let store = open(dir.path()).unwrap();
    for _ in 0..2 {
        store.compact(&mut on).unwrap();
    }
    check(&store, &expected, "after a reopening");
}

#[test]
fn whatever_a_crash_leaves_is_the_whole_store() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("data");
    let world = World::new(&dir, 12);
    let left: RefCell<Vec<(Point, PathBuf, View)>> = RefCell::default();
    let at = |point: Point| {
        if !is_locked(point) {
            let rounds = left.borrow().iter().filter(|(seen, ..)| *seen == Point::CaughtUp).count();
            world.write(if rounds < 2 { 90 } else { 3 });
        }
        let copy = place.path().join(left.borrow().len().to_string());
        // What is in the files now is what the end of the process would leave.
        copy_dir(&dir, &copy);
        left.borrow_mut().push((point, copy, world.expected()));
        Ok(())
    };
    world.store.compact_watched(Watch { progress: &mut on, at: &at }).unwrap();
    let left = left.take();
    for point in POINTS {
        assert!(left.iter().any(|(seen, ..)| *seen == point), "{point:?} was not reached");
    }
    for (point, copy, expected) in left {
        let what = format!("{point:?}");
        let store = open(&copy).unwrap();
        let number = u64::from(point >= Point::Renamed);
        assert_eq!(store.generation().number, number, "{what}");
        assert_eq!(generations(&copy), [if number == 0 { "sled" } else { "sled.1" }], "{what}");
        check(&store, &expected, &what);
        store.compact(&mut on).unwrap();
        check(&store, &expected, &what);
    }
}

#[test]
fn a_copy_that_fails_leaves_the_store_well() {
    for failing in POINTS {
        let dir = tempfile::tempdir().unwrap();
        let world = World::new(dir.path(), 2);
        let at = |point: Point| {
            if !is_locked(point) {
                // So much that a round follows.
                world.write(if point == Point::Copied { 100 } else { 3 });
            }
            if point == failing { Err(io::Error::other("no room")) } else { Ok(()) }
        };
        let answer = world.store.compact_watched(Watch { progress: &mut on, at: &at });
        let what = format!("{failing:?}");
        check(&world.store, &world.expected(), &what);
        match failing {
            Point::Renamed => {
                answer.unwrap_err();
                let told = world.store.write(&[Write::Matched("unknown".into())]).unwrap_err().to_string();
                assert!(told.contains("nothing is written after an earlier failure"), "{told}");
            }
            Point::Switched | Point::Swapped | Point::Closed | Point::Removed => {
                answer.unwrap();
                world.write(5);
            }
            _ => {
                let told = answer.unwrap_err().to_string();
                assert_eq!(told, "the store failed: the copy failed: no room", "{what}");
                assert_eq!(generations(dir.path()), ["sled"], "{what}");
                world.write(5);
                world.store.compact(&mut on).unwrap();
                assert_eq!(generations(dir.path()), ["sled.1"], "{what}");
            }
        }
        let expected = world.expected();
        drop(world.store);
        check(&open(dir.path()).unwrap(), &expected, &what);
        assert_eq!(generations(dir.path()).len(), 1, "{what}");
    }
}

#[test]
fn a_place_that_cannot_be_used_is_told_and_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 2);
    fs::write(dir.path().join("sled.1"), "in the way").unwrap();
    let told = world.store.compact(&mut on).unwrap_err().to_string();
    assert!(told.contains("what is left of an earlier copy cannot be removed"), "{told}");
    fs::remove_file(dir.path().join("sled.1")).unwrap();
    world.write(5);
    world.store.compact(&mut on).unwrap();
    check(&world.store, &world.expected(), "after it was out of the way");
}

#[test]
fn one_compaction_at_a_time_and_it_can_be_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 2);
    let mut second = None;
    let stopped = world.store.compact(&mut |_| {
        second = Some(world.store.compact(&mut on));
        ControlFlow::Break(())
    });
    for (answer, expected) in [
        (second.unwrap(), "the store is being compacted already"),
        (stopped, "the compaction was stopped; the store is as it was"),
    ] {
        let error = answer.unwrap_err();
        assert!(error.is_refusal());
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(generations(dir.path()), ["sled"]);
    assert_eq!(world.store.changes(), 0);
    world.write(5);
    world.store.compact(&mut on).unwrap();
    check(&world.store, &world.expected(), "after both");
}

/// Makes it visible when an engine would stand still: whoever is not done writes on as fast as it goes.
#[test]
fn writers_and_readers_go_on_while_the_store_is_compacted() {
    const WRITERS: u64 = 3;
    const COMPACTIONS: u64 = 6;
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let ended = AtomicBool::new(false);
    let acknowledged: [AtomicU64; 3] = Default::default();
    let reads = AtomicU64::new(0);
    let fill: Vec<Write> = (0..200).map(|n| write(commit(&run(100 + n), 0, 20))).collect();
    store.write(&fill).unwrap();
    std::thread::scope(|scope| {
        for (n, acknowledged) in (0..WRITERS).zip(&acknowledged) {
            let (store, ended) = (&store, &ended);
            scope.spawn(move || {
                let mut seq = 0;
                while !ended.load(Ordering::Relaxed) {
                    let mut next = commit(&run(n), seq, 2);
                    next.head.doing = "y".repeat(usize::try_from(seq * 97 % 9_000).unwrap());
                    next.marks = vec![(format!("mark/{n}"), Some(json!(seq + 2)))];
                    assert_eq!(store.write(&[write(next)]).unwrap(), [Ok(())]);
                    seq += 2;
                    acknowledged.store(seq, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                for (n, acknowledged) in (0..WRITERS).zip(&acknowledged) {
                    let known = acknowledged.load(Ordering::Relaxed);
                    let seq = store.head(&run(n)).unwrap().map_or(0, |head| head.seq);
                    assert!(seq >= known, "run {n} is at {seq}, and {known} was acknowledged");
                    assert_eq!(store.journal(&run(100 + n), 0, 99).unwrap().len(), 20);
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        for compaction in 0..COMPACTIONS {
            let before = (reads.load(Ordering::Relaxed), acknowledged.each_ref().map(|a| a.load(Ordering::Relaxed)));
            store.compact(&mut on).unwrap();
            let after = (reads.load(Ordering::Relaxed), acknowledged.each_ref().map(|a| a.load(Ordering::Relaxed)));
            assert!(after.0 > before.0 && after.1 > before.1, "compaction {compaction}: {before:?} {after:?}");
        }
        ended.store(true, Ordering::Relaxed);
    });
    let all = |store: &SledStore| {
        assert_eq!(store.live_bytes(), live_rows(&store.generation().db).unwrap());
        for (n, acknowledged) in (0..WRITERS).zip(&acknowledged) {
            let seq = acknowledged.load(Ordering::Relaxed);
            assert_eq!(store.head(&run(n)).unwrap().unwrap().seq, seq);
            assert_eq!(store.journal(&run(n), 0, usize::MAX).unwrap().len() as u64, seq);
            assert_eq!(store.mark(&format!("mark/{n}")).unwrap(), Some(json!(seq)));
        }
        assert_eq!(store.all_runs(None, usize::MAX).unwrap().len() as u64, 200 + WRITERS);
        assert_eq!(store.inbox(&InboxQuery::Unmatched).unwrap(), []);
    };
    all(&store);
    drop(store);
    let store = open(dir.path()).unwrap();
    assert_eq!(store.generation().number, COMPACTIONS);
    all(&store);
}
