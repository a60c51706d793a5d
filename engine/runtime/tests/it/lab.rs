//! Steps and a provider that record every call and answer from a script.

use async_trait::async_trait;
use engross_core::{EffectClass, Event, OutcomeKind, OutcomeSpec, StepKind, StepSpec};
use engross_runtime::limits::JOURNAL_PAGE;
use engross_step_api::{
    Acknowledgement, Completion, Connection, IncomingEvent, Provider, RawWebhook, Reconciled, Registry, Step,
    StepContext, StepError, StepResult, Wait, Wake, WebhookError,
};
use engross_store::{MemoryStore, Store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// So long a test waits for what must happen before it says that it does not.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What a step is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    Execute,
    Reconcile,
    Check,
}

/// What it answers.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Its good outcome, with these outputs.
    Done(Value),
    /// Another outcome.
    Ends(&'static str, Value),
    Fails(StepError),
    Panics,
    Hangs,
    Parks(Wait),
    /// A look-up that finds nothing, or a look that sees nothing yet.
    Nothing,
    /// This, once the gate is open.
    After(Gate, Box<Answer>),
    /// This, after so long: a provider that takes its time.
    Takes(Duration, Box<Answer>),
}

/// Closed until it is opened.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    pub(crate) fn open(&self) {
        self.0.add_permits(10_000);
    }
}

/// A call that a step got.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) step: String,
    pub(crate) ask: Ask,
    pub(crate) attempt: u32,
    pub(crate) key: String,
    pub(crate) wake: Option<Wake>,
}

/// Everything that the steps of a world share; it outlives a crash of the engine.
pub(crate) struct Lab {
    store: MemoryStore,
    script: Mutex<BTreeMap<(String, Ask), VecDeque<Answer>>>,
    calls: Mutex<Vec<Call>>,
    called: watch::Sender<usize>,
    /// Per connection: how many are at work, and the most there ever were.
    busy: Mutex<BTreeMap<String, (usize, usize)>>,
    violations: Mutex<Vec<String>>,
}

impl Lab {
    pub(crate) fn new(store: MemoryStore) -> Arc<Self> {
        Arc::new(Self {
            store,
            script: Mutex::default(),
            calls: Mutex::default(),
            called: watch::channel(0).0,
            busy: Mutex::default(),
            violations: Mutex::default(),
        })
    }

    /// What a step answers to its next calls, one after the other; after that it succeeds, finds nothing, sees nothing.
    pub(crate) fn on(&self, step: &str, ask: Ask, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().unwrap().entry((step.to_string(), ask)).or_default().extend(answers);
    }

    pub(crate) fn calls(&self, step: &str, ask: Ask) -> Vec<Call> {
        self.calls.lock().unwrap().iter().filter(|c| c.step == step && c.ask == ask).cloned().collect()
    }

    pub(crate) fn count(&self, step: &str, ask: Ask) -> usize {
        self.calls(step, ask).len()
    }

    pub(crate) async fn until_called(&self, step: &str, ask: Ask, times: usize) {
        let mut called = self.called.subscribe();
        let enough = called.wait_for(|_| self.count(step, ask) >= times);
        if tokio::time::timeout(PATIENCE, enough).await.is_err() {
            panic!("{step} is not asked to {ask:?} {times} times, but {}", self.count(step, ask));
        }
    }

    pub(crate) fn most_at_once(&self, connection: &str) -> usize {
        self.busy.lock().unwrap().get(connection).map_or(0, |busy| busy.1)
    }

    /// What must never happen, and did.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.violations.lock().unwrap().clone()
    }

    fn called(&self, ask: Ask, context: &StepContext, wake: Option<Wake>) -> Option<Answer> {
        let step = context.step.to_string();
        let answer = self.script.lock().unwrap().get_mut(&(step.clone(), ask)).and_then(VecDeque::pop_front);
        let key = context.key.as_str().to_string();
        self.calls.lock().unwrap().push(Call { step, ask, attempt: context.attempt, key, wake });
        self.called.send_modify(|n| *n += 1);
        answer
    }

    /// The promise to every effect: its intent is in the store when its request leaves.
    fn check_intent(&self, spec: &StepSpec, context: &StepContext) {
        if spec.effect == EffectClass::Read {
            return;
        }
        let records = self.store.journal(&context.run, 0, JOURNAL_PAGE).unwrap();
        let intended = records.iter().any(|record| {
            matches!(&record.event, Event::EffectIntended { step, attempt, key }
                if *step == context.step && *attempt == context.attempt && *key == context.key)
        });
        if !intended {
            let what =
                format!("{} of {} left in attempt {} without its intent", context.step, context.run, context.attempt);
            self.violations.lock().unwrap().push(what);
        }
    }

    fn busy(self: &Arc<Self>, connection: Option<&Connection>) -> Busy {
        let connection = connection.map(|c| c.name.clone()).unwrap_or_default();
        let mut all = self.busy.lock().unwrap();
        let (now, most) = all.entry(connection.clone()).or_default();
        *now += 1;
        *most = (*most).max(*now);
        Busy { lab: self.clone(), connection }
    }

    /// Every operation of the world.
    pub(crate) fn registry(self: &Arc<Self>) -> Registry {
        let mut registry = Registry::new();
        for name in ["local", "gate", "await_event"] {
            registry.add_step(Arc::new(self.step(name, None))).unwrap();
        }
        registry.add_provider(Arc::new(Acme(self.clone()))).unwrap();
        engross_builtin::register(&mut registry, &engross_builtin::HttpPolicy::default()).unwrap();
        registry
    }

    fn step(self: &Arc<Self>, uses: &str, provider: Option<&str>) -> Scripted {
        let name = uses.rsplit('/').next().unwrap_or(uses);
        let outcome = OutcomeSpec::new;
        let outcomes = match name {
            "gate" => vec![
                outcome("approved", OutcomeKind::Good),
                outcome("rejected", OutcomeKind::Bad),
                outcome("expired", OutcomeKind::Bad),
            ],
            "await_event" => vec![outcome("received", OutcomeKind::Good), outcome("timed_out", OutcomeKind::Neutral)],
            "await_signed" => vec![
                outcome("signed", OutcomeKind::Good),
                outcome("declined", OutcomeKind::Bad),
                outcome("timed_out", OutcomeKind::Bad),
                outcome("failed", OutcomeKind::Failure),
            ],
            _ => vec![outcome("succeeded", OutcomeKind::Good), outcome("failed", OutcomeKind::Failure)],
        };
        let effect = match name {
            "put" => EffectClass::Idempotent,
            "send" => EffectClass::Reconcilable,
            "fax" => EffectClass::Unsafe,
            _ => EffectClass::Read,
        };
        let waits = matches!(name, "gate" | "await_event" | "await_signed");
        let spec = StepSpec {
            uses: uses.to_string(),
            title: uses.to_string(),
            input: json!({
                "type": "object",
                "properties": {
                    "name": { "type": "string", "maxLength": 20 },
                    "email": { "type": "string", "format": "email" },
                    "any": {},
                },
                "additionalProperties": false,
            }),
            output: json!({ "type": "object", "properties": { "id": { "type": "string" }, "value": {} } }),
            outcomes,
            effect,
            kind: if waits { StepKind::Wait } else { StepKind::Action },
            provider: provider.map(str::to_string),
        };
        Scripted { lab: self.clone(), spec }
    }
}

