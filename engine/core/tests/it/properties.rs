//! What holds for every plan and every order of answers: the world's own checks after each turn, and that every run ends.

use crate::world::{StepBuilder, World, plan, step};
use engross_core::{
    Command, EffectClass, ErrorClass, Event, Expr, Foreach, Input, PlanStep, RunStatus, StepError, StepId, TimerId,
    Tolerance, outstanding,
};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;

/// For each step: its effect, whether it is done for each item of a list or undone (`how`), and what it needs of earlier ones
/// (which, and in which way).
type Shape = Vec<(u8, u8, Vec<(usize, u8)>)>;

/// One step as it is drawn: what it needs is an index into those before it.
type Drawn = (u8, u8, Vec<(prop::sample::Index, u8)>);

fn shape() -> impl Strategy<Value = Shape> {
    let needs = prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4), 0..3);
    prop::collection::vec((0_u8..4, any::<u8>(), needs), 1..14).prop_map(|steps| {
        let earlier = |(at, (effect, how, needs)): (usize, Drawn)| {
            let needs = needs.into_iter().filter(|_| at > 0).map(|(i, how)| (i.index(at.max(1)), how)).collect();
            (effect, how, needs)
        };
        steps.into_iter().enumerate().map(earlier).collect()
    })
}

/// Has a step undone when the run fails, or done for each of some items, or both.
fn more(mut step: StepBuilder, how: u8) -> StepBuilder {
    let id = step.0.id.clone();
    let undone = how & 1 == 1;
    if undone {
        let mut undoing = crate::world::step(id.as_str(), "", EffectClass::Idempotent).0;
        undoing.id = PlanStep::undoing(&id);
        step.0.compensate = Some(Box::new(undoing));
    }
    if how & 6 == 6 {
        let mut each = step.0.clone();
        (each.id, each.needs) = (PlanStep::item(&id, ""), Vec::new());
        let items = json!((0..how >> 6).map(|n| format!("item {n}")).collect::<Vec<_>>());
        let tolerate = Tolerance::Count(u32::from(how >> 3 & 1));
        let max_parallel = 1 + u32::from(how >> 4 & 3);
        let foreach = Foreach { items: Expr::Literal(items), key: None, max_parallel, tolerate, each };
        (step.0.foreach, step.0.compensate, step.0.effect) = (Some(Box::new(foreach)), None, EffectClass::Read);
    }
    step
}

fn build(shape: &Shape) -> Vec<StepBuilder> {
    shape
        .iter()
        .enumerate()
        .map(|(at, (effect, how, needs))| {
            let needs: Vec<String> = needs
                .iter()
                .map(|(of, how)| match how {
                    0 => format!("s{of}"),
                    1 => format!("s{of}.failed"),
                    2 => format!("s{of}!"),
                    _ => format!("s{of}|s{of}.failed"),
                })
                .collect();
            let effect = match effect {
                0 => EffectClass::Read,
                1 => EffectClass::Idempotent,
                2 => EffectClass::Reconcilable,
                _ => EffectClass::Unsafe,
            };
            more(step(&format!("s{at}"), &needs.join(" "), effect), *how)
        })
        .collect()
}

/// Does what is owed, in an order and with answers that `choices` tells, until nothing is owed.
fn drive(world: &mut World, choices: &[u8]) {
    let mut next = choices.iter().cycle().copied();
    for _ in 0..2_000 {
        let state = world.state.clone().unwrap();
        let owed: Vec<Command> = outstanding(&state).into_iter().collect();
        if owed.is_empty() {
            return;
        }
        let choice = next.next().unwrap_or(0);
        match &owed[usize::from(choice) % owed.len()] {
            Command::RunStep { step, attempt } => attempt_one(world, step, *attempt, choice),
            Command::ArmTimer { timer: TimerId { step: Some(step), kind }, at } => {
                world.at(at.as_millis()).timer(step.as_str(), *kind);
            }
            other => panic!("this world has no {other:?}"),
        }
    }
    panic!("the run does not end:\n{}", world.trace);
}

