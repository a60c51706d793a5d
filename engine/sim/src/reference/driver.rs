//! The core on a script: the plainest shell there can be, in memory, in order of time.

use super::script::{LookUp, Script, StepScript};
use super::{Told, word};
use crate::evaluate::Lookup;
use crate::generate::fates::Doing;
use crate::generate::uses;
use crate::limits::ATTEMPT_MS_MAX;
use crate::node::{literal, wait_of};
use crate::reference::rules::End;
use engross_core::{
    Command, Completion, Context, Decision, EffectClass, EffectState, ErrorClass, Event, EventId, Input, OnEvent,
    Person, Plan, ReceivedEvent, RunId, RunState, StartRequest, StepError, StepId, StepResult, StepState, Subscription,
    TimerId, TimerKind, Timestamp, Verdict, Wait, WaitKind, advance, outstanding,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Steps of the driver; more mean that it goes round in circles.
const TURNS_MAX: usize = 20_000;

enum Due {
    Back {
        step: StepId,
        attempt: u32,
        result: Result<StepResult, StepError>,
    },
    Timer(TimerId, Timestamp),
    Happens(StepId),
    Decide(StepId, Person, Verdict),
    Does(StepId, Doing),
    /// The run that a step started has been given up.
    GivenUp(StepId),
    Cancel,
}

struct Driver<'a> {
    plan: &'a Plan,
    script: &'a Script,
    now: u64,
    state: Option<RunState>,
    due: BTreeMap<(u64, usize), Due>,
    made: usize,
    orders: VecDeque<Command>,
    acted: BTreeSet<String>,
    looks: BTreeMap<StepId, usize>,
    happened: BTreeSet<StepId>,
    given_up: BTreeSet<StepId>,
}

/// How the runs are called that steps start.
const CHILD: &str = "run of ";

/// What the core makes of a plan and a script.
pub(super) fn drive(plan: &Plan, script: &Script) -> Result<Told, String> {
    let mut driver = Driver {
        plan,
        script,
        now: 0,
        state: None,
        due: BTreeMap::new(),
        made: 0,
        orders: VecDeque::new(),
        acted: BTreeSet::new(),
        looks: BTreeMap::new(),
        happened: BTreeSet::new(),
        given_up: BTreeSet::new(),
    };
    for (step, of) in &script.steps {
        if let Some(at) = of.happens_at {
            driver.plan_at(at, Due::Happens(StepId::new(step)));
        }
    }
    if let Some(at) = script.cancel_at {
        driver.plan_at(at, Due::Cancel);
    }
    let request = StartRequest {
        run: RunId::new("r"),
        inputs: script.inputs.clone(),
        requester: script.requester.clone(),
        key: None,
        parent: None,
    };
    driver.give(Input::Start(request));
    for _ in 0..TURNS_MAX {
        if let Some(command) = driver.orders.pop_front() {
            driver.carry_out(&command);
        } else if let Some(((at, _), due)) = driver.due.pop_first() {
            driver.now = driver.now.max(at);
            driver.comes(due);
        } else {
            return driver.told();
        }
    }
    Err("the core does not come to an end".to_string())
}

