//! Whether enough people are left for every stage to end in a yes, when nobody may decide twice. Somebody who is in several
//! groups can give one of several approvals only, so stages are looked at together: each approval that is missing needs a
//! person of its own, which is a matching of stages and people.

use super::{Approval, Asked, Decision};
use crate::Person;
use std::collections::{BTreeMap, BTreeSet};

/// One stage as far as it is open.
struct Open<'a> {
    /// How many approvals are missing.
    missing: usize,
    /// Who may still give one.
    able: BTreeSet<&'a Person>,
}

impl Approval {
    /// Whether enough people may decide for every stage to end in a yes, when each decides once.
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
        let open = self.stages.iter().map(|stage| Open {
            missing: stage.quorum as usize,
            able: stage.people.iter().filter(|p| !self.forbid.contains(p)).collect(),
        });
        match first_short(&open.collect::<Vec<_>>()) {
            Some(index) => Err(format!(
                "stage {} has too few people who are not needed for an earlier one, and nobody may approve twice",
                index + 1
            )),
            None => Ok(()),
        }
    }

    /// Whether the stages that are open can still be filled, as things stand.
    pub(super) fn is_within_reach(&self, decisions: &[Decision], asked: &Asked) -> bool {
        let Some(current) = self.stage_index(decisions) else { return true };
        let decided: BTreeSet<&Person> = decisions.iter().map(|d| &d.by).collect();
        let open = self.stages.iter().enumerate().skip(current).map(|(index, stage)| {
            let escalated = if index == current { asked.escalated as usize } else { 0 };
            let others = self.escalate.iter().take(escalated).flat_map(|escalation| &escalation.people);
            let people = stage.people.iter().chain(others).map(|person| asked.deputy(person));
            Open {
                missing: if index == current { self.missing(decisions) } else { stage.quorum as usize },
                able: people.filter(|p| !self.forbid.contains(p) && !decided.contains(p)).collect(),
            }
        });
        first_short(&open.collect::<Vec<_>>()).is_none()
    }
}

/// The first stage for which no people are left.
fn first_short(stages: &[Open<'_>]) -> Option<usize> {
    let mut taken = BTreeMap::new();
    (0..stages.len()).find(|index| {
        let missing = stages.get(*index).map_or(0, |stage| stage.missing);
        !(0..missing).all(|_| place(stages, *index, &mut taken, &mut BTreeSet::new()))
    })
}

/// Finds one more person for a stage: a free one, or one whose own stage finds another.
fn place<'a>(
    stages: &[Open<'a>],
    index: usize,
    taken: &mut BTreeMap<&'a Person, usize>,
    seen: &mut BTreeSet<usize>,
) -> bool {
    let Some(stage) = stages.get(index).filter(|_| seen.insert(index)) else { return false };
    if let Some(free) = stage.able.iter().copied().find(|person| !taken.contains_key(person)) {
        taken.insert(free, index);
        return true;
    }
    for person in &stage.able {
        if let Some(other) = taken.get(person).copied()
            && place(stages, other, taken, seen)
        {
            taken.insert(*person, index);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::Stage;
    use super::*;

    fn check(stages: &[(&[&str], u32)], expected: &str) {
        let stages = stages.iter().map(|(people, quorum)| Stage {
            from: vec!["group".into()],
            people: people.iter().map(Person::new).collect(),
            quorum: *quorum,
        });
        let approval = Approval { stages: stages.collect(), ..Approval::default() };
        assert_eq!(approval.can_be_reached().err().unwrap_or_default(), expected);
    }

    #[test]
    fn stages_are_looked_at_together() {
        check(&[(&["lena", "omar"], 1), (&["lena"], 1)], "");
        check(&[(&["lena", "omar"], 1), (&["lena", "zoe"], 1), (&["lena"], 1)], "");
        check(
            &[(&["a", "b", "c"], 2), (&["a", "b"], 1), (&["b"], 1)],
            "stage 3 has too few people who are not needed for an earlier one, and nobody may approve twice",
        );
        check(
            &[(&["lena"], 1), (&["lena"], 1)],
            "stage 2 has too few people who are not needed for an earlier one, and nobody may approve twice",
        );
        check(&[(&["lena"], 1), (&["omar"], 2)], "stage 2 needs 2 to approve, but only 1 of group may");
    }
}
