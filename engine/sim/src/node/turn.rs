//! One input, one decision, one commit. Turns of one run follow each other; turns of different runs share batches.

use super::{Done, Loaded, Op, Refused, Task, Tended, Then, planted};
use crate::Bug;
use crate::evaluate::Lookup;
use crate::faults::Fault;
use crate::world::World;
use engross_core::{
    Command, Context, Event, Input, Plan, Rejection, RunId, RunState, StartRequest, StepState, Turn, advance, fold,
    outstanding,
};
use engross_store::{Commit, Conflict, InboxEntry, RunHead, Store, StoredPlan, Timer, WaitRow, Write};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A write on its way, and what follows from it.
pub(crate) struct Pending {
    pub(crate) write: Write,
    pub(crate) after: After,
}

pub(crate) enum After {
    Turn(Box<AfterTurn>),
    Kept { entry: InboxEntry, caller: u64 },
    Settled,
    Tended(Tended),
}

pub(crate) struct AfterTurn {
    plan: Arc<Plan>,
    state: Arc<RunState>,
    events: Vec<Event>,
    issued: BTreeSet<Command>,
    quiet: bool,
    /// Whether it is a run's first turn.
    first: bool,
    then: Then,
}

impl World {
    /// Brings something to a run; it is done when what came before it is.
    pub(crate) fn give(&mut self, run: &RunId, op: Op, then: Then) {
        self.node.slots.entry(run.clone()).or_default().queue.push_back((op, then));
        self.work_off(run);
    }

    fn work_off(&mut self, run: &RunId) {
        loop {
            let Some(slot) = self.node.slots.get_mut(run) else { return };
            if slot.busy {
                return;
            }
            let Some((op, then)) = slot.queue.pop_front() else { break };
            let op = match op {
                Op::Start { plan, request } => {
                    if self.begin_run(run, &plan, *request, then) {
                        return;
                    }
                    continue;
                }
                op => op,
            };
            let Some(slot) = self.node.slots.get_mut(run) else { return };
            let loaded = match slot.loaded.clone() {
                Some(loaded) => loaded,
                None => match self.load(run) {
                    Some(loaded) => {
                        if let Some(slot) = self.node.slots.get_mut(run) {
                            slot.loaded = Some(loaded.clone());
                        }
                        loaded
                    }
                    None => {
                        self.then(run, then, Err(Refused::Rejected("no such run".to_string())));
                        continue;
                    }
                },
            };
            match op {
                Op::Start { .. } => {}
                Op::Current => self.then(run, then, Ok(Done { state: loaded.state, events: Vec::new() })),
                Op::Turn { input, quiet } => {
                    if self.one_turn(run, &loaded, *input, quiet, then) {
                        return;
                    }
                }
            }
        }
        self.let_go(run);
    }

    /// Whether the turn is on its way to the disk.
    fn one_turn(&mut self, run: &RunId, loaded: &Loaded, input: Input, quiet: bool, then: Then) -> bool {
        match self.decide(&loaded.plan, Some(&loaded.state), input) {
            Err(rejection) => self.then(run, then, Err(rejection.into())),
            Ok(turn) if turn.records.is_empty() => {
                self.then(run, then, Ok(Done { state: loaded.state.clone(), events: Vec::new() }));
            }
            Ok(turn) => {
                if let Some(slot) = self.node.slots.get_mut(run) {
                    slot.busy = true;
                }
                self.commit(loaded.plan.clone(), turn, None, quiet, then);
                return true;
            }
        }
        false
    }

    /// The first turn of a new run. One that is there already, or whose key another holds, is told of instead.
    pub(crate) fn first_turn(&mut self, plan: Arc<Plan>, request: StartRequest, then: Then) {
        let run = request.run.clone();
        self.give(&run, Op::Start { plan, request: Box::new(request) }, then);
    }

    /// Whether the turn is on its way to the disk.
    fn begin_run(&mut self, run: &RunId, plan: &Arc<Plan>, request: StartRequest, then: Then) -> bool {
        match self.decide(plan, None, Input::Start(request)) {
            Err(rejection) => {
                self.then(run, then, Err(rejection.into()));
                false
            }
            Ok(turn) => {
                if let Some(slot) = self.node.slots.get_mut(run) {
                    slot.busy = true;
                }
                let stored = StoredPlan {
                    digest: plan.digest().clone(),
                    definition: plan.definition().clone(),
                    source: String::new(),
                };
                self.commit(plan.clone(), turn, Some(stored), false, then);
                true
            }
        }
    }

