//! Those who reach the node from outside: people who start, decide and cancel, programs that send events, providers that send
//! webhooks. Each goes on until it has an answer; what was answered with yes is told to the invariants, which hold the node to it.

use super::{Happening, World};
use crate::faults::Fault;
use crate::generate::fates::Doing;
use crate::generate::uses;
use crate::limits::{DAY_MS, MINUTE_MS, SECOND_MS};
use crate::node::{Answer, Op, Refused, Then};
use engross_core::{
    Decision, EventId, Input, Person, Plan, PlanStep, ReceivedEvent, RunId, StartRequest, StepId, Subscription, Verdict,
};
use engross_store::InboxEntry;
use serde_json::json;

/// What somebody wants of the node.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    Start { number: usize, plan: usize, keyed: bool },
    CancelNumber { number: usize },
    Decide { run: RunId, step: StepId, by: Person, verdict: Verdict, shown: Option<String>, round: Option<u32> },
    HandOn { run: RunId, step: StepId, by: Person, to: Person },
    Change { run: RunId, step: StepId, by: Person, subject: String },
    Help { run: RunId, step: StepId },
    Rerun { number: usize },
    Event { id: String, kind: String, data: serde_json::Value },
    Webhook { object: String, about: &'static str },
}

/// Somebody who wants something.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) wish: Wish,
    tries: u32,
}

/// Tries after which a sender gives a webhook up: about three days.
const WEBHOOK_TRIES_MAX: u32 = 60;

impl Caller {
    pub(crate) fn new(wish: Wish) -> Self {
        Self { wish, tries: 0 }
    }
}

impl World {
    /// Somebody reaches the node, or nobody answers.
    pub(super) fn call(&mut self, caller: Caller) {
        let away = !self.node.open || self.now < self.node.frozen_until;
        let starting = matches!(caller.wish, Wish::Start { .. });
        if away || (starting && self.node.stopping) {
            self.counts.add(Fault::CallerMetNobody);
            self.try_again(caller);
            return;
        }
        self.note(|| format!("called: {:?}", caller.wish));
        let wish = caller.wish.clone();
        self.callers_made += 1;
        let id = self.callers_made;
        self.callers.insert(id, caller);
        match wish {
            Wish::Start { number, plan, keyed } => self.start(id, number, plan, keyed),
            Wish::CancelNumber { number } => self.cancel(id, number),
            Wish::Decide { run, step, by, verdict, shown, round } => {
                let decision = Decision { subject_sha256: shown, round, ..Decision::new(by, verdict, self.wall()) };
                let input = Input::Decision { step, decision };
                self.give(&run, Op::Turn { input: Box::new(input), quiet: false }, Then::Reply(id));
            }
            Wish::HandOn { run, step, by, to } => {
                let input = Input::Delegate { step, by, to, comment: None };
                self.give(&run, Op::Turn { input: Box::new(input), quiet: false }, Then::Reply(id));
            }
            Wish::Change { run, step, by, subject } => {
                let input = Input::SubjectChanged { step, subject_sha256: subject, by, comment: None };
                self.give(&run, Op::Turn { input: Box::new(input), quiet: false }, Then::Reply(id));
            }
            Wish::Help { run, step } => self.help(id, &run, &step),
            Wish::Rerun { number } => self.rerun(id, number),
            Wish::Event { id: event, kind, data } => {
                let topic = Subscription::to_event(&kind, Default::default()).topic;
                self.receive(id, EventId::new(event), kind, data, topic);
            }
            Wish::Webhook { object, about } => {
                let topic = Subscription::to_object("sim", &object).topic;
                self.count_webhook(&topic, &object);
                let data = json!({ "object": object, "about": about });
                let event = EventId::new(format!("{object}/{about}"));
                self.receive(id, event, "object.changed".to_string(), data, topic);
            }
        }
    }

    fn receive(&mut self, caller: u64, id: EventId, kind: String, data: serde_json::Value, topic: String) {
        let event = ReceivedEvent { id, kind, data, received_at: self.wall() };
        self.keep(caller, InboxEntry { event, topic, source: "sim".to_string() });
    }

    fn start(&mut self, caller: u64, number: usize, plan: usize, keyed: bool) {
        let Some(plan) = self.plans.get(plan).cloned() else { return };
        // An id is made anew for every try, as it is when a request comes again.
        let run = RunId::new(format!("r{number:03}x{}", self.callers_made));
        let request = StartRequest {
            run,
            inputs: self.fates.inputs(number),
            requester: self.fates.requester(number),
            key: keyed.then(|| format!("key/{number}")),
            parent: None,
        };
        self.first_turn(plan, request, Then::Reply(caller));
    }

    fn cancel(&mut self, caller: u64, number: usize) {
        let base = format!("r{number:03}x");
        let run = self.oracle.runs.keys().find(|run| run.as_str().starts_with(&base)).cloned();
        let Some(run) = run else {
            self.callers.remove(&caller);
            return;
        };
        self.hit(Fault::CancelledRun);
        let input = Input::Cancel { by: Person::new("rita@sales.example"), reason: None };
        self.give(&run, Op::Turn { input: Box::new(input), quiet: false }, Then::Reply(caller));
    }

    fn count_webhook(&mut self, topic: &str, object: &str) {
        let run = RunId::new(object.split('.').next().unwrap_or(""));
        let Some(watched) = self.oracle.runs.get(&run) else { return };
        if watched.state.status.is_over() {
            self.counts.add(Fault::WebhookLate);
        } else if !watched.holds(topic) {
            self.counts.add(Fault::WebhookEarly);
        }
    }

