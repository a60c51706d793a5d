//! Attempts and looks. The intent of an effect is durable before the call leaves; what comes back is the run's next input.

use super::{Answer, Op, Task, Then, literal};
use crate::Bug;
use crate::generate::fates::PEOPLE;
use crate::generate::uses;
use crate::limits::{ATTEMPT_MS_MAX, LOOK_UP_MS_MIN, SETTLE_MS};
use crate::world::{Ask, Reply, World};
use engross_core::{
    Approval, Command, Completion, Deadline, EffectClass, EffectState, ErrorClass, Escalation, Event, Input, Intents,
    OnEvent, OutcomeName, Person, PlanStep, Remind, RunId, RunState, Stage, StepError, StepId, StepResult, StepState,
    Subscription, Timestamp, Wait, WaitKind,
};
use engross_store::{InboxEntry, InboxQuery, Store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// An attempt or a look under way.
pub(crate) struct Job {
    pub(super) run: RunId,
    pub(super) step: StepId,
    /// The attempt, or which look.
    number: u32,
    look: bool,
    /// What is known of the step since the job began.
    pub(super) spec: Option<PlanStep>,
    intents: Option<Intents>,
    deadline: Option<Timestamp>,
    last_error: Option<StepError>,
    /// The key of the step's effect, and which re-run of it that is.
    key: String,
    epoch: u32,
    /// Attempts that are not counted any more.
    forgiven: u32,
    /// The call that is waited for.
    call: Option<u64>,
    /// When that call, if it asks whether an earlier effect happened, was sent: what it saw is no younger than that.
    asked_whether_at: Option<Timestamp>,
    /// Events from before the wait that it has to be brought.
    bringing: VecDeque<InboxEntry>,
}

impl Job {
    /// Whether something of it is outside, and its answer is waited for.
    pub(crate) fn is_out(&self) -> bool {
        self.call.is_some()
    }
}

impl World {
    /// Carries out what a durable turn orders. Timers and subscriptions are rows already.
    pub(crate) fn set_off(&mut self, run: &RunId, commands: &std::collections::BTreeSet<Command>) {
        for command in commands {
            match command {
                Command::RunStep { step, attempt } => self.new_job(run, step, *attempt, false),
                Command::CheckStep { step, check } => self.new_job(run, step, *check, true),
                Command::CancelRun { .. } if self.bug(Bug::EndNotPassedOn) => {}
                Command::CancelRun { run, by, reason } => {
                    let task = Task::GiveUp { run: run.clone(), by: by.clone(), reason: reason.clone() };
                    self.soon(task);
                }
                // Somebody has to look whether there is a place already.
                Command::Subscribe { subscription, .. } if subscription.topic == Subscription::QUEUE => {
                    if let Some(group) = subscription.matching.get("group") {
                        self.soon(Task::Admit(group.clone()));
                    }
                }
                Command::ArmTimer { .. } | Command::Subscribe { .. } => {}
            }
        }
    }

    fn new_job(&mut self, run: &RunId, step: &StepId, number: u32, look: bool) {
        self.node.jobs_made += 1;
        let id = self.node.jobs_made;
        let job = Job {
            run: run.clone(),
            step: step.clone(),
            number,
            look,
            spec: None,
            intents: None,
            deadline: None,
            last_error: None,
            key: String::new(),
            epoch: 0,
            forgiven: 0,
            call: None,
            asked_whether_at: None,
            bringing: VecDeque::new(),
        };
        self.node.jobs.insert(id, job);
        self.soon(Task::Begin(id));
    }

    /// Tasks of a runtime begin in any order.
    pub(super) fn soon(&mut self, task: Task) {
        let soon = self.dice.below(5);
        self.node_in(soon, task);
    }

    pub(super) fn begin_job(&mut self, id: u64) {
        if self.node.stopping {
            self.node.jobs.remove(&id);
            return;
        }
        let Some(run) = self.node.jobs.get(&id).map(|job| job.run.clone()) else { return };
        self.give(&run, Op::Current, Then::Began(id));
    }

    /// The run stands so; whether it still wants the job is seen now.
    pub(super) fn began(&mut self, id: u64, answer: Answer) {
        let Some(mut job) = self.node.jobs.remove(&id) else { return };
        let Ok(done) = answer else { return };
        let plan = self.by_digest.get(&done.state.plan).cloned();
        let Some(spec) = plan.as_ref().and_then(|plan| plan.step(&job.step)) else { return };
        job.spec = Some(spec.clone());
        match done.state.steps.get(&job.step) {
            Some(StepState::Running {
                attempt, maybe_done, intents, last_error, forgiven, deadline, input, ..
            }) if !job.look && *attempt == job.number => {
                (job.intents, job.deadline, job.forgiven) = (*intents, *deadline, *forgiven);
                job.key = done.state.idempotency_key(&job.step).to_string();
                job.epoch = epoch(&done.state, &job.step);
                job.last_error.clone_from(last_error);
                let (maybe_done, input) = (*maybe_done, input.clone());
                self.node.jobs.insert(id, job);
                self.attempt(id, &done.state, maybe_done, &input);
            }
            Some(StepState::Waiting { wait, input, wakes, .. }) if job.look && *wakes == job.number => {
                let (wait, input) = (wait.clone(), input.clone());
                job.epoch = epoch(&done.state, &job.step);
                self.node.jobs.insert(id, job);
                self.look(id, &done.state, &wait, &input);
            }
            _ => {}
        }
    }

    fn attempt(&mut self, id: u64, state: &RunState, maybe_done: bool, input: &Arc<Value>) {
        let Some(job) = self.node.jobs.get(&id) else { return };
        let Some(spec) = job.spec.clone() else { return };
        if spec.uses != uses::ACT && spec.uses != uses::RUN {
            let wait = wait_of(&spec, &state.requester, input, self.wall());
            return self.finish(id, Ok(StepResult::Parked(wait)));
        }
        if maybe_done && spec.effect == EffectClass::Reconcilable {
            let ask = Ask::LookUp { run: job.run.clone(), step: job.step.clone(), epoch: job.epoch };
            let budget = self.time_left(job.deadline).max(LOOK_UP_MS_MIN);
            self.send(id, ask, budget);
            let now = self.wall();
            if let Some(job) = self.node.jobs.get_mut(&id) {
                job.asked_whether_at = Some(now);
            }
            return;
        }
        self.act(id);
    }

    /// Journals the intent; the effect leaves when that is durable.
    fn act(&mut self, id: u64) {
        let Some(job) = self.node.jobs.get(&id) else { return };
        let Some(spec) = &job.spec else { return };
        let (run, step, attempt, reads, job_key) =
            (job.run.clone(), job.step.clone(), job.number, spec.effect == EffectClass::Read, job.key.clone());
        if self.time_left(job.deadline) == 0 {
            let error = StepError::new(ErrorClass::Transient, "timeout", "the step's time was over");
            return self.finish(id, Err(error));
        }
        if reads {
            return self.leave(id, job_key);
        }
        if self.node.stopping {
            self.node.jobs.remove(&id);
            return;
        }
        let early = self.bug(Bug::EffectBeforeIntent);
        let input = Box::new(Input::EffectIntending { step: step.clone(), attempt });
        let then = if early { Then::Nothing } else { Then::Intended(id) };
        if early {
            self.leave(id, job_key);
        }
        self.give(&run, Op::Turn { input, quiet: false }, then);
    }

    pub(super) fn intended(&mut self, id: u64, answer: &Answer) {
        let key = answer.as_ref().ok().and_then(|done| {
            done.events.iter().find_map(|event| match event {
                Event::EffectIntended { key, .. } => Some(key.to_string()),
                _ => None,
            })
        });
        match key {
            Some(key) => self.leave(id, key),
            None => {
                self.node.jobs.remove(&id);
                self.drained();
            }
        }
    }

    /// The request leaves.
    fn leave(&mut self, id: u64, key: String) {
        let Some(job) = self.node.jobs.get(&id) else { return };
        let Some(spec) = &job.spec else { return };
        let (run, step, attempt, class) = (job.run.clone(), job.step.clone(), job.number, spec.effect);
        let starts_a_run = spec.uses == uses::RUN;
        let epoch = job.epoch;
        let budget = self.time_left(job.deadline);
        let held = self.oracle.effect_leaves(&run, &step, &key, attempt, class);
        self.must(held);
        if starts_a_run {
            return self.start_child(id);
        }
        self.send(id, Ask::Act { key, run, step, epoch, class, attempt }, budget);
    }

    fn send(&mut self, id: u64, ask: Ask, budget_ms: u64) {
        let call = self.ask(id, ask);
        if let Some(job) = self.node.jobs.get_mut(&id) {
            (job.call, job.asked_whether_at) = (Some(call), None);
        }
        self.node_in(budget_ms, Task::CallTimeout { job: id, call });
    }

    fn time_left(&self, deadline: Option<Timestamp>) -> u64 {
        deadline.map_or(ATTEMPT_MS_MAX, |at| self.until_wall(at).min(ATTEMPT_MS_MAX))
    }

    pub(super) fn timed_out(&mut self, id: u64, call: u64) {
        let error = StepError::new(ErrorClass::Transient, "timeout", "no answer in time").maybe_done();
        if self.node.jobs.get(&id).is_some_and(|job| job.call == Some(call)) {
            self.gave_up(call);
        }
        self.answered(id, call, Reply::Failed(error));
    }

    /// An answer; one that comes after its time finds nobody.
    pub(super) fn answered(&mut self, id: u64, call: u64, reply: Reply) {
        let Some(job) = self.node.jobs.get_mut(&id) else { return };
        if job.call != Some(call) {
            return;
        }
        job.call = None;
        let reads = job.spec.as_ref().is_some_and(|spec| spec.effect == EffectClass::Read);
        let (is_look, asks_whether) = (job.look, job.asked_whether_at.is_some());
        match reply {
            Reply::Done(outputs) => {
                self.finish(id, Ok(StepResult::Done(Completion::new("succeeded", outputs))));
            }
            Reply::Found(Some(outputs)) => {
                self.finish(id, Ok(StepResult::Reconciled(Completion::new("succeeded", outputs))));
            }
            Reply::Found(None) => self.nothing_found(id),
            Reply::Seen(seen) => self.looked(id, Ok(seen)),
            Reply::Failed(error) if is_look => self.looked(id, Err(error)),
            Reply::Failed(error) if asks_whether => self.finish(id, Err(error.maybe_done())),
            Reply::Failed(error) if reads => {
                self.finish(id, Err(StepError { effect: EffectState::NotDone, ..error }));
            }
            Reply::Failed(error) => self.finish(id, Err(error)),
        }
        self.drained();
    }

    fn nothing_found(&mut self, id: u64) {
        let Some(job) = self.node.jobs.get(&id) else { return };
        let since_intent = self.bug(Bug::SettleSinceIntent);
        let let_go = job.intents.map(|intents| if since_intent { intents.last } else { intents.let_go });
        let settled_at = let_go.map(|at| at.plus_ms(SETTLE_MS));
        // The answer may have been on its way for minutes: it tells what was there when the look was sent.
        let dated_by_answer = self.bug(Bug::LookDatedByAnswer);
        let saw = job.asked_whether_at.filter(|_| !dated_by_answer).unwrap_or_else(|| self.wall());
        let settled = settled_at.is_none_or(|at| at <= saw);
        let pause = settled_at.map_or(0, |at| self.until_wall(at));
        if !settled && !self.bug(Bug::SettleIgnored) {
            if self.node.stopping {
                self.node.jobs.remove(&id);
                return;
            }
            self.node_in(pause, Task::Begin(id));
            return;
        }
        let attempts = job.spec.as_ref().map_or(0, |spec| spec.retry.attempts);
        if job.number.saturating_sub(job.forgiven) > attempts {
            let code = job.last_error.as_ref().map_or("not_done", |error| error.code.as_str()).to_string();
            let error = StepError::new(ErrorClass::Unknown, code, "a look shows that nothing came of it");
            return self.finish(id, Err(error));
        }
        self.act(id);
    }

    pub(super) fn finish(&mut self, id: u64, result: Result<StepResult, StepError>) {
        let Some(job) = self.node.jobs.remove(&id) else { return };
        let random = self.dice.word();
        let then = self.after_an_answer(&job);
        let input = Box::new(Input::StepFinished { step: job.step, attempt: job.number, result, random });
        self.give(&job.run, Op::Turn { input, quiet: false }, then);
    }

    /// An answer about a step that a person has had run again since it was asked for is another's, and is refused.
    fn after_an_answer(&self, job: &Job) -> Then {
        let now = self.oracle.runs.get(&job.run).map_or(0, |watched| epoch(&watched.state, &job.step));
        if now == job.epoch { Then::Nothing } else { Then::TooLate(job.step.clone()) }
    }

    fn look(&mut self, id: u64, state: &RunState, wait: &Wait, input: &Arc<Value>) {
        match &wait.kind {
            WaitKind::Event { on_event: OnEvent::Finish(_), subscriptions, .. } => {
                let mut found = VecDeque::new();
                for subscription in subscriptions {
                    let query = InboxQuery::Topic { topic: subscription.topic.clone(), since: state.started_at };
                    let entries = self.disk.inbox(&query).unwrap_or_default();
                    found.extend(entries.into_iter().filter(|entry| subscription.accepts(&entry.event.data)));
                }
                if self.bug(Bug::EarlyWebhookIgnored) {
                    found.clear();
                }
                if let Some(job) = self.node.jobs.get_mut(&id) {
                    job.bringing = found;
                }
                self.bring_next(id);
            }
            WaitKind::Run { run, .. } => self.give(run, Op::Current, Then::ChildSeen(id)),
            _ => {
                let object = input.get("object").and_then(Value::as_str).unwrap_or("").to_string();
                self.send(id, Ask::Check { object }, ATTEMPT_MS_MAX);
            }
        }
    }

    fn bring_next(&mut self, id: u64) {
        let Some(job) = self.node.jobs.get_mut(&id) else { return };
        let (run, step) = (job.run.clone(), job.step.clone());
        match job.bringing.pop_front() {
            None => self.looked(id, Ok(None)),
            Some(entry) => {
                let input = Box::new(Input::EventMatched { step, event: entry.event });
                self.give(&run, Op::Turn { input, quiet: false }, Then::Brought(id));
            }
        }
    }

    /// Whether the event that was brought ended the wait.
    pub(super) fn brought(&mut self, id: u64, answer: &Answer) {
        let Some(job) = self.node.jobs.get(&id) else { return };
        let state = answer.as_ref().ok().and_then(|done| done.state.steps.get(&job.step));
        let waits_on = matches!(state, Some(StepState::Waiting { .. }));
        if waits_on {
            self.bring_next(id);
        } else {
            self.node.jobs.remove(&id);
        }
    }

    pub(super) fn looked(&mut self, id: u64, result: Result<Option<Completion>, StepError>) {
        let Some(job) = self.node.jobs.remove(&id) else { return };
        let random = self.dice.word();
        let then = self.after_an_answer(&job);
        let input = Box::new(Input::CheckFinished { step: job.step, check: job.number, result, random });
        self.give(&job.run, Op::Turn { input, quiet: false }, then);
    }
}

/// What a wait's step answers to its one attempt.
pub(crate) fn wait_of(spec: &PlanStep, requester: &Person, input: &Value, now: Timestamp) -> Wait {
    let number = |name: &str| literal(&spec.with, name).and_then(Value::as_u64);
    let deadline = |ms: Option<u64>, outcome: &str| {
        ms.map(|ms| Deadline { at: now.plus_ms(ms), outcome: OutcomeName::new(outcome) })
    };
    match spec.uses.as_str() {
        uses::SLEEP => Wait { kind: WaitKind::Timer, deadline: deadline(number("for_ms"), "succeeded") },
        uses::APPROVAL => {
            let forbid = literal(&spec.with, "forbid") == Some(&json!(true));
            let mut approval = Approval {
                title: spec.id.to_string(),
                stages: vec![Stage {
                    from: vec!["legal".to_string()],
                    people: PEOPLE.map(Person::new).to_vec(),
                    quorum: u32::try_from(number("quorum").unwrap_or(1)).unwrap_or(1),
                }],
                forbid: if forbid { vec![requester.clone()] } else { Vec::new() },
                ..Approval::default()
            };
            if let Some(long) = literal(&spec.with, "long") {
                takes_long(&mut approval, long);
            }
            Wait { kind: WaitKind::Approval(Box::new(approval)), deadline: deadline(number("expires_ms"), "expired") }
        }
        uses::EVENT => {
            let order = input.get("order").map(Value::to_string).unwrap_or_default();
            let kind = input.get("type").and_then(Value::as_str).unwrap_or("");
            let mut matching = BTreeMap::from([("order".to_string(), order)]);
            let item = input.get("item").and_then(Value::as_str);
            matching.extend(item.map(|item| ("item".to_string(), item.to_string())));
            let kind = WaitKind::Event {
                subscriptions: vec![Subscription::to_event(kind, matching)],
                on_event: OnEvent::Finish(OutcomeName::new("received")),
                poll_ms: None,
                look_first: true,
            };
            Wait { kind, deadline: None }
        }
        _ => {
            let object = input.get("object").and_then(Value::as_str).unwrap_or("");
            let kind = WaitKind::Event {
                subscriptions: vec![Subscription::to_object("sim", object)],
                on_event: OnEvent::Check,
                poll_ms: number("poll_ms"),
                look_first: true,
            };
            Wait { kind, deadline: None }
        }
    }
}

fn takes_long(approval: &mut Approval, long: &Value) {
    let number = |of: &Value, name: &str| of.get(name).and_then(Value::as_u64).unwrap_or(1);
    let count = |of: &Value, name: &str| u32::try_from(number(of, name)).unwrap_or(1);
    let people = |of: &Value| {
        let names = of.get("people").and_then(Value::as_array).cloned().unwrap_or_default();
        names.iter().filter_map(Value::as_str).map(Person::new).collect::<Vec<_>>()
    };
    let several = |name: &str| long.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let from = || vec!["some".to_string()];
    let stage = |of: &Value| Stage { from: from(), people: people(of), quorum: count(of, "quorum") };
    approval.stages = several("stages").iter().map(stage).collect();
    let escalation = |of: &Value| Escalation { after_ms: number(of, "after_ms"), to: from(), people: people(of) };
    approval.escalate = several("escalate").iter().map(escalation).collect();
    let remind = long.get("remind").filter(|remind| !remind.is_null());
    approval.remind = remind.map(|of| Remind { every_ms: number(of, "every_ms"), max: count(of, "max") });
    approval.subject_sha256 = long.get("subject").and_then(Value::as_str).map(str::to_string);
}

/// How often a person had the step run again.
pub(super) fn epoch(state: &RunState, step: &StepId) -> u32 {
    state.past.get(step).map_or(0, |past| past.epoch)
}
