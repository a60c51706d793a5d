//! Power cuts. What the engine has acknowledged is there when the machine comes up again, and nothing is half.
//!
//! Here the store's file is copied right after a write was acknowledged, when every byte in it has been synced, and mixed with
//! what the next write had not yet synced: any part of that may have reached the disk, in any order. That `sync_data` is called
//! at all is not seen this way: `disk` cuts the power of a real file system, which needs root, so that it is only there with the
//! feature `power-cut`: `cargo xtask power-cut`.

#[cfg(feature = "power-cut")]
mod disk;

use crate::many_kills::number;
use engross_core::{
    Event, EventId, JOURNAL_VERSION, Person, PlanDigest, ReceivedEvent, Record, RecordHash, RunId, RunStatus, StepId,
    Summary, TimerId, TimerKind, Timestamp,
};
use engross_store::{Commit, Holder, InboxEntry, InboxQuery, RunHead, SledStore, Store, Timer, Write};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Writes of the store before the last cut.
const BATCHES: u64 = 600;

/// After how many writes a cut is made, on average.
const CUT_EVERY: u64 = 18;

const RUNS: u64 = 8;
const TOPIC: &str = "acknowledged";

/// What a disk writes whole: a sector, and what file systems write at once.
const UNITS: [usize; 2] = [512, 4096];

/// Numbers that look random and are the same each time (SplitMix64).
struct Dice(u64);

impl Dice {
    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

fn run(n: u64) -> RunId {
    RunId::new(format!("01900000-0000-7000-8000-{n:012}"))
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(ms).unwrap())
}

fn record(run: &RunId, seq: u64) -> Record {
    let event = match seq {
        1 => Event::RunStarted {
            run: run.clone(),
            plan: PlanDigest::new("digest"),
            workflow: "power".into(),
            title: "NDA with Acme".into(),
            key: None,
            inputs: json!({ "counterparty": { "name": "Acme" } }),
            requester: Person::new("ada@example.org"),
            deadline: None,
            parent: None,
            group: None,
        },
        _ => Event::PollDue { step: StepId::new(format!("step_{seq}")) },
    };
    let hash = RecordHash::default().next(JOURNAL_VERSION, seq, at(seq), &event);
    Record { v: JOURNAL_VERSION, seq, at: at(seq), event, hash }
}

/// The head of a run at this record; of very different lengths, so that sled moves its pages about.
fn head(run: &RunId, seq: u64) -> RunHead {
    RunHead {
        run: run.clone(),
        workflow: "power".into(),
        title: format!("title {seq}"),
        key: None,
        plan: PlanDigest::new("digest"),
        status: RunStatus::Running,
        summary: Summary::Working,
        started_at: at(1),
        updated_at: at(seq),
        seq,
        doing: "x".repeat(usize::try_from(seq * 37 % 9_000).unwrap()),
    }
}

fn timer(run: &RunId, seq: u64) -> Timer {
    Timer { at: at(seq), run: run.clone(), timer: TimerId { step: None, kind: TimerKind::Deadline } }
}

/// Some records of a run with its timer, and an event that is settled.
fn writes(run: &RunId, after: u64, count: u64) -> [Write; 3] {
    let seq = after + count;
    let id = EventId::new(format!("{run}/{seq}"));
    let commit = Commit {
        run: run.clone(),
        expected_seq: after,
        fence: 0,
        records: (after + 1..=seq).map(|n| record(run, n)).collect(),
        head: head(run, seq),
        plan: None,
        timers_set: vec![timer(run, seq)],
        timers_cleared: vec![timer(run, after)],
        waits_set: Vec::new(),
        waits_cleared: Vec::new(),
        marks: Vec::new(),
    };
    let event = ReceivedEvent {
        id: id.clone(),
        kind: "contract.signed".into(),
        data: json!({ "at": seq }),
        received_at: at(seq),
    };
    let entry = InboxEntry { event, topic: TOPIC.into(), source: "acme".into() };
    [Write::Run(Box::new(commit)), Write::Inbox(entry), Write::Matched(id)]
}

