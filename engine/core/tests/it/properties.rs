//! What holds for every plan and every order of answers: the world's own checks after each turn, and that every run ends.

use crate::world::{StepBuilder, World, plan, step};
use engross_core::{
    Command, EffectClass, ErrorClass, Event, Input, RunStatus, StepError, StepId, TimerId, outstanding,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// For each step: its effect, and what it needs of earlier ones (which, and in which way).
type Shape = Vec<(u8, Vec<(usize, u8)>)>;

fn shape() -> impl Strategy<Value = Shape> {
    prop::collection::vec((0_u8..4, prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4), 0..3)), 1..14)
        .prop_map(|steps| {
            steps
                .into_iter()
                .enumerate()
                .map(|(at, (effect, needs))| {
                    let needs =
                        needs.into_iter().filter(|_| at > 0).map(|(i, how)| (i.index(at.max(1)), how)).collect();
                    (effect, needs)
                })
                .collect()
        })
}

fn build(shape: &Shape) -> Vec<StepBuilder> {
    shape
        .iter()
        .enumerate()
        .map(|(at, (effect, needs))| {
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
            step(&format!("s{at}"), &needs.join(" "), effect)
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
}
