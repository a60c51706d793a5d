//! One input, one decision, one commit. Turns of one run follow each other; turns of different runs share commits.

use crate::api::named;
use crate::engine::{Engine, Inner, Published, lock};
use crate::limits::{JOURNAL_PAGE, TURN_RETRIES_MAX};
use crate::{Error, dispatch, groups, view};
use engross_core::{
    Command, Context, Event, Input, Plan, Record, Rejection, RunId, RunState, StepState, Subscription, Turn, advance,
    fold,
};
use engross_store::{Commit, CommitError, Conflict, RunHead, StoredPlan, Timer, WaitRow, Write};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::Mutex as AsyncMutex;

/// A run that something is happening to: its state as last committed, or nothing yet.
pub(crate) type Slot = Arc<AsyncMutex<Option<Loaded>>>;

/// A run in memory.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub plan: Arc<Plan>,
    pub state: Arc<RunState>,
}

/// What a turn did, for whoever brought its input.
pub(crate) struct Done {
    pub state: Arc<RunState>,
    pub events: Vec<Event>,
    pub issued: BTreeSet<Command>,
}

impl Engine {
    /// Decides an input for a run that exists, makes the answer durable, and sets off what it orders. All of that happens,
    /// whether or not the caller stays for it.
    pub(crate) async fn turn(&self, run: &RunId, input: Input) -> Result<Done, Error> {
        let (engine, run) = (self.clone(), run.clone());
        to_the_end(async move {
            let done = engine.turn_quietly(&run, input).await?;
            engine.set_off(&run, &done.issued);
            Ok(done)
        })
        .await
    }

    /// A turn whose orders the caller sets off.
    pub(crate) async fn turn_quietly(&self, run: &RunId, input: Input) -> Result<Done, Error> {
        let seat = Seat::take(&self.inner, run);
        let mut guard = seat.slot.lock().await;
        let mut tries = 0;
        loop {
            let loaded = match guard.take() {
                Some(loaded) => loaded,
                None => self.inner.load(run).await?,
            };
            let turn = match self.inner.decide(&loaded.plan, Some(&loaded.state), input.clone()) {
                Ok(turn) => turn,
                Err(rejection) => {
                    *guard = Some(loaded);
                    return Err(rejection.into());
                }
            };
            if turn.records.is_empty() {
                let state = loaded.state.clone();
                *guard = Some(loaded);
                return Ok(Done { state, events: Vec::new(), issued: turn.issued });
            }
            match self.commit(loaded.plan.clone(), turn, None).await {
                Ok(done) => {
                    *guard = Some(Loaded { plan: loaded.plan, state: done.state.clone() });
                    return Ok(done);
                }
                // What is in memory is out of date; the next try reads the journal again.
                Err(CommitError::Conflict(Conflict::Sequence { .. })) if tries < TURN_RETRIES_MAX => tries += 1,
                Err(error) => return Err(not_written(error)),
            }
        }
    }

    /// A run as it stands, from memory or from its journal.
    pub(crate) async fn current(&self, run: &RunId) -> Result<Loaded, Error> {
        let seat = Seat::take(&self.inner, run);
        let mut guard = seat.slot.lock().await;
        let loaded = match &*guard {
            Some(loaded) => loaded.clone(),
            None => self.inner.load(run).await?,
        };
        *guard = Some(loaded.clone());
        Ok(loaded)
    }

    /// Does something with a run's rows in the store while no turn of the run is decided; the next one reads its journal again.
    pub(crate) async fn while_nobody_decides<T>(&self, run: &RunId, work: impl Future<Output = T>) -> T {
        let seat = Seat::take(&self.inner, run);
        let mut guard = seat.slot.lock().await;
        *guard = None;
        work.await
    }