/// All that a store holds: the number of each run's last record, and the events.
#[derive(Clone, Debug, Default, PartialEq)]
struct Facts {
    runs: BTreeMap<RunId, u64>,
    events: Vec<String>,
}

fn open(dir: &Path) -> engross_store::Result<SledStore> {
    SledStore::open(dir, Holder::this_process("engross tests", at(0)))
}

/// Everything that is in a store; each run whole, with its head, its records and its timer.
fn read(store: &SledStore) -> Facts {
    let mut facts = Facts::default();
    for n in 0..RUNS {
        let run = run(n);
        let Some(found) = store.head(&run).unwrap() else { continue };
        assert_eq!(found, head(&run, found.seq));
        let journal = store.journal(&run, 0, usize::MAX).unwrap();
        let expected: Vec<Record> = (1..=found.seq).map(|seq| record(&run, seq)).collect();
        assert!(journal == expected, "the journal of {run} is not what was written");
        facts.runs.insert(run, found.seq);
    }
    let timers = store.due(at(u64::from(u32::MAX)), usize::MAX).unwrap().timers;
    let mut timers: Vec<(RunId, u64)> = timers.into_iter().map(|t| (t.run, t.at.as_millis().unsigned_abs())).collect();
    timers.sort();
    assert_eq!(timers, facts.runs.clone().into_iter().collect::<Vec<_>>(), "timers");
    assert_eq!(store.inbox(&InboxQuery::Unmatched).unwrap(), []);
    let entries = store.inbox(&InboxQuery::Topic { topic: TOPIC.into(), since: at(0) }).unwrap();
    facts.events = entries.into_iter().map(|entry| entry.event.id.to_string()).collect();
    facts.events.sort();
    facts
}

/// The store's files right after a write was acknowledged, and what it has acknowledged until then.
struct Frame {
    files: BTreeMap<PathBuf, Vec<u8>>,
    facts: Facts,
}

const DB: &str = "sled/db";

/// Beside the store, and not synced: at a cut it is of any earlier moment, or not there.
const ANCHOR: &str = "engross.anchor";

impl Frame {
    fn take(dir: &Path, facts: &Facts) -> Self {
        let mut files = BTreeMap::new();
        let mut folders = vec![dir.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(path.strip_prefix(dir).unwrap().to_path_buf(), fs::read(&path).unwrap());
                }
            }
        }
        Self { files, facts: facts.clone() }
    }

    /// Lays the files down with this as the database.
    fn lay(&self, dir: &Path, db: &[u8], anchor: bool) {
        fs::create_dir_all(dir.join("sled/blobs")).unwrap();
        for (path, bytes) in &self.files {
            let bytes = if path == Path::new(DB) { db } else { bytes };
            if anchor || path != Path::new(ANCHOR) {
                fs::write(dir.join(path), bytes).unwrap();
            }
        }
    }

    fn db(&self) -> &[u8] {
        &self.files[Path::new(DB)]
    }
}

/// What a disk may hold when the power goes between two acknowledgements.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Nothing of the second.
    Synced,
    /// Any units of the second, in this many of four cases.
    Some { unit: usize, of_four: u64 },
    /// The second up to somewhere.
    Torn { unit: usize },
    /// The second's length and nothing else of it.
    Longer,
}

const CUTS: [Cut; 6] = [
    Cut::Synced,
    Cut::Some { unit: UNITS[1], of_four: 2 },
    Cut::Some { unit: UNITS[0], of_four: 1 },
    Cut::Some { unit: UNITS[0], of_four: 3 },
    Cut::Torn { unit: UNITS[0] },
    Cut::Longer,
];

