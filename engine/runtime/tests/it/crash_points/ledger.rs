//! A provider that counts: what was asked of it, and what really happened there. It outlives every crash.
//!
//! It honours keys where its operation is declared idempotent, and nowhere else: a second `send` or `fax` is a second effect,
//! and an audit finds it.

use async_trait::async_trait;
use engross_core::limits::SPAN_MS_MAX;
use engross_core::{
    EffectClass, Event, OnEvent, OutcomeKind, OutcomeSpec, Record, RunId, StepKind, StepSpec, Wait, WaitKind, fold,
};
use engross_step_api::{
    Acknowledgement, Completion, Connection, ErrorClass, IncomingEvent, Provider, RawWebhook, Reconciled, Step,
    StepContext, StepError, StepResult, Subscription, Wake, WebhookError,
};
use engross_store::{MemoryStore, Store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// How the provider answers a step of the workflow, besides the usual.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    /// The first so many requests are refused and nothing happens; it may work later.
    Away(usize),
    /// The first so many requests take effect, and their answers are lost.
    Mute(usize),
    /// The first so many requests are refused for good.
    Refuses(usize),
    /// The first so many requests get lost on their way, and nobody can tell.
    Lost(usize),
    /// It is away until somebody puts things right.
    Down,
    /// It refuses for good until somebody puts things right.
    Broken,
    /// It takes effect, and the answer comes only after the client has done so many of its acts.
    Slow(usize),
}

/// What a step is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    Execute,
    Reconcile,
    Check,
}

#[derive(Debug, Default)]
struct Book {
    /// How often each step (by its key) was asked for what.
    asked: BTreeMap<(String, Ask), usize>,
    /// The effects that happened, by key.
    effects: BTreeMap<String, usize>,
    /// What came of each, by key.
    outputs: BTreeMap<String, Value>,
    /// The steps for which somebody has put things right.
    mended: BTreeSet<&'static str>,
    /// What became of the objects that contracts are signed as.
    objects: BTreeMap<String, &'static str>,
    violations: Vec<String>,
    /// The acts of the client that were acknowledged.
    acts: usize,
}

/// The provider.
pub(crate) struct Ledger {
    store: MemoryStore,
    moods: BTreeMap<&'static str, Mood>,
    book: Mutex<Book>,
    /// Told whenever somebody asked for something.
    pub(crate) progress: Arc<Notify>,
}

