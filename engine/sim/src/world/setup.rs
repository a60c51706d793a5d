//! The making of a world: its plans, its starts, and when what goes wrong.

use super::heap::Heap;
use super::provider::Provider;
use super::{Caller, Chaos, Happening, Rough, Wish, World};
use crate::Options;
use crate::dice::Dice;
use crate::faults::{Counts, Fault};
use crate::generate::fates::Fates;
use crate::generate::{self, Shape};
use crate::invariants::Oracle;
use crate::limits::{DAY_MS, HOUR_MS, MINUTE_MS, RUNS, WEEK_MS};
use crate::node::Node;
use crate::node::Trigger;
use engross_core::Plan;
use engross_schedule::{CatchUp, Overlap, Schedule};
use engross_store::MemoryStore;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One seed in so many has no faults but crashes, and is compared with the same week without them.
const CRASHES_ONLY_ONE_IN: u64 = 4;

/// One seed in so many has plain plans: those of generator 2.
const PLAIN_ONE_IN: u64 = 3;

/// What simulated schedules are made of.
const CRONS: [&str; 4] = ["30 9 * * *", "30 */6 * * *", "15,45 8 * * 1-5", "30 12 * * 3"];
const ZONES: [&str; 3] = ["UTC", "Europe/Berlin", "America/New_York"];

impl World {
    /// Whether a seed has no faults but crashes.
    pub(crate) fn crashes_only(seed: u64) -> bool {
        Dice::of(seed, &["profile"]).below(CRASHES_ONLY_ONE_IN) == 0
    }

    pub(crate) fn new(options: Options) -> Self {
        let seed = options.seed;
        let crashes_only = Self::crashes_only(seed);
        let rich = seed % PLAIN_ONE_IN != 1;
        let shape = if crashes_only {
            Shape { steps_max: 10, unsafe_steps: false, races: false, shared_events: false, rich }
        } else {
            Shape { steps_max: 12, unsafe_steps: true, races: true, shared_events: true, rich }
        };
        let mut dice = Dice::of(seed, &["world"]);
        let rough = match (options.calm, crashes_only) {
            (true, _) => Rough::default(),
            (false, true) => Rough { writes: dice.range(1, 20), crashes: dice.range(20, 500), ..Rough::default() },
            (false, false) => Rough {
                calls: dice.below(40),
                writes: dice.below(12),
                callers: dice.below(25),
                crashes: dice.below(150),
            },
        };
        let mut world = Self {
            now: 0,
            offset: 0,
            fates: Fates { seed, shape },
            plans: Vec::new(),
            triggers: Vec::new(),
            by_digest: BTreeMap::new(),
            disk: MemoryStore::new(),
            node: Node::default(),
            provider: Provider::default(),
            oracle: Oracle::default(),
            counts: Counts::default(),
            callers: BTreeMap::new(),
            callers_made: 0,
            healed: false,
            stop_when_out: false,
            rough,
            trace: Vec::new(),
            happened: 0,
            heap: Heap::default(),
            violation: None,
            dice,
            options,
        };
        world.draw_plans(shape);
        world.plan_starts();
        world.plan_cancels();
        if shape.races {
            world.plan_reruns(4);
        }
        if shape.rich {
            world.draw_triggers(shape);
        }
        if !world.options.calm {
            world.plan_chaos(crashes_only);
        }
        world.heap.push(0, Happening::Boot);
        world.heap.push(WEEK_MS, Happening::Chaos(Chaos::Heal));
        world
    }

    fn draw_plans(&mut self, shape: Shape) {
        let mut dice = Dice::of(self.options.seed, &["plans"]);
        for number in 0..dice.range(2, 8) {
            // A generated plan has no circles and no unknown steps; one that had would be left out.
            if let Ok(plan) = generate::plan(&mut dice, &format!("w{number}"), shape) {
                let plan = Arc::new(plan);
                self.know(&plan);
                self.plans.push(plan);
            }
        }
    }