fn cut(how: Cut, first: &[u8], second: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut disk = first.to_vec();
    if !matches!(how, Cut::Synced) {
        disk.resize(first.len().max(second.len()), 0);
    }
    let unit = match how {
        Cut::Synced | Cut::Longer => return disk,
        Cut::Some { unit, .. } | Cut::Torn { unit } => unit,
    };
    let changed = |n: &usize| {
        let range = |bytes: &[u8]| bytes.get(n * unit..).map_or(0, |rest| rest.len().min(unit));
        let (old, new) = (
            &first[(n * unit).min(first.len())..][..range(first)],
            &second[(n * unit).min(second.len())..][..range(second)],
        );
        old != new
    };
    let changed: Vec<usize> = (0..second.len().div_ceil(unit)).filter(changed).collect();
    let torn_at = usize::try_from(dice.below(changed.len() as u64 + 1)).unwrap();
    for (nth, n) in changed.into_iter().enumerate() {
        let reached = match how {
            Cut::Some { of_four, .. } => dice.below(4) < of_four,
            _ => nth < torn_at,
        };
        if reached {
            let range = n * unit..second.len().min((n + 1) * unit);
            disk[range.clone()].copy_from_slice(&second[range]);
        }
    }
    disk
}

/// Cuts between two acknowledgements in every way. How often the second was there all the same.
fn check_cuts(first: &Frame, second: &Frame, dice: &mut Dice, seed: u64) -> u64 {
    let mut whole = 0;
    for how in CUTS {
        let place = tempfile::tempdir().unwrap();
        let disk = cut(how, first.db(), second.db(), dice);
        first.lay(place.path(), &disk, dice.below(2) == 0);
        let at = || format!("seed {seed}, {how:?} after {} events", first.facts.events.len());
        let store = open(place.path()).unwrap_or_else(|e| panic!("{}: {e}", at()));
        let found = read(&store);
        let both = found == second.facts;
        assert!(
            found == first.facts || both && !matches!(how, Cut::Synced),
            "{}: acknowledged facts are lost, or half of the next are there",
            at()
        );
        whole += u64::from(both);

        // The store is well: it takes the next write, and keeps it.
        let next = run(dice.below(RUNS));
        let after = found.runs.get(&next).copied().unwrap_or(0);
        assert!(store.write(&writes(&next, after, 2)).unwrap().iter().all(Result::is_ok), "{}", at());
        drop(store);
        assert_eq!(read(&open(place.path()).unwrap()).runs[&next], after + 2, "{}", at());
    }
    whole
}

#[test]
fn what_was_synced_is_all_there_whatever_else_reached_the_disk() {
    let seed = number("ENGROSS_SEED", 20_261_123);
    let (began, mut dice) = (Instant::now(), Dice(seed));
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path()).unwrap();
    let (mut facts, mut before, mut pairs, mut whole) = (Facts::default(), None, 0_u64, 0_u64);
    for _ in 0..BATCHES {
        let mut batch = Vec::new();
        let mut next = facts.clone();
        for n in (0..RUNS).filter(|_| dice.below(3) == 0).collect::<Vec<_>>() {
            let (run, count) = (run(n), 1 + dice.below(3));
            let seq = next.runs.entry(run.clone()).or_default();
            batch.extend(writes(&run, *seq, count));
            *seq += count;
            next.events.push(format!("{run}/{seq}"));
        }
        next.events.sort();
        assert!(store.write(&batch).unwrap().iter().all(Result::is_ok));
        facts = next;
        // Nobody writes between the acknowledgement and the next write, so that all bytes of the file are synced here.
        if let Some(first) = before.take() {
            whole += check_cuts(&first, &Frame::take(place.path(), &facts), &mut dice, seed);
            pairs += 1;
        } else if dice.below(CUT_EVERY) == 0 {
            before = Some(Frame::take(place.path(), &facts));
        }
    }
    let bytes = fs::metadata(place.path().join(DB)).unwrap().len();
    let copies = pairs * CUTS.len() as u64;
    println!(
        "seed {seed}: {copies} copies of up to {bytes} bytes, the unacknowledged write whole in {whole}; {:?}",
        began.elapsed()
    );
    assert!(pairs >= BATCHES / CUT_EVERY / 2, "only {pairs} cuts");
}