impl Ledger {
    pub(crate) fn new(store: MemoryStore, moods: &[(&'static str, Mood)], progress: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { store, moods: moods.iter().copied().collect(), book: Mutex::default(), progress })
    }

    /// Effects per key, and that is all that ever happened there.
    pub(crate) fn effects(&self) -> BTreeMap<String, usize> {
        self.book.lock().unwrap().effects.clone()
    }

    pub(crate) fn asked(&self, key: &str, ask: Ask) -> usize {
        self.book.lock().unwrap().asked.get(&(key.to_string(), ask)).copied().unwrap_or(0)
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.book.lock().unwrap().violations.clone()
    }

    /// Somebody signs or declines, at the provider.
    pub(crate) fn becomes(&self, object: &str, outcome: &'static str) {
        self.book.lock().unwrap().objects.insert(object.to_string(), outcome);
    }

    /// What came of the effect with this key, which is what somebody sees who looks it up at the provider by hand.
    pub(crate) fn outputs(&self, key: &str) -> Option<Value> {
        self.book.lock().unwrap().outputs.get(key).cloned()
    }

    /// Somebody puts things right for a step.
    pub(crate) fn mend(&self, step: &'static str) {
        self.book.lock().unwrap().mended.insert(step);
    }

    fn is_mended(&self, step: &str) -> bool {
        self.book.lock().unwrap().mended.contains(step)
    }

    /// So many acts of the client are acknowledged.
    pub(crate) fn acted(&self, acts: usize) {
        self.book.lock().unwrap().acts = acts;
        self.progress.notify_one();
    }

    fn note(&self, context: &StepContext, ask: Ask) -> usize {
        let records = self.store.journal(&context.run, 0, usize::MAX).unwrap();
        let is_reset = |record: &&Record| matches!(&record.event, Event::StepsReset { steps, .. } if steps.contains(&context.step));
        let again = match records.iter().filter(is_reset).count() {
            0 => String::new(),
            resets => format!("#{resets}"),
        };
        let mut book = self.book.lock().unwrap();
        let key = context.key.as_str().to_string();
        if key != format!("{}/{}{again}", context.run, context.step) {
            book.violations.push(format!("{} of {} has the key {key}", context.step, context.run));
        }
        let times = book.asked.entry((key, ask)).or_default();
        *times += 1;
        let times = *times;
        drop(book);
        self.progress.notify_one();
        times
    }

    /// The promise to every effect: its intent is in the store when its request leaves, and its run is not over.
    fn check_intent(&self, context: &StepContext) {
        let records = self.store.journal(&context.run, 0, usize::MAX).unwrap();
        let intended = records.iter().any(|record| {
            matches!(&record.event, Event::EffectIntended { step, attempt, key }
                if *step == context.step && *attempt == context.attempt && *key == context.key)
        });
        let over = fold(&records).is_none_or(|state| state.status.is_over());
        if !intended || over {
            let what = format!(
                "attempt {} of {} of {} left (intent journaled: {intended}, run over: {over})",
                context.attempt, context.step, context.run
            );
            self.book.lock().unwrap().violations.push(what);
        }
    }

    fn happen(&self, key: &str, honours_keys: bool, outputs: Value) {
        let mut book = self.book.lock().unwrap();
        book.outputs.insert(key.to_string(), outputs);
        let times = book.effects.entry(key.to_string()).or_default();
        if !honours_keys || *times == 0 {
            *times += 1;
        }
    }

    async fn until_acted(&self, acts: usize) {
        while self.book.lock().unwrap().acts < acts {
            tokio::task::yield_now().await;
        }
    }

    /// The steps and the reader of webhooks.
    pub(crate) fn provider(self: &Arc<Self>) -> Arc<dyn Provider> {
        Arc::new(Acme(self.clone()))
    }
}

struct Acme(Arc<Ledger>);

impl Provider for Acme {
    fn name(&self) -> &str {
        "acme"
    }

    fn steps(&self) -> Vec<Arc<dyn Step>> {
        let effects = [
            ("get", EffectClass::Read),
            ("put", EffectClass::Idempotent),
            ("send", EffectClass::Reconcilable),
            ("fax", EffectClass::Unsafe),
            ("await_signed", EffectClass::Read),
        ];
        effects
            .map(|(name, effect)| {
                Arc::new(Operation { ledger: self.0.clone(), spec: spec(name, effect) }) as Arc<dyn Step>
            })
            .to_vec()
    }

    fn check_connection(&self, _: &Connection) -> Vec<String> {
        Vec::new()
    }

    fn receive(&self, _: &Connection, webhook: &RawWebhook<'_>) -> Result<Vec<IncomingEvent>, WebhookError> {
        let data: Value = serde_json::from_slice(webhook.body).map_err(|e| WebhookError::Malformed(e.to_string()))?;
        let text = |name: &str| data[name].as_str().unwrap_or_default().to_string();
        Ok(vec![IncomingEvent {
            dedupe: text("id"),
            kind: text("kind"),
            correlation: text("about"),
            data: data.clone(),
        }])
    }

    fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement { status: 200 }
    }
}

fn spec(name: &str, effect: EffectClass) -> StepSpec {
    let waits = name == "await_signed";
    let outcome = OutcomeSpec::new;
    let outcomes = if waits {
        vec![
            outcome("signed", OutcomeKind::Good),
            outcome("declined", OutcomeKind::Bad),
            outcome("timed_out", OutcomeKind::Bad),
            outcome("failed", OutcomeKind::Failure),
        ]
    } else {
        vec![outcome("succeeded", OutcomeKind::Good), outcome("failed", OutcomeKind::Failure)]
    };
    StepSpec {
        uses: format!("acme/{name}"),
        title: name.to_string(),
        input: json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "maxLength": 40 },
                "poll_ms": { "type": "integer", "maximum": SPAN_MS_MAX },
            },
            "required": ["name"],
            "additionalProperties": false,
        }),
        output: json!({ "type": "object", "properties": { "id": { "type": "string" } }, "required": ["id"] }),
        outcomes,
        effect,
        kind: if waits { StepKind::Wait } else { StepKind::Action },
        provider: Some("acme".to_string()),
    }
}

