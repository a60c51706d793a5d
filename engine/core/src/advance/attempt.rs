//! Attempts of steps: the intent before an effect leaves, and what comes back.

use super::{Rejection, Work, incident, stale};
use crate::limits::LOOK_ATTEMPTS_MAX;
use crate::{
    Deadline, EffectClass, EffectState, ErrorClass, Event, NOT_STARTED, OutcomeName, PlanStep, ResolvedBy, StepError,
    StepId, StepResult, StepState, Wait, WaitKind,
};
use serde_json::Value;

/// The dispatcher may let the effect out only when the answer holds [`Event::EffectIntended`] and is durable. It asks only
/// after a look for the effect of an earlier attempt, where the effect can be looked up.
///
/// Once a run is given up, nothing new leaves. A step that is here then had its effect under way when the last process died.
/// Repeating an idempotent one is the way to its answer; one that was looked up and not found is given up like the rest.
pub(super) fn intending(work: &mut Work<'_>, step: &StepId, attempt: u32) -> Result<(), Rejection> {
    let had_left = match work.step(step)? {
        Some(StepState::Running { attempt: now, intended: false, maybe_done, .. }) if *now == attempt => *maybe_done,
        other => return Err(stale(step, other)),
    };
    let idempotent = work.context.plan.step(step).is_some_and(|s| s.effect == EffectClass::Idempotent);
    if !work.is_given_up(step) || (had_left && idempotent) {
        let key = work.state.idempotency_key(step);
        work.emit(Event::EffectIntended { step: step.clone(), attempt, key });
    } else {
        give_up(work, step);
    }
    Ok(())
}

/// Gives a step up with its run. A run that it started may have been made to go on since it was last looked at: it is given up
/// first, and its end is waited for.
pub(super) fn give_up(work: &mut Work<'_>, step: &StepId) {
    if !waits_for_its_run_again(work, step) {
        work.emit(Event::StepCancelled { step: step.clone() });
    }
}

/// Has a step wait once more for the run that it started. Whether there is one, and its inputs to look with.
fn waits_for_its_run_again(work: &mut Work<'_>, step: &StepId) -> bool {
    let Some(run) = work.state.owned_child(step).cloned() else { return false };
    let can_wait = matches!(
        work.state.steps.get(step),
        Some(StepState::Running { .. } | StepState::BackingOff { .. } | StepState::Incident { input: Some(_), .. })
    );
    if can_wait {
        let wait = Wait { kind: WaitKind::Run { run, owned: true }, deadline: None };
        work.emit(Event::StepParked { step: step.clone(), wait });
    }
    can_wait
}

pub(super) fn finished(
    work: &mut Work<'_>,
    step: &StepId,
    attempt: u32,
    result: Result<StepResult, StepError>,
    random: u32,
) -> Result<(), Rejection> {
    match work.step(step)? {
        Some(StepState::Running { attempt: now, .. }) if *now == attempt => {}
        other => return Err(stale(step, other)),
    }
    match result {
        Ok(StepResult::Done(done)) => complete(work, step, done.outcome, done.outputs, ResolvedBy::Execution),
        Ok(StepResult::Reconciled(done)) => complete(work, step, done.outcome, done.outputs, ResolvedBy::Reconcile),
        Ok(StepResult::Parked(wait)) => park(work, step, wait),
        Err(error) => failed(work, step, attempt, error, random),
    }
    Ok(())
}

/// Ends a step, unless the outcome is none of its own: that is a fault of the plugin, and fails the step.
pub(super) fn complete(work: &mut Work<'_>, step: &StepId, outcome: OutcomeName, outputs: Value, by: ResolvedBy) {
    let known = work.context.plan.step(step).is_some_and(|s| s.outcomes.iter().any(|o| o.name == outcome));
    if known {
        work.emit(Event::StepCompleted { step: step.clone(), outcome, outputs, error: None, resolved_by: by });
    } else {
        let error = StepError::new(
            ErrorClass::Internal,
            "unknown_outcome",
            format!("the step ended with the outcome `{outcome}`, which is none of its own"),
        );
        broken(work, step, error, by);
    }
}

/// A step that came back with what cannot be kept: what it did to the outside world, it has done.
fn broken(work: &mut Work<'_>, step: &StepId, error: StepError, by: ResolvedBy) {
    let effect = work.context.plan.step(step).map(|s| s.effect);
    match (effect, work.state.steps.get(step)) {
        (Some(EffectClass::Reconcilable | EffectClass::Unsafe), Some(StepState::Running { attempt, .. })) => {
            let attempt = *attempt;
            work.emit(Event::StepInDoubt { step: step.clone(), attempt, error: error.maybe_done().hint(DOUBT_HINT) });
        }
        (Some(EffectClass::Idempotent), Some(StepState::Running { .. })) => fail(work, step, error.maybe_done(), by),
        _ => fail(work, step, error, by),
    }
}