impl Driver<'_> {
    fn plan_at(&mut self, at: u64, due: Due) {
        self.made += 1;
        self.due.insert((at, self.made), due);
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.now).unwrap_or(i64::MAX))
    }

    fn step(&self, id: &StepId) -> Option<&StepState> {
        self.state.as_ref()?.steps.get(id)
    }

    fn of(&self, id: &StepId) -> Option<&StepScript> {
        self.script.steps.get(id.as_str())
    }

    /// Gives an input; its facts, or none when it is refused.
    fn give(&mut self, input: Input) -> Vec<Event> {
        let context = Context { plan: self.plan, evaluator: &Lookup, now: self.wall() };
        let Ok(turn) = advance(context, self.state.as_ref(), input) else { return Vec::new() };
        let facts: Vec<Event> = turn.events().cloned().collect();
        for event in &facts {
            if let Event::StepParked { step, .. } = event {
                let answers = self.of(step).map(|of| of.answers.clone()).unwrap_or_default();
                for (after, by, verdict) in answers {
                    self.plan_at(self.now + after, Due::Decide(step.clone(), by, verdict));
                }
                let long = self.plan.step(step).is_some_and(|spec| literal(&spec.with, "long").is_some());
                let doings = self.of(step).filter(|_| long).map(|of| of.doings.clone()).unwrap_or_default();
                for (after, doing) in doings {
                    self.plan_at(self.now + after, Due::Does(step.clone(), doing));
                }
            }
        }
        self.state = Some(turn.state);
        self.orders.extend(turn.issued);
        facts
    }

    fn carry_out(&mut self, command: &Command) {
        match command {
            Command::RunStep { step, attempt } => self.attempt(step, *attempt),
            Command::CheckStep { step, check } => self.look(step, *check),
            // A poll of what never happens changes nothing, and would go on for ever.
            Command::ArmTimer { timer, .. } if timer.kind == TimerKind::Poll && self.never(timer) => {}
            Command::ArmTimer { timer, at } => {
                let ms = u64::try_from(at.as_millis()).unwrap_or(0);
                self.plan_at(ms, Due::Timer(timer.clone(), *at));
            }
            Command::CancelRun { run, .. } => {
                let step = StepId::new(run.as_str().strip_prefix(CHILD).unwrap_or(""));
                let takes = self.of(&step).map_or(0, |of| of.given_up_in);
                self.plan_at(self.now + takes, Due::GivenUp(step));
            }
            // It is alone in its group.
            Command::Subscribe { subscription, .. } if subscription.topic == Subscription::QUEUE => {
                self.give(Input::Admit);
            }
            Command::Subscribe { .. } => {}
        }
    }

    fn never(&self, timer: &TimerId) -> bool {
        timer.step.as_ref().and_then(|step| self.of(step)).is_none_or(|of| of.happens_at.is_none())
    }

    fn comes(&mut self, due: Due) {
        match due {
            Due::Back { step, attempt, result } => {
                self.give(Input::StepFinished { step, attempt, result, random: u32::MAX });
            }
            Due::Timer(timer, at) => {
                let armed = Command::ArmTimer { timer: timer.clone(), at };
                if self.state.as_ref().is_some_and(|state| outstanding(state).contains(&armed)) {
                    self.give(Input::TimerFired(timer));
                }
            }
            Due::Happens(step) => {
                self.happened.insert(step.clone());
                let spec = self.plan.step(&step).map(|spec| spec.uses.as_str());
                let told = matches!(spec, Some(uses::EVENT | uses::RUN)) || self.of(&step).is_some_and(|of| of.told);
                if told {
                    let event = self.event(&step);
                    self.give(Input::EventMatched { step, event });
                }
            }
            Due::GivenUp(step) => {
                if self.happened.insert(step.clone()) {
                    self.given_up.insert(step.clone());
                    let event = self.event(&step);
                    self.give(Input::EventMatched { step, event });
                }
            }
            Due::Does(step, doing) => {
                let comment = None;
                self.give(match doing {
                    Doing::Decide(by, verdict, shown, round) => {
                        let decision =
                            Decision { subject_sha256: shown, round, ..Decision::new(by, verdict, self.wall()) };
                        Input::Decision { step, decision }
                    }
                    Doing::HandOn(by, to) => Input::Delegate { step, by, to, comment },
                    Doing::Change(by, subject_sha256) => Input::SubjectChanged { step, subject_sha256, by, comment },
                });
            }
            Due::Decide(step, by, verdict) => {
                let decision = Decision::new(by, verdict, self.wall());
                self.give(Input::Decision { step, decision });
            }
            Due::Cancel => {
                self.give(Input::Cancel { by: Person::new("ada"), reason: None });
            }
        }
    }

    fn event(&self, step: &StepId) -> ReceivedEvent {
        let spec = self.plan.step(step);
        let kind = spec.and_then(|spec| literal(&spec.with, "type")).and_then(Value::as_str).unwrap_or("").to_string();
        ReceivedEvent {
            id: EventId::new(format!("e/{step}")),
            kind,
            data: json!({ "order": 7 }),
            received_at: self.wall(),
        }
    }

    fn back(&mut self, after: u64, step: &StepId, attempt: u32, result: Result<StepResult, StepError>) {
        self.plan_at(self.now + after, Due::Back { step: step.clone(), attempt, result });
    }

    fn attempt(&mut self, step: &StepId, attempt: u32) {
        let Some(StepState::Running { attempt: now, input, maybe_done, deadline, .. }) = self.step(step) else {
            return;
        };
        if *now != attempt {
            return;
        }
        let (input, maybe, deadline) = (input.clone(), *maybe_done, *deadline);
        let (Some(spec), Some(of)) = (self.plan.step(step).cloned(), self.of(step).cloned()) else { return };
        if spec.uses == uses::RUN {
            self.give(Input::EffectIntending { step: step.clone(), attempt });
            let run = RunId::new(format!("{CHILD}{step}"));
            let wait = Wait { kind: WaitKind::Run { run, owned: true }, deadline: None };
            return self.back(of.parks_after, step, attempt, Ok(StepResult::Parked(wait)));
        }
        if spec.uses != uses::ACT {
            // The wait begins when the attempt comes back.
            let parked = Timestamp::from_millis(self.wall().as_millis().saturating_add_unsigned(of.parks_after));
            let wait = wait_of(&spec, &self.script.requester, &input, parked);
            return self.back(of.parks_after, step, attempt, Ok(StepResult::Parked(wait)));
        }
        let done = Completion::new("succeeded", of.outputs());
        let error = |class| StepError::new(class, "driver", "driver");
        if maybe && spec.effect == EffectClass::Reconcilable {
            let looks = self.looks.entry(step.clone()).or_default();
            *looks += 1;
            match of.look(*looks) {
                LookUp::Truth if self.acted.contains(step.as_str()) => {
                    return self.back(0, step, attempt, Ok(StepResult::Reconciled(done)));
                }
                LookUp::Truth if attempt > spec.retry.attempts => {
                    return self.back(0, step, attempt, Err(error(ErrorClass::Unknown)));
                }
                LookUp::Truth => {}
                LookUp::Fails => return self.back(0, step, attempt, Err(error(ErrorClass::Transient).maybe_done())),
                LookUp::Ambiguous => {
                    return self.back(0, step, attempt, Err(error(ErrorClass::Ambiguous).maybe_done()));
                }
            }
        }
        let budget = deadline.map_or(ATTEMPT_MS_MAX, |at| at.ms_since(self.wall()).min(ATTEMPT_MS_MAX));
        if budget == 0 {
            return self.back(0, step, attempt, Err(error(ErrorClass::Transient)));
        }
        self.leaves(step, attempt, spec.effect, &of, budget);
    }

    /// The intent, and then the effect and its answer, as the script has them.
    fn leaves(&mut self, step: &StepId, attempt: u32, effect: EffectClass, of: &StepScript, budget: u64) {
        let reads = effect == EffectClass::Read;
        if !reads {
            let facts = self.give(Input::EffectIntending { step: step.clone(), attempt });
            if !facts.iter().any(|fact| matches!(fact, Event::EffectIntended { .. })) {
                return;
            }
        }
        let scripted = of.attempt(attempt);
        if scripted.acts && !reads {
            self.acted.insert(step.to_string());
        }
        let lost = || StepError::new(ErrorClass::Transient, "driver", "driver").maybe_done();
        let result = match &scripted.error {
            _ if scripted.takes > budget => Err(lost()),
            None => Ok(StepResult::Done(Completion::new("succeeded", of.outputs()))),
            Some(error) => Err(error.clone()),
        };
        let result = match result {
            Err(error) if reads => Err(StepError { effect: EffectState::NotDone, ..error }),
            result => result,
        };
        self.back(scripted.takes.min(budget), step, attempt, result);
    }

    fn look(&mut self, step: &StepId, check: u32) {
        let Some(StepState::Waiting { wait, wakes, .. }) = self.step(step) else { return };
        if *wakes != check {
            return;
        }
        let ends_by_event = matches!(wait.kind, WaitKind::Event { on_event: OnEvent::Finish(_), .. });
        let mut seen = None;
        if self.happened.contains(step) {
            if ends_by_event {
                let event = self.event(step);
                self.give(Input::EventMatched { step: step.clone(), event });
                return;
            }
            let of = self.of(step);
            seen = Some(match wait.kind {
                WaitKind::Run { .. } if self.given_up.contains(step) => Completion::new("failed", Value::Null),
                WaitKind::Run { .. } => Completion::new(of.map_or("failed", |of| of.run_ends), Value::Null),
                _ => Completion::new(of.map_or("signed", |of| of.state), json!({ "object": "o" })),
            });
        }
        self.give(Input::CheckFinished { step: step.clone(), check, result: Ok(seen), random: u32::MAX });
    }

    fn told(self) -> Result<Told, String> {
        let state = self.state.ok_or("the core refuses the start")?;
        let end = |state: &StepState| match state {
            StepState::Completed { outcome, .. } => End::Outcome(outcome.to_string(), Value::Null),
            StepState::Skipped { .. } => End::Skipped,
            StepState::Cancelled { .. } => End::Cancelled,
            _ => End::Open,
        };
        Ok(Told {
            status: if state.status.is_over() { state.status.as_str() } else { "open" }.to_string(),
            steps: state.steps.iter().map(|(id, state)| (id.to_string(), word(&end(state)))).collect(),
            outputs: state.outputs,
            effects: self.acted,
        })
    }
}
