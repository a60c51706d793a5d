//! The reference interpreter: the end of a run, computed from its plan and its script without a single event.
//!
//! Each step is computed once, in the order of the file: when its needs are met, whether its condition is true, and then how its
//! own script goes on until it ends. Written from the language's rules; it shares no code with the core's decisions.

use super::rules::{self, End, Ends};
use super::script::{LookUp, Script, StepScript};
use super::{Told, word};
use crate::evaluate::Lookup;
use crate::generate::fates::PEOPLE;
use crate::generate::uses;
use crate::limits::ATTEMPT_MS_MAX;
use crate::node::literal;
use engross_core::limits::{LOOK_ATTEMPTS_MAX, RETRY_AFTER_MS_MAX};
use engross_core::{
    EffectClass, EffectState, ErrorClass, Evaluate, Need, On, OnError, Plan, PlanStep, RunStatus, StepError, Verdict,
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How a step went: how it stands, since when, and whether its effect happened.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub(super) end: End,
    pub(super) at: u64,
    pub(super) acted: bool,
}

/// A run as the rules have it.
pub(super) struct Interpreter<'a> {
    pub(super) plan: &'a Plan,
    pub(super) script: &'a Script,
    /// When the run is given up, if it is.
    pub(super) cut: Option<u64>,
    pub(super) courses: BTreeMap<String, Course>,
}

/// How the run ends.
pub(super) fn interpret(plan: &Plan, script: &Script) -> Told {
    let timeout = plan.definition().timeout_ms;
    let cut = match (script.cancel_at, timeout) {
        (Some(cancel), Some(timeout)) => Some(cancel.min(timeout)),
        (cancel, timeout) => cancel.or(timeout),
    };
    let mut run = Interpreter::run(plan, script, None);
    let ended_by_itself = run.over_at().is_some_and(|at| cut.is_none_or(|cut| at <= cut));
    let status = if cut.is_none() || ended_by_itself {
        rules::verdict(plan, &run.ends())
    } else {
        run = Interpreter::run(plan, script, cut);
        let by_timeout = cut == timeout;
        Some(if by_timeout { RunStatus::Failed } else { RunStatus::Cancelled })
    };
    let over = run.over_at();
    let undone = match (status, over) {
        (Some(RunStatus::Failed | RunStatus::Cancelled), Some(at)) => run.undo(at),
        _ => true,
    };
    run.tell(status.filter(|_| over.is_some() && undone))
}

impl<'a> Interpreter<'a> {
    fn run(plan: &'a Plan, script: &'a Script, cut: Option<u64>) -> Self {
        let mut run = Self { plan, script, cut, courses: BTreeMap::new() };
        for step in &plan.definition().steps {
            let mut items = Vec::new();
            let course = run.course(step, &mut items);
            run.courses.extend(course.map(|course| (step.id.to_string(), course)));
            run.courses.extend(items);
        }
        run
    }

    /// When everything has ended; none when something never does.
    fn over_at(&self) -> Option<u64> {
        let steps = &self.plan.definition().steps;
        let ends = steps.iter().map(|step| {
            let course = self.courses.get(step.id.as_str())?;
            (course.end != End::Open).then_some(course.at)
        });
        ends.collect::<Option<Vec<u64>>>()?.into_iter().max()
    }

    pub(super) fn ends(&self) -> Ends {
        self.courses.iter().map(|(id, course)| (id.clone(), course.end.clone())).collect()
    }

    /// What had ended by a time.
    fn ends_by(&self, at: u64) -> Ends {
        let by_then = self.courses.iter().filter(|(_, course)| course.at <= at);
        by_then.map(|(id, course)| (id.clone(), course.end.clone())).collect()
    }