struct Operation {
    ledger: Arc<Ledger>,
    spec: StepSpec,
}

impl Operation {
    fn good(&self, input: &Value) -> Completion {
        let name = input["name"].as_str().unwrap_or_default();
        Completion::new(self.spec.outcomes[0].name.as_str(), json!({ "id": format!("{}-of-{name}", self.spec.title) }))
    }

    fn happens(&self, context: &StepContext, input: &Value) {
        if self.spec.effect != EffectClass::Read {
            let honours_keys = self.spec.effect == EffectClass::Idempotent;
            self.ledger.happen(context.key.as_str(), honours_keys, self.good(input).outputs);
        }
    }

    fn park(input: &Value) -> StepResult {
        let subscriptions = vec![Subscription::to_object("acme", input["name"].as_str().unwrap_or_default())];
        let poll_ms = input["poll_ms"].as_u64();
        StepResult::Parked(Wait {
            kind: WaitKind::Event { subscriptions, on_event: OnEvent::Check, poll_ms, look_first: true },
            deadline: None,
        })
    }
}

#[async_trait]
impl Step for Operation {
    fn spec(&self) -> &StepSpec {
        &self.spec
    }

    async fn execute(&self, context: &StepContext, input: &Value) -> Result<StepResult, StepError> {
        let times = self.ledger.note(context, Ask::Execute);
        if self.spec.kind == StepKind::Wait {
            return Ok(Self::park(input));
        }
        if self.spec.effect != EffectClass::Read {
            self.ledger.check_intent(context);
        }
        match self.ledger.moods.get(context.step.as_str()) {
            Some(Mood::Away(first)) if times <= *first => {
                return Err(StepError::new(ErrorClass::Transient, "away", "it is away"));
            }
            Some(Mood::Refuses(first)) if times <= *first => {
                return Err(StepError::new(ErrorClass::Invalid, "refused", "it will not have this"));
            }
            Some(Mood::Down) if !self.ledger.is_mended(context.step.as_str()) => {
                return Err(StepError::new(ErrorClass::Transient, "away", "it is away"));
            }
            Some(Mood::Broken) if !self.ledger.is_mended(context.step.as_str()) => {
                return Err(StepError::new(ErrorClass::Invalid, "refused", "it will not have this"));
            }
            Some(Mood::Lost(first)) if times <= *first => {
                return Err(StepError::new(ErrorClass::Transient, "lost", "no answer came").maybe_done());
            }
            Some(Mood::Mute(first)) if times <= *first => {
                self.happens(context, input);
                return Err(StepError::new(ErrorClass::Transient, "mute", "the answer was lost").maybe_done());
            }
            Some(Mood::Slow(acts)) => {
                self.happens(context, input);
                self.ledger.until_acted(*acts).await;
            }
            _ => self.happens(context, input),
        }
        Ok(StepResult::Done(self.good(input)))
    }

    async fn reconcile(&self, context: &StepContext, input: &Value) -> Result<Reconciled, StepError> {
        self.ledger.note(context, Ask::Reconcile);
        match self.ledger.effects().get(context.key.as_str()) {
            Some(_) => Ok(Reconciled::Done(self.good(input))),
            None => Ok(Reconciled::NotDone),
        }
    }

    async fn check(&self, context: &StepContext, input: &Value, _: Wake) -> Result<Option<Completion>, StepError> {
        self.ledger.note(context, Ask::Check);
        let object = input["name"].as_str().unwrap_or_default();
        let outcome = self.ledger.book.lock().unwrap().objects.get(object).copied();
        Ok(outcome.map(|outcome| Completion::new(outcome, json!({ "id": object }))))
    }
}

/// The key of a run's step, by which the ledger files everything.
pub(crate) fn key(run: &RunId, step: &str) -> String {
    format!("{run}/{step}")
}
