//! Approvals: who may decide, what has been decided, and when that is enough.
//!
//! The rules are here and nowhere else, so that the API, the command line and every later way to answer give the same
//! answer. Silence is never a yes: nothing here turns time into an approval.

use crate::limits::DECISIONS_MAX;
use crate::{Person, Timestamp};
use serde::{Deserialize, Serialize};

/// What people are asked, as it was when the step was parked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The question in one line.
    pub title: String,
    /// More about it, where the author wrote more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// SHA-256 (hex) of the canonical JSON of what is approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_sha256: Option<String>,
    /// Who has to agree, one stage after the other.
    pub stages: Vec<Stage>,
    /// Who may not decide although they are in a group: the requester.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbid: Vec<Person>,
}

/// One stage of an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The groups and people as the file names them.
    pub from: Vec<String>,
    /// The people they stood for when the step was parked.
    pub people: Vec<Person>,
    /// How many of them must approve.
    pub quorum: u32,
}

/// One person's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Who.
    pub by: Person,
    /// What.
    pub verdict: Verdict,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When it was accepted.
    pub at: Timestamp,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Yes.
    Approve,
    /// No. One is enough.
    Reject,
}

/// Why a decision does not count. Nothing of it is journaled.
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
        /// Who tried.
        by: Person,
    },
    /// The person has decided already.
    #[error("{by} has decided this already, at {at}")]
    Twice {
        /// Who tried.
        by: Person,
        /// When they decided.
        at: Timestamp,
    },
    /// More decisions than an approval can hold.
    #[error("this approval holds {DECISIONS_MAX} decisions already")]
    TooMany,
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
        self.stages.iter().find(|stage| stage.missing(decisions) > 0)
    }

    /// Whether this decision counts now.
    pub(crate) fn check(&self, decisions: &[Decision], by: &Person) -> Result<(), Refusal> {
        if self.forbid.contains(by) {
            return Err(Refusal::Forbidden { by: by.clone() });
        }
        if let Some(earlier) = decisions.iter().find(|d| d.by == *by) {
            return Err(Refusal::Twice { by: by.clone(), at: earlier.at });
        }
        if decisions.len() >= DECISIONS_MAX {
            return Err(Refusal::TooMany);
        }
        match self.current_stage(decisions) {
            Some(stage) if stage.people.contains(by) => Ok(()),
            Some(stage) => {
                let asked: Vec<&str> = stage.people.iter().map(Person::as_str).collect();
                Err(Refusal::NotAsked { by: by.clone(), asked: asked.join(", ") })
            }
            None => Err(Refusal::NotAsked { by: by.clone(), asked: "nobody".to_string() }),
        }
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

    /// Whether enough people may decide for every stage to end in a yes.
    ///
    /// # Errors
    /// The first stage that can never reach its quorum, in words for the author.
    pub fn can_be_reached(&self) -> Result<(), String> {
        for (index, stage) in self.stages.iter().enumerate() {
            let able = stage.people.iter().filter(|p| !self.forbid.contains(p)).count();
            if able < stage.quorum as usize {
                return Err(format!(
                    "stage {} needs {} to approve, but only {able} of {} may",
                    index + 1,
                    stage.quorum,
                    stage.from.join(", ")
                ));
            }
        }
        Ok(())
    }
}

impl Stage {
    fn missing(&self, decisions: &[Decision]) -> usize {
        let given = decisions.iter().filter(|d| d.verdict == Verdict::Approve && self.people.contains(&d.by)).count();
        (self.quorum as usize).saturating_sub(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval(quorum: u32, forbid: &[&str]) -> Approval {
        Approval {
            title: "NDA".into(),
            body: None,
            subject_sha256: None,
            stages: vec![Stage {
                from: vec!["legal".into()],
                people: ["lena", "omar", "ada"].map(Person::new).to_vec(),
                quorum,
            }],
            forbid: forbid.iter().map(Person::new).collect(),
        }
    }

    fn decided(by: &str, verdict: Verdict) -> Decision {
        Decision { by: Person::new(by), verdict, comment: None, at: Timestamp::from_millis(1) }
    }

    fn check(approval: &Approval, decisions: &[Decision], by: &str, expected: &str) {
        let answer = match approval.check(decisions, &Person::new(by)) {
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
