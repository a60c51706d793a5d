//! The planted bugs that would be in the core: its answer is bent before the shell sees it.

use crate::Bug;
use engross_core::{
    Command, Context, EffectClass, Event, IdempotencyKey, Input, JOURNAL_VERSION, OutcomeName, PlanStep, Record,
    ResolvedBy, RunState, StepId, StepState, Turn, Verdict, apply, outstanding,
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
        (Bug::ItemKeyForgotten, _) => {
            for event in &mut events {
                if let Event::EffectIntended { step, key, .. } = event
                    && let Some((of, _)) = PlanStep::item_of(step)
                {
                    *key = before.idempotency_key(&of);
                }
            }
        }
        (Bug::OneItemTooMany, _) => events.extend(one_item_more(context, before, &events)),
        (Bug::ResetForgotten, _) => events.extend(approved_all_the_same(before, &events)),
        (Bug::LeftUnnamed, _) => events.iter_mut().for_each(unnamed),
        (Bug::UndoneInFileOrder, _) => undone_in_file_order(context, before, &mut events),
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

/// The first item of a list that has not begun, although as many are under way as may be.
fn one_item_more(context: Context<'_>, before: &RunState, events: &[Event]) -> Option<Event> {
    let begun = events.iter().rev().find_map(|event| match event {
        Event::StepScheduled { step, input, .. } => Some((PlanStep::item_of(step)?.0, input.clone())),
        _ => None,
    });
    let (of, input) = begun?;
    let mut after = before.clone();
    events.iter().for_each(|event| apply(&mut after, context.now, event));
    let items = after.items.get(&of)?;
    let next = items.iter().map(|item| PlanStep::item(&of, &item.key)).find(|id| after.is_pending(id))?;
    Some(Event::StepScheduled { step: next, input, deadline: None })
}

/// The end of an approval that was reset and has had one yes since.
fn approved_all_the_same(before: &RunState, events: &[Event]) -> Option<Event> {
    let [Event::DecisionRecorded { step, decision }] = events else { return None };
    let StepState::Waiting { asked, .. } = before.steps.get(step)? else { return None };
    (asked.resets > 0 && decision.verdict == Verdict::Approve).then(|| Event::StepCompleted {
        step: step.clone(),
        outcome: OutcomeName::new("approved"),
        outputs: serde_json::Value::Null,
        error: None,
        resolved_by: ResolvedBy::Decision,
    })
}

/// The end of a run without what is left of it at the provider.
fn unnamed(event: &mut Event) {
    let (Event::RunEnded { problem: Some(problem), .. } | Event::CompensationStarted { problem: Some(problem), .. }) =
        event
    else {
        return;
    };
    if let Some((blame, _)) = problem.message.split_once("; ") {
        problem.message = blame.to_string();
    }
}

fn undone_in_file_order(context: Context<'_>, before: &RunState, events: &mut [Event]) {
    let mut after = before.clone();
    for event in events {
        if let Event::StepScheduled { step, .. } = event
            && PlanStep::undone_by(step).is_some()
        {
            let first = context.plan.in_state(&after).find_map(|(id, spec)| {
                let undoing = PlanStep::undoing(&id);
                let done = after.steps.get(&id).and_then(StepState::outcome).is_some_and(|o| o.as_str() == "succeeded");
                (spec.compensate.is_some() && done && after.is_pending(&undoing)).then_some(undoing)
            });
            *step = first.unwrap_or_else(|| step.clone());
        }
        apply(&mut after, context.now, event);
    }
}
