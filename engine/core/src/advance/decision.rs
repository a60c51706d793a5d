//! Decisions of people. Checked before they count; a refused one leaves no trace in the journal.

use super::{Rejection, Work, attempt, timer};
use crate::approval::Standing;
use crate::{Approval, Asked, Decision, Event, OutcomeName, ResolvedBy, StepId, StepState, Verdict, WaitKind};
use serde_json::{Value, json};

pub(super) fn decide(work: &mut Work<'_>, step: &StepId, mut decision: Decision) -> Result<(), Rejection> {
    decision.at = work.now();
    // The deadline and a decision compete for one disposition: at the deadline the approval is over, whether or not the
    // sweeper has come by yet.
    if overdue(work, step)? {
        timer::deadline(work, step);
        return Ok(());
    }
    let (approval, decisions, asked) = open_approval(work, step)?;
    approval.check(decisions, asked, work.state.round(step), &decision)?;
    work.emit(Event::DecisionRecorded { step: step.clone(), decision });

    let (approval, decisions, _) = open_approval(work, step)?;
    let outcome = match approval.standing(decisions) {
        Standing::Open => return Ok(()),
        Standing::Approved => "approved",
        Standing::Rejected => "rejected",
    };
    let outputs = outputs(outcome, approval, decisions);
    attempt::complete(work, step, OutcomeName::new(outcome), outputs, ResolvedBy::Decision);
    Ok(())
}

/// Whether the approval's time is up, although the sweeper may not have come by yet.
pub(super) fn overdue(work: &Work<'_>, step: &StepId) -> Result<bool, Rejection> {
    match work.step(step)? {
        Some(StepState::Waiting { wait, .. }) => Ok(wait.deadline.as_ref().is_some_and(|d| d.at <= work.now())),
        _ => Ok(false),
    }
}

/// What is asked, what was decided, and what has happened besides.
pub(super) type Open<'a> = (&'a Approval, &'a [Decision], &'a Asked);

pub(super) fn open_approval<'a>(work: &'a Work<'_>, step: &StepId) -> Result<Open<'a>, Rejection> {
    let current = work.step(step)?;
    match current {
        Some(StepState::Waiting { wait, decisions, asked, .. }) => match &wait.kind {
            WaitKind::Approval(approval) => Ok((approval, decisions, asked)),
            WaitKind::Event { .. } | WaitKind::Run { .. } | WaitKind::Timer => {
                Err(Rejection::NotWaitingForDecision { step: step.clone(), state: "waiting for something else" })
            }
        },
        other => Err(Rejection::NotWaitingForDecision {
            step: step.clone(),
            state: other.map_or("pending", |s| s.outcome().map_or(s.as_str(), verdict_of)),
        }),
    }
}

fn verdict_of(outcome: &OutcomeName) -> &'static str {
    match outcome.as_str() {
        "approved" => "approved already",
        "rejected" => "rejected already",
        "expired" => "expired",
        _ => "completed",
    }
}

/// What an approval leaves that nobody decided in time: who had said yes by then, and that it was not enough.
pub(super) fn outputs_at_the_deadline(outcome: &str, state: &StepState) -> Option<Value> {
    let StepState::Waiting { wait, decisions, .. } = state else { return None };
    match &wait.kind {
        WaitKind::Approval(approval) => Some(outputs(outcome, approval, decisions)),
        WaitKind::Event { .. } | WaitKind::Run { .. } | WaitKind::Timer => None,
    }
}

fn outputs(outcome: &str, approval: &Approval, decisions: &[Decision]) -> Value {
    let last = decisions.last();
    let filled = decisions.iter().rfind(|d| d.verdict == Verdict::Approve).and_then(|d| d.form.clone());
    json!({
        "decision": outcome,
        "decided_by": decisions.iter().map(|d| d.by.as_str()).collect::<Vec<_>>(),
        "decided_at": last.map(|d| d.at.to_string()),
        "comment": last.and_then(|d| d.comment.clone()),
        "subject_sha256": approval.subject_sha256,
        "form": filled.unwrap_or_else(|| json!({})),
    })
}
