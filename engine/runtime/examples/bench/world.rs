//! Engines to be measured, with steps that do nothing but tell when they were begun.

use async_trait::async_trait;
use bytes::Bytes;
use engross_compiler::TeraEvaluator;
use engross_core::{EffectClass, OnEvent, OutcomeKind, OutcomeSpec, Person, RunId, StepKind, StepSpec, Wait, WaitKind};
use engross_runtime::{Engine, Options, StartOptions, SystemClock, SystemIds};
use engross_source::SourceFile;
use engross_step_api::{
    Acknowledgement, Completion, Connection, FileRef, Files, FilesError, IncomingEvent, Provider, RawWebhook, Registry,
    Step, StepContext, StepError, StepResult, Subscription, Timestamp, Wake, WebhookError, WebhookSettings,
};
use engross_store::{Committer, Holder, SledStore, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::broadcast;

/// The token of the connection's hook.
pub(crate) const TOKEN: &str = "bench";

/// Told of every step as it begins.
pub(crate) type Begun = broadcast::Sender<(RunId, String, Instant)>;

pub(crate) fn sled(dir: &Path) -> Arc<dyn Store> {
    let now = Timestamp::from_millis(0);
    Arc::new(SledStore::open(dir, Holder::this_process("bench", now)).unwrap())
}

/// An engine on this store. Steps tell `begun` when they begin.
pub(crate) async fn engine(store: Arc<dyn Store>, begun: Begun) -> (Engine, Committer) {
    let mut registry = Registry::new();
    registry.add_provider(Arc::new(Idle(begun))).unwrap();
    let committer = Committer::start(store.clone());
    let webhook = WebhookSettings { token: Some(TOKEN.into()), ..WebhookSettings::default() };
    let connection = Connection {
        name: "idle".to_string(),
        provider: "idle".to_string(),
        base_url: None,
        settings: BTreeMap::new(),
        webhook,
        concurrency: 512,
        settle_ms: 0,
    };
    let options = Options {
        store,
        committer: committer.clone(),
        files: Arc::new(NoFiles),
        registry: Arc::new(registry),
        connections: BTreeMap::from([("idle".to_string(), Arc::new(connection))]),
        directory: Arc::default(),
        evaluator: Arc::new(TeraEvaluator::new()),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
    };
    (Engine::start(options).await.unwrap(), committer)
}

/// Ends an engine and lets go of its store.
pub(crate) async fn end(engine: Engine, committer: Committer) {
    engine.stop();
    engine.drain(std::time::Duration::from_secs(10)).await;
    committer.shutdown().await.unwrap();
}

/// Six steps of an operation, one after the other.
pub(crate) fn six(operation: &str) -> SourceFile {
    let steps: String = (1..=6)
        .map(|n| match n {
            1 => format!("  s1: {{ uses: idle/{operation}, with: {{}} }}\n"),
            n => format!("  s{n}: {{ uses: idle/{operation}, with: {{}}, needs: [s{}] }}\n", n - 1),
        })
        .collect();
    SourceFile::new("six.yaml", &format!("schema: engross/v1\nname: six\nsteps:\n{steps}"))
}

pub(crate) async fn start(engine: &Engine, file: &SourceFile, inputs: Value) -> RunId {
    try_start(engine, file, inputs).await.unwrap()
}

pub(crate) async fn try_start(
    engine: &Engine,
    file: &SourceFile,
    inputs: Value,
) -> Result<RunId, engross_runtime::Error> {
    let compiled = engine.compile(file).unwrap_or_else(|found| panic!("{found:?}"));
    let how = StartOptions { requester: Person::new("bench"), key: None };
    Ok(engine.start_run(compiled, file, inputs, how).await?.run)
}

struct NoFiles;

#[async_trait]
impl Files for NoFiles {
    async fn put(&self, _: Bytes, _: &str, _: Option<&str>) -> Result<FileRef, FilesError> {
        Err(FilesError::Unavailable("no files are kept here".to_string()))
    }

    async fn get(&self, sha256: &str) -> Result<Bytes, FilesError> {
        Err(FilesError::NotFound(sha256.to_string()))
    }

    async fn publish(&self, file: &FileRef, _: &str) -> Result<String, FilesError> {
        Err(FilesError::NotFound(file.sha256.clone()))
    }
}

struct Idle(Begun);

impl Provider for Idle {
    fn name(&self) -> &str {
        "idle"
    }

    fn steps(&self) -> Vec<Arc<dyn Step>> {
        [("read", EffectClass::Read), ("put", EffectClass::Idempotent), ("wait", EffectClass::Read)]
            .map(|(name, effect)| {
                let spec = spec(name, effect);
                Arc::new(Operation { spec, begun: self.0.clone() }) as Arc<dyn Step>
            })
            .to_vec()
    }

    fn check_connection(&self, _: &Connection) -> Vec<String> {
        Vec::new()
    }

    fn receive(&self, _: &Connection, webhook: &RawWebhook<'_>) -> Result<Vec<IncomingEvent>, WebhookError> {
        let about = String::from_utf8_lossy(webhook.body).into_owned();
        let data = json!({ "about": about });
        Ok(vec![IncomingEvent { dedupe: about.clone(), kind: "done".to_string(), correlation: about, data }])
    }

    fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement { status: 200 }
    }
}

fn spec(name: &str, effect: EffectClass) -> StepSpec {
    let good = OutcomeSpec::new("succeeded", OutcomeKind::Good);
    StepSpec {
        uses: format!("idle/{name}"),
        title: name.to_string(),
        input: json!({ "type": "object", "properties": { "about": { "type": "string" } } }),
        output: json!({ "type": "object" }),
        outcomes: vec![
            good,
            OutcomeSpec::new("timed_out", OutcomeKind::Bad),
            OutcomeSpec::new("failed", OutcomeKind::Failure),
        ],
        effect,
        kind: if name == "wait" { StepKind::Wait } else { StepKind::Action },
        provider: Some("idle".to_string()),
    }
}

struct Operation {
    spec: StepSpec,
    begun: Begun,
}

#[async_trait]
impl Step for Operation {
    fn spec(&self) -> &StepSpec {
        &self.spec
    }

    async fn execute(&self, context: &StepContext, input: &Value) -> Result<StepResult, StepError> {
        // Nobody listening is no error.
        let _ = self.begun.send((context.run.clone(), context.step.to_string(), Instant::now()));
        if self.spec.kind == StepKind::Action {
            return Ok(StepResult::Done(Completion::new("succeeded", json!({}))));
        }
        let subscriptions = vec![Subscription::to_object("idle", input["about"].as_str().unwrap_or_default())];
        let kind = WaitKind::Event {
            subscriptions,
            on_event: OnEvent::Check,
            poll_ms: Some(7 * 24 * 3600 * 1000),
            look_first: false,
        };
        Ok(StepResult::Parked(Wait { kind, deadline: None }))
    }

    async fn check(&self, _: &StepContext, _: &Value, wake: Wake) -> Result<Option<Completion>, StepError> {
        Ok(matches!(wake, Wake::Event(_)).then(|| Completion::new("succeeded", json!({}))))
    }
}
