//! The engine as one thing: built from its options, held by a cheap handle, ended on purpose.

use crate::clock::{Clock, Forward, Ids};
use crate::housekeeping::House;
use crate::limits::{PLANS_CACHED_MAX, WATCH_BACKLOG, WORKING_STEPS_MAX};
use crate::triggers::{TriggeredWorkflow, Triggers, schedules};
use crate::turn::Slot;
use crate::{Error, RegistryCatalog, feeds, quota, recovery, sweeper};
use engross_compiler::Compiled;
use engross_core::{Evaluate, Plan, PlanDigest, Record, RunId, RunState};
use engross_source::{Diagnostic, SourceFile};
use engross_step_api::{Connection, Directory, Files, Registry};
use engross_store::{Committer, Store};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, broadcast, watch};

/// What an engine is made of.
pub struct Options {
    /// Where facts are kept.
    pub store: Arc<dyn Store>,
    /// The one writer to it.
    pub committer: Committer,
    /// Where files are kept.
    pub files: Arc<dyn Files>,
    /// Every operation.
    pub registry: Arc<Registry>,
    /// The named connections.
    pub connections: BTreeMap<String, Arc<Connection>>,
    /// The people.
    pub directory: Arc<Directory>,
    /// What templates mean.
    pub evaluator: Arc<dyn Evaluate>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and randomness.
    pub ids: Arc<dyn Ids>,
}

/// A handle on a running engine. Clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

/// A record that has just become durable.
#[derive(Clone, Debug)]
pub struct Published {
    /// Whose.
    pub run: RunId,
    /// The record.
    pub record: Record,
    /// The run as of this turn.
    pub state: Arc<RunState>,
}

pub(crate) struct Inner {
    pub store: Arc<dyn Store>,
    pub committer: Committer,
    pub files: Arc<dyn Files>,
    pub registry: Arc<Registry>,
    pub connections: BTreeMap<String, Arc<Connection>>,
    pub directory: Arc<Directory>,
    pub evaluator: Arc<dyn Evaluate>,
    pub clock: Forward,
    pub ids: Arc<dyn Ids>,
    /// Runs that something is happening to. A parked run is not among them.
    pub slots: Mutex<BTreeMap<RunId, Slot>>,
    pub plans: Mutex<BTreeMap<PlanDigest, Arc<Plan>>>,
    pub validators: Mutex<BTreeMap<String, Arc<jsonschema::Validator>>>,
    pub permits: BTreeMap<String, Arc<Semaphore>>,
    pub working: Arc<Semaphore>,
    pub published: broadcast::Sender<Published>,
    pub timers_changed: Notify,
    pub stopping: watch::Sender<bool>,
    /// Whether some of the runs that the last process left may not have been told of it yet.
    pub taking_over: AtomicBool,
    pub quota: quota::Quota,
    pub house: OnceLock<House>,
    pub triggers: Triggers,
    /// Held while runs are admitted to a place in their group.
    pub admitting: tokio::sync::Mutex<()>,
}

