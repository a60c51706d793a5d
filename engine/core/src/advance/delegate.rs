//! A person who is asked hands the decision on to another. Whether they may is a rule of `approval`.

use super::{Rejection, Work, decision, timer};
use crate::{Event, Person, StepId};

pub(super) fn delegate(
    work: &mut Work<'_>,
    step: StepId,
    by: Person,
    to: Person,
    comment: Option<String>,
) -> Result<(), Rejection> {
    if decision::overdue(work, &step)? {
        timer::deadline(work, &step);
        return Ok(());
    }
    let (approval, decisions, asked) = decision::open_approval(work, &step)?;
    approval.check_delegation(decisions, asked, &by, &to)?;
    work.emit(Event::Delegated { step, by, to, comment });
    Ok(())
}