    fn decide(&mut self, plan: &Plan, state: Option<&RunState>, input: Input) -> Result<Turn, Rejection> {
        self.note(|| format!("  {} <- {}", state.map_or("new run", |s| s.run.as_str()), short(&input)));
        let context = Context { plan, evaluator: &Lookup, now: self.wall() };
        let about = planted::About::of(&input);
        let turn = advance(context, state, input)?;
        Ok(planted::wrap(self.options.bug, &about, context, state, turn))
    }

    /// Reads a run from its journal.
    fn load(&mut self, run: &RunId) -> Option<Loaded> {
        let records = self.disk.journal(run, 0, usize::MAX).unwrap_or_default();
        let state = fold(&records)?;
        let held = self.oracle.read_back(&state);
        self.must(held);
        let plan = self.by_digest.get(&state.plan)?.clone();
        Some(Loaded { plan, state: Arc::new(state) })
    }

    fn commit(&mut self, plan: Arc<Plan>, turn: Turn, stored: Option<StoredPlan>, quiet: bool, then: Then) {
        let Turn { records, state, issued, withdrawn } = turn;
        let run = state.run.clone();
        let expected_seq = state.seq.saturating_sub(records.len() as u64);
        let events = records.iter().map(|record| record.event.clone()).collect();
        let (timers_set, mut waits_set) = rows(&run, &issued);
        let (timers_cleared, waits_cleared) = rows(&run, &withdrawn);
        if self.bug(Bug::SubscriptionLost) && self.dice.percent(5) {
            waits_set.clear();
        }
        let first = stored.is_some();
        let commit = Commit {
            run,
            expected_seq,
            fence: 0,
            records,
            head: head(&state),
            plan: stored,
            timers_set,
            timers_cleared,
            waits_set,
            waits_cleared,
            marks: Vec::new(),
        };
        let state = Arc::new(state);
        let after = AfterTurn { plan, state, events, issued, quiet, first, then };
        self.write(Write::Run(Box::new(commit)), After::Turn(Box::new(after)));
    }

    /// Hands a write to the committer, whose one thread makes one batch after the other durable.
    pub(crate) fn write(&mut self, write: Write, after: After) {
        self.node.queue.push(Pending { write, after });
        self.next_batch();
    }

    fn next_batch(&mut self) {
        if !self.node.in_flight.is_empty() || self.node.queue.is_empty() {
            return;
        }
        self.node.in_flight = std::mem::take(&mut self.node.queue);
        let slow = !self.healed && self.rough.writes > 0 && self.dice.permille(2);
        if slow {
            self.hit(Fault::SlowDisk);
        }
        let ms = if slow { 2_000 } else { self.dice.range(1, 4) };
        self.node_in(ms, Task::WriteDone);
    }

    /// The moment at which a batch becomes durable, with a crash point on both sides of it.
    pub(super) fn write_done(&mut self) {
        let batch = std::mem::take(&mut self.node.in_flight);
        let torn = self.dice.permille(self.rough.writes);
        let fate = if torn { self.dice.below(4) } else { u64::MAX };
        if torn && batch.len() > 1 {
            self.hit(Fault::BatchTorn);
        }
        match fate {
            0 => {
                self.hit(Fault::CrashBeforeWrite);
                return self.crash();
            }
            1 => {
                self.hit(Fault::WriteFails);
                return self.crash();
            }
            _ => {}
        }
        let results = self.write_down(&batch);
        match fate {
            2 => {
                self.hit(Fault::CrashAfterWrite);
                return self.crash();
            }
            3 => {
                self.hit(Fault::WriteFailedButDone);
                return self.crash();
            }
            _ => {}
        }
        for (pending, result) in batch.into_iter().zip(results) {
            self.written(pending, result);
        }
        self.next_batch();
        self.drained();
    }

