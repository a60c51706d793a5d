//! I3: the idempotency key of a step is the same to the last byte on every attempt and after every restart, and no other step of the
//! run has it: one item of a list has another than the next.

use super::{Held, Violation, Watched};
use engross_core::{Event, Record};

pub(super) fn check(watched: &mut Watched, record: &Record) -> Held {
    let Event::EffectIntended { step, key, .. } = &record.event else { return Ok(()) };
    if let Some((other, _)) = watched.keys.iter().find(|(of, known)| *of != step && *known == key.as_str()) {
        let run = &watched.state.run;
        return Err(Violation::new("I3", format!("{run}: {step} and {other} have the key {key}")));
    }
    let known = watched.keys.entry(step.clone()).or_insert_with(|| key.to_string());
    if known != key.as_str() {
        let run = &watched.state.run;
        return Err(Violation::new("I3", format!("{run} {step}: the key was {known}, and is {key} now")));
    }
    Ok(())
}