    fn tell(&self, status: Option<RunStatus>) -> Told {
        let scope = rules::scope(self.plan, &self.ends(), &self.script.inputs);
        let outputs: Map<String, Value> = (self.plan.definition().outputs.iter())
            .map(|(name, expr)| (name.clone(), expr.value(&Lookup, &scope).unwrap_or(Value::Null)))
            .collect();
        Told {
            status: status.map_or("open", RunStatus::as_str).to_string(),
            steps: self.courses.iter().map(|(id, course)| (id.clone(), word(&course.end))).collect(),
            outputs: if status.is_some() { Value::Object(outputs) } else { Value::Null },
            effects: self.courses.iter().filter(|(_, c)| c.acted).map(|(id, _)| id.clone()).collect::<BTreeSet<_>>(),
        }
    }

    /// How a step goes, and the items that it is done for; none when it never begins and is never skipped.
    fn course(&self, step: &PlanStep, items: &mut Vec<(String, Course)>) -> Option<Course> {
        let skipped = |at| Some(Course { end: End::Skipped, at, acted: false });
        let begins = self.needs_decided(step);
        match (begins, self.cut) {
            (Some((_, at)), Some(cut)) if at > cut => skipped(cut),
            (None, Some(cut)) => skipped(cut),
            (None, None) => None,
            (Some((false, at)), _) => skipped(at),
            (Some((true, at)), _) => Some(self.begun(step, at, items)),
        }
    }

    /// Whether the needs are met or never will be, and since when.
    fn needs_decided(&self, step: &PlanStep) -> Option<(bool, u64)> {
        let each: Vec<Option<(bool, u64)>> = step.needs.iter().map(|need| self.need_decided(need)).collect();
        if let Some(never) = each.iter().flatten().filter(|(met, _)| !met).map(|(_, at)| *at).min() {
            return Some((false, never));
        }
        let met = each.into_iter().collect::<Option<Vec<_>>>()?;
        Some((true, met.into_iter().map(|(_, at)| at).max().unwrap_or(0)))
    }

    /// A need is met by the first of what it names, and never once the last of it has gone another way.
    fn need_decided(&self, need: &Need) -> Option<(bool, u64)> {
        let one = |of: &engross_core::NeedRef| {
            let course = self.courses.get(of.step.as_str())?;
            let ends = [(of.step.to_string(), course.end.clone())].into();
            Some((rules::need_met(&Need::One(of.clone()), &ends)?, course.at))
        };
        let each: Vec<Option<(bool, u64)>> = need.refs().iter().map(one).collect();
        if let Some(first) = each.iter().flatten().filter(|(met, _)| *met).map(|(_, at)| *at).min() {
            return Some((true, first));
        }
        let never = each.into_iter().collect::<Option<Vec<_>>>()?;
        Some((false, never.into_iter().map(|(_, at)| at).max().unwrap_or(0)))
    }

    fn begun(&self, step: &PlanStep, at: u64, items: &mut Vec<(String, Course)>) -> Course {
        let scope = rules::scope(self.plan, &self.ends_by(at), &self.script.inputs);
        let failed = || self.failed(step, at, false);
        match step.condition.as_ref().map(|condition| Lookup.evaluate(condition, &scope)) {
            None | Some(Ok(Value::Bool(true))) => {}
            Some(Ok(Value::Bool(false))) => return Course { end: End::Skipped, at, acted: false },
            Some(_) => return failed(),
        }
        match step.foreach.as_deref() {
            Some(foreach) => self.for_each(step, foreach, &scope, at, items),
            None => self.done(step, step.id.as_str(), &scope, at),
        }
    }

    /// What comes of a step, or of an item of one, that is done under this name.
    pub(super) fn done(&self, step: &PlanStep, id: &str, scope: &Value, at: u64) -> Course {
        let script = self.script.steps.get(id).filter(|_| step.with.value(&Lookup, scope).is_ok());
        let Some(script) = script else { return self.failed(step, at, false) };
        match step.uses.as_str() {
            uses::ACT => self.act(step, script, at),
            uses::RUN => self.child(step, script, at),
            _ => self.wait(step, script, at),
        }
    }