    /// Remembers a plan by its digest, with those that its steps start.
    fn know(&mut self, plan: &Arc<Plan>) {
        self.by_digest.insert(plan.digest().clone(), plan.clone());
        let children = plan.all().filter_map(|step| step.child.as_deref());
        for child in children.filter_map(|child| Plan::build(child.clone()).ok()) {
            self.know(&Arc::new(child));
        }
    }

    fn draw_triggers(&mut self, shape: Shape) {
        let mut dice = Dice::of(self.options.seed, &["triggers"]);
        for _ in 0..dice.below(3) {
            let plan = usize::try_from(dice.below(self.plans.len() as u64)).unwrap_or(0);
            let (cron, zone) = (dice.pick(&CRONS).copied(), dice.pick(&ZONES).copied());
            let schedule = Schedule::parse(cron.unwrap_or(CRONS[0]), zone.unwrap_or(ZONES[0]));
            let (overlap, catch_up) = match (shape.races, dice.below(3), dice.below(3)) {
                // What is left out while a run is open depends on the very second at which that ends.
                (false, _, _) => (Overlap::Allow, CatchUp::All),
                (true, overlap, catch_up) => (
                    [Overlap::Skip, Overlap::Queue, Overlap::Allow][usize::try_from(overlap).unwrap_or(0)],
                    [CatchUp::Latest, CatchUp::All, CatchUp::None][usize::try_from(catch_up).unwrap_or(0)],
                ),
            };
            if let Ok(schedule) = schedule {
                self.triggers.push(Arc::new(Trigger { plan, schedule, overlap, catch_up }));
            }
        }
    }

    fn plan_starts(&mut self) {
        let mut dice = Dice::of(self.options.seed, &["starts"]);
        for number in 0..dice.range(RUNS.0, RUNS.1) {
            let number = usize::try_from(number).unwrap_or(0);
            let at = dice.below(5 * DAY_MS);
            let plan = usize::try_from(dice.below(self.plans.len() as u64)).unwrap_or(0);
            let keyed = !self.fates.shape.races || dice.percent(50);
            let wish = Wish::Start { number, plan, keyed };
            self.heap.push(at, Happening::Call(Caller::new(wish.clone())));
            if keyed && self.fates.shape.races && dice.percent(30) {
                self.hit(Fault::StartTwice);
                self.heap.push(at + dice.below(DAY_MS), Happening::Call(Caller::new(wish)));
            }
        }
    }

    fn plan_cancels(&mut self) {
        if !self.fates.shape.races {
            return;
        }
        let mut dice = Dice::of(self.options.seed, &["cancels"]);
        for number in 0..RUNS.1 {
            if dice.percent(12) {
                let wish = Wish::CancelNumber { number: usize::try_from(number).unwrap_or(0) };
                self.heap.push(dice.below(WEEK_MS), Happening::Call(Caller::new(wish)));
            }
        }
    }

    fn plan_chaos(&mut self, crashes_only: bool) {
        let mut dice = Dice::of(self.options.seed, &["chaos"]);
        let level = dice.below(4);
        let mut plan = |heap: &mut Heap, most: u64, chaos: Chaos| {
            for _ in 0..dice.below(most * level + 1) {
                heap.push(dice.below(WEEK_MS - MINUTE_MS), Happening::Chaos(chaos));
            }
        };
        plan(&mut self.heap, 3, Chaos::Crash);
        plan(&mut self.heap, 2, Chaos::Stop);
        plan(&mut self.heap, 1, Chaos::CrashLoop);
        plan(&mut self.heap, 1, Chaos::SecondProcess);
        if !crashes_only {
            plan(&mut self.heap, 1, Chaos::ClockJump(HOUR_MS as i64));
            plan(&mut self.heap, 1, Chaos::ClockJump(-(HOUR_MS as i64)));
            plan(&mut self.heap, 1, Chaos::Suspend);
            plan(&mut self.heap, 1, Chaos::StrayWebhook);
        }
    }
}