    /// Makes a batch durable, as one, and shows it to the invariants.
    pub(crate) fn write_down(&mut self, batch: &[Pending]) -> Vec<Result<(), Conflict>> {
        let writes: Vec<Write> = batch.iter().map(|pending| pending.write.clone()).collect();
        let results = match self.disk.write(&writes) {
            Ok(results) => results,
            Err(error) => {
                self.fail(crate::invariants::Violation::new("I12", format!("the store refuses: {error}")));
                return Vec::new();
            }
        };
        for (pending, result) in batch.iter().zip(&results) {
            if let Write::Mark { name, value: Some(value) } = &pending.write {
                self.oracle.kept(name, value);
            }
            let (Write::Run(commit), After::Turn(after), Ok(())) = (&pending.write, &pending.after, result) else {
                continue;
            };
            if self.options.trace {
                for record in &commit.records {
                    self.note(|| format!("  {} {:>3} {:?}", commit.run, record.seq, record.event));
                }
            }
            match self.oracle.committed(commit, &after.plan, &after.state) {
                Ok(noticed) => noticed.into_iter().for_each(|what| self.noticed(what)),
                Err(violation) => self.fail(violation),
            }
        }
        results
    }

    /// What follows from a durable write.
    fn written(&mut self, pending: Pending, result: Result<(), Conflict>) {
        match (pending.after, result) {
            (After::Turn(after), Ok(())) => self.turn_written(*after),
            (After::Turn(after), Err(conflict)) => {
                let run = after.state.run.clone();
                if let Some(slot) = self.node.slots.get_mut(&run) {
                    slot.busy = false;
                }
                let held = |world: &Self, holder: &RunId| {
                    let state = world.oracle.runs.get(holder).map(|watched| watched.state.clone());
                    state.map_or(Err(Refused::Unavailable), |state| {
                        Ok(Done { state: Arc::new(state), events: Vec::new() })
                    })
                };
                let answer = match conflict {
                    Conflict::KeyTaken { holder } => held(self, &holder),
                    // Its id is that of a step or of a firing, which has started it before.
                    Conflict::Sequence { .. } if after.first => held(self, &run),
                    other => {
                        self.must(crate::invariants::nobody_else_wrote(&run, &other));
                        Err(Refused::Unavailable)
                    }
                };
                self.then(&run, after.then, answer);
                self.work_off(&run);
            }
            (After::Tended(what), _) => self.tended(what),
            (After::Kept { entry, caller }, result) => self.kept(entry, caller, result.is_ok()),
            (After::Settled, _) => self.settled(),
        }
    }

    fn turn_written(&mut self, after: AfterTurn) {
        let run = after.state.run.clone();
        if let Some(slot) = self.node.slots.get_mut(&run) {
            slot.busy = false;
            slot.loaded = Some(Loaded { plan: after.plan, state: after.state.clone() });
        }
        let first = after.issued.iter().filter_map(|command| match command {
            Command::ArmTimer { at, .. } => Some(*at),
            _ => None,
        });
        if let Some(at) = first.min() {
            let ms = self.until_wall(at);
            self.sweep_in(ms);
        }
        if after.events.iter().any(|event| matches!(event, Event::RunEnded { .. })) {
            self.others_may_wait(&after.state);
        }
        if !after.quiet {
            self.set_off(&run, &after.issued);
        }
        self.then(&run, after.then, Ok(Done { state: after.state, events: after.events }));
        self.work_off(&run);
    }

    /// Lets a run leave memory when nothing happens to it.
    fn let_go(&mut self, run: &RunId) {
        let Some(slot) = self.node.slots.get(run) else { return };
        let stays = slot.busy || !slot.queue.is_empty() || slot.loaded.as_ref().is_some_and(|l| is_at_work(&l.state));
        if !stays {
            self.node.slots.remove(run);
        }
        let held = crate::invariants::memory_is_bounded(&self.node);
        self.must(held);
    }
}

/// Whether an attempt or a look is owed or under way.
pub(crate) fn is_at_work(state: &RunState) -> bool {
    state.active().any(|(_, step)| match step {
        StepState::Running { .. } => true,
        StepState::Waiting { wakes, checked, .. } => wakes > checked,
        _ => false,
    })
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

/// The rows that a state owes, as the invariants compare them.
pub(crate) fn owed_rows(state: &RunState) -> (Vec<Timer>, Vec<WaitRow>) {
    rows(&state.run, &outstanding(state))
}

fn head(state: &RunState) -> RunHead {
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
        doing: String::new(),
    }
}

fn short(input: &Input) -> String {
    let mut text = format!("{input:?}");
    if text.len() > 160 {
        let cut = (0..=160).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(cut);
        text.push('…');
    }
    text
}
