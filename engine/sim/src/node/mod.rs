//! The simulated process: the shell of the real engine, one function for each of its awaits, around the same core.
//!
//! Slots hold runs while something happens to them; one batch at a time is made durable; jobs are attempts and looks; a sweeper
//! fires what is due; the inbox is matched; a start recovers. Each file mirrors the file of the runtime with its name.

mod children;
mod dispatch;
mod groups;
mod inbox;
mod planted;
mod recovery;
mod schedules;
mod sweeper;
mod turn;

use crate::world::{Reply, World};
use dispatch::Job;
pub(crate) use dispatch::wait_of;
use engross_core::{Event, Expr, Input, Person, Rejection, RunState, RunStatus, StartRequest};
use engross_core::{Plan, RunId, StepId};
use engross_store::{Timer, WaitRow};
use groups::Admitting;
use inbox::Matching;
use schedules::Progress;
pub(crate) use schedules::{MARKS, Trigger, mark as mark_of, read as read_progress};
use schedules::{Tended, Tending};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use sweeper::Sweeping;
pub(crate) use turn::{Pending, is_at_work, owed_rows};

/// Something inside a process whose time has come.
pub(crate) enum Task {
    /// The batch on its way is durable.
    WriteDone,
    /// The sweeper wakes up; an older alarm than the last one means nothing.
    Sweep(u64),
    Begin(u64),
    Answer {
        job: u64,
        call: u64,
        reply: Reply,
    },
    CallTimeout {
        job: u64,
        call: u64,
    },
    DrainOver,
    /// A run is given up with the one that started it.
    GiveUp {
        run: RunId,
        by: Person,
        reason: Option<String>,
    },
    /// A run has ended, and whoever waits for it is told.
    Tell {
        run: RunId,
        seq: u64,
        status: RunStatus,
    },
    /// Somebody looks who of a group may go to work.
    Admit(String),
    /// The schedules are looked at; an older alarm than the last one means nothing.
    Tend(u64),
}

/// What is asked of a run.
pub(crate) enum Op {
    /// One input. Quietly: whoever brought it sets off what it orders.
    Turn { input: Box<Input>, quiet: bool },
    /// To be told where it stands.
    Current,
    /// To begin, unless it is there.
    Start { plan: Arc<Plan>, request: Box<StartRequest> },
}

/// Who brought it, and what they do with the answer.
pub(crate) enum Then {
    Nothing,
    Reply(u64),
    Began(u64),
    Intended(u64),
    Brought(u64),
    BroughtSo(u64),
    Fired(VecDeque<Timer>),
    Told(u64),
    TakenOver,
    /// The run that a step starts is there; the step's job.
    ChildBegun(u64),
    /// Where the run stands that a step waits for; the step's job.
    ChildSeen(u64),
    /// A step was told of an end that the last process did not tell of.
    ToldLeft,
    /// Where a run stands that waits for its turn.
    InQueue,
    Admitted,
    FiringBegun,
    /// The answer about a step that was run again since, which the run has to refuse.
    TooLate(StepId),
}

/// What a turn did.
pub(crate) struct Done {
    pub(crate) state: Arc<RunState>,
    pub(crate) events: Vec<Event>,
}

/// Why a turn did nothing.
#[derive(Debug)]
pub(crate) enum Refused {
    Rejected(String),
    Unavailable,
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection.to_string())
    }
}

pub(crate) type Answer = Result<Done, Refused>;

/// A run in memory.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) plan: Arc<Plan>,
    pub(crate) state: Arc<RunState>,
}

#[derive(Default)]
pub(crate) struct Slot {
    pub(crate) loaded: Option<Loaded>,
    queue: VecDeque<(Op, Then)>,
    /// A turn of the run is on its way to the disk.
    busy: bool,
}

/// One process, and what outlives it of the machine.
#[derive(Default)]
pub(crate) struct Node {
    pub(crate) incarnation: u64,
    pub(crate) up: bool,
    /// Recovery is over, and callers are answered.
    pub(crate) open: bool,
    pub(crate) stopping: bool,
    pub(crate) frozen_until: u64,
    pub(crate) deaths_to_come: u64,
    pub(crate) slots: BTreeMap<RunId, Slot>,
    held_by: Option<u64>,
    jobs: BTreeMap<u64, Job>,
    jobs_made: u64,
    queue: Vec<Pending>,
    in_flight: Vec<Pending>,
    matchings: BTreeMap<u64, Matching>,
    matchings_made: u64,
    sweeping: Option<Sweeping>,
    /// The number of the sweeper's last alarm, and when it rings.
    alarm: (u64, Option<u64>),
    to_take_over: VecDeque<RunId>,
    to_match: VecDeque<engross_store::InboxEntry>,
    /// Ends that the last process did not tell of.
    to_tell: VecDeque<(WaitRow, RunId, u64, RunStatus)>,
    admitting: Option<Admitting>,
    to_admit: VecDeque<String>,
    /// Whether a start admits what was left, and goes on after it.
    admits_all: bool,
    /// What is known of how far the schedules have come.
    progress: BTreeMap<usize, Progress>,
    tending: Option<Tending>,
    /// The number of the schedules' last alarm, and when it rings.
    schedule_alarm: (u64, Option<u64>),
}