    /// The first turn of a new run, carried to its end whether or not the caller stays for it.
    pub(crate) async fn first_turn(&self, plan: Arc<Plan>, input: Input, stored: StoredPlan) -> Result<Begun, Error> {
        let turn = self.inner.decide(&plan, None, input)?;
        named("run's title", &turn.state.title)?;
        if let Some(key) = &turn.state.key {
            named("run's key", key)?;
        }
        let engine = self.clone();
        to_the_end(async move {
            let run = turn.state.run.clone();
            let seat = Seat::take(&engine.inner, &run);
            let mut guard = seat.slot.lock().await;
            match engine.commit(plan.clone(), turn, Some(stored)).await {
                Ok(done) => {
                    *guard = Some(Loaded { plan, state: done.state.clone() });
                    engine.set_off(&run, &done.issued);
                    Ok(Begun::New(done))
                }
                Err(CommitError::Conflict(Conflict::KeyTaken { holder })) => Ok(Begun::Attached(holder)),
                // Its id is that of a firing or of a step, whose run somebody else has started, perhaps so long ago that it is
                // in the archive.
                Err(CommitError::Conflict(Conflict::Sequence { .. } | Conflict::Archived)) => {
                    Ok(Begun::Attached(run.clone()))
                }
                Err(error) => Err(not_written(error)),
            }
        })
        .await
    }

    async fn commit(&self, plan: Arc<Plan>, turn: Turn, stored: Option<StoredPlan>) -> Result<Done, CommitError> {
        let Turn { records, state, issued, withdrawn } = turn;
        let state = Arc::new(state);
        let run = state.run.clone();
        let expected_seq = state.seq.saturating_sub(records.len() as u64);
        let events = records.iter().map(|record| record.event.clone()).collect();
        let (timers_set, waits_set) = rows(&run, &issued);
        let (timers_cleared, waits_cleared) = rows(&run, &withdrawn);
        let wakes_earlier = !timers_set.is_empty();
        let commit = Commit {
            run: run.clone(),
            expected_seq,
            fence: 0,
            records: records.clone(),
            head: head(&plan, &state),
            plan: stored,
            timers_set,
            timers_cleared,
            waits_set,
            waits_cleared,
            marks: Vec::new(),
        };
        self.inner.committer.write(Write::Run(Box::new(commit))).await?;
        if wakes_earlier {
            self.inner.timers_changed.notify_one();
        }
        if records.iter().any(|record| matches!(record.event, Event::RunEnded { .. })) {
            self.let_go(&state);
        }
        for record in records {
            // Nobody watching is no error.
            let _ = self.inner.published.send(Published { run: run.clone(), record, state: state.clone() });
        }
        Ok(Done { state, events, issued })
    }

    /// Carries out what a durable turn orders. Timers and subscriptions are index rows already.
    pub(crate) fn set_off(&self, run: &RunId, commands: &BTreeSet<Command>) {
        for command in commands {
            match command {
                Command::RunStep { step, attempt } => {
                    dispatch::run_step(self.clone(), run.clone(), step.clone(), *attempt);
                }
                Command::CheckStep { step, check } => {
                    dispatch::check_step(self.clone(), run.clone(), step.clone(), *check);
                }
                Command::CancelRun { run, by, reason } => {
                    dispatch::cancel_run(self.clone(), run.clone(), by.clone(), reason.clone());
                }
                // Somebody has to look whether there is a place already.
                Command::Subscribe { subscription, .. } if subscription.topic == Subscription::QUEUE => {
                    if let Some(group) = subscription.matching.get("group") {
                        dispatch::admit(self.clone(), group.clone());
                    }
                }
                Command::ArmTimer { .. } | Command::Subscribe { .. } => {}
            }
        }
    }

    /// What others are waiting for of a run that has just ended. While runs are taken over nobody may go on; recovery tells
    /// all of it afterwards.
    fn let_go(&self, state: &Arc<RunState>) {
        if self.inner.taking_over.load(Ordering::SeqCst) {
            return;
        }
        dispatch::tell_of_the_end(self.clone(), state.clone());
        if let Some(group) = groups::name(state) {
            dispatch::admit(self.clone(), group);
        }
    }
}

/// How a start ended.
pub(crate) enum Begun {
    New(Done),
    /// Another run holds the key, or the run is there already.
    Attached(RunId),
}

/// Does something to its end even if the caller goes away meanwhile, as a client does that hangs up: nobody may be lost
/// between a durable write and what follows from it.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    match tokio::spawn(work).await {
        Ok(answer) => answer,
        Err(error) => Err(Error::Store(format!("it is not known whether this was kept: {error}"))),
    }
}

/// What a refused write means to whoever asked for it. The store is well when all it says is that this is too much.
pub(crate) fn not_written(error: CommitError) -> Error {
    match error {
        CommitError::Store(why) => Error::BadRequest(why),
        CommitError::Conflict(Conflict::KeyTaken { holder }) => Error::KeyTaken(holder),
        CommitError::Conflict(_) | CommitError::Stopped(_) => Error::Store(error.to_string()),
    }
}

