//! What is old leaves the store, is found where it went, and what is still needed stays.

use crate::lab::{Answer, Ask, Lab};
use crate::world::{CountedIds, NoFiles, TestClock, World, connection, question};
use engross_compiler::TeraEvaluator;
use engross_core::{ErrorClass, RunId, RunStatus, StepError, Timestamp, Verdict};
use engross_runtime::housekeeping::{Compacted, Housekeeping, Maintenance, Retention, Tidied};
use engross_runtime::{Engine, Error, Options, StartOptions, Word};
use engross_source::SourceFile;
use engross_store::archive::Archive;
use engross_store::{Committer, Holder, MemoryStore, RunQuery, SledStore, Store, backup};
use serde_json::json;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

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
pub(crate) async fn keep_house(world: &World, dir: &std::path::Path, wanting: u64) -> Tidied {
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
    assert_eq!(world.engine.archived_runs(None, 9).await.unwrap().found.len(), 1);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_key_another_one_has_taken_is_not_opened_again() {
    let world = World::new().await;
    let refused = StepError::new(ErrorClass::Invalid, "http_400", "no such party");
    world.lab.on("a", Ask::Execute, [Answer::Fails(refused), Answer::Hangs]);
    let failed = world.try_start(KEYED, json!({ "who": "acme" }), None).await.unwrap().run;
    assert_eq!(world.until_over(&failed).await.status, RunStatus::Failed);
    let other = world.try_start(KEYED, json!({ "who": "acme" }), None).await.unwrap().run;
    let word = Word { by: "ada@acme.example".into(), attempt: None, comment: None };
    let error = world.engine.rerun(&failed, &"a".into(), true, word).await.unwrap_err();
    assert!(matches!(&error, Error::KeyTaken(holder) if *holder == other), "{error}");
    assert_eq!((error.code(), error.details()), ("key_taken", json!({ "holder": other })));
    assert_eq!(world.engine.run(&failed).await.unwrap().status, RunStatus::Failed);
}

/// A world of two archived runs, of which the second holds no key, and where the archive is.
async fn archived_world() -> (World, tempfile::TempDir, [RunId; 2]) {
    let (world, dir) = (World::new().await, tempfile::tempdir().unwrap());
    let keyed = world.try_start(KEYED, json!({ "who": "acme" }), None).await.unwrap().run;
    let plain = world.start("steps: { a: { uses: acme/put } }").await;
    world.until_over(&keyed).await;
    world.until_over(&plain).await;
    world.pass(91 * DAY);
    keep_house(&world, dir.path(), 0).await;
    assert_eq!(world.store.all_runs(None, 9).unwrap(), []);
    (world, dir, [keyed, plain])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_archive_that_is_damaged_or_gone_is_named() {
    let (world, dir, runs) = archived_world().await;
    let verified = async || world.engine.verify(|_| {}).await.unwrap();
    let report = verified().await;
    assert_eq!((report.archived, report.findings), (2, vec![]));
    for run in runs {
        let place = dir.path().join(Archive::place(&run).unwrap());
        let whole = std::fs::read(&place).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for damage in [Vec::new(), whole[..whole.len() / 2].to_vec(), flipped] {
            std::fs::write(&place, damage).unwrap();
            let findings = verified().await.findings;
            let said: Vec<_> = findings.iter().map(|f| (f.code.as_str(), f.run.as_ref())).collect();
            assert_eq!(said, [("archive_damaged", Some(&run))], "{findings:?}");
            // The list goes on, and names it.
            let listed = world.engine.archived_runs(None, 9).await.unwrap();
            assert_eq!((listed.found.len(), &listed.unreadable[0].run), (1, &run));
        }
        std::fs::remove_file(&place).unwrap();
        let findings = verified().await.findings;
        assert_eq!((findings[0].code.as_str(), findings[0].run.as_ref()), ("archive_missing", Some(&run)));
        let gone = world.engine.run(&run).await.unwrap_err();
        assert!(matches!(&gone, Error::Damaged(_)), "it is known that there was one: {gone}");
        assert!(gone.to_string().contains(&Archive::place(&run).unwrap()), "{gone}");
        std::fs::write(&place, whole).unwrap();
        assert!(verified().await.is_good());
    }
    // Another run's file in its place is not taken for it.
    std::fs::rename(dir.path().join("archive"), dir.path().join("elsewhere")).unwrap();
    assert_eq!(verified().await.findings.len(), 2);
}

/// A store on the disk that an engine keeps house for, as the command line does.
struct OnDisk(Arc<SledStore>);

impl Maintenance for OnDisk {
    fn wants_compaction(&self) -> bool {
        false
    }

    fn compact(&self, go_on: &mut dyn FnMut(u64) -> bool) -> Result<Compacted, String> {
        let mut watch = |at: engross_store::Progress| match go_on(at.rows) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        };
        let done = self.0.compact(&mut watch).map_err(|error| error.to_string())?;
        let engross_store::Compacted { live_bytes, before_bytes, after_bytes, rows, pause_ms } = done;
        Ok(Compacted { live_bytes, before_bytes, after_bytes, rows, pause_ms })
    }
}

/// An engine on a disk: the store, the engine, and the line to the store.
async fn engine_on(dir: &std::path::Path) -> (Arc<SledStore>, Engine, Committer) {
    let holder = Holder::this_process("a test", Timestamp::from_millis(0));
    let store = Arc::new(SledStore::open(dir, holder).unwrap());
    let committer = Committer::start(store.clone());
    // Its own checks look into another store, and are not asked.
    let lab = Lab::new(MemoryStore::new());
    let options = Options {
        store: store.clone(),
        committer: committer.clone(),
        files: Arc::new(NoFiles),
        registry: Arc::new(lab.registry()),
        connections: [connection("acme")].into(),
        directory: Arc::default(),
        evaluator: Arc::new(TeraEvaluator::new()),
        clock: Arc::new(TestClock(AtomicI64::new(1_700_000_000_000))),
        ids: Arc::new(CountedIds(AtomicU64::new(1))),
    };
    (store, Engine::start_with(options, Vec::new()).await.unwrap(), committer)
}

/// Starts a run, and waits until it is over.
async fn played(engine: &Engine, text: &str) -> RunId {
    let file = SourceFile::new("test.yaml", text);
    let compiled = engine.compile(&file).unwrap_or_else(|found| panic!("{found:?}"));
    let mut news = engine.watch();
    let how = StartOptions { requester: "ada@acme.example".into(), key: None };
    let run = engine.start_run(compiled, &file, json!({}), how).await.unwrap().run;
    while !engine.run(&run).await.unwrap().status.is_over() {
        news.recv().await.unwrap();
    }
    run
}

/// The copy stands still after its first part until the engine has answered reads and writes: so they are all answered
/// during the compaction, however fast either of both is. Then a second compaction is asked for, which waits for the first.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_answers_while_its_store_is_compacted() {
    let (place, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, engine, committer) = engine_on(place.path()).await;
    engine.keep_house(Housekeeping {
        archive: Some(Archive::local(archive.path()).unwrap()),
        maintenance: Some(Arc::new(OnDisk(store.clone()))),
        retention: Retention { runs_ms: None, events_ms: None },
        product: "engross test".to_string(),
    });
    let text = "schema: engross/v1\nname: test\nsteps: { a: { uses: acme/put }, b: { uses: acme/put, needs: [a] } }";
    let mut runs = vec![played(&engine, text).await];
    let (begun, copying) = tokio::sync::oneshot::channel();
    let (go_on, held) = std::sync::mpsc::channel::<()>();
    let mut begun = Some(begun);
    let compaction = tokio::spawn({
        let engine = engine.clone();
        async move {
            let hold = move |_| {
                if let Some(begun) = begun.take() {
                    begun.send(()).unwrap();
                    held.recv().unwrap();
                }
            };
            engine.compact(hold).await
        }
    });
    copying.await.unwrap();
    for _ in 0..10 {
        runs.push(played(&engine, text).await);
        assert_eq!(engine.runs(RunQuery { limit: 99, ..RunQuery::default() }).await.unwrap().len(), runs.len());
        assert!(!engine.send_event("news", None, json!({})).await.unwrap().duplicate);
    }
    assert!(!compaction.is_finished());
    let second = tokio::spawn({
        let engine = engine.clone();
        async move { engine.compact(|_| {}).await }
    });
    go_on.send(()).unwrap();
    let compacted = compaction.await.unwrap().unwrap();
    assert!(compacted.rows > 0, "{compacted:?}");
    second.await.unwrap().unwrap();
    // Nobody has written since.
    engine.compact(|_| {}).await.unwrap();
    let all = |store: &SledStore| {
        let heads = store.all_runs(None, 99).unwrap();
        let journals: Vec<_> = heads.iter().map(|head| store.journal(&head.run, 0, 999).unwrap()).collect();
        (heads, journals, store.all_events(None, 99).unwrap())
    };
    let expected = all(&store);
    assert_eq!((expected.0.len(), expected.2.len()), (11, 10));
    assert!(engine.verify(|_| {}).await.unwrap().is_good());
    engine.stop();
    committer.shutdown().await.unwrap();
    let mut store = store;
    // What the engine still has of it goes when its last task has ended.
    let store = tokio::time::timeout(crate::lab::PATIENCE, async {
        drop((engine, committer));
        loop {
            match Arc::try_unwrap(store) {
                Ok(store) => return store,
                Err(shared) => store = shared,
            }
            tokio::task::yield_now().await;
        }
    });
    drop(store.await.unwrap());
    let holder = Holder::this_process("a test", Timestamp::from_millis(0));
    assert_eq!(all(&SledStore::open(place.path(), holder).unwrap()), expected);
}
