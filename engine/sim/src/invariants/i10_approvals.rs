//! I10: only who is asked decides, each once, not the requester where that is forbidden; and nothing is approved without its
//! quorum.

use super::{Held, Violation, Watched};
use engross_core::{Approval, Decision, Event, Record, StepId, StepState, Verdict, WaitKind};

fn open<'a>(watched: &'a Watched, step: &StepId) -> Option<(&'a Approval, &'a [Decision])> {
    match watched.state.steps.get(step)? {
        StepState::Waiting { wait, decisions, .. } => match &wait.kind {
            WaitKind::Approval(approval) => Some((approval, decisions)),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn check(watched: &Watched, record: &Record) -> Held {
    let run = &watched.state.run;
    match &record.event {
        Event::DecisionRecorded { step, decision } => {
            let bad = |why: &str| Err(Violation::new("I10", format!("{run} {step}: {} {why}", decision.by)));
            let Some((approval, decisions)) = open(watched, step) else { return bad("decided what is not asked") };
            if decisions.iter().any(|earlier| earlier.by == decision.by) {
                return bad("decided twice");
            }
            if approval.forbid.contains(&decision.by) {
                return bad("may not decide their own request");
            }
            if !approval.stages.iter().any(|stage| stage.people.contains(&decision.by)) {
                return bad("was not asked");
            }
            Ok(())
        }
        Event::StepCompleted { step, outcome, .. } if outcome.as_str() == "approved" => {
            let (asked, decisions) = match open(watched, step) {
                Some((approval, decisions)) => (approval.stages.iter().map(|s| s.quorum as usize).sum(), decisions),
                None => (usize::MAX, &[][..]),
            };
            let yes = decisions.iter().filter(|d| d.verdict == Verdict::Approve).count();
            if yes < asked || yes < decisions.len() {
                return Err(Violation::new("I10", format!("{run} {step}: approved by {yes} of {asked}")));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
