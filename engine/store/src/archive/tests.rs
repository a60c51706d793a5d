//! A run is found again where its id says, as it was; what was damaged is never taken for it.

use super::*;
use crate::backup::tests::{plan, put, records};
use crate::{MemoryStore, Write};
use engross_core::RunStatus;
use object_store::memory::InMemory;
use std::fs;

const NOVEMBER: &str = "019a6f3d-5c00-7000-8000-000000000001";
const OCTOBER: &str = "019a0000-0000-7000-8000-000000000001";

fn store_with(ids: &[&str]) -> Arc<MemoryStore> {
    let store = MemoryStore::new();
    let plan = plan(1);
    for id in ids {
        put(&store, &plan, records(&RunId::new(id), &plan, None, Some(RunStatus::Succeeded)));
    }
    Arc::new(store)
}

async fn keep(archive: &Archive, store: &Arc<MemoryStore>, id: &str) -> Option<RunHead> {
    let now = Timestamp::from_millis(1_800_000_000_000);
    archive.keep(store.clone(), &RunId::new(id), "engross test", now).await.unwrap()
}

#[test]
fn a_place_follows_from_the_id() {
    let check = |id: &str, expected: Option<&str>| {
        assert_eq!(place_of(&RunId::new(id)).map(|place| place.to_string()).as_deref(), expected, "{id}");
    };
    check(OCTOBER, Some("archive/2025/10/019a0000-0000-7000-8000-000000000001.jsonl.gz"));
    check(NOVEMBER, Some("archive/2025/11/019a6f3d-5c00-7000-8000-000000000001.jsonl.gz"));
    check("run-000001", Some("archive/undated/run-000001.jsonl.gz"));
    check(
        "5f0a8a86-61e5-4b6d-8f6c-000000000000",
        Some("archive/undated/5f0a8a86-61e5-4b6d-8f6c-000000000000.jsonl.gz"),
    );
    check(
        "ffffffff-ffff-7fff-8fff-ffffffffffff",
        Some("archive/undated/ffffffff-ffff-7fff-8fff-ffffffffffff.jsonl.gz"),
    );
    for id in ["", "..", "a/b", "../../x", "a\0", "ä", &"x".repeat(ID_BYTES_MAX + 1)] {
        check(id, None);
    }
}

