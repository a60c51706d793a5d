//! What is old leaves the store, is found where it went, and what is still needed stays.

use crate::lab::{Answer, Ask};
use crate::world::{World, question};
use engross_core::{RunId, RunStatus, Verdict};
use engross_runtime::Error;
use engross_runtime::housekeeping::{Compacted, Housekeeping, Maintenance, Retention, Tidied};
use engross_store::archive::Archive;
use engross_store::{MemoryStore, Store, backup};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const DAY: i64 = 24 * 3600 * 1000;

/// Wants to be compacted as often as it says.
struct Wanting(AtomicU64);

impl Maintenance for Wanting {
    fn wants_compaction(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }

    fn compact(&self, go_on: &mut dyn FnMut(u64) -> bool) -> Result<Compacted, String> {
        if !go_on(1) {
            return Err("it was stopped".to_string());
        }
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).ok();
        Ok(Compacted { live_bytes: 1, before_bytes: 9, after_bytes: 2, rows: 1, pause_ms: 0 })
    }
}

/// Keeps house in this world. One whole round has been made when this returns; the engine's own first one may still be under way.
async fn keep_house(world: &World, dir: &std::path::Path, wanting: u64) -> Tidied {
    let days = |n: u64| Some(n * 24 * 3600 * 1000);
    world.engine.keep_house(Housekeeping {
        archive: Some(Archive::local(dir).unwrap()),
        maintenance: Some(Arc::new(Wanting(AtomicU64::new(wanting)))),
        retention: Retention { runs_ms: days(90), events_ms: days(30) },
        product: "engross test".to_string(),
    });
    world.engine.tidy().await.unwrap()
}

const KEYED: &str =
    "run: { key: \"{{ inputs.who }}\" }\ninputs: { who: { type: string } }\nsteps: { a: { uses: acme/put } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_over_and_old_is_found_in_the_archive() {
    let (world, dir) = (World::new().await, tempfile::tempdir().unwrap());
    let old = world.try_start(KEYED, json!({ "who": "acme" }), None).await.unwrap().run;
    let view = world.until_over(&old).await;
    let records = world.engine.journal(&old, 0).await.unwrap();
    world.lab.on("ask", Ask::Execute, [Answer::Parks(question(1, None))]);
    let open = world.start("steps: { ask: { uses: gate } }").await;
    world.until_step(&open, "ask", "waiting").await;
    world.pass(91 * DAY);
    let young = world.start("steps: { a: { uses: acme/put } }").await;
    world.until_over(&young).await;

    keep_house(&world, dir.path(), 0).await;
    assert_eq!(world.store.head(&old).unwrap(), None);
    let left: Vec<RunId> = world.store.all_runs(None, 9).unwrap().into_iter().map(|head| head.run).collect();
    assert_eq!(left, [open.clone(), young]);
    assert_eq!(world.engine.archived_runs(None, 9).await.unwrap().len(), 1);
    let found = world.engine.run(&old).await.unwrap();
    assert_eq!(serde_json::to_value(&found).unwrap(), serde_json::to_value(&view).unwrap());
    assert_eq!(world.engine.journal(&old, 0).await.unwrap(), records);
    assert_eq!(world.engine.journal(&old, 2).await.unwrap(), records[2..]);

    // A start with its key attaches, and one that means something else is told so.
    let again = world.try_start(KEYED, json!({ "who": "acme" }), None).await.unwrap();
    assert_eq!((&again.run, again.attached), (&old, true));
    let other = world.try_start(KEYED, json!({ "who": "else" }), Some("acme")).await.unwrap_err();
    assert!(other.to_string().contains("holds this key with other inputs"), "{other}");
    let unknown = world.engine.run(&RunId::new("nobody")).await.unwrap_err();
    assert!(matches!(unknown, Error::NoRun(_)), "{unknown}");

    // An export takes the key along.
    let file = world.engine.export(Vec::new(), "engross test".to_string()).await.unwrap();
    let copy = MemoryStore::new();
    backup::import(&copy, &mut || Ok(&file[..]), &mut |_, _| {}).unwrap();
    assert_eq!(copy.run_by_key("test", "acme").unwrap(), Some(old));
    assert_eq!(copy.head(&open).unwrap(), world.store.head(&open).unwrap());

    world.decide(&open, "lena", Verdict::Approve).await.unwrap();
    world.until_over(&open).await;
    assert!(world.engine.fsck(|_| {}).await.unwrap().is_good());
    assert!(world.engine.verify(|_| {}).await.unwrap().is_good());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stays_as_long_as_an_open_run_may_want_it() {
    let (world, dir) = (World::new().await, tempfile::tempdir().unwrap());
    assert!(!world.engine.send_event("first", Some("1"), json!({})).await.unwrap().duplicate);
    world.pass(1);
    world.lab.on("ask", Ask::Execute, [Answer::Parks(question(1, None))]);
    let open = world.start("steps: { ask: { uses: gate } }").await;
    world.until_step(&open, "ask", "waiting").await;
    world.engine.send_event("second", Some("2"), json!({})).await.unwrap();
    let settled = async |count: usize| {
        while world.store.settled(engross_core::Timestamp::from_millis(i64::MAX), 9).unwrap().len() != count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::lab::PATIENCE, settled(2)).await.unwrap();
    world.pass(40 * DAY);
    keep_house(&world, dir.path(), 0).await;
    let left = world.store.all_events(None, 9).unwrap();
    assert_eq!(left.iter().map(|row| row.entry.event.kind.as_str()).collect::<Vec<_>>(), ["second"]);
    world.engine.cancel(&open, "ada@acme.example".into(), None).await.unwrap();
    assert_eq!(world.until_over(&open).await.status, RunStatus::Cancelled);
    world.engine.tidy().await.unwrap();
    assert_eq!(world.store.all_events(None, 9).unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_wants_it_is_compacted() {
    let (world, dir) = (World::new().await, tempfile::tempdir().unwrap());
    let refused = world.engine.compact(|_| {}).await.unwrap_err();
    assert!(matches!(refused, Error::BadRequest(_)), "nobody has said how: {refused}");
    keep_house(&world, dir.path(), 3).await;
    while world.engine.tidy().await.unwrap().compacted {}
    assert_eq!(world.engine.tidy().await.unwrap(), Tidied::default());
}
