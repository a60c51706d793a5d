//! The provider: it acts, and answers later, or not. What it did is the truth that the invariants count effects by.
//!
//! It honours idempotency keys for operations of the class `idempotent`, and for no others. What it made can be looked up.

use super::stalled::Stalled;
use super::{Caller, Happening, Wish, World};
use crate::faults::Fault;
use crate::limits::{ATTEMPT_MS_MAX, DAY_MS, MINUTE_MS, SECOND_MS, SETTLE_MS};
use crate::node::Task;
use engross_core::{Completion, EffectClass, ErrorClass, PlanStep, RunId, StepError, StepId};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the node asks the provider.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Act { key: String, run: RunId, step: StepId, epoch: u32, class: EffectClass, attempt: u32 },
    LookUp { run: RunId, step: StepId, epoch: u32 },
    Check { object: String },
}

/// What it answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Done(Value),
    Found(Option<Value>),
    Seen(Option<Completion>),
    Failed(StepError),
}

pub(super) struct Call {
    ask: Ask,
    job: u64,
    incarnation: u64,
    /// How the answer leaves once the provider has acted; none when it never does.
    pub(super) answer: Option<(u64, Option<StepError>)>,
    /// That the provider does not act before the sender has let go.
    pub(super) stalled: Option<Stalled>,
}

/// What the provider made.
pub(crate) struct Effect {
    pub(crate) key: String,
    pub(crate) object: String,
}

#[derive(Default)]
pub(crate) struct Provider {
    pub(super) calls: BTreeMap<u64, Call>,
    calls_made: u64,
    by_key: BTreeMap<String, String>,
    /// By run, step, and which re-run of the step.
    pub(crate) effects: BTreeMap<(RunId, StepId, u32), Vec<Effect>>,
    objects: BTreeMap<String, Object>,
}

struct Object {
    made_at: u64,
    state: Option<&'static str>,
}

fn away(code: &str) -> StepError {
    StepError::new(ErrorClass::Transient, code, "the provider did not answer")
}

impl World {
    /// Sends a call on its way; its number.
    pub(crate) fn ask(&mut self, job: u64, ask: Ask) -> u64 {
        self.note(|| format!("asks: {ask:?}"));
        self.provider.calls_made += 1;
        let number = self.provider.calls_made;
        let call = Call { ask, job, incarnation: self.node.incarnation, answer: Some((0, None)), stalled: None };
        if !self.meets_a_fault(number, call) {
            let (there, back) = (self.dice.range(5, 400), self.dice.range(5, 100));
            if let Some(call) = self.provider.calls.get_mut(&number) {
                call.answer = Some((back, None));
            }
            self.plan_in(there, Happening::Acts(number));
        }
        number
    }

