//! I10: only who is asked decides, each once, not the requester where that is forbidden; nothing is approved without the quorum of
//! every stage, nor for a list before each of its items is, and there is one; and what was decided before a reset does not count
//! after it.
//!
//! What is asked is followed here from the facts alone, by the words of the manual.

use super::{Held, Violation, Watched};
use crate::generate::uses;
use engross_core::{Approval, Event, Item, Person, PlanStep, Record, StepId, StepState, Timestamp, Verdict, WaitKind};
use std::collections::BTreeMap;

/// A question to people.
pub(crate) struct Question {
    asked: Approval,
    /// Those who have decided since what is approved was changed last, and how many of them said yes.
    decided: Vec<Person>,
    yes: u32,
    no: bool,
    /// Who decides instead of whom.
    instead: BTreeMap<Person, Person>,
    /// How often people were asked, each change counted.
    round: u32,
    /// What is approved.
    subject: Option<String>,
    /// Since when the stage is asked, who else may decide in it, and what it has had.
    since: Timestamp,
    others: Vec<Person>,
    escalated: usize,
    reminded: u32,
    reminded_at: Timestamp,
}

impl Question {
    fn new(asked: Approval, round: u32, at: Timestamp) -> Self {
        let subject = asked.subject_sha256.clone();
        Self {
            asked,
            decided: Vec::new(),
            yes: 0,
            no: false,
            instead: BTreeMap::new(),
            round,
            subject,
            since: at,
            others: Vec::new(),
            escalated: 0,
            reminded: 0,
            reminded_at: at,
        }
    }

    /// Which stage so many yes have come to.
    fn stage(&self, yes: u32) -> usize {
        let mut needed = 0;
        for (at, stage) in self.asked.stages.iter().enumerate() {
            needed += stage.quorum;
            if yes < needed {
                return at;
            }
        }
        self.asked.stages.len()
    }

    fn who_decides(&self, person: &Person) -> Person {
        let mut who = person.clone();
        while let Some(other) = self.instead.get(&who) {
            who = other.clone();
        }
        who
    }

    /// Whether this person is asked now.
    fn asks(&self, person: &Person) -> bool {
        let stage = self.asked.stages.get(self.stage(self.yes));
        let named = stage.into_iter().flat_map(|stage| &stage.people).chain(&self.others);
        named.map(|named| self.who_decides(named)).any(|who| who == *person)
    }

    /// A stage begins, or begins anew.
    fn anew(&mut self, at: Timestamp) {
        (self.since, self.escalated, self.reminded, self.reminded_at) = (at, 0, 0, at);
        self.others.clear();
    }

    pub(super) fn next_reminder(&self) -> Option<Timestamp> {
        let remind = self.asked.remind.as_ref().filter(|remind| self.reminded < remind.max)?;
        Some(self.reminded_at.plus_ms(remind.every_ms))
    }

    pub(super) fn next_escalation(&self) -> Option<Timestamp> {
        self.asked.escalate.get(self.escalated).map(|next| self.since.plus_ms(next.after_ms))
    }
}

pub(super) fn check(watched: &Watched, record: &Record) -> Held {
    let run = &watched.state.run;
    let open = |step: &StepId| watched.questions.get(step);
    match &record.event {
        Event::DecisionRecorded { step, decision } => {
            let bad = |why: &str| Err(Violation::new("I10", format!("{run} {step}: {} {why}", decision.by)));
            let Some(question) = open(step) else { return bad("decided what is not asked") };
            if question.decided.contains(&decision.by) {
                return bad("decided twice");
            }
            if question.asked.forbid.contains(&decision.by) {
                return bad("may not decide their own request");
            }
            if !question.asks(&decision.by) {
                return bad("was not asked");
            }
            if decision.subject_sha256.is_some() && decision.subject_sha256 != question.subject {
                return bad("decided about something else");
            }
            if decision.round.is_some_and(|round| round != question.round) {
                return bad("decided in another round");
            }
            if question.round > 1 && decision.round.is_none() && decision.subject_sha256.is_none() {
                return bad("may have decided before people were asked anew");
            }
            Ok(())
        }
        Event::Delegated { step, by, to, .. } => {
            let bad = |why: &str| Err(Violation::new("I10", format!("{run} {step}: {by} to {to}: {why}")));
            match open(step) {
                Some(question) if !question.asks(by) => bad("who hands on was not asked"),
                Some(question) if question.asks(to) => bad("who is to decide has a voice already"),
                Some(question) if question.who_decides(to) == *by => bad("it goes round in circles"),
                Some(_) => Ok(()),
                None => bad("nothing is asked"),
            }
        }
        Event::StepCompleted { step, outcome, .. } if outcome.as_str() == "approved" => {
            let Some(question) = open(step) else {
                return Err(Violation::new("I10", format!("{run} {step}: approved, and nobody was asked")));
            };
            let needed: u32 = question.asked.stages.iter().map(|stage| stage.quorum).sum();
            if question.yes < needed || question.no {
                return Err(Violation::new("I10", format!("{run} {step}: approved by {} of {needed}", question.yes)));
            }
            Ok(())
        }
        Event::StepCompleted { step, outcome, .. } if outcome.as_str() == "succeeded" => {
            let each = watched.plan.step(step).and_then(|spec| spec.foreach.as_deref()).map(|foreach| &foreach.each);
            let Some(each) = each.filter(|each| each.uses == uses::APPROVAL) else { return Ok(()) };
            let items = watched.state.items.get(step).map_or(&[][..], |items| items.as_slice());
            let given = |item: &Item| {
                let state = watched.state.steps.get(&PlanStep::item(step, &item.key));
                state.and_then(StepState::outcome).is_some_and(|outcome| outcome.as_str() == "approved")
            };
            if items.is_empty() || !items.iter().all(given) {
                let why = format!("{run} {step}: {} for each item, and not each was approved", each.uses);
                return Err(Violation::new("I10", why));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// After the fact is folded.
pub(super) fn follow(watched: &mut Watched, record: &Record) {
    let Some(step) = record.event.step() else { return };
    if let Event::StepParked { wait, .. } = &record.event {
        if let WaitKind::Approval(approval) = &wait.kind {
            let before = watched.questions.get(step).map_or(0, |question| question.round);
            let question = Question::new((**approval).clone(), before + 1, record.at);
            watched.questions.insert(step.clone(), question);
        }
        return;
    }
    let Some(question) = watched.questions.get_mut(step) else { return };
    match &record.event {
        Event::DecisionRecorded { decision, .. } => {
            let before = question.stage(question.yes);
            question.decided.push(decision.by.clone());
            match decision.verdict {
                Verdict::Approve => question.yes += 1,
                Verdict::Reject => question.no = true,
            }
            if question.stage(question.yes) != before {
                question.anew(record.at);
            }
        }
        Event::ReminderDue { .. } => (question.reminded, question.reminded_at) = (question.reminded + 1, record.at),
        Event::Escalated { people, .. } => {
            question.escalated += 1;
            question.others.extend(people.iter().cloned());
        }
        Event::Delegated { by, to, .. } => {
            question.instead.insert(by.clone(), to.clone());
        }
        Event::ApprovalReset { subject_sha256, .. } => {
            question.decided.clear();
            question.round += 1;
            (question.yes, question.no, question.subject) = (0, false, Some(subject_sha256.clone()));
            question.anew(record.at);
        }
        _ => {}
    }
}
