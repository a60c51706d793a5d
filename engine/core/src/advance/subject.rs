//! What is approved was changed: the decisions so far were about something else, and people are asked anew.

use super::{Rejection, Work, decision, timer};
use crate::approval::Refusal;
use crate::limits::RESETS_MAX;
use crate::{Event, Person, StepId};

pub(super) fn changed(
    work: &mut Work<'_>,
    step: StepId,
    subject_sha256: String,
    by: Person,
    comment: Option<String>,
) -> Result<(), Rejection> {
    if decision::overdue(work, &step)? {
        timer::deadline(work, &step);
        return Ok(());
    }
    let (approval, _, asked) = decision::open_approval(work, &step)?;
    approval.check_reset(asked, &work.state.requester, &by)?;
    if approval.subject_sha256.as_ref() == Some(&subject_sha256) {
        return Err(Refusal::SameSubject.into());
    }
    if asked.resets >= RESETS_MAX {
        return Err(Refusal::TooManyResets.into());
    }
    work.emit(Event::ApprovalReset { step, subject_sha256, by, comment });
    Ok(())
}
