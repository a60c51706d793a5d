//! The planted bugs that would be in the core: its answer is bent before the shell sees it.

use crate::Bug;
use engross_core::{
    Command, Context, EffectClass, Event, IdempotencyKey, Input, JOURNAL_VERSION, Record, RunState, StepId, StepState,
    Turn, apply, outstanding,
};
use std::collections::BTreeSet;

/// What of an input a bug looks at.
pub(super) enum About {
    Restart,
    Timer,
    Other,
}

impl About {
    pub(super) fn of(input: &Input) -> Self {
        match input {
            Input::Restarted => Self::Restart,
            Input::TimerFired(_) => Self::Timer,
            _ => Self::Other,
        }
    }
}

/// The turn as a core with this bug would have answered.
pub(super) fn wrap(bug: Bug, about: &About, context: Context<'_>, before: Option<&RunState>, turn: Turn) -> Turn {
    let Some(before) = before else { return turn };
    let mut events: Vec<Event> = turn.events().cloned().collect();
    match (bug, about) {
        (Bug::AttemptInKey, _) => {
            for event in &mut events {
                if let Event::EffectIntended { step, attempt, key } = event {
                    let step_with_attempt = StepId::new(format!("{step}/{attempt}"));
                    *key = IdempotencyKey::of(&before.run, &step_with_attempt, 0);
                }
            }
        }
        (Bug::BackOffForgotten, About::Restart) => {
            for (step, state) in before.active() {
                if let StepState::BackingOff { attempt, .. } = state {
                    events.push(Event::StepRetried { step: step.clone(), attempt: attempt + 1 });
                }
            }
        }
        (Bug::TimerFiredTwice, About::Timer) => {
            let again = events.iter().find(|e| matches!(e, Event::StepRetried { .. } | Event::PollDue { .. })).cloned();
            events.extend(again);
        }
        (Bug::UnsafeRepeated, About::Restart) => {
            for event in &mut events {
                if let Event::StepInDoubt { step, .. } = event
                    && context.plan.step(step).is_some_and(|s| s.effect == EffectClass::Unsafe)
                {
                    *event = Event::StepRecovered { step: step.clone() };
                }
            }
        }
        _ => return turn,
    }
    if turn.events().eq(&events) {
        return turn;
    }
    let mut state = before.clone();
    let mut records = Vec::new();
    for event in events {
        apply(&mut state, context.now, &event);
        let (v, seq, at) = (JOURNAL_VERSION, state.seq + 1, context.now);
        let hash = state.hash.next(v, seq, at, &event);
        (state.seq, state.hash) = (seq, hash);
        records.push(Record { v, seq, at, event, hash });
    }
    let (owed, owes): (BTreeSet<Command>, BTreeSet<Command>) = (outstanding(before), outstanding(&state));
    Turn {
        issued: owes.difference(&owed).cloned().collect(),
        withdrawn: owed.difference(&owes).cloned().collect(),
        records,
        state,
    }
}
