//! What counts: who may decide or hand on now, and what the decisions so far amount to.

use super::{Approval, Asked, Decision, Stage, Verdict};
use crate::limits::{DECISIONS_MAX, DELEGATIONS_MAX, RESETS_MAX};
use crate::{Person, Timestamp};

/// Why a decision, a delegation or a reset does not count. Nothing of it is journaled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The person is in none of the groups that are asked now.
    #[error("{by} is not asked to decide this; {asked} may")]
    NotAsked {
        /// Who tried.
        by: Person,
        /// Who may.
        asked: String,
    },
    /// The person asked for it, and may not decide it.
    #[error("{by} may not decide this: whoever asks for an approval cannot give it")]
    Forbidden {
        /// Who tried, or was to decide instead of somebody.
        by: Person,
    },
    /// The person has decided already: a decision is made once, also where several stages ask the same person.
    #[error("{by} has decided this already, at {at}")]
    Twice {
        /// Who tried.
        by: Person,
        /// When they decided.
        at: Timestamp,
    },
    /// The person has handed the decision on.
    #[error("{by} has handed this decision on: {to} decides it")]
    HandedOn {
        /// Who tried.
        by: Person,
        /// Who decides instead.
        to: Person,
    },
    /// The person who is to decide instead is asked themselves, and has one voice.
    #[error("{to} is asked already, and has one voice only; hand it on to somebody else")]
    AskedThemselves {
        /// Who was to decide.
        to: Person,
    },
    /// The person who is to decide instead has handed on their own decision.
    #[error("{to} cannot decide this instead of {by}: decisions are not handed on in circles")]
    Circle {
        /// Who hands on.
        by: Person,
        /// Who was to decide.
        to: Person,
    },
    /// With this, nobody would be left for a stage that comes later.
    #[error(
        "{by} is needed for a later stage, for which nobody else would be left; let somebody else approve this one"
    )]
    NeededLater {
        /// Who tried, or was to decide instead of somebody.
        by: Person,
    },
    /// The decision is about something that was changed since.
    #[error(
        "this is not what was decided on: it has the digest {now}, and the decision is about {shown}; \
         look at it again with `engross approvals list`, then decide"
    )]
    OtherSubject {
        /// The digest that the decision names.
        shown: String,
        /// The digest of what is approved.
        now: String,
    },
    /// The decision is about a question that was asked before this one.
    #[error(
        "this decision is about round {spoken_of}, and round {now} is asked now; \
         look at it again with `engross approvals list`, then decide"
    )]
    OtherRound {
        /// The round that the decision names.
        spoken_of: u32,
        /// The round that is asked.
        now: u32,
    },
    /// The decision says neither in which round it was asked for nor what it is about, and may have been on its way since before
    /// people were asked anew.
    #[error(
        "this is asked anew, in round {now}, and the decision does not say what it is about; \
         look at it again with `engross approvals list`, then decide"
    )]
    NoRound {
        /// The round that is asked.
        now: u32,
    },
    /// A reset by somebody whom the approval does not concern.
    #[error("{by} may not say that this was changed: whoever asked for the run may, and those whom the approval names")]
    NotConcerned {
        /// Who tried.
        by: Person,
    },
    /// A reset to what is approved already.
    #[error("what is approved has this digest already: nothing is changed")]
    SameSubject,
    /// More decisions than an approval can hold.
    #[error("this approval holds {DECISIONS_MAX} decisions already")]
    TooMany,
    /// More delegations than an approval can hold.
    #[error("this approval was handed on {DELEGATIONS_MAX} times already")]
    TooManyDelegations,
    /// More changes than an approval can bear.
    #[error("this approval was changed {RESETS_MAX} times already; cancel the run and start another")]
    TooManyResets,
}

impl Refusal {
    /// Whether the decision is about something else than what is asked now: whoever made it should look again.
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::OtherSubject { .. } | Self::OtherRound { .. } | Self::NoRound { .. })
    }
}

/// What the decisions so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Not enough yet.
    Open,
    /// Every stage has its quorum.
    Approved,
    /// Somebody said no.
    Rejected,
}

impl Approval {
    /// The stage that is asked now, given what has been decided.
    pub fn current_stage(&self, decisions: &[Decision]) -> Option<&Stage> {
        self.stage_index(decisions).and_then(|index| self.stages.get(index))
    }

