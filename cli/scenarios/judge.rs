//! What came of a scenario against what was expected of it. Every difference, in words.

use crate::scenarios::model::{Expect, Scenario};
use crate::scenarios::play::{NOT_STARTED, Played};
use serde_json::Value;

/// Everything that is not as expected; nothing where all is well.
pub fn judge(scenario: &Scenario, played: &Played) -> Vec<String> {
    let mut wrong = played.problems.clone();
    if played.status == NOT_STARTED {
        return wrong;
    }
    let Expect { outcome, steps, calls, never_called, outputs } = &scenario.expect;
    if let Some(expected) = outcome
        && played.status != expected.as_str()
    {
        let why = if played.problem.is_empty() { String::new() } else { format!(": {}", played.problem) };
        wrong.push(format!("the run was to be `{}`, and is `{}`{why}", expected.as_str(), played.status));
    }
    for (step, expected) in steps {
        let actual = played.steps.get(step).map_or("pending", String::as_str);
        if actual != expected {
            let why = played.notes.get(step).map(|note| format!(" ({note})")).unwrap_or_default();
            wrong.push(format!("the step `{step}` was to be `{expected}`, and is `{actual}`{why}"));
        }
    }
    let called = |uses: &String| played.calls.get(uses).copied().unwrap_or(0);
    for (uses, expected) in calls {
        if called(uses) != *expected {
            wrong.push(format!("`{uses}` was to be called {}, and was {}", times(*expected), times(called(uses))));
        }
    }
    for uses in never_called {
        if called(uses) > 0 {
            wrong.push(format!("`{uses}` was never to be called, and was {}", times(called(uses))));
        }
    }
    if let Some(expected) = outputs {
        differences("outputs", expected, &played.outputs, &mut wrong);
    }
    wrong
}

fn times(count: u64) -> String {
    match count {
        0 => "never".to_string(),
        1 => "once".to_string(),
        2 => "twice".to_string(),
        more => format!("{more} times"),
    }
}

/// Maps may hold more than is expected of them; everything else must be the same. Recursion follows the file, whose depth the
/// loader bounds.
fn differences(place: &str, expected: &Value, actual: &Value, wrong: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, expected) in expected {
                differences(&format!("{place}.{name}"), expected, actual.get(name).unwrap_or(&Value::Null), wrong);
            }
        }
        (expected, actual) if expected == actual => {}
        (expected, actual) => wrong.push(format!("`{place}` was to be {expected}, and is {actual}")),
    }
}

#[cfg(test)]
mod tests {
    use super::differences;
    use serde_json::{Value, json};

    fn check(expected: Value, actual: Value, told: &[&str]) {
        let mut wrong = Vec::new();
        differences("outputs", &expected, &actual, &mut wrong);
        assert_eq!(wrong, told);
    }

    #[test]
    fn maps_may_hold_more_and_all_differences_are_told() {
        check(json!({ "a": 1 }), json!({ "a": 1, "b": 2 }), &[]);
        check(
            json!({ "a": { "b": 1, "c": 2 }, "d": [1] }),
            json!({ "a": { "b": 2 }, "d": [1, 2] }),
            &[
                "`outputs.a.b` was to be 1, and is 2",
                "`outputs.a.c` was to be 2, and is null",
                "`outputs.d` was to be [1], and is [1,2]",
            ],
        );
    }
}
