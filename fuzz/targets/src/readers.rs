//! The readers of schedules, manifests, policies and spans.

use crate::{INPUT_BYTES_MAX, findings};
use engross_core::limits::SPAN_MS_MAX;
use engross_core::{Timestamp, parse_span};
use engross_policy::{Policy, PolicyTable};
use engross_schedule::{Part, Schedule};
use engross_source::SourceFile;
use serde_json::json;

/// The first moment that schedules are asked about: 2026-01-01T00:00:00Z.
const BEGIN: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// The first line is a pattern, the second a time zone (UTC without one). Reading and searching end; mistakes have places in the
/// text; firings are later and later; a description says the time zone.
pub fn schedule(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data.get(..INPUT_BYTES_MAX).unwrap_or(data));
    let (cron, timezone) = text.split_once('\n').unwrap_or((&text, "UTC"));
    match Schedule::parse(cron, timezone) {
        Err(errors) => {
            assert!(!errors.is_empty(), "a refusal says why");
            for error in errors {
                let of = if error.part == Part::Cron { cron } else { timezone };
                assert!(of.get(error.range.clone()).is_some(), "{error:?} is not in {of:?}");
                assert!(!error.message.is_empty() && error.hint.is_some() && !error.to_string().contains('\n'));
            }
            false
        }
        Ok(schedule) => {
            assert!(schedule.describe().ends_with(&format!("({timezone})")));
            let mut last = BEGIN;
            for _ in 0..8 {
                let Some(next) = schedule.next_after(last) else { break };
                assert!(next > last, "{next} is not after {last}");
                assert_eq!(schedule.fires_between(last, next, 10), [next], "none lies between");
                last = next;
            }
            let again = Schedule::parse(schedule.cron(), schedule.timezone());
            assert_eq!(again.map(|again| again.next_after(BEGIN)), Ok(schedule.next_after(BEGIN)));
            true
        }
    }
}

/// Loading ends; what is refused has findings with places in the file; what is accepted can be described.
pub fn manifest(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data.get(..INPUT_BYTES_MAX).unwrap_or(data));
    let file = SourceFile::new("input.yaml", &text);
    match engross_providers::describe_yaml("input.yaml", &text) {
        Err(found) => {
            assert!(!found.is_empty(), "a refusal says why");
            findings::check(&found, &file);
            false
        }
        Ok(described) => {
            let written = serde_json::to_string(&described);
            assert!(written.is_ok(), "a description is JSON");
            true
        }
    }
}

/// Loading and proving end; what is refused has findings with places in the file; an accepted table is the same as JSON, and never
/// answers with nobody.
pub fn policy(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data.get(..INPUT_BYTES_MAX).unwrap_or(data));
    let file = SourceFile::new("input.policy.yaml", &text);
    match Policy::load(&file) {
        Err(found) => {
            assert!(!found.is_empty(), "a refusal says why");
            findings::check(&found, &file);
            false
        }
        Ok(policy) => {
            let written = serde_json::to_string(policy.table()).unwrap_or_default();
            let again: Option<PolicyTable> = serde_json::from_str(&written).ok();
            assert_eq!(again.as_ref(), Some(policy.table()), "as JSON it is {written}");
            let given = [json!({}), json!({"value": 5, "region": "EU"}), json!({"x": true}), json!(null)];
            for decided in given.iter().filter_map(|given| policy.decide(given).ok()) {
                assert!(!decided.stages.is_empty());
                assert!(decided.stages.iter().all(|stage| !stage.from.is_empty() && stage.quorum > 0));
            }
            true
        }
    }
}

/// Reading ends; a span is within its bound and is written as digits and a unit; a refusal is short.
pub fn span(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data.get(..INPUT_BYTES_MAX).unwrap_or(data));
    match parse_span(&text) {
        Ok(ms) => {
            assert!(ms <= SPAN_MS_MAX, "{text} is {ms} ms");
            let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
            assert!(["ms", "s", "m", "h", "d", "w"].contains(&unit) && unit.len() < text.len(), "{text} is a span");
            assert_eq!(parse_span(&format!("{ms}ms")), Ok(ms), "{text} in milliseconds is the same");
            true
        }
        Err(error) => {
            assert!(error.to_string().chars().count() < 300, "{error}");
            false
        }
    }
}