    /// A run of another workflow: it is started before it can be given up, and takes its time to end then.
    fn child(&self, step: &PlanStep, script: &StepScript, begun: u64) -> Course {
        let from = begun + script.parks_after;
        let by_itself = script.happens_at.map(|at| at.max(from));
        let given_up = self.cut.map(|cut| cut.max(from) + script.given_up_in);
        let acted = false;
        match (by_itself, given_up) {
            (Some(at), given_up) if given_up.is_none_or(|given_up| at <= given_up) => match script.run_ends {
                "failed" if self.given_up_by(at) => Course { end: End::Cancelled, at, acted },
                "failed" => self.failed(step, at, acted),
                how => Course { end: End::Outcome(how.to_string(), Value::Null), at, acted },
            },
            (_, Some(at)) => Course { end: End::Cancelled, at, acted },
            (_, None) => Course { end: End::Open, at: begun, acted },
        }
    }

    /// The end of a step that failed: a person has to mend it, unless the file says what its failure means or a step is there for
    /// that failure. A run that is given up calls nobody.
    ///
    /// Of an item, it depends on the others whether a person is called.
    pub(super) fn failed(&self, step: &PlanStep, at: u64, acted: bool) -> Course {
        let mut needs = self.plan.definition().steps.iter().flat_map(|s| &s.needs).flat_map(Need::refs);
        let needed = needs.any(|one| one.step == step.id && one.on == On::Outcome("failed".into()));
        let failed = Course { end: End::Outcome("failed".to_string(), Value::Null), at, acted };
        let is_item = PlanStep::item_of(&step.id).is_some();
        if is_item || step.on_error != OnError::Incident || needed || self.given_up_by(at) {
            return failed;
        }
        match self.cut {
            Some(cut) => Course { end: End::Cancelled, at: cut, acted },
            None => Course { end: End::Open, at, acted },
        }
    }

    pub(super) fn given_up_by(&self, at: u64) -> bool {
        self.cut.is_some_and(|cut| cut < at)
    }

    /// A wait: parked after a while, and then ended by the first of what can end it.
    fn wait(&self, step: &PlanStep, script: &StepScript, begun: u64) -> Course {
        let from = begun + script.parks_after;
        let number = |name: &str| literal(&step.with, name).and_then(Value::as_u64);
        let deadline = step.timeout_ms.map(|ms| from + ms);
        let ended = match step.uses.as_str() {
            uses::SLEEP => number("for_ms").map(|ms| (from + ms, "succeeded")),
            uses::APPROVAL if literal(&step.with, "long").is_some() => {
                super::asked::decided(step, script, from, &self.script.requester)
            }
            uses::APPROVAL => decided(step, script, from, &self.script.requester),
            uses::EVENT => first(script.happens_at.map(|at| (at.max(from), "received")), deadline),
            _ => {
                let poll_ms = number("poll_ms").unwrap_or(u64::MAX);
                let seen =
                    script.happens_at.map(|ready| (seen_at(from, ready, poll_ms, script.told, deadline), script.state));
                first(seen, deadline.map(|at| at + 1)).map(|(at, how)| (at.min(deadline.unwrap_or(at)), how))
            }
        };
        match (ended, self.cut) {
            (Some((at, _)), Some(cut)) if at > cut => Course { end: End::Cancelled, at: cut, acted: false },
            (None, Some(cut)) => Course { end: End::Cancelled, at: cut, acted: false },
            (None, None) => Course { end: End::Open, at: begun, acted: false },
            (Some((at, how)), _) => {
                let outputs = if how == "signed" { json!({ "object": "o" }) } else { Value::Null };
                Course { end: End::Outcome(how.to_string(), outputs), at, acted: false }
            }
        }
    }

    /// Attempts, one after the other, until one ends the step or no more may follow.
    pub(super) fn act(&self, step: &PlanStep, script: &StepScript, begun: u64) -> Course {
        let deadline = step.timeout_ms.map(|ms| begun + ms);
        let mut now = Acting { at: begun, number: 1, looks: 0, acted: false, maybe: false };
        loop {
            let error = match self.attempt(step, script, deadline, &mut now) {
                Ok(mut course) => {
                    if let End::Outcome(_, outputs @ Value::Object(_)) = &mut course.end {
                        *outputs = script.outputs();
                    }
                    return course;
                }
                Err(error) => error,
            };
            if let Some(course) = self.after_a_failure(step, deadline, &mut now, &error) {
                return course;
            }
        }
    }