struct Busy {
    lab: Arc<Lab>,
    connection: String,
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some((now, _)) = self.lab.busy.lock().unwrap().get_mut(&self.connection) {
            *now -= 1;
        }
    }
}

struct Scripted {
    lab: Arc<Lab>,
    spec: StepSpec,
}

impl Scripted {
    async fn answer(&self, mut answer: Answer) -> Result<Option<StepResult>, StepError> {
        loop {
            let good = || self.spec.good().unwrap().name.as_str().to_string();
            return match answer {
                Answer::Done(outputs) => Ok(Some(StepResult::Done(Completion::new(good(), outputs)))),
                Answer::Ends(outcome, outputs) => Ok(Some(StepResult::Done(Completion::new(outcome, outputs)))),
                Answer::Fails(error) => Err(error),
                Answer::Panics => panic!("the script says so"),
                Answer::Hangs => std::future::pending().await,
                Answer::Parks(wait) => Ok(Some(StepResult::Parked(wait))),
                Answer::Nothing => Ok(None),
                Answer::Takes(time, then) => {
                    tokio::time::sleep(time).await;
                    answer = *then;
                    continue;
                }
                Answer::After(gate, then) => {
                    gate.0.acquire().await.unwrap().forget();
                    answer = *then;
                    continue;
                }
            };
        }
    }
}

#[async_trait]
impl Step for Scripted {
    fn spec(&self) -> &StepSpec {
        &self.spec
    }

    async fn execute(&self, context: &StepContext, _: &Value) -> Result<StepResult, StepError> {
        let _busy = self.lab.busy(context.connection.as_deref());
        self.lab.check_intent(&self.spec, context);
        let answer = self.lab.called(Ask::Execute, context, None);
        let answer = answer.unwrap_or_else(|| Answer::Done(json!({ "id": format!("{}-id", context.step) })));
        Ok(self.answer(answer).await?.unwrap())
    }

    async fn reconcile(&self, context: &StepContext, _: &Value) -> Result<Reconciled, StepError> {
        let answer = self.lab.called(Ask::Reconcile, context, None).unwrap_or(Answer::Nothing);
        match self.answer(answer).await? {
            Some(StepResult::Done(done)) => Ok(Reconciled::Done(done)),
            _ => Ok(Reconciled::NotDone),
        }
    }

    async fn check(&self, context: &StepContext, _: &Value, wake: Wake) -> Result<Option<Completion>, StepError> {
        let answer = self.lab.called(Ask::Check, context, Some(wake)).unwrap_or(Answer::Nothing);
        match self.answer(answer).await? {
            Some(StepResult::Done(done)) => Ok(Some(done)),
            _ => Ok(None),
        }
    }
}

/// A provider whose webhooks are JSON objects with `id`, `kind` and `about`, under a header that must say `yes`.
struct Acme(Arc<Lab>);

impl Provider for Acme {
    fn name(&self) -> &str {
        "acme"
    }

    fn steps(&self) -> Vec<Arc<dyn Step>> {
        ["acme/get", "acme/put", "acme/send", "acme/fax", "acme/await_signed"]
            .map(|uses| Arc::new(self.0.step(uses, Some("acme"))) as Arc<dyn Step>)
            .to_vec()
    }

    fn check_connection(&self, _: &Connection) -> Vec<String> {
        Vec::new()
    }

    fn receive(&self, _: &Connection, webhook: &RawWebhook<'_>) -> Result<Vec<IncomingEvent>, WebhookError> {
        if !webhook.headers.iter().any(|(name, value)| name == "x-acme" && value == "yes") {
            return Err(WebhookError::Unverified("the header x-acme is not there".to_string()));
        }
        let data: Value =
            serde_json::from_slice(webhook.body).map_err(|error| WebhookError::Malformed(error.to_string()))?;
        let text = |name: &str| data[name].as_str().unwrap_or_default().to_string();
        Ok(vec![IncomingEvent {
            dedupe: text("id"),
            kind: text("kind"),
            correlation: text("about"),
            data: data.clone(),
        }])
    }

    fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement { status: 202 }
    }
}