/// A run's place in memory, held while something is done with the run.
///
/// When the last holder lets go, the run leaves memory unless an attempt or a look of it is under way: the next turn reads its
/// journal again, and a parked run costs disk only. Letting go happens under the map's lock, so that of several holders one
/// certainly is the last.
struct Seat {
    inner: Arc<Inner>,
    run: RunId,
    slot: Slot,
}

impl Seat {
    fn take(inner: &Arc<Inner>, run: &RunId) -> Self {
        let slot = lock(&inner.slots).entry(run.clone()).or_default().clone();
        Self { inner: inner.clone(), run: run.clone(), slot }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut slots = lock(&self.inner.slots);
        let slot = std::mem::take(&mut self.slot);
        // The map's and this one: whoever else wants the run takes it from the map, which is locked.
        if Arc::strong_count(&slot) > 2 {
            return;
        }
        let stays = slot.try_lock().is_ok_and(|held| held.as_ref().is_some_and(|loaded| is_at_work(&loaded.state)));
        if !stays {
            slots.remove(&self.run);
        }
    }
}

/// Whether an attempt or a look is owed or under way, whose answer comes soon.
fn is_at_work(state: &RunState) -> bool {
    state.active().any(|(_, step)| match step {
        StepState::Running { .. } => true,
        StepState::Waiting { wakes, checked, .. } => wakes > checked,
        StepState::BackingOff { .. }
        | StepState::FannedOut { .. }
        | StepState::InDoubt { .. }
        | StepState::Incident { .. }
        | StepState::Completed { .. }
        | StepState::Skipped { .. }
        | StepState::Cancelled { .. } => false,
    })
}

impl Inner {
    pub(crate) fn decide(&self, plan: &Plan, state: Option<&RunState>, input: Input) -> Result<Turn, Rejection> {
        let context = Context { plan, evaluator: &*self.evaluator, now: self.clock.now() };
        advance(context, state, input)
    }

    /// Reads a run from its journal.
    pub(crate) async fn load(self: &Arc<Self>, run: &RunId) -> Result<Loaded, Error> {
        let records = self.journal(run, 0).await?;
        if records.is_empty() {
            return Err(Error::NoRun(run.clone()));
        }
        let state = fold(&records)
            .ok_or_else(|| Error::Damaged(format!("the journal of run {run} does not begin with its start")))?;
        let plan = self.plan(&state.plan).await?;
        Ok(Loaded { plan, state: Arc::new(state) })
    }

    /// All records of a run after number `after`.
    pub(crate) async fn journal(self: &Arc<Self>, run: &RunId, after: u64) -> Result<Vec<Record>, Error> {
        let run = run.clone();
        self.read(move |store| {
            let mut records: Vec<Record> = Vec::new();
            loop {
                let from = records.last().map_or(after, |r| r.seq);
                let page = store.journal(&run, from, JOURNAL_PAGE)?;
                let last = page.len() < JOURNAL_PAGE;
                records.extend(page);
                if last {
                    return Ok(records);
                }
            }
        })
        .await
    }
}

fn rows(run: &RunId, commands: &BTreeSet<Command>) -> (Vec<Timer>, Vec<WaitRow>) {
    let (mut timers, mut waits) = (Vec::new(), Vec::new());
    for command in commands {
        match command {
            Command::ArmTimer { timer, at } => timers.push(Timer { at: *at, run: run.clone(), timer: timer.clone() }),
            Command::Subscribe { step, subscription } => {
                waits.push(WaitRow { run: run.clone(), step: step.clone(), subscription: subscription.clone() });
            }
            Command::RunStep { .. } | Command::CheckStep { .. } | Command::CancelRun { .. } => {}
        }
    }
    (timers, waits)
}

pub(crate) fn head(plan: &Plan, state: &RunState) -> RunHead {
    RunHead {
        run: state.run.clone(),
        workflow: state.workflow.clone(),
        title: state.title.clone(),
        key: state.key.clone(),
        plan: state.plan.clone(),
        status: state.status,
        summary: state.summary(),
        started_at: state.started_at,
        updated_at: state.updated_at,
        seq: state.seq,
        doing: view::doing(plan, state),
    }
}
