//! What goes wrong with machines: kills, stops, sleeps, clocks. And the moment from which nothing goes wrong any more.

use super::{Caller, Happening, Wish, World};
use crate::faults::Fault;
use crate::limits::{DRAIN_MS, HOUR_MS, MINUTE_MS, SECOND_MS, SWEEP_MS_MAX};
use crate::node::Task;

/// Something that goes wrong at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Chaos {
    Crash,
    CrashLoop,
    Stop,
    SecondProcess,
    ClockJump(i64),
    Suspend,
    StrayWebhook,
    /// Nothing goes wrong any more.
    Heal,
}

impl World {
    pub(super) fn wreak(&mut self, chaos: Chaos) {
        match chaos {
            Chaos::Crash if self.node.up => {
                self.hit(Fault::Crash);
                self.crash();
            }
            Chaos::CrashLoop => {
                self.node.deaths_to_come = self.dice.range(2, 8);
                if self.node.up {
                    self.crash();
                }
            }
            // Half of them come when an answer is waited for.
            Chaos::Stop if self.dice.percent(50) => self.stop_when_out = true,
            Chaos::Stop if self.node.up && !self.node.stopping => self.stop(),
            // The lock on the directory is taken: the second process ends, and the first does not notice.
            Chaos::SecondProcess if self.node.up => {
                let refused = self.node.hold(self.node.incarnation + 1);
                self.hit(Fault::SecondProcess);
                let held = crate::invariants::one_holder(refused);
                self.must(held);
            }
            Chaos::ClockJump(ms) => {
                self.hit(if ms > 0 { Fault::ClockForward } else { Fault::ClockBackward });
                self.offset += ms;
                self.oracle.clock_jumped(self.now);
                let late = self.dice.below(SWEEP_MS_MAX);
                self.sweep_in(late);
                self.tend_in(late);
            }
            Chaos::Suspend => {
                self.hit(Fault::Suspended);
                self.node.frozen_until = self.now + 8 * HOUR_MS;
            }
            Chaos::StrayWebhook => {
                self.hit(Fault::WebhookUnknownObject);
                let wish = Wish::Webhook { object: "nobody.knows".to_string(), about: "signed" };
                self.call(Caller::new(wish));
            }
            Chaos::Heal => self.heal(),
            Chaos::Crash | Chaos::Stop | Chaos::SecondProcess => {}
        }
    }

    pub(super) fn stop(&mut self) {
        self.hit(Fault::Stopped);
        self.stop_when_out = false;
        self.node.stopping = true;
        let patience = if self.dice.percent(50) { 20 } else { DRAIN_MS };
        self.node_in(patience, Task::DrainOver);
        self.drained();
    }

    fn heal(&mut self) {
        self.note(|| "nothing goes wrong any more".to_string());
        self.healed = true;
        self.stop_when_out = false;
        self.rough = super::Rough::default();
        self.node.deaths_to_come = 0;
        if self.node.frozen_until > self.now {
            // Its clock shows what time it is, and what was due is done.
            self.node.frozen_until = self.now;
            if self.node.up {
                self.crash();
            }
        }
        if !self.node.up {
            self.plan_in(0, Happening::Boot);
        }
    }

    /// The process is gone, with everything it had not written.
    pub(crate) fn crash(&mut self) {
        self.note(|| "the process is gone".to_string());
        let in_flight = self.node.die();
        self.senders_are_gone();
        if !in_flight.is_empty() {
            // A batch is atomic: on its way, it is done or it is not.
            if in_flight.len() > 1 {
                self.hit(Fault::BatchTorn);
            }
            if self.dice.percent(50) {
                self.write_down(&in_flight);
            }
        }
        for caller in std::mem::take(&mut self.callers).into_values() {
            self.try_again(caller);
        }
        let down = match self.dice.below(10) {
            _ if self.healed => SECOND_MS,
            0..=6 => self.dice.range(SECOND_MS, 20 * SECOND_MS),
            7..=8 => self.dice.range(MINUTE_MS, 15 * MINUTE_MS),
            _ if self.fates.shape.races => self.dice.range(HOUR_MS, 10 * HOUR_MS),
            _ => MINUTE_MS,
        };
        self.plan_in(down, Happening::Boot);
    }
}
