//! What providers have sent, read again, and what a connection's month has left: both over restarts.

use crate::lab::{Lab, PATIENCE};
use crate::world::{CountedIds, NoFiles, TOKEN, TestClock, connection};
use async_trait::async_trait;
use engross_compiler::TeraEvaluator;
use engross_runtime::{Engine, Options};
use engross_step_api::{
    Acknowledgement, Budget, Connection, IncomingEvent, Provider, RawWebhook, Replayed, Step, StepContext, StepError,
    Timestamp, WebhookError,
};
use engross_store::{Committer, InboxQuery, MemoryStore, Store};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const NOW: i64 = 1_700_000_000_000;

/// A provider that keeps what it has sent and counts requests.
#[derive(Default)]
struct Mail {
    sent: Mutex<Vec<IncomingEvent>>,
    asked: Mutex<Vec<Option<Timestamp>>>,
    used: AtomicU64,
}

fn event(id: &str) -> IncomingEvent {
    let data = json!({ "id": id });
    IncomingEvent { dedupe: id.into(), kind: "turn".into(), correlation: "c1".into(), data }
}

#[async_trait]
impl Provider for Mail {
    fn name(&self) -> &str {
        "mail"
    }

    fn steps(&self) -> Vec<Arc<dyn Step>> {
        Vec::new()
    }

    fn check_connection(&self, _: &Connection) -> Vec<String> {
        Vec::new()
    }

    fn receive(&self, _: &Connection, webhook: &RawWebhook<'_>) -> Result<Vec<IncomingEvent>, WebhookError> {
        Ok(vec![event(&String::from_utf8_lossy(webhook.body))])
    }

    fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement { status: 200 }
    }

    fn budget(&self, _: &Connection, now: Timestamp) -> Option<Budget> {
        Some(Budget {
            month: "2023-11".to_string(),
            used: self.used.load(Ordering::SeqCst),
            limit: Some(100),
            resets_at: now,
            polling: 2,
            poll_pause_ms: 60_000,
        })
    }

    fn restore_budget(&self, _: &Connection, month: &str, used: u64) {
        assert_eq!(month, "2023-11");
        self.used.fetch_add(used, Ordering::SeqCst);
    }

    fn feed_every_ms(&self) -> Option<u64> {
        Some(900_000)
    }

    async fn replay(&self, _: &StepContext, since: Option<Timestamp>) -> Result<Replayed, StepError> {
        self.asked.lock().unwrap().push(since);
        let events = self.sent.lock().unwrap().clone();
        Ok(Replayed { events, next: Some(Timestamp::from_millis(NOW)) })
    }
}

/// An engine on a store, with this provider behind its only connection.
async fn start(store: &MemoryStore, mail: Arc<Mail>) -> Engine {
    let mut registry = Lab::new(store.clone()).registry();
    registry.add_provider(mail).unwrap();
    let (name, acme) = connection("mail");
    let mail = Connection { provider: "mail".to_string(), ..Connection::clone(&acme) };
    let options = Options {
        store: Arc::new(store.clone()),
        committer: Committer::start(Arc::new(store.clone())),
        files: Arc::new(NoFiles),
        registry: Arc::new(registry),
        connections: [(name, Arc::new(mail))].into(),
        directory: Arc::default(),
        evaluator: Arc::new(TeraEvaluator::new()),
        clock: Arc::new(TestClock(AtomicI64::new(NOW))),
        ids: Arc::new(CountedIds(AtomicU64::new(1))),
    };
    Engine::start(options).await.unwrap()
}

/// Waits until a mark is there, and tells it.
async fn until_marked(store: &MemoryStore, name: &str) -> Value {
    let waiting = async {
        loop {
            if let Some(value) = store.mark(name).unwrap() {
                return value;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap()
}

fn inbox(store: &MemoryStore) -> Vec<String> {
    let topic = InboxQuery::Topic { topic: "mail:c1".to_string(), since: Timestamp::from_millis(0) };
    store.inbox(&topic).unwrap().iter().map(|entry| entry.event.data["id"].as_str().unwrap().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_was_lost_is_found_at_the_start_and_one_that_came_both_ways_counts_once() {
    let store = MemoryStore::new();
    let mail = Arc::new(Mail::default());
    mail.sent.lock().unwrap().push(event("lost"));
    let engine = start(&store, mail.clone()).await;
    assert_eq!(until_marked(&store, "replay/mail").await, json!({ "since_ms": NOW }));
    assert_eq!(inbox(&store), ["lost"]);
    // It comes after all, and so does another one.
    for id in ["lost", "next"] {
        engine.receive_webhook("mail", TOKEN, &[], id.as_bytes()).await.unwrap();
    }
    assert_eq!(inbox(&store), ["lost", "next"]);
    engine.stop();

    // The next engine goes on from where this one came to; what was delivered meanwhile is known already.
    let after = Arc::new(Mail::default());
    after.sent.lock().unwrap().extend([event("next"), event("later")]);
    let engine = start(&store, after.clone()).await;
    let found = async {
        while inbox(&store).len() < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap();
    let mut ids = inbox(&store);
    ids.sort();
    assert_eq!(ids, ["later", "lost", "next"]);
    assert_eq!(*mail.asked.lock().unwrap(), [None]);
    assert_eq!(*after.asked.lock().unwrap(), [Some(Timestamp::from_millis(NOW))]);
    engine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_month_has_used_survives_a_restart() {
    let store = MemoryStore::new();
    let mail = Arc::new(Mail::default());
    let engine = start(&store, mail.clone()).await;
    mail.used.store(7, Ordering::SeqCst);
    engine.keep_budgets().await.unwrap();
    assert_eq!(store.mark("quota/mail/2023-11").unwrap(), Some(json!({ "used": 7 })));
    engine.stop();
    let after = Arc::new(Mail::default());
    let engine = start(&store, after.clone()).await;
    let told = engine.budgets().remove(0);
    assert_eq!((told.connection.as_str(), told.provider.as_str()), ("mail", "mail"));
    assert_eq!((told.used, told.limit, told.polling), (7, Some(100), 2));
    assert_eq!((told.month.as_deref(), told.resets_at.is_some()), (Some("2023-11"), true));
    engine.stop();
}