    /// Whether the call goes another way than the straight one. It is entered either way.
    fn meets_a_fault(&mut self, number: u64, call: Call) -> bool {
        let (job, incarnation) = (call.job, call.incarnation);
        let refused = match &call.ask {
            Ask::Act { run, step, .. } => self.fates.refused(&Self::base(run), step),
            Ask::LookUp { .. } | Ask::Check { .. } => false,
        };
        let acts = matches!(call.ask, Ask::Act { .. });
        self.provider.calls.insert(number, call);
        let answer = |world: &mut Self, ms: u64, error: StepError| {
            let answer = Task::Answer { job, call: number, reply: Reply::Failed(error) };
            world.plan_in(ms, Happening::Node(incarnation, answer));
            true
        };
        let soon = self.dice.range(5, 500);
        if refused {
            self.counts.add(Fault::RefusedForGood);
            return answer(self, soon, StepError::new(ErrorClass::Invalid, "http_422", "this cannot be"));
        }
        if !self.dice.percent(self.rough.calls) {
            return false;
        }
        if !acts {
            return self.look_meets_a_fault(number, answer);
        }
        match self.dice.below(10) {
            0 => {
                self.hit(Fault::ConnectRefused);
                answer(self, soon, away("connect"))
            }
            1 => {
                let absurd = self.dice.percent(20);
                self.hit(if absurd { Fault::RateLimitedAbsurd } else { Fault::RateLimited });
                let wish = if absurd { 3_650 * DAY_MS } else { self.dice.range(SECOND_MS, 5 * MINUTE_MS) };
                let error = StepError::new(ErrorClass::RateLimited, "http_429", "slow down").retry_after_ms(Some(wish));
                answer(self, soon, error)
            }
            2 => {
                self.hit(Fault::ServerErrorBefore);
                answer(self, soon, away("http_503").maybe_done())
            }
            3 => self.hangs(number),
            4 => {
                self.hit(Fault::ActsLate);
                let late = self.dice.range(SECOND_MS, SETTLE_MS - SECOND_MS);
                self.after_acting(number, late, None);
                answer(self, soon, away("reset").maybe_done())
            }
            5 => {
                self.hit(Fault::AnswerLate);
                self.after_acting(number, soon, Some((ATTEMPT_MS_MAX + MINUTE_MS, None)));
                true
            }
            6 | 7 => {
                self.hit(Fault::ServerErrorAfter);
                self.after_acting(number, soon, Some((20, Some(away("http_500").maybe_done()))));
                true
            }
            _ => {
                self.hit(Fault::AnswerDropped);
                self.after_acting(number, soon, Some((20, Some(away("reset").maybe_done()))));
                true
            }
        }
    }

    fn look_meets_a_fault(&mut self, number: u64, answer: impl Fn(&mut Self, u64, StepError) -> bool) -> bool {
        match self.dice.below(8) {
            0 => {
                self.hit(Fault::KeyRefusedLook);
                answer(self, 30, StepError::new(ErrorClass::Auth, "http_401", "who are you"))
            }
            1 => {
                self.hit(Fault::Hangs);
                true
            }
            2 => {
                self.hit(Fault::RateLimited);
                let wish = Some(self.dice.range(SECOND_MS, MINUTE_MS));
                let error = StepError::new(ErrorClass::RateLimited, "http_429", "slow down").retry_after_ms(wish);
                answer(self, 30, error)
            }
            3 => {
                self.hit(Fault::ConnectRefused);
                answer(self, 10, away("connect"))
            }
            4 => {
                let late = self.dice.range(SECOND_MS, 8 * MINUTE_MS);
                self.hit(Fault::AnswerLate);
                self.after_acting(number, 20, Some((late, None)));
                true
            }
            _ => {
                self.hit(Fault::LookFails);
                answer(self, 30, away("http_502"))
            }
        }
    }

    fn after_acting(&mut self, number: u64, ms: u64, answer: Option<(u64, Option<StepError>)>) {
        if let Some(call) = self.provider.calls.get_mut(&number) {
            call.answer = answer;
        }
        self.plan_in(ms, Happening::Acts(number));
    }

    pub(super) fn acts(&mut self, number: u64) {
        let Some(Call { ask, job, incarnation, answer, stalled }) = self.provider.calls.remove(&number) else { return };
        if stalled.is_some_and(|stalled| !self.arrives(stalled)) {
            return;
        }
        let reply = match ask {
            Ask::Act { key, run, step, epoch, class, attempt } => self.effect(key, (run, step, epoch), class, attempt),
            Ask::LookUp { run, step, epoch } => {
                let (base, of) = (Self::base(&run), step.clone());
                let made = self.provider.effects.get(&(run, step, epoch)).and_then(|effects| effects.first());
                Reply::Found(made.map(|effect| self.fates.outputs(&base, &of, &effect.object)))
            }
            Ask::Check { object } => self.look_at(&object),
        };
        let Some((ms, error)) = answer else { return };
        let reply = error.map_or(reply, Reply::Failed);
        self.plan_in(ms, Happening::Node(incarnation, Task::Answer { job, call: number, reply }));
    }

