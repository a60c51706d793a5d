//! What came of a scenario, in the words of the engine's own timeline.

use super::{NOT_STARTED, Play, Played};
use crate::scenarios::limits::TOLD_MAX;
use crate::scenarios::play::acting::POLL;
use crate::scenarios::world::BEGINNING;
use engross_core::{RunState, StepState};
use engross_runtime::{Clock, timeline};
use engross_store::Store;

impl Play<'_> {
    /// Everything that is to be judged and told.
    pub(super) fn played(self) -> Played {
        let runs = self.runs();
        let mut played = Played {
            status: NOT_STARTED.to_string(),
            calls: self.ledger.calls(),
            told: self.told(&runs),
            took_ms: self.clock.now().ms_since(BEGINNING),
            ..Played::default()
        };
        // The scenario's own run comes first, so that its steps hide those of the same name in others.
        for state in &runs {
            for (id, step) in &state.steps {
                let name = id.to_string();
                if played.steps.contains_key(&name) {
                    continue;
                }
                let stands = step.outcome().map_or_else(|| step.as_str().to_string(), ToString::to_string);
                played.notes.extend(note(step).map(|note| (name.clone(), note)));
                played.steps.insert(name, stands);
            }
        }
        if let Some(run) = runs.first() {
            played.status = run.status.as_str().to_string();
            played.problem = run.problem.as_ref().map(|problem| problem.message.clone()).unwrap_or_default();
            played.outputs = run.outputs.clone();
        }
        played.problems = self.problems;
        played
    }

    fn told(&self, runs: &[RunState]) -> Vec<(u64, String)> {
        let mut told = Vec::new();
        for state in runs {
            let own = state.parent.is_none();
            let records = self.store.journal(&state.run, 0, usize::MAX).unwrap_or_default();
            for (record, entry) in records.iter().zip(timeline(&records)) {
                let text = entry.text.replace(&format!("event {POLL} arrived"), "the provider's object has changed");
                let step = entry.step.map(|step| format!("{step}: ")).unwrap_or_default();
                let whose = if own { String::new() } else { format!("[{}] ", state.workflow) };
                told.push((record.at, own, record.seq, format!("{whose}{step}{text}")));
            }
        }
        told.extend(self.asides.iter().map(|(seq, at, text)| (*at, true, *seq, text.clone())));
        // What one run did comes in the order of its records; asides come after the record that they follow.
        told.sort_by_key(|(at, own, seq, _)| (*at, !own, *seq));
        let more = told.len().saturating_sub(TOLD_MAX);
        let mut told: Vec<(u64, String)> =
            told.into_iter().take(TOLD_MAX).map(|(at, _, _, text)| (at.ms_since(BEGINNING), text)).collect();
        if more > 0 {
            let last = told.last().map_or(0, |(at, _)| *at);
            told.push((last, format!("… and {more} more")));
        }
        told
    }
}

fn note(step: &StepState) -> Option<String> {
    match step {
        StepState::Incident { error, .. } | StepState::InDoubt { error, .. } | StepState::BackingOff { error, .. } => {
            Some(error.to_string())
        }
        StepState::Completed { error, .. } => error.as_ref().map(ToString::to_string),
        StepState::Running { .. }
        | StepState::Waiting { .. }
        | StepState::FannedOut { .. }
        | StepState::Skipped { .. }
        | StepState::Cancelled { .. } => None,
    }
}

/// Each unit of a span with its milliseconds, the largest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A span of time in at most two units: `2d 3h`.
pub fn span_words(ms: u64) -> String {
    let mut left = ms;
    let mut parts = Vec::new();
    for (unit, size) in UNITS {
        if left >= size && parts.len() < 2 {
            parts.push(format!("{}{unit}", left / size));
            left %= size;
        }
    }
    if parts.is_empty() { "0s".to_string() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::span_words;

    #[test]
    fn spans_are_told_in_two_units() {
        for (ms, expected) in [
            (0, "0s"),
            (1, "1ms"),
            (90_000, "1m 30s"),
            (604_800_000, "7d"),
            (176_461_001, "2d 1h"),
            (86_400_001, "1d 1ms"),
        ] {
            assert_eq!(span_words(ms), expected);
        }
    }
}
