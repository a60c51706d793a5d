//! kill -9 at random moments: a child process writes through the committer and says what was acknowledged; whatever it said
//! must be there afterwards, and nothing half.

use super::open;
use crate::conformance::samples::{Dice, at, commit, event, run, timer, write};
use crate::{Committer, InboxQuery, Store, Write};
use engross_core::TimerKind;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

const CYCLES: u64 = 20;
const RUNS: u64 = 4;
const DIR: &str = "ENGROSS_TEST_CRASH_DIR";
const TOPIC: &str = "acknowledged";

/// Each test is its own child: started again with a directory in its environment, it writes until it is killed.
#[tokio::test]
async fn what_was_acknowledged_survives_kill_9_and_nothing_is_half() {
    let test = "sled_store::tests::crash::what_was_acknowledged_survives_kill_9_and_nothing_is_half";
    kill_again_and_again(test, false).await;
}

/// The same, and the store is moved into a fresh database again and again all the while.
#[tokio::test]
async fn what_was_acknowledged_survives_kill_9_while_the_store_is_compacted() {
    let test = "sled_store::tests::crash::what_was_acknowledged_survives_kill_9_while_the_store_is_compacted";
    kill_again_and_again(test, true).await;
}

async fn kill_again_and_again(test: &str, compact: bool) {
    if let Ok(dir) = std::env::var(DIR) {
        write_for_ever(Path::new(&dir), compact).await;
        panic!("a child that cannot write ends, and its parent sees no more of it");
    }
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice(2_026);
    let mut acknowledged = BTreeMap::new();
    let (mut compactions, mut left_half) = (0, 0);
    for cycle in 0..CYCLES {
        let lines = 1 + dice.below(120);
        run_until_killed(test, dir.path(), lines, &mut acknowledged);
        left_half += u64::from(generations(dir.path()) > 1);
        compactions = check(dir.path(), &acknowledged, cycle);
        assert_eq!(generations(dir.path()), 1, "cycle {cycle}: what was left of a compaction is gone");
    }
    let total: u64 = acknowledged.values().sum();
    assert!(total >= CYCLES, "the children wrote only {total} records");
    assert_eq!((compactions > 0, left_half > 0), (compact, compact), "{compactions} done, {left_half} cut off");
}

fn generations(dir: &Path) -> usize {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("sled")).count()
}

/// Starts a child, kills it when it has acknowledged so many commits, and notes all it has said until then.
fn run_until_killed(test: &str, dir: &Path, lines: u64, acknowledged: &mut BTreeMap<u64, u64>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg(test)
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut note = |line: String| {
        // What the harness prints comes before the first acknowledgement on its line, and is none.
        let (_, ack) = line.split_once("ack ")?;
        let (run, seq) = ack.split_once(' ')?;
        let (run, seq): (u64, u64) = (run.parse().ok()?, seq.strip_suffix('.')?.parse().ok()?);
        let known = acknowledged.entry(run).or_insert(0);
        *known = seq.max(*known);
        Some(())
    };
    let mut count = 0;
    while count < lines {
        let line = said.next().expect("the child writes until it is killed").unwrap();
        count += u64::from(note(line).is_some());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for line in said {
        note(line.unwrap());
    }
}

/// Whether everything is there. Says how often the store has moved.
fn check(dir: &Path, acknowledged: &BTreeMap<u64, u64>, cycle: u64) -> u64 {
    let store = open(dir).unwrap();
    let timers = store.due(at(i64::MAX), usize::MAX).unwrap().timers;
    let events = store.inbox(&InboxQuery::Topic { topic: TOPIC.into(), since: at(0) }).unwrap();
    assert_eq!(store.inbox(&InboxQuery::Unmatched).unwrap(), []);
    let mut commits = 0;
    for n in 0..RUNS {
        let head = store.head(&run(n)).unwrap();
        let seq = head.as_ref().map_or(0, |head| head.seq);
        let known = acknowledged.get(&n).copied().unwrap_or(0);
        assert!(seq >= known, "cycle {cycle}: run {n} is at {seq}, and {known} was acknowledged");
        let journal: Vec<u64> = store.journal(&run(n), 0, usize::MAX).unwrap().iter().map(|r| r.seq).collect();
        assert_eq!(journal, (1..=seq).collect::<Vec<u64>>(), "cycle {cycle}: the journal of run {n}");
        // Each commit moves the run's timer to its own number and brings one event: all of it is there, or nothing.
        let own: Vec<u64> =
            timers.iter().filter(|t| t.run == run(n)).map(|t| t.at.as_millis().unsigned_abs()).collect();
        assert_eq!(own, head.iter().map(|head| head.seq).collect::<Vec<u64>>(), "cycle {cycle}: timers of run {n}");
        commits += seq / 2;
    }
    assert_eq!(events.len() as u64, commits, "cycle {cycle}: events");
    store.generation().number
}

/// Writes two records, a timer and a settled event with each commit, for as long as it lives.
async fn write_for_ever(dir: &Path, compact: bool) {
    let store = Arc::new(open(dir).unwrap());
    let committer = Committer::start(store.clone());
    if compact {
        let store = store.clone();
        std::thread::spawn(move || {
            while store.compact(&mut |_| ControlFlow::Continue(())).is_ok() {}
            std::process::abort();
        });
    }
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..RUNS {
        let mut seq = store.head(&run(n)).unwrap().map_or(0, |head| head.seq);
        let committer = committer.clone();
        writers.spawn(async move {
            let timer_at = |seq: u64| timer(&run(n), i64::try_from(seq).unwrap(), None, TimerKind::Deadline);
            loop {
                let mut next = commit(&run(n), seq, 2);
                next.timers_cleared = vec![timer_at(seq)];
                next.timers_set = vec![timer_at(seq + 2)];
                next.head.doing = "x".repeat(usize::try_from(seq * 37 % 9_000).unwrap());
                let id = format!("{n}/{seq}");
                let event = event(&id, TOPIC, 1);
                let writes = vec![write(next), Write::Inbox(event), Write::Matched(id.as_str().into())];
                let answers = committer.write_all(writes).await.unwrap();
                assert_eq!(answers, [Ok(()), Ok(()), Ok(())]);
                seq += 2;
                println!("ack {n} {seq}.");
            }
        });
    }
    writers.join_next().await;
}