    /// One attempt: a look where an earlier one is in doubt, and then the act. Its error, where the step goes on from one.
    fn attempt(
        &self,
        step: &PlanStep,
        script: &StepScript,
        deadline: Option<u64>,
        now: &mut Acting,
    ) -> Result<Course, StepError> {
        if now.maybe && step.effect == EffectClass::Reconcilable {
            now.looks += 1;
            match script.look(now.looks) {
                LookUp::Truth if now.acted => return Ok(now.ended("succeeded")),
                LookUp::Truth if now.number > step.retry.attempts => return Err(refused(ErrorClass::Unknown)),
                LookUp::Truth => {}
                LookUp::Fails => return Err(refused(ErrorClass::Transient).maybe_done()),
                LookUp::Ambiguous => return Err(refused(ErrorClass::Ambiguous).maybe_done()),
            }
        }
        if deadline.is_some_and(|deadline| deadline <= now.at) {
            return Err(refused(ErrorClass::Transient));
        }
        // Nothing new leaves once the run is given up; what was looked up and not found is given up with it.
        // What was done and is to be undone is repeated under its key, for its answer.
        if self.given_up_by(now.at) && !(now.maybe && is_repeated(step)) {
            return Ok(now.cancelled(now.at));
        }
        let attempt = script.attempt(now.number);
        let budget = deadline.map_or(ATTEMPT_MS_MAX, |deadline| (deadline - now.at).min(ATTEMPT_MS_MAX));
        let (reads, in_time, began) = (step.effect == EffectClass::Read, attempt.takes <= budget, now.at);
        now.acted |= attempt.acts && !reads;
        now.at += attempt.takes.min(budget);
        if let (true, Some(cut)) = (reads, self.cut.filter(|cut| began <= *cut && *cut < now.at)) {
            return Ok(now.cancelled(cut));
        }
        let lost = refused(ErrorClass::Transient).maybe_done();
        let mut error = match &attempt.error {
            None if in_time => return Ok(now.ended("succeeded")),
            Some(error) if in_time => error.clone(),
            _ => lost,
        };
        if reads {
            error.effect = EffectState::NotDone;
        }
        Err(error)
    }

    /// What follows from a failed attempt: a pause and another one, a doubt, or the end.
    fn after_a_failure(
        &self,
        step: &PlanStep,
        deadline: Option<u64>,
        now: &mut Acting,
        error: &StepError,
    ) -> Option<Course> {
        let doubt = in_doubt(step.effect, now.maybe, error);
        let unknown = error.effect == EffectState::Unknown;
        let retry_at = now.at + pause(step, now.number, error);
        let again = error.class.retryable()
            && now.number < step.retry.attempts
            && deadline.is_none_or(|deadline| retry_at < deadline)
            && !(doubt && step.effect == EffectClass::Unsafe)
            && (!self.given_up_by(now.at) || (is_repeated(step) && (now.maybe || unknown)));
        let can_be_looked_up = step.effect == EffectClass::Reconcilable;
        let looks_on = doubt
            && can_be_looked_up
            && error.class != ErrorClass::Ambiguous
            && now.number < step.retry.attempts + LOOK_ATTEMPTS_MAX;
        let later_cut = self.cut.filter(|cut| now.at <= *cut);
        if again || looks_on {
            now.maybe |= unknown;
            // A pause ends with the run, unless there is something to be looked up after it.
            let cut =
                later_cut.filter(|cut| *cut < retry_at && !(now.maybe && (can_be_looked_up || is_repeated(step))));
            (now.at, now.number) = (retry_at, now.number + 1);
            return cut.map(|cut| now.cancelled(cut));
        }
        if !doubt {
            return Some(self.failed(step, now.at, now.acted));
        }
        Some(later_cut.map_or_else(|| now.open(), |cut| now.cancelled(cut)))
    }
}

/// Where a step that acts stands.
struct Acting {
    at: u64,
    number: u32,
    looks: usize,
    acted: bool,
    maybe: bool,
}

