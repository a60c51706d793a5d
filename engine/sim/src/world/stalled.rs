//! Requests that nothing is heard of until their sender has let go of them, and that the provider acts on after that.
//!
//! A sender lets go when it gives up, which may be long after the request was meant to leave, or when its process is killed. For as
//! long as `settle` after that the request may still arrive. What the provider then does is in `provider`.

use super::{Chaos, Happening, World};
use crate::faults::Fault;
use crate::limits::{ATTEMPT_MS_MAX, MINUTE_MS, SECOND_MS, SETTLE_MS, WEEK_MS};

/// One seed in so many has requests that are stalled.
const STALLED_ONE_IN: u64 = 4;

/// Which one: all others mean the weeks that they meant to generator 3, and with them every seed that the corpus had then.
const STALLED_REST: u64 = 2;

/// A request that nothing is heard of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stalled {
    sent_at: u64,
    let_go: Option<LetGo>,
}

/// That the sender let go.
#[derive(Clone, Copy, Debug)]
struct LetGo {
    killed: bool,
    /// How far the wall clock was off then, in milliseconds.
    offset: i64,
}

impl World {
    /// A request for an effect on which the provider does not act while anybody waits for it, and maybe not after that either.
    pub(super) fn hangs(&mut self, number: u64) -> bool {
        let stalls = self.options.seed % STALLED_ONE_IN == STALLED_REST && self.dice.percent(70);
        if !stalls {
            self.hit(Fault::Hangs);
            return true;
        }
        self.note(|| format!("call {number} is stalled"));
        let stalled = Stalled { sent_at: self.now, let_go: None };
        if let Some(call) = self.provider.calls.get_mut(&number) {
            (call.answer, call.stalled) = (None, Some(stalled));
        }
        let kill_in = self.dice.range(SETTLE_MS / 2, ATTEMPT_MS_MAX - MINUTE_MS);
        if self.dice.percent(40) && self.now + kill_in < WEEK_MS {
            self.plan_in(kill_in, Happening::Chaos(Chaos::Crash));
        }
        true
    }

    /// The sender of a call gave up. If the call was stalled, the provider acts on it later than `settle` after it was sent, as
    /// far as that is sooner than `settle` from now.
    pub(crate) fn gave_up(&mut self, number: u64) {
        self.lets_go(number, false);
    }

    /// The process is gone, and with it whoever waited for an answer.
    pub(super) fn senders_are_gone(&mut self) {
        let stalled: Vec<u64> =
            self.provider.calls.iter().filter(|(_, call)| call.stalled.is_some()).map(|(number, _)| *number).collect();
        for number in stalled {
            self.lets_go(number, true);
        }
    }

    fn lets_go(&mut self, number: u64, killed: bool) {
        let offset = self.offset;
        let Some(call) = self.provider.calls.get_mut(&number) else { return };
        let Some(stalled @ Stalled { let_go: None, .. }) = &mut call.stalled else { return };
        stalled.let_go = Some(LetGo { killed, offset });
        let latest = SETTLE_MS - SECOND_MS;
        let soonest = (stalled.sent_at + SETTLE_MS + SECOND_MS).saturating_sub(self.now).clamp(SECOND_MS, latest);
        let late = self.dice.range(soonest, latest);
        self.plan_in(late, Happening::Acts(number));
    }

    /// Whether a stalled request arrives after all. Once the clock was set forward after its sender let go, `settle` is over
    /// for everybody who goes by that clock, and nothing could be promised any more: then it does not.
    pub(super) fn arrives(&mut self, stalled: Stalled) -> bool {
        let Some(let_go) = stalled.let_go else { return true };
        if self.offset > let_go.offset {
            return false;
        }
        self.hit(match let_go.killed {
            _ if self.now <= stalled.sent_at + SETTLE_MS => Fault::ActsLate,
            true => Fault::ActsAfterKill,
            false => Fault::ActsAfterTimeout,
        });
        true
    }
}
