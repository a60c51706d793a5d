//! What people are asked in stages, and how it ends: said once more by the words of the manual, act by act as time goes.

use super::script::StepScript;
use crate::generate::fates::Doing;
use crate::node::wait_of;
use engross_core::{Approval, Person, PlanStep, Timestamp, Verdict, WaitKind};
use serde_json::Value;

/// A question as it stands.
struct Question<'a> {
    asked: &'a Approval,
    requester: &'a Person,
    /// How often people were asked, each change counted.
    round: u32,
    decided: Vec<Person>,
    yes: usize,
    instead: Vec<(Person, Person)>,
    subject: Option<String>,
    since: u64,
    escalated: usize,
}

/// When it ends and how; none when it never does.
pub(super) fn decided(
    step: &PlanStep,
    script: &StepScript,
    from: u64,
    requester: &Person,
) -> Option<(u64, &'static str)> {
    let wait = wait_of(step, requester, &Value::Null, Timestamp::from_millis(0));
    let WaitKind::Approval(asked) = &wait.kind else { return None };
    let subject = asked.subject_sha256.clone();
    let (decided, instead) = (Vec::new(), Vec::new());
    let mut question =
        Question { asked, requester, round: 1, decided, yes: 0, instead, subject, since: from, escalated: 0 };
    let expires = wait.deadline.map(|deadline| from + u64::try_from(deadline.at.as_millis()).unwrap_or(0));
    let answers = script.answers.iter().map(|(after, by, verdict)| {
        let doing = Doing::Decide(by.clone(), *verdict, None, None);
        (from + after, doing)
    });
    let mut acts: Vec<(u64, Doing)> =
        answers.chain(script.doings.iter().map(|(after, doing)| (from + after, doing.clone()))).collect();
    acts.sort_by_key(|(at, _)| *at);
    for (at, doing) in acts {
        if expires.is_some_and(|expires| at >= expires) {
            break;
        }
        question.escalates(at);
        if let Some(how) = question.act(at, doing) {
            return Some((at, how));
        }
    }
    expires.map(|at| (at, "expired"))
}

impl Question<'_> {
    fn stage(&self, yes: usize) -> usize {
        let mut needed = 0;
        let full = |stage: &&engross_core::Stage| {
            needed += stage.quorum as usize;
            yes >= needed
        };
        self.asked.stages.iter().take_while(full).count()
    }

    /// A stage that takes long is asked of more people.
    fn escalates(&mut self, now: u64) {
        while let Some(next) = self.asked.escalate.get(self.escalated)
            && self.since + next.after_ms <= now
        {
            self.escalated += 1;
        }
    }

    fn instead_of(&self, person: &Person, handed: &[(Person, Person)]) -> Person {
        let mut who = person.clone();
        while let Some((_, to)) = handed.iter().find(|(by, _)| *by == who) {
            who = to.clone();
        }
        who
    }

    /// Who may decide in a stage, as it stands.
    fn asks(&self, stage: usize, now: usize, handed: &[(Person, Person)]) -> Vec<Person> {
        let named = self.asked.stages.get(stage).map(|stage| stage.people.clone()).unwrap_or_default();
        let escalated = if stage == now { self.escalated } else { 0 };
        let others = self.asked.escalate.iter().take(escalated).flat_map(|escalation| escalation.people.clone());
        named.into_iter().chain(others).map(|person| self.instead_of(&person, handed)).collect()
    }

    /// Whether a different person is left for every yes that is still missing: tried one way after the other.
    fn can_end(&self, yes: usize, decided: &[Person], handed: &[(Person, Person)]) -> bool {
        let now = self.stage(yes);
        let (mut given, mut missing) = (yes, Vec::new());
        for (at, stage) in self.asked.stages.iter().enumerate() {
            let quorum = stage.quorum as usize;
            let has = given.min(quorum);
            given -= has;
            let free = |person: &Person| !decided.contains(person) && !self.asked.forbid.contains(person);
            let able: Vec<Person> = self.asks(at, now, handed).into_iter().filter(free).collect();
            missing.extend(std::iter::repeat_n(able, quorum - has));
        }
        place(&missing, &mut Vec::new())
    }

    fn may_speak(&self, by: &Person) -> bool {
        let now = self.stage(self.yes);
        !self.asked.forbid.contains(by) && !self.decided.contains(by) && self.asks(now, now, &self.instead).contains(by)
    }

    /// Who may say that it was changed.
    fn is_concerned(&self, by: &Person) -> bool {
        let of_stages = self.asked.stages.iter().any(|stage| stage.people.contains(by));
        let of_escalations = self.asked.escalate.iter().any(|escalation| escalation.people.contains(by));
        let instead = self.instead.iter().any(|(_, to)| to == by);
        by == self.requester || of_stages || of_escalations || instead
    }

    fn act(&mut self, at: u64, doing: Doing) -> Option<&'static str> {
        match doing {
            Doing::Decide(by, verdict, shown, round) => {
                let says_nothing = round.is_none() && shown.is_none();
                if round.is_some_and(|round| round != self.round) || (says_nothing && self.round > 1) {
                    return None;
                }
                if !self.may_speak(&by) || shown.is_some_and(|shown| Some(shown) != self.subject) {
                    return None;
                }
                let mut after = self.decided.clone();
                after.push(by);
                if verdict == Verdict::Reject {
                    return Some("rejected");
                }
                let could = self.can_end(self.yes, &self.decided, &self.instead);
                if could && !self.can_end(self.yes + 1, &after, &self.instead) {
                    return None;
                }
                let before = self.stage(self.yes);
                (self.decided, self.yes) = (after, self.yes + 1);
                if self.stage(self.yes) != before {
                    (self.since, self.escalated) = (at, 0);
                }
                (self.stage(self.yes) == self.asked.stages.len()).then_some("approved")
            }
            Doing::HandOn(by, to) => {
                let now = self.stage(self.yes);
                let has_a_voice = self.asks(now, now, &self.instead).contains(&to);
                let refused = self.asked.forbid.contains(&to) || self.decided.contains(&to) || by == to || has_a_voice;
                if !self.may_speak(&by) || refused || self.instead_of(&to, &self.instead) != to {
                    return None;
                }
                let mut after = self.instead.clone();
                after.push((by, to));
                let could = self.can_end(self.yes, &self.decided, &self.instead);
                if !could || self.can_end(self.yes, &self.decided, &after) {
                    self.instead = after;
                }
                None
            }
            Doing::Change(by, subject) => {
                if self.is_concerned(&by) && self.subject.as_ref() != Some(&subject) {
                    self.round += 1;
                    self.decided.clear();
                    (self.yes, self.subject) = (0, Some(subject));
                    (self.since, self.escalated) = (at, 0);
                }
                None
            }
        }
    }
}

/// Finds a different person for each, however they have to be chosen.
fn place(missing: &[Vec<Person>], taken: &mut Vec<Person>) -> bool {
    let Some((first, rest)) = missing.split_first() else { return true };
    first.iter().any(|person| {
        if taken.contains(person) {
            return false;
        }
        taken.push(person.clone());
        let found = place(rest, taken);
        taken.pop();
        found
    })
}