    /// Which stage is asked now, from 0. Each yes was given to the stage that was asked then, so they fill the stages in
    /// their order.
    pub fn stage_index(&self, decisions: &[Decision]) -> Option<usize> {
        let mut given = approvals(decisions);
        self.stages.iter().position(|stage| match given.checked_sub(stage.quorum as usize) {
            Some(rest) => {
                given = rest;
                false
            }
            None => true,
        })
    }

    /// How many approvals the stage that is asked now lacks.
    pub(super) fn missing(&self, decisions: &[Decision]) -> usize {
        let Some(index) = self.stage_index(decisions) else { return 0 };
        let needed: usize = self.stages.iter().take(index + 1).map(|stage| stage.quorum as usize).sum();
        needed.saturating_sub(approvals(decisions))
    }

    /// Who is asked now: the people of the stage, those it was escalated to, or who decides instead of them.
    pub fn asked_now(&self, decisions: &[Decision], asked: &Asked) -> Vec<Person> {
        let Some(stage) = self.current_stage(decisions) else { return Vec::new() };
        let escalated = self.escalate.iter().take(asked.escalated as usize).flat_map(|escalation| &escalation.people);
        let mut people: Vec<Person> = Vec::new();
        for person in stage.people.iter().chain(escalated) {
            let deputy = asked.deputy(person);
            if !people.contains(deputy) {
                people.push(deputy.clone());
            }
        }
        people
    }

    /// Who is asked now, may decide, and has not.
    pub fn silent(&self, decisions: &[Decision], asked: &Asked) -> Vec<Person> {
        let mut people = self.asked_now(decisions, asked);
        people.retain(|person| !self.forbid.contains(person) && decisions.iter().all(|d| d.by != *person));
        people
    }

    /// Whether this decision counts now, in this round.
    pub(crate) fn check(
        &self,
        decisions: &[Decision],
        asked: &Asked,
        round: u32,
        decision: &Decision,
    ) -> Result<(), Refusal> {
        let by = &decision.by;
        self.may_speak(decisions, asked, by)?;
        if decisions.len() >= DECISIONS_MAX {
            return Err(Refusal::TooMany);
        }
        match decision.round {
            Some(spoken_of) if spoken_of != round => return Err(Refusal::OtherRound { spoken_of, now: round }),
            // Nothing was asked before the first round that a decision could have been about.
            None if round > 1 && decision.subject_sha256.is_none() => return Err(Refusal::NoRound { now: round }),
            Some(_) | None => {}
        }
        if let Some(shown) = &decision.subject_sha256
            && self.subject_sha256.as_ref() != Some(shown)
        {
            let now = self.subject_sha256.clone().unwrap_or_else(|| "none".to_string());
            return Err(Refusal::OtherSubject { shown: shown.clone(), now });
        }
        if decision.verdict == Verdict::Approve && self.is_within_reach(decisions, asked) {
            let after: Vec<Decision> = decisions.iter().chain([decision]).cloned().collect();
            if !self.is_within_reach(&after, asked) {
                return Err(Refusal::NeededLater { by: by.clone() });
            }
        }
        Ok(())
    }

    /// Whether a person may say that what is approved was changed. It takes other people's yes away and says what is approved from
    /// then on, so that it is not for everybody: only for who asked for the run, and for those whom the approval names.
    pub(crate) fn check_reset(&self, asked: &Asked, requester: &Person, by: &Person) -> Result<(), Refusal> {
        let stages = self.stages.iter().flat_map(|stage| &stage.people);
        let others = self.escalate.iter().flat_map(|escalation| &escalation.people);
        let deputies = asked.delegations.iter().map(|delegation| &delegation.to);
        match by == requester || stages.chain(others).chain(deputies).any(|person| person == by) {
            true => Ok(()),
            false => Err(Refusal::NotConcerned { by: by.clone() }),
        }
    }

    /// Whether a person is asked now and has not decided.
    fn may_speak(&self, decisions: &[Decision], asked: &Asked, by: &Person) -> Result<(), Refusal> {
        if self.forbid.contains(by) {
            return Err(Refusal::Forbidden { by: by.clone() });
        }
        if let Some(earlier) = decisions.iter().find(|d| d.by == *by) {
            return Err(Refusal::Twice { by: by.clone(), at: earlier.at });
        }
        let people = self.asked_now(decisions, asked);
        if people.contains(by) {
            return Ok(());
        }
        let deputy = asked.deputy(by);
        if deputy != by && people.contains(deputy) {
            return Err(Refusal::HandedOn { by: by.clone(), to: deputy.clone() });
        }
        let names: Vec<&str> = people.iter().map(Person::as_str).collect();
        let asked = if names.is_empty() { "nobody".to_string() } else { names.join(", ") };
        Err(Refusal::NotAsked { by: by.clone(), asked })
    }