/// Ends a step as failed, or leaves that to a person.
///
/// The last refusal of an idempotent step says nothing of an earlier attempt whose answer was lost. A reconcilable step looks
/// that one up before it acts again.
pub(super) fn fail(work: &mut Work<'_>, step: &StepId, error: StepError, by: ResolvedBy) {
    let idempotent = work.context.plan.step(step).is_some_and(|spec| spec.effect == EffectClass::Idempotent);
    let earlier = matches!(work.state.steps.get(step), Some(StepState::Running { maybe_done: true, .. }));
    let error = if idempotent && earlier && error.code != NOT_STARTED { error.maybe_done() } else { error };
    incident::raise_or_fail(work, step, error, by);
}

/// Parks a step. The file's `timeout` bounds every wait; a wait may bring a sooner end of its own.
fn park(work: &mut Work<'_>, step: &StepId, mut wait: Wait) {
    let timeout = work.context.plan.step(step).and_then(|s| {
        let timed_out = s.outcomes.iter().find(|o| o.name.as_str() == "timed_out")?;
        Some(Deadline { at: work.now().plus_ms(s.timeout_ms?), outcome: timed_out.name.clone() })
    });
    wait.deadline = match (wait.deadline, timeout) {
        (Some(own), Some(timeout)) if timeout.at < own.at => Some(timeout),
        (Some(own), _) => Some(own),
        (None, timeout) => timeout,
    };
    work.emit(Event::StepParked { step: step.clone(), wait });
}

/// What a person does about an effect that nothing can tell of.
pub(super) const DOUBT_HINT: &str = "look at the provider whether it happened, then decide";

fn failed(work: &mut Work<'_>, step: &StepId, attempt: u32, error: StepError, random: u32) {
    let Some(spec) = work.context.plan.step(step) else { return };
    let Some(StepState::Running { maybe_done, forgiven, deadline, .. }) = work.state.steps.get(step) else { return };
    let doubt = doubtful(spec.effect, *maybe_done, &error);
    // A run that may have been started, for one that is given up, is found by another attempt and given up as well.
    let may_have_happened = *maybe_done || error.effect == EffectState::Unknown;
    let may_have_started =
        spec.child.is_some() && work.is_given_up(step) && error.code != NOT_STARTED && may_have_happened;
    let counted = attempt.saturating_sub(*forgiven);
    let pause = spec.retry.pause_ms(counted, &error, random);
    let retry_at = work.now().plus_ms(pause);
    let in_time = deadline.is_none_or(|deadline| retry_at < deadline);
    let act_again = error.class.retryable()
        && counted < spec.retry.attempts
        && in_time
        && !(doubt && spec.effect == EffectClass::Unsafe)
        && (!work.is_given_up(step) || (may_have_happened && is_repeated_to_be_undone(spec)));
    // When nothing more may be tried, whether it happened can still be looked up; only what nobody can tell is for a person.
    let look_again = ((doubt && spec.effect == EffectClass::Reconcilable) || may_have_started)
        && error.class != ErrorClass::Ambiguous
        && counted < spec.retry.attempts.saturating_add(LOOK_ATTEMPTS_MAX);
    if work.is_given_up(step) && waits_for_its_run_again(work, step) {
        return;
    }
    if act_again || look_again {
        work.emit(Event::AttemptFailed { step: step.clone(), attempt, error, retry_at });
    } else if doubt {
        let hint = error.hint.clone().unwrap_or_else(|| DOUBT_HINT.to_string());
        work.emit(Event::StepInDoubt { step: step.clone(), attempt, error: error.hint(hint) });
    } else {
        fail(work, step, error, ResolvedBy::Execution);
    }
}

/// Whether a step whose answer was lost is repeated under its key also when the run is given up: it does no harm, and only its
/// answer tells what is to be undone.
pub(super) fn is_repeated_to_be_undone(spec: &PlanStep) -> bool {
    spec.effect == EffectClass::Idempotent && spec.compensate.is_some()
}

/// Whether the effect of a step that is given up now may have happened without our knowing.
///
/// A definite refusal of an attempt settles only that attempt: an earlier one whose answer was lost stays in doubt, except
/// that a look-up came before the refused attempt and found nothing. A refusal for the object's state is none of those: it
/// may be the earlier attempt's effect that refuses the later one. A look-up that cannot tell is a doubt by itself.
fn doubtful(effect: EffectClass, maybe_done: bool, error: &StepError) -> bool {
    let may_have_happened = error.effect == EffectState::Unknown || error.class == ErrorClass::Ambiguous;
    let refused_for_state = matches!(error.class, ErrorClass::State | ErrorClass::Conflict);
    match effect {
        EffectClass::Read | EffectClass::Idempotent => false,
        EffectClass::Reconcilable => may_have_happened || (maybe_done && refused_for_state),
        EffectClass::Unsafe => may_have_happened || maybe_done,
    }
}
