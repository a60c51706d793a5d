//! What is done for each item of a list, item by item as time goes: as many at once as may be, none after too many have failed.

use super::interpret::{Course, Interpreter};
use super::rules::End;
use crate::evaluate::Lookup;
use crate::generate::uses;
use engross_core::{Foreach, Need, On, OnError, OutcomeKind, PlanStep};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How the items have gone so far.
#[derive(Default)]
struct Tally {
    allowed: usize,
    bad: usize,
    failed: bool,
    /// Items that never end.
    stuck: usize,
    given_up: bool,
}

/// The items with their keys; none when there is no such list.
fn listed(foreach: &Foreach, scope: &Value) -> Option<Vec<(String, Value)>> {
    let Ok(Value::Array(list)) = foreach.items.value(&Lookup, scope) else { return None };
    let keyed = list.into_iter().enumerate().map(|(index, item)| {
        let key = match &foreach.key {
            Some(key) => key.value(&Lookup, &of_item(scope, index, &item)).ok()?.as_str()?.to_string(),
            None => index.to_string(),
        };
        Some((key, item))
    });
    let items: Vec<(String, Value)> = keyed.collect::<Option<_>>()?;
    let keys: BTreeSet<&String> = items.iter().map(|(key, _)| key).collect();
    (keys.len() == items.len()).then_some(items)
}

/// Whether somebody is asked in it, or in what it starts: of none of these, nobody would be.
fn asks_people(each: &PlanStep) -> bool {
    let of_foreach = each.foreach.iter().any(|foreach| asks_people(&foreach.each));
    each.uses == uses::APPROVAL || of_foreach || each.child.iter().flat_map(|child| &child.steps).any(asks_people)
}

fn of_item(scope: &Value, index: usize, item: &Value) -> Value {
    let mut scope = scope.clone();
    (scope["item"], scope["index"]) = (item.clone(), json!(index));
    scope
}

impl Interpreter<'_> {
    pub(super) fn for_each(
        &self,
        step: &PlanStep,
        foreach: &Foreach,
        scope: &Value,
        begun: u64,
        ended: &mut Vec<(String, Course)>,
    ) -> Course {
        let Some(items) = listed(foreach, scope) else { return self.failed(step, begun, false) };
        if items.is_empty() && asks_people(&foreach.each) {
            return self.failed(step, begun, false);
        }
        let allowed = if foreach.each.uses == uses::APPROVAL { 0 } else { foreach.tolerate.of(items.len()) };
        let mut tally = Tally { allowed, ..Tally::default() };
        let mut pending = items.iter().enumerate().peekable();
        let mut under_way: Vec<(String, Course)> = Vec::new();
        let mut now = begun;
        loop {
            let room = under_way.len() + tally.stuck < foreach.max_parallel as usize;
            let may_begin = room && tally.bad <= tally.allowed && !tally.given_up && !self.given_up_by(now);
            if may_begin && let Some((index, (key, item))) = pending.next() {
                let id = PlanStep::item(&step.id, key).to_string();
                let course = self.done(&foreach.each, &id, &of_item(scope, index, item), now);
                match course.end {
                    End::Open => {
                        tally.stuck += 1;
                        ended.push((id, course));
                    }
                    _ => under_way.push((id, course)),
                }
                continue;
            }
            let next = under_way.iter().enumerate().min_by_key(|(_, (_, course))| course.at).map(|(at, _)| at);
            let Some(next) = next else { break };
            let (id, course) = under_way.remove(next);
            now = now.max(course.at);
            if self.asks(step, foreach, &tally, &course) {
                match self.cut {
                    // Until the run is given up, it takes up its place.
                    Some(cut) => under_way.push((id, Course { end: End::Cancelled, at: cut, ..course })),
                    None => {
                        tally.stuck += 1;
                        ended.push((id, Course { end: End::Open, ..course }));
                    }
                }
                continue;
            }
            tally.count(foreach, &course);
            ended.push((id, course));
        }
        let all = pending.peek().is_none() || tally.bad > tally.allowed;
        match self.cut {
            _ if tally.stuck > 0 => Course { end: End::Open, at: begun, acted: false },
            Some(cut) if !all || tally.given_up || now > cut => {
                Course { end: End::Cancelled, at: now.max(cut), acted: false }
            }
            _ => whole(step, &tally, items.len(), now),
        }
    }

    /// Whether an item that has failed is for a person: it is one failure more than the file puts up with.
    fn asks(&self, step: &PlanStep, foreach: &Foreach, tally: &Tally, course: &Course) -> bool {
        let mut needs = self.plan.definition().steps.iter().flat_map(|s| &s.needs).flat_map(Need::refs);
        let needed = needs.any(|one| one.step == step.id && one.on == On::Outcome("failed".into()));
        matches!(&course.end, End::Outcome(outcome, _) if outcome == "failed")
            && foreach.each.on_error == OnError::Incident
            && !needed
            && tally.bad >= tally.allowed
            && !self.given_up_by(course.at)
    }
}

impl Tally {
    fn count(&mut self, foreach: &Foreach, course: &Course) {
        let End::Outcome(outcome, _) = &course.end else {
            (self.bad, self.given_up) = (self.bad + 1, true);
            return;
        };
        match foreach.each.outcomes.iter().find(|known| known.name.as_str() == outcome).map(|known| known.kind) {
            Some(OutcomeKind::Good | OutcomeKind::Neutral) => {}
            Some(OutcomeKind::Bad) => self.bad += 1,
            Some(OutcomeKind::Failure) | None => (self.bad, self.failed) = (self.bad + 1, true),
        }
    }
}

/// The end of the whole.
fn whole(step: &PlanStep, tally: &Tally, items: usize, at: u64) -> Course {
    let stops = step.outcomes.iter().any(|known| known.name.as_str() == "stopped");
    let outcome = if tally.bad <= tally.allowed {
        "succeeded"
    } else if stops && !tally.failed {
        "stopped"
    } else {
        "failed"
    };
    Course { end: End::Outcome(outcome.to_string(), json!({ "total": items })), at, acted: false }
}