    /// Whether a person may hand their decision on to another.
    pub(crate) fn check_delegation(
        &self,
        decisions: &[Decision],
        asked: &Asked,
        by: &Person,
        to: &Person,
    ) -> Result<(), Refusal> {
        self.may_speak(decisions, asked, by)?;
        if self.forbid.contains(to) {
            return Err(Refusal::Forbidden { by: to.clone() });
        }
        if let Some(earlier) = decisions.iter().find(|d| d.by == *to) {
            return Err(Refusal::Twice { by: to.clone(), at: earlier.at });
        }
        if by == to || asked.deputy(to) != to {
            return Err(Refusal::Circle { by: by.clone(), to: to.clone() });
        }
        if self.asked_now(decisions, asked).contains(to) {
            return Err(Refusal::AskedThemselves { to: to.clone() });
        }
        if asked.delegations.len() >= DELEGATIONS_MAX {
            return Err(Refusal::TooManyDelegations);
        }
        let mut after = asked.clone();
        after.delegations.push(super::Delegation { by: by.clone(), to: to.clone() });
        if self.is_within_reach(decisions, asked) && !self.is_within_reach(decisions, &after) {
            return Err(Refusal::NeededLater { by: to.clone() });
        }
        Ok(())
    }

    pub(crate) fn standing(&self, decisions: &[Decision]) -> Standing {
        if decisions.iter().any(|d| d.verdict == Verdict::Reject) {
            Standing::Rejected
        } else if self.current_stage(decisions).is_none() {
            Standing::Approved
        } else {
            Standing::Open
        }
    }
}

fn approvals(decisions: &[Decision]) -> usize {
    decisions.iter().filter(|d| d.verdict == Verdict::Approve).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WaitKind;

    fn approval(quorum: u32, forbid: &[&str]) -> Approval {
        Approval {
            title: "NDA".into(),
            stages: vec![Stage {
                from: vec!["legal".into()],
                people: ["lena", "omar", "ada"].map(Person::new).to_vec(),
                quorum,
            }],
            forbid: forbid.iter().map(Person::new).collect(),
            ..Approval::default()
        }
    }

    fn decided(by: &str, verdict: Verdict) -> Decision {
        Decision::new(Person::new(by), verdict, Timestamp::from_millis(1))
    }

    fn check(approval: &Approval, decisions: &[Decision], by: &str, expected: &str) {
        let asked = Asked::new(Timestamp::from_millis(0), &WaitKind::Timer);
        let answer = match approval.check(decisions, &asked, 1, &decided(by, Verdict::Approve)) {
            Ok(()) => "counts".to_string(),
            Err(refusal) => refusal.to_string(),
        };
        assert_eq!(answer, expected);
    }

    #[test]
    fn only_those_who_are_asked_decide_and_only_once() {
        let a = approval(2, &["ada"]);
        check(&a, &[], "lena", "counts");
        check(&a, &[], "eve", "eve is not asked to decide this; lena, omar, ada may");
        check(&a, &[], "ada", "ada may not decide this: whoever asks for an approval cannot give it");
        let one = [decided("lena", Verdict::Approve)];
        check(&a, &one, "lena", "lena has decided this already, at 1970-01-01T00:00:00.001Z");
        check(&a, &one, "omar", "counts");
    }

    #[test]
    fn a_quorum_approves_and_one_no_rejects() {
        let a = approval(2, &[]);
        assert_eq!(a.standing(&[]), Standing::Open);
        assert_eq!(a.standing(&[decided("lena", Verdict::Approve)]), Standing::Open);
        let both = [decided("lena", Verdict::Approve), decided("omar", Verdict::Approve)];
        assert_eq!(a.standing(&both), Standing::Approved);
        assert_eq!(a.standing(&[both[0].clone(), decided("omar", Verdict::Reject)]), Standing::Rejected);
    }

    #[test]
    fn a_quorum_that_cannot_be_reached_is_said() {
        assert!(approval(3, &[]).can_be_reached().is_ok());
        assert_eq!(
            approval(3, &["ada"]).can_be_reached().unwrap_err(),
            "stage 1 needs 3 to approve, but only 2 of legal may"
        );
    }
}