    /// The provider acts: a first time, or a second when it is not told that it is the same.
    fn effect(&mut self, key: String, of: (RunId, StepId, u32), class: EffectClass, attempt: u32) -> Reply {
        let (run, step, epoch) = (&of.0, &of.1, of.2);
        let fates = self.fates;
        let outputs = |object: &str| fates.outputs(&Self::base(run), step, object);
        let first = if epoch == 0 { format!("{run}.{step}") } else { format!("{run}.{step}.again{epoch}") };
        if class == EffectClass::Read {
            return Reply::Done(outputs(&first));
        }
        if let (EffectClass::Idempotent, Some(object)) = (class, self.provider.by_key.get(&key)) {
            let object = object.clone();
            self.note(|| format!("provider: {object} is there already"));
            return Reply::Done(outputs(&object));
        }
        let made = self.provider.effects.entry(of.clone()).or_default();
        let object = if made.is_empty() { first } else { format!("{first}.{}", made.len() + 1) };
        made.push(Effect { key: key.clone(), object: object.clone() });
        self.provider.by_key.insert(key, object.clone());
        self.provider.objects.insert(object.clone(), Object { made_at: self.now, state: None });
        self.note(|| format!("provider: makes {object} (attempt {attempt})"));
        let effects = self.provider.effects.get(&of).map_or(&[][..], Vec::as_slice);
        let held = self.oracle.effect_happened(run, step, class, effects);
        self.must(held);
        // Nobody signs what takes something back.
        if let (Some(fate), None) = (self.fates.object(&Self::base(run), step), PlanStep::undone_by(step)) {
            self.plan_in(fate.after_ms, Happening::ObjectEnds(object.clone()));
        }
        Reply::Done(outputs(&object))
    }

    fn look_at(&mut self, object: &str) -> Reply {
        let hidden = self.dice.percent(self.rough.calls / 4);
        match self.provider.objects.get(object) {
            Some(known) if hidden && known.made_at + 5 * SECOND_MS > self.now => {
                self.hit(Fault::ObjectHidden);
                Reply::Failed(StepError::new(ErrorClass::NotFound, "http_404", "no such object"))
            }
            Some(Object { state: Some(state), .. }) => {
                Reply::Seen(Some(Completion::new(state, json!({ "object": object }))))
            }
            Some(_) => Reply::Seen(None),
            None => Reply::Failed(StepError::new(ErrorClass::NotFound, "http_404", "no such object")),
        }
    }

    /// Somebody signed, or would not. The provider tells, more or less.
    pub(super) fn object_ends(&mut self, object: &str) {
        let mut parts = object.split('.');
        let (run, step) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let Some(fate) = self.fates.object(&Self::base(&RunId::new(run)), &StepId::new(step)) else { return };
        let Some(known) = self.provider.objects.get_mut(object) else { return };
        known.state = Some(fate.state);
        self.note(|| format!("provider: {object} is {}", fate.state));
        let wish = Wish::Webhook { object: object.to_string(), about: fate.state };
        let rough = self.rough.callers;
        if self.dice.percent(rough / 2) {
            self.hit(Fault::WebhookLost);
            return;
        }
        let mut copies = 1;
        if self.dice.percent(rough) {
            self.hit(Fault::WebhookTwice);
            copies = 2;
        } else if self.dice.percent(rough / 8) {
            self.hit(Fault::WebhookStorm);
            copies = 100;
        }
        for _ in 0..copies {
            let after = self.dice.below(if copies == 100 { SECOND_MS } else { 10 * SECOND_MS });
            self.plan_in(after, Happening::Call(Caller::new(wish.clone())));
        }
        if self.dice.percent(rough) {
            self.hit(Fault::WebhookOutOfOrder);
            let viewed = Wish::Webhook { object: object.to_string(), about: "viewed" };
            let after = self.dice.below(MINUTE_MS);
            self.plan_in(after, Happening::Call(Caller::new(viewed)));
        }
    }
}