impl Acting {
    fn ended(&self, outcome: &str) -> Course {
        let outputs = if outcome == "succeeded" { json!({ "object": "o" }) } else { Value::Null };
        Course { end: End::Outcome(outcome.to_string(), outputs), at: self.at, acted: self.acted }
    }

    fn cancelled(&self, at: u64) -> Course {
        Course { end: End::Cancelled, at, acted: self.acted }
    }

    fn open(&self) -> Course {
        Course { end: End::Open, at: self.at, acted: self.acted }
    }
}

fn refused(class: ErrorClass) -> StepError {
    StepError::new(class, "reference", "reference")
}

/// Whether a second request does no harm, and its answer is needed to undo the first.
fn is_repeated(step: &PlanStep) -> bool {
    step.effect == EffectClass::Idempotent && step.compensate.is_some()
}

/// Whether an effect may have happened that nobody has confirmed, when the step is given up now.
fn in_doubt(effect: EffectClass, maybe: bool, error: &StepError) -> bool {
    let unknown = error.effect == EffectState::Unknown || error.class == ErrorClass::Ambiguous;
    let by_state = matches!(error.class, ErrorClass::State | ErrorClass::Conflict);
    match effect {
        EffectClass::Read | EffectClass::Idempotent => false,
        EffectClass::Reconcilable => unknown || (maybe && by_state),
        EffectClass::Unsafe => unknown || maybe,
    }
}

/// The pause after a failed attempt; without luck, since the script's throws are all the highest.
fn pause(step: &PlanStep, number: u32, error: &StepError) -> u64 {
    let retry = &step.retry;
    let mut pause = retry.initial_ms as f64;
    for _ in 1..number {
        pause *= retry.factor;
    }
    let pause = pause.min(retry.max_ms as f64) as u64;
    pause.max(error.retry_after_ms.unwrap_or(0).min(RETRY_AFTER_MS_MAX))
}

/// The sooner of an end and a timeout.
fn first(end: Option<(u64, &'static str)>, deadline: Option<u64>) -> Option<(u64, &'static str)> {
    match (end, deadline) {
        (Some((at, how)), Some(deadline)) if at < deadline => Some((at, how)),
        (_, Some(deadline)) => Some((deadline, "timed_out")),
        (end, None) => end,
    }
}

/// When a wait that looks for itself sees what is there since `ready`: at once, by a webhook, by a poll, or at its end.
fn seen_at(from: u64, ready: u64, poll_ms: u64, told: bool, deadline: Option<u64>) -> u64 {
    if ready <= from {
        return from;
    }
    if told {
        return ready;
    }
    let interval = poll_ms - poll_ms / 10 + 2 * (poll_ms / 10);
    let polls = (ready - from).div_ceil(interval);
    let by_poll = from + polls * interval;
    match deadline {
        Some(deadline) if ready <= deadline => by_poll.min(deadline),
        _ => by_poll,
    }
}

/// How people decide: one no is enough, so many yes are needed, nobody counts twice, the requester maybe not at all.
fn decided(
    step: &PlanStep,
    script: &StepScript,
    from: u64,
    requester: &engross_core::Person,
) -> Option<(u64, &'static str)> {
    let quorum = literal(&step.with, "quorum").and_then(Value::as_u64).unwrap_or(1);
    let forbids = literal(&step.with, "forbid") == Some(&json!(true));
    let expires = literal(&step.with, "expires_ms").and_then(Value::as_u64).map(|ms| from + ms);
    let mut yes: Vec<&str> = Vec::new();
    for (after, by, verdict) in &script.answers {
        let at = from + after;
        if expires.is_some_and(|expires| at >= expires) {
            break;
        }
        let counts = PEOPLE.contains(&by.as_str()) && !(forbids && by == requester) && !yes.contains(&by.as_str());
        match (counts, verdict) {
            (false, _) => {}
            (true, Verdict::Reject) => return Some((at, "rejected")),
            (true, Verdict::Approve) => yes.push(by.as_str()),
        }
        if yes.len() as u64 >= quorum {
            return Some((at, "approved"));
        }
    }
    expires.map(|at| (at, "expired"))
}