impl Engine {
    /// Takes the store's open runs over, then begins to sweep timers and to match what came in. Nothing of a run happens
    /// before its recovery is decided and durable.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn start(options: Options) -> Result<Self, Error> {
        Self::start_with(options, Vec::new()).await
    }

    /// The same, with workflows whose triggers are registered before anything else: events that the last process took and
    /// did not settle start their runs, too.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub async fn start_with(options: Options, workflows: Vec<TriggeredWorkflow>) -> Result<Self, Error> {
        let permits = options
            .connections
            .iter()
            .map(|(name, connection)| (name.clone(), Arc::new(Semaphore::new(connection.concurrency.max(1)))))
            .collect();
        let store = options.store.clone();
        let latest = tokio::task::spawn_blocking(move || store.latest()).await;
        let latest = latest.map_err(|error| Error::Store(format!("its newest time was not read: {error}")))??;
        let inner = Inner {
            store: options.store,
            committer: options.committer,
            files: options.files,
            registry: options.registry,
            connections: options.connections,
            directory: options.directory,
            evaluator: options.evaluator,
            clock: Forward::new(options.clock, latest),
            ids: options.ids,
            slots: Mutex::default(),
            plans: Mutex::default(),
            validators: Mutex::default(),
            permits,
            working: Arc::new(Semaphore::new(WORKING_STEPS_MAX)),
            published: broadcast::channel(WATCH_BACKLOG).0,
            timers_changed: Notify::new(),
            stopping: watch::channel(false).0,
            taking_over: AtomicBool::new(true),
            house: OnceLock::new(),
            quota: quota::Quota::default(),
            triggers: Triggers::default(),
            admitting: tokio::sync::Mutex::default(),
        };
        let engine = Self { inner: Arc::new(inner) };
        engine.set_triggers(workflows);
        quota::restore(&engine).await?;
        recovery::recover(&engine).await?;
        tokio::spawn(sweeper::sweep(engine.clone()));
        tokio::spawn(schedules::keep(engine.clone()));
        tokio::spawn(quota::keep(engine.clone()));
        feeds::start(&engine);
        Ok(engine)
    }

    /// Stops taking work: no run starts, no attempt begins, and no timer is looked at. Decisions and events are still kept, and
    /// what is on its way is recovered by the next start, like after a crash.
    pub fn stop(&self) {
        self.inner.stopping.send_replace(true);
        self.inner.timers_changed.notify_waiters();
    }

    /// Waits until no attempt and no look is under way, at most so long; whether that was long enough. To be called after
    /// [`Engine::stop`], so that requests that have left get their answers kept before the process ends.
    pub async fn drain(&self, at_most: Duration) -> bool {
        let all = u32::try_from(WORKING_STEPS_MAX).unwrap_or(u32::MAX);
        tokio::time::timeout(at_most, self.inner.working.acquire_many(all)).await.is_ok()
    }

    /// Pauses, unless the engine stops meanwhile.
    pub(crate) async fn pause(&self, pause: Duration) {
        let mut stopping = self.inner.stopping.subscribe();
        let stopped = async { while !*stopping.borrow_and_update() && stopping.changed().await.is_ok() {} };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopped => {}
        }
    }

    /// Looks at the timers and schedules anew. For whoever sets the clock; a clock that goes by itself needs nobody to tell of it.
    pub fn clock_changed(&self) {
        self.inner.timers_changed.notify_one();
        self.inner.triggers.changed.notify_one();
    }

    /// How many runs are held in memory: those with an attempt or a look under way. A metric.
    pub fn runs_in_memory(&self) -> usize {
        lock(&self.inner.slots).len()
    }

    /// Every record from now on, as it becomes durable.
    pub fn watch(&self) -> broadcast::Receiver<Published> {
        self.inner.published.subscribe()
    }

    /// Compiles a workflow against what is registered and configured here.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn compile(&self, file: &SourceFile) -> Result<Compiled, Vec<Diagnostic>> {
        engross_compiler::compile(file, &self.inner.catalog())
    }

    /// What is registered here.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// The connections, by name.
    pub fn connections(&self) -> &BTreeMap<String, Arc<Connection>> {
        &self.inner.connections
    }
}

impl Inner {
    pub(crate) fn catalog(&self) -> RegistryCatalog<'_> {
        let connections = self.connections.values().map(|c| (c.name.clone(), c.provider.clone())).collect();
        RegistryCatalog { registry: &self.registry, connections: Some(connections) }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Runs a read of the store on a thread where it may block.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&dyn Store) -> engross_store::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || read(&*store)).await {
            Ok(answer) => Ok(answer?),
            Err(error) => Err(Error::Store(format!("a read did not come to its end: {error}"))),
        }
    }

    /// A run's plan, from memory or from the store.
    pub(crate) async fn plan(self: &Arc<Self>, digest: &PlanDigest) -> Result<Arc<Plan>, Error> {
        if let Some(plan) = lock(&self.plans).get(digest) {
            return Ok(plan.clone());
        }
        let wanted = digest.clone();
        let stored = self.read(move |store| store.plan(&wanted)).await?;
        let stored = stored.ok_or_else(|| Error::Damaged(format!("plan {digest} is not in the store")))?;
        let plan = Arc::new(Plan::build(stored.definition)?);
        self.remember(plan.clone());
        Ok(plan)
    }

    pub(crate) fn remember(&self, plan: Arc<Plan>) {
        let mut plans = lock(&self.plans);
        if plans.len() >= PLANS_CACHED_MAX && !plans.contains_key(plan.digest()) {
            plans.pop_first();
        }
        plans.insert(plan.digest().clone(), plan);
    }
}

/// Locks, also after a panic elsewhere: what these mutexes guard is replaced whole, never left half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