async fn goes_and_comes(archive: &Archive) {
    let ids = [OCTOBER, NOVEMBER, "run-1", "run-2"];
    let store = store_with(&ids);
    for id in ids {
        assert!(keep(archive, &store, id).await.is_some());
        let run = RunId::new(id);
        store.write(&[Write::Remove(run.clone())]).unwrap().remove(0).unwrap();
        let found = archive.get(&run).await.unwrap().unwrap();
        assert_eq!((found.head.run, found.records.len(), found.plan), (run, 5, plan(1)));
    }
    assert_eq!(keep(archive, &store, "run-1").await, None, "it is not in the store any more");
    assert_eq!(archive.get(&RunId::new("run-3")).await.unwrap(), None);
    let list = async |before: Option<&str>, limit| {
        let listed = archive.list(before.map(RunId::new).as_ref(), limit).await.unwrap();
        assert_eq!(listed.damaged, []);
        listed.heads.iter().map(|head| head.run.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(None, 10).await, [NOVEMBER, OCTOBER, "run-2", "run-1"]);
    assert_eq!(list(None, 2).await, [NOVEMBER, OCTOBER]);
    assert_eq!(list(Some(NOVEMBER), 1).await, [OCTOBER]);
}

#[tokio::test]
async fn runs_are_kept_on_a_disk() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::local(dir.path()).unwrap();
    assert_eq!(archive.list(None, 10).await.unwrap(), Listed::default());
    goes_and_comes(&archive).await;
    assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn runs_are_kept_in_an_object_store() {
    goes_and_comes(&Archive::remote(Arc::new(InMemory::new()))).await;
}

#[tokio::test]
async fn what_is_damaged_is_said_and_written_anew_while_the_run_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::local(dir.path()).unwrap();
    let store = store_with(&[NOVEMBER]);
    keep(&archive, &store, NOVEMBER).await.unwrap();
    let run = RunId::new(NOVEMBER);
    let place = dir.path().join(place_of(&run).unwrap().to_string());
    let whole = fs::read(&place).unwrap();
    let flipped = || {
        let mut bytes = whole.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    for damage in [Vec::new(), whole[..whole.len() / 2].to_vec(), flipped(), b"no gzip at all".to_vec()] {
        fs::write(&place, damage).unwrap();
        let error = archive.get(&run).await.unwrap_err();
        assert!(matches!(&error, ArchiveError::Damaged { .. }), "{error}");
    }
    assert!(keep(&archive, &store, NOVEMBER).await.is_some());
    assert_eq!(archive.get(&run).await.unwrap().unwrap().head.run, run);
}

#[tokio::test]
async fn another_history_of_the_same_id_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::local(dir.path()).unwrap();
    let (id, now) = (RunId::new(NOVEMBER), Timestamp::from_millis(1_800_000_000_000));
    let store_of = |n: u64, end: Option<RunStatus>| {
        let store = MemoryStore::new();
        let plan = plan(n);
        put(&store, &plan, records(&id, &plan, None, end));
        Arc::new(store)
    };
    // What has gone on since takes the place of its own beginning.
    keep(&archive, &store_of(1, None), NOVEMBER).await.unwrap();
    let (one, other) = (store_of(1, Some(RunStatus::Succeeded)), store_of(2, Some(RunStatus::Succeeded)));
    let head = keep(&archive, &one, NOVEMBER).await.unwrap();
    let refused = archive.keep(other.clone(), &id, "engross test", now).await.unwrap_err();
    assert!(matches!(&refused, ArchiveError::Another { run } if *run == id), "{refused}");
    assert_eq!(archive.get(&id).await.unwrap().unwrap().head, head);
    // Nor may a beginning take the place of the whole.
    let refused = archive.keep(store_of(1, None), &id, "engross test", now).await.unwrap_err();
    assert!(matches!(refused, ArchiveError::Another { .. }), "{refused}");
    // What cannot be read may be another history, where the store knows that one went there.
    let place = dir.path().join(Archive::place(&id).unwrap());
    fs::write(&place, b"no gzip at all").unwrap();
    let mark = Write::Mark { name: format!("{IN_ARCHIVE_MARKS}{id}"), value: Some(serde_json::json!(1)) };
    other.write(&[mark]).unwrap().remove(0).unwrap();
    let refused = archive.keep(other, &id, "engross test", now).await.unwrap_err();
    assert!(matches!(refused, ArchiveError::Another { .. }), "{refused}");
    assert_eq!(fs::read(&place).unwrap(), b"no gzip at all");
}

#[tokio::test]
async fn a_list_goes_on_beside_files_that_are_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::local(dir.path()).unwrap();
    let ids = [OCTOBER, NOVEMBER, "run-1", "run-2"];
    let store = store_with(&ids);
    for id in ids {
        keep(&archive, &store, id).await.unwrap();
    }
    let place = |id: &str| dir.path().join(Archive::place(&RunId::new(id)).unwrap());
    let whole = fs::read(place(NOVEMBER)).unwrap();
    // Wherever the bit is, it is seen: the head stands near the beginning, and the checksum at the end.
    for at in [whole.len() / 3, whole.len() / 2, whole.len() - 6] {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        fs::write(place(NOVEMBER), flipped).unwrap();
        fs::write(place("run-2"), b"").unwrap();
        let listed = archive.list(None, 10).await.unwrap();
        let sound: Vec<&str> = listed.heads.iter().map(|head| head.run.as_str()).collect();
        let damaged: Vec<&str> = listed.damaged.iter().map(|(run, _)| run.as_str()).collect();
        assert_eq!((sound, damaged), (vec![OCTOBER, "run-1"], vec![NOVEMBER, "run-2"]), "{listed:?}");
        assert!(listed.damaged.iter().all(|(_, why)| !why.is_empty()), "{listed:?}");
        assert_eq!(archive.list(None, 1).await.unwrap().heads.len(), 0, "one that is damaged counts too");
    }
}

#[tokio::test]
async fn another_run_in_its_place_is_not_taken_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::local(dir.path()).unwrap();
    keep(&archive, &store_with(&["run-1"]), "run-1").await.unwrap();
    let place = |id: &str| dir.path().join("archive/undated").join(format!("{id}.jsonl.gz"));
    fs::copy(place("run-1"), place("run-2")).unwrap();
    assert!(archive.get(&RunId::new("run-2")).await.unwrap_err().to_string().contains("it is another run"));
    let listed = archive.list(None, 9).await.unwrap();
    assert_eq!(listed.damaged, [(RunId::new("run-2"), "it is another run".to_owned())]);
}