    /// The node answered: yes, or why not. The answer may be lost on its way.
    pub(crate) fn reply(&mut self, id: u64, answer: &Answer) {
        let Some(caller) = self.callers.remove(&id) else { return };
        if self.dice.percent(self.rough.callers) {
            self.hit(Fault::AnswerToSenderLost);
            self.try_again(caller);
            return;
        }
        match answer {
            Ok(done) => {
                let (run, events) = (done.state.run.clone(), done.events.clone());
                let at = self.wall();
                self.oracle.acknowledged(&caller.wish, &run, &events, at);
            }
            Err(Refused::Unavailable) => self.try_again(caller),
            Err(Refused::Rejected(why)) => {
                self.note(|| format!("refused: {why}"));
                if why.contains("has decided this already") {
                    self.counts.add(Fault::DecisionTwice);
                } else if why.contains("may not decide") || why.contains("is not asked to") {
                    self.counts.add(Fault::DecisionUnauthorised);
                }
            }
        }
    }

    /// A sender was told that its event is kept.
    pub(crate) fn reply_kept(&mut self, id: u64, entry: &InboxEntry) {
        let Some(caller) = self.callers.remove(&id) else { return };
        if self.dice.percent(self.rough.callers) {
            self.hit(Fault::AnswerToSenderLost);
            self.try_again(caller);
            return;
        }
        self.oracle.event_acknowledged(entry);
    }

    pub(crate) fn try_again(&mut self, mut caller: Caller) {
        caller.tries += 1;
        if matches!(caller.wish, Wish::Webhook { .. }) && caller.tries > WEBHOOK_TRIES_MAX {
            self.hit(Fault::WebhookLost);
            return;
        }
        let most = if self.healed { MINUTE_MS } else { 10 * MINUTE_MS };
        let pause = ((5 * SECOND_MS) << caller.tries.min(10)).min(most);
        self.plan_in(pause, Happening::Call(caller));
    }

    /// The events that a run's steps wait for will be sent, whether or not the steps wait by then.
    pub(super) fn events_will_come(&mut self, run: &RunId, plan: &Plan) {
        let Some(watched) = self.oracle.runs.get(run) else { return };
        let order = watched.state.inputs.get("order").cloned().unwrap_or_default();
        for step in plan.ordered().filter(|step| step.uses == uses::EVENT) {
            let kind = crate::node::literal(&step.with, "type").and_then(|v| v.as_str().map(str::to_string));
            let (Some(kind), Some(after)) = (kind, self.fates.event(&Self::base(run), &step.id)) else { continue };
            let wish = Wish::Event { id: format!("{run}/{}", step.id), kind, data: json!({ "order": order }) };
            self.plan_in(after, Happening::Call(Caller::new(wish.clone())));
            if self.dice.percent(self.rough.callers) {
                self.hit(Fault::WebhookTwice);
                let again = after + self.dice.below(DAY_MS);
                self.plan_in(again, Happening::Call(Caller::new(wish)));
            }
        }
    }

    /// The same for the items of a list, once it is known.
    pub(super) fn events_of_items_will_come(&mut self, run: &RunId, step: &StepId) {
        let Some(watched) = self.oracle.runs.get(run) else { return };
        let Some(foreach) = watched.plan.step(step).and_then(|step| step.foreach.as_deref()) else { return };
        let kind = crate::node::literal(&foreach.each.with, "type").and_then(|v| v.as_str().map(str::to_string));
        let (uses::EVENT, Some(kind)) = (foreach.each.uses.as_str(), kind) else { return };
        let order = watched.state.inputs.get("order").cloned().unwrap_or_default();
        let items = watched.state.items.get(step).cloned().unwrap_or_default();
        for item in items.iter() {
            let id = PlanStep::item(step, &item.key);
            let Some(after) = self.fates.event(&Self::base(run), &id) else { continue };
            let data = json!({ "order": order, "item": item.value.get("id") });
            let wish = Wish::Event { id: format!("{run}/{id}"), kind: kind.clone(), data };
            self.plan_in(after, Happening::Call(Caller::new(wish)));
        }
    }

    /// People see that they are asked.
    pub(super) fn people_will_answer(&mut self, run: &RunId, step: &StepId, expires_ms: Option<u64>) {
        let round = self.oracle.runs.get(run).map(|watched| watched.state.round(step));
        for answer in self.fates.answers(&Self::base(run), step, expires_ms) {
            let (run, step, by, verdict) = (run.clone(), step.clone(), answer.by, answer.verdict);
            let wish = Wish::Decide { run, step, by, verdict, shown: None, round };
            if expires_ms.is_some_and(|at| answer.after_ms.abs_diff(at) < 5) {
                self.hit(Fault::DecisionAtDeadline);
            }
            self.plan_in(answer.after_ms, Happening::Call(Caller::new(wish)));
        }
        let spec = self.oracle.runs.get(run).and_then(|watched| watched.plan.step(step));
        if spec.and_then(|spec| crate::node::literal(&spec.with, "long")).is_none() {
            return;
        }
        for (after_ms, doing) in self.fates.doings(&Self::base(run), step) {
            let (run, step) = (run.clone(), step.clone());
            let wish = match doing {
                Doing::Decide(by, verdict, shown, round) => Wish::Decide { run, step, by, verdict, shown, round },
                Doing::HandOn(by, to) => Wish::HandOn { run, step, by, to },
                Doing::Change(by, subject) => Wish::Change { run, step, by, subject },
            };
            self.plan_in(after_ms, Happening::Call(Caller::new(wish)));
        }
    }
}