fn attempt_one(world: &mut World, step: &StepId, attempt: u32, choice: u8) {
    let id = step.as_str();
    let reads = world.plan.step(step).unwrap().effect == EffectClass::Read;
    if !reads {
        world.intend(id, attempt);
    }
    match choice % 7 {
        0..=2 => world.done(id, attempt),
        3 => world.fails(id, attempt, StepError::new(ErrorClass::Invalid, "no", "no")),
        4 => world.fails(id, attempt, StepError::new(ErrorClass::Transient, "away", "away")),
        5 if !reads => world.fails(id, attempt, StepError::new(ErrorClass::Transient, "lost", "lost").maybe_done()),
        _ => world.give(Input::Restarted),
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_run_ends_or_stops_in_doubt(shape in shape(), choices in prop::collection::vec(any::<u8>(), 8..64)) {
        let mut world = World::start(plan(build(&shape)));
        drive(&mut world, &choices);
        let state = world.state.clone().unwrap();
        let doubts = state.active().count();
        prop_assert!(state.status.is_over() || doubts > 0, "{}", world.trace);
        prop_assert!(!matches!(state.status, RunStatus::Cancelled | RunStatus::Stopped));
    }

    #[test]
    fn a_step_is_scheduled_once_keeps_one_key_and_an_unsafe_one_is_never_repeated_in_doubt(
        shape in shape(), choices in prop::collection::vec(any::<u8>(), 8..64)
    ) {
        let mut world = World::start(plan(build(&shape)));
        drive(&mut world, &choices);
        let mut scheduled: BTreeMap<StepId, u32> = BTreeMap::new();
        let mut keys: BTreeMap<StepId, String> = BTreeMap::new();
        let mut doubtful: BTreeMap<StepId, bool> = BTreeMap::new();
        for record in &world.journal {
            match &record.event {
                Event::StepScheduled { step, .. } => {
                    *scheduled.entry(step.clone()).or_default() += 1;
                }
                Event::EffectIntended { step, key, .. } => {
                    let known = keys.entry(step.clone()).or_insert_with(|| key.to_string());
                    prop_assert_eq!(&*known, key.as_str());
                    let is_unsafe = world.plan.step(step).unwrap().effect == EffectClass::Unsafe;
                    prop_assert!(!(is_unsafe && doubtful.get(step).copied().unwrap_or(false)), "{}", world.trace);
                    doubtful.insert(step.clone(), true);
                }
                // A refusal settles that nothing happened; only then may an unsafe effect be intended again.
                Event::AttemptFailed { step, error, .. } if error.effect == engross_core::EffectState::NotDone => {
                    doubtful.insert(step.clone(), false);
                }
                _ => {}
            }
        }
        prop_assert!(scheduled.values().all(|n| *n == 1));
    }

    #[test]
    fn no_more_items_are_under_way_than_may_be_and_what_was_done_is_undone_when_a_run_fails(
        shape in shape(), choices in prop::collection::vec(any::<u8>(), 8..64)
    ) {
        let mut world = World::start(plan(build(&shape)));
        drive(&mut world, &choices);
        let mut under_way: BTreeMap<StepId, u32> = BTreeMap::new();
        for record in &world.journal {
            match &record.event {
                Event::StepScheduled { step, .. } => {
                    if let Some((of, _)) = PlanStep::item_of(step) {
                        let count = under_way.entry(of.clone()).or_default();
                        *count += 1;
                        let most = world.plan.step(&of).unwrap().foreach.as_ref().unwrap().max_parallel;
                        prop_assert!(*count <= most, "{}", world.trace);
                    }
                }
                Event::StepCompleted { step, .. } => {
                    if let Some((of, _)) = PlanStep::item_of(step) {
                        *under_way.entry(of).or_default() -= 1;
                    }
                }
                _ => {}
            }
        }
        let state = world.state.clone().unwrap();
        let succeeded = |id: &StepId| state.steps[id].outcome().is_some_and(|outcome| outcome.as_str() == "succeeded");
        let undoable = world.plan.in_state(&state).filter(|(_, spec)| spec.compensate.is_some());
        for id in undoable.map(|(id, _)| id).filter(|id| state.steps.contains_key(id)) {
            let undone = state.steps.contains_key(&PlanStep::undoing(&id));
            prop_assert!(!undone || succeeded(&id), "{}", world.trace);
            if state.status.is_over() {
                prop_assert_eq!(undone, succeeded(&id) && state.status == RunStatus::Failed, "{}", world.trace);
            }
        }
    }
}
