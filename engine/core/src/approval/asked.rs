//! What has happened to a question since it was asked, besides decisions: reminders, escalations, delegations, and changes
//! of what is approved. Folds facts and never decides; what counts is in `rules`.

use super::{Approval, Decision};
use crate::{Event, Person, Timestamp, WaitKind};

/// What has happened to a question since it was asked, besides decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Since when the stage is asked that is asked now.
    pub since: Timestamp,
    /// Reminders that this stage has had.
    pub reminded: u32,
    /// When the next one is due.
    pub next_reminder: Option<Timestamp>,
    /// Escalations that this stage has had, from the first one on.
    pub escalated: u32,
    /// Who decides instead of whom, in the order in which that was said; it holds for all stages.
    pub delegations: Vec<Delegation>,
    /// How often what is approved was changed.
    pub resets: u32,
}

/// Somebody who decides instead of somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// Who may not decide any more.
    pub by: Person,
    /// Who may instead.
    pub to: Person,
}

impl Asked {
    /// A question as it is when the step is parked.
    pub(crate) fn new(at: Timestamp, kind: &WaitKind) -> Self {
        let mut asked =
            Self { since: at, reminded: 0, next_reminder: None, escalated: 0, delegations: Vec::new(), resets: 0 };
        if let WaitKind::Approval(approval) = kind {
            asked.anew(approval, at);
        }
        asked
    }

    /// Other people are asked, or the same about something else: time is counted from now.
    fn anew(&mut self, approval: &Approval, at: Timestamp) {
        (self.since, self.reminded, self.escalated) = (at, 0, 0);
        self.next_reminder = approval.next_reminder(at, 0);
    }

    /// Who decides in place of a person: themselves, unless they said otherwise. Delegations make no circle, and no more
    /// steps are taken than there are delegations.
    pub fn deputy<'a>(&'a self, person: &'a Person) -> &'a Person {
        let mut deputy = person;
        for _ in &self.delegations {
            match self.delegations.iter().find(|delegation| delegation.by == *deputy) {
                Some(delegation) => deputy = &delegation.to,
                None => break,
            }
        }
        deputy
    }

    /// When the next escalation is due.
    pub fn next_escalation(&self, approval: &Approval) -> Option<Timestamp> {
        approval.escalate.get(self.escalated as usize).map(|escalation| self.since.plus_ms(escalation.after_ms))
    }
}

impl Approval {
    /// When the next reminder is due after so many, the last of which was at this time.
    fn next_reminder(&self, at: Timestamp, reminded: u32) -> Option<Timestamp> {
        self.remind.as_ref().filter(|remind| reminded < remind.max).map(|remind| at.plus_ms(remind.every_ms))
    }
}

/// Folds a fact about an approval.
pub(crate) fn follow(
    approval: &mut Approval,
    decisions: &mut Vec<Decision>,
    asked: &mut Asked,
    at: Timestamp,
    event: &Event,
) {
    match event {
        Event::DecisionRecorded { decision, .. } => {
            let before = approval.stage_index(decisions);
            decisions.push(decision.clone());
            if approval.stage_index(decisions) != before {
                asked.anew(approval, at);
            }
        }
        Event::ReminderDue { number, .. } => {
            asked.reminded = *number;
            asked.next_reminder = approval.next_reminder(at, *number);
        }
        Event::Escalated { .. } => asked.escalated = asked.escalated.saturating_add(1),
        Event::Delegated { by, to, .. } => {
            asked.delegations.push(Delegation { by: by.clone(), to: to.clone() });
        }
        Event::ApprovalReset { subject_sha256, .. } => {
            decisions.clear();
            approval.subject_sha256 = Some(subject_sha256.clone());
            asked.resets = asked.resets.saturating_add(1);
            asked.anew(approval, at);
        }
        _ => {}
    }
}
