//! The world of one seed: a node, a provider, senders of webhooks, people, a clock, a disk, and what goes wrong with them.
//!
//! One thread, one heap of what will happen, no runtime. Every random number comes from the seed, so a seed is one week, the same
//! each time. What the node does is in `node`; what must hold is in `invariants`.

mod callers;
mod chaos;
mod heap;
mod helpers;
mod provider;
mod setup;
mod stalled;

pub(crate) use callers::{Caller, Wish};
pub(crate) use chaos::Chaos;
pub(crate) use provider::{Ask, Effect, Reply};

use crate::dice::Dice;
use crate::faults::{Counts, Fault};
use crate::generate::fates::Fates;
use crate::invariants::{Noticed, Oracle, Violation};
use crate::limits::{EPOCH_MS, EVENTS_MAX, HEAL_MS, WEEK_MS};
use crate::node::{Node, Task, Trigger};
use crate::{Bug, Options};
use engross_core::{Plan, PlanDigest, RunId, Timestamp};
use engross_store::MemoryStore;
use heap::Heap;
use provider::Provider;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something that happens.
pub(crate) enum Happening {
    /// Somebody tries to reach the node.
    Call(Caller),
    /// The provider acts on a call.
    Acts(u64),
    /// An object of the provider comes to its end.
    ObjectEnds(String),
    /// Something goes wrong.
    Chaos(Chaos),
    /// A process starts.
    Boot,
    /// Something inside a process, which means nothing to a later one.
    Node(u64, Task),
}

/// The world of one seed.
pub(crate) struct World {
    pub(crate) options: Options,
    /// Milliseconds since the week began, which no clock jump changes.
    pub(crate) now: u64,
    /// How far the wall clock is off, in milliseconds.
    pub(crate) offset: i64,
    pub(crate) dice: Dice,
    pub(crate) fates: Fates,
    pub(crate) plans: Vec<Arc<Plan>>,
    pub(crate) triggers: Vec<Arc<Trigger>>,
    pub(crate) by_digest: BTreeMap<PlanDigest, Arc<Plan>>,
    pub(crate) disk: MemoryStore,
    pub(crate) node: Node,
    pub(crate) provider: Provider,
    pub(crate) oracle: Oracle,
    pub(crate) counts: Counts,
    /// Those who wait for an answer of the node.
    pub(crate) callers: BTreeMap<u64, Caller>,
    pub(crate) callers_made: u64,
    pub(crate) healed: bool,
    /// The next time that an answer of the provider is waited for, the process is stopped.
    stop_when_out: bool,
    /// Faults of calls in percent, and of durable writes in a thousand.
    pub(crate) rough: Rough,
    pub(crate) trace: Vec<String>,
    pub(crate) happened: u64,
    heap: Heap,
    violation: Option<Violation>,
}

/// How rough a seed is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rough {
    /// Calls to the provider that meet a fault, in percent.
    pub(crate) calls: u64,
    /// Durable writes that meet one, in a thousand.
    pub(crate) writes: u64,
    /// Callers that meet one, in percent.
    pub(crate) callers: u64,
    /// Events after which the process dies, in a hundred thousand.
    pub(crate) crashes: u64,
}