impl Node {
    /// Takes the lock on the data directory; whether another process was refused.
    pub(crate) fn hold(&mut self, incarnation: u64) -> bool {
        if self.held_by.is_some_and(|holder| holder != incarnation) {
            return true;
        }
        self.held_by = Some(incarnation);
        false
    }

    /// Whether an answer of the provider is waited for.
    pub(crate) fn is_out(&self) -> bool {
        self.jobs.values().any(Job::is_out)
    }

    /// Ends the process. What it had on its way to the disk is between done and not done.
    pub(crate) fn die(&mut self) -> Vec<Pending> {
        let in_flight = std::mem::take(&mut self.in_flight);
        let (incarnation, frozen_until, deaths_to_come) = (self.incarnation, self.frozen_until, self.deaths_to_come);
        *self = Self { incarnation, frozen_until, deaths_to_come, ..Self::default() };
        in_flight
    }
}

impl World {
    pub(crate) fn boot(&mut self) {
        if self.node.up {
            return;
        }
        if self.now < self.node.frozen_until {
            let pause = self.node.frozen_until - self.now;
            self.plan_in(pause, crate::world::Happening::Boot);
            return;
        }
        self.node.incarnation += 1;
        let incarnation = self.node.incarnation;
        let refused = self.node.hold(incarnation);
        debug_assert!(!refused, "the last process let go when it died");
        self.node.up = true;
        self.oracle.booted(self.now);
        self.note(|| "a process starts".to_string());
        if self.node.deaths_to_come > 0 {
            self.node.deaths_to_come -= 1;
            // Long enough to begin to recover, and maybe to do something.
            self.hit(crate::faults::Fault::CrashLoop);
            let chaos = crate::world::Happening::Chaos(crate::world::Chaos::Crash);
            let life = self.dice.below(300);
            self.plan_in(life, chaos);
        }
        self.recover();
    }

    pub(crate) fn carry_on(&mut self, task: Task) {
        match task {
            Task::WriteDone => self.write_done(),
            Task::Sweep(alarm) => self.sweep(alarm),
            Task::Begin(job) => self.begin_job(job),
            Task::Answer { job, call, reply } => self.answered(job, call, reply),
            Task::CallTimeout { job, call } => self.timed_out(job, call),
            Task::DrainOver if self.node.stopping => {
                self.hit(crate::faults::Fault::StopCutShort);
                self.crash();
            }
            Task::DrainOver => {}
            Task::GiveUp { run, by, reason } => {
                let input = Box::new(Input::Cancel { by, reason });
                self.give(&run, Op::Turn { input, quiet: false }, Then::Nothing);
            }
            Task::Tell { run, seq, status } => self.tell_of_the_end(&run, seq, status),
            Task::Admit(group) => self.admit(group),
            Task::Tend(alarm) => self.tend(alarm),
        }
    }

    /// Ends the process in good order, once no answer is waited for.
    pub(crate) fn drained(&mut self) {
        let idle = self.node.queue.is_empty() && self.node.in_flight.is_empty();
        if self.node.stopping && idle && !self.node.is_out() {
            self.crash();
        }
    }

    /// What whoever brought something to a run does with the answer.
    fn then(&mut self, run: &RunId, then: Then, answer: Answer) {
        match then {
            Then::Nothing => {}
            Then::Reply(caller) => self.reply(caller, &answer),
            Then::Began(job) => self.began(job, answer),
            Then::Intended(job) => self.intended(job, &answer),
            Then::Brought(job) => self.give(run, Op::Current, Then::BroughtSo(job)),
            Then::BroughtSo(job) => self.brought(job, &answer),
            Then::Fired(rest) => self.fired(run, rest, &answer),
            Then::Told(matching) => self.told(matching, &answer),
            Then::TakenOver => self.taken_over(run, answer),
            Then::ChildBegun(job) => self.child_begun(job, run, &answer),
            Then::ChildSeen(job) => self.child_seen(job, &answer),
            Then::ToldLeft => self.tell_next_left(),
            Then::InQueue => self.in_queue(run, &answer),
            Then::Admitted => self.admitted(&answer),
            Then::FiringBegun => self.firing_begun(&answer),
            Then::TooLate(step) => {
                let held = crate::invariants::refused_as_too_late(run, &step, answer.is_err());
                self.must(held);
            }
        }
    }
}

/// A literal of a step's `with`.
pub(crate) fn literal<'a>(with: &'a Expr, name: &str) -> Option<&'a Value> {
    match with {
        Expr::Literal(value) => value.get(name),
        Expr::Map(entries) => match entries.get(name) {
            Some(Expr::Literal(value)) => Some(value),
            _ => None,
        },
        Expr::Template(_) | Expr::List(_) => None,
    }
}