impl World {
    /// Lets the week happen, and what comes after it. The first thing that must not be, if there is one.
    pub(crate) fn run(&mut self) -> Option<Violation> {
        let end = self.options.until.unwrap_or(WEEK_MS + HEAL_MS);
        while self.violation.is_none() {
            let Some((at, what)) = self.heap.pop(end) else { break };
            self.now = self.now.max(at);
            self.happened += 1;
            if self.happened > EVENTS_MAX {
                self.fail(Violation::new("I12", "the world goes round in circles: its heap does not empty"));
            }
            self.happen(what);
            self.may_be_killed();
        }
        if self.violation.is_none() && self.options.until.is_none() {
            self.now = end;
            let found = self.at_rest();
            self.violation = found;
        }
        self.violation.clone()
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Call(caller) => self.call(caller),
            Happening::Acts(call) => self.acts(call),
            Happening::ObjectEnds(object) => self.object_ends(&object),
            Happening::Chaos(chaos) => self.wreak(chaos),
            Happening::Boot => self.boot(),
            Happening::Node(incarnation, task) => {
                if incarnation != self.node.incarnation || !self.node.up {
                    return;
                }
                // A machine that sleeps does nothing, and then everything that is due.
                if self.now < self.node.frozen_until {
                    let at = self.node.frozen_until;
                    self.heap.push(at, Happening::Node(incarnation, task));
                } else {
                    self.carry_on(task);
                }
            }
        }
    }

    fn may_be_killed(&mut self) {
        if self.stop_when_out && self.node.open && !self.node.stopping && self.node.is_out() {
            self.stop();
        }
        if self.node.up && !self.healed && self.rough.crashes > 0 && self.dice.below(100_000) < self.rough.crashes {
            self.hit(Fault::Crash);
            self.crash();
        }
    }

    pub(crate) fn plan_in(&mut self, ms: u64, what: Happening) {
        self.heap.push(self.now.saturating_add(ms), what);
    }

    pub(crate) fn node_in(&mut self, ms: u64, task: Task) {
        let incarnation = self.node.incarnation;
        self.plan_in(ms, Happening::Node(incarnation, task));
    }

    /// What the node's clock shows.
    pub(crate) fn wall(&self) -> Timestamp {
        let since = i64::try_from(self.now).unwrap_or(i64::MAX);
        Timestamp::from_millis(EPOCH_MS.saturating_add(since).saturating_add(self.offset))
    }

    /// How long until the wall clock shows this, if it does not jump.
    pub(crate) fn until_wall(&self, at: Timestamp) -> u64 {
        at.ms_since(self.wall())
    }

    pub(crate) fn hit(&mut self, fault: Fault) {
        self.counts.add(fault);
        self.note(|| format!("! {}", fault.as_str()));
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if self.options.trace {
            let (seconds, ms) = (self.now / 1_000, self.now % 1_000);
            let (day, rest) = (seconds / 86_400, seconds % 86_400);
            let clock = format!("{}d {:02}:{:02}:{:02}.{ms:03}", day, rest / 3_600, rest / 60 % 60, rest % 60);
            self.trace.push(format!("{clock} [{}] {}", self.node.incarnation, line()));
        }
    }

    pub(crate) fn fail(&mut self, violation: Violation) {
        if self.violation.is_none() {
            self.note(|| format!("VIOLATION {violation}"));
            self.violation = Some(violation);
        }
    }

    pub(crate) fn must(&mut self, held: Result<(), Violation>) {
        if let Err(violation) = held {
            self.fail(violation);
        }
    }

    pub(crate) fn bug(&self, bug: Bug) -> bool {
        self.options.bug == bug
    }

    /// What people and providers do when they notice a durable fact.
    pub(crate) fn noticed(&mut self, what: Noticed) {
        match what {
            Noticed::Started { run, plan } => self.events_will_come(&run, &plan),
            Noticed::Asked { run, step, expires_ms } => self.people_will_answer(&run, &step, expires_ms),
            Noticed::FannedOut { run, step } => self.events_of_items_will_come(&run, &step),
            Noticed::Stuck { run, step } => self.somebody_will_help(&run, &step),
        }
    }

    /// How every run ended, for a comparison with the same week without crashes.
    pub(crate) fn ends(&self) -> BTreeMap<String, String> {
        self.oracle.ends()
    }

    /// A run's name without what is made anew when somebody has to ask twice: of `r001x5~s3[a]~0`, which a step of `r001x5`
    /// started, it is `r001~s3[a]~0`.
    pub(crate) fn base(run: &RunId) -> RunId {
        let (top, below) = run.as_str().split_at(run.as_str().find('~').unwrap_or(run.as_str().len()));
        RunId::new(format!("{}{below}", top.split('x').next().unwrap_or("")))
    }
}
