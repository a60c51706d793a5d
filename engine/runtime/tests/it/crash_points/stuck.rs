//! Workflows of the reference set that cannot go on by themselves, and what people do about it: tried again, passed over,
//! decided, given up, or run again from a step.

use super::cases::{AfterCrash, Case, LENA, What, When, act, case, yes};
use super::ledger::Mood;

pub(super) fn cases() -> Vec<Case> {
    [incidents(), doubts(), again()].into_iter().flatten().collect()
}

fn incidents() -> Vec<Case> {
    vec![
        Case {
            moods: vec![("a", Mood::Broken)],
            acts: vec![act(When::Stuck("a"), What::Mend { step: "a" }), act(When::Now, What::Retry { step: "a" })],
            ..case(
                "incident_retried",
                "succeeded",
                "steps:
  a: { uses: acme/send, with: { name: x } }
  b: { uses: acme/put, with: { name: '{{ steps.a.outputs.id }}' } }
  c: { uses: acme/fax, with: { name: z } }
outputs: { id: '{{ steps.b.outputs.id }}' }",
            )
        },
        Case {
            moods: vec![("a", Mood::Down)],
            acts: vec![act(When::Stuck("a"), What::Mend { step: "a" }), act(When::Now, What::Retry { step: "a" })],
            ..case(
                "incident_after_retries",
                "succeeded",
                "steps:
  a: { uses: acme/put, with: { name: x }, retry: { attempts: 2, initial: 1m, jitter: none } }
  b: { uses: acme/send, with: { name: '{{ steps.a.outputs.id }}' } }",
            )
        },
        Case {
            moods: vec![("a", Mood::Broken)],
            acts: vec![act(When::Stuck("a"), What::Skip { step: "a" })],
            ..case(
                "incident_skipped",
                "succeeded",
                "steps:
  a: { uses: acme/send, with: { name: x } }
  b: { uses: acme/put, with: { name: '{{ steps.a.outputs.id }}' } }
outputs: { id: '{{ steps.a.outputs.id }}' }",
            )
        },
        Case {
            moods: vec![("a", Mood::Mute(99))],
            acts: vec![act(When::Stuck("a"), What::Skip { step: "a" })],
            ..case(
                "incident_mute_skipped",
                "succeeded",
                "steps:
  a: { uses: acme/put, with: { name: x }, retry: { attempts: 2, initial: 1m, jitter: none } }
  b: { uses: acme/send, with: { name: '{{ steps.a.outputs.id }}' } }",
            )
        },
        Case {
            moods: vec![("a", Mood::Broken)],
            ..case(
                "incident_left",
                "running",
                "steps:
  a: { uses: acme/send, with: { name: x } }
  b: { uses: acme/put, with: { name: '{{ steps.a.outputs.id }}' } }
  c: { uses: acme/send, with: { name: z } }",
            )
        },
        Case {
            moods: vec![("b", Mood::Broken)],
            acts: vec![act(When::Stuck("b"), What::Cancel)],
            ..case(
                "incident_cancelled",
                "cancelled",
                "steps:
  a: { uses: acme/put, with: { name: x } }
  b: { uses: acme/send, with: { name: w }, needs: [a] }
  c: { uses: acme/send, with: { name: z }, needs: [b] }",
            )
        },
        Case {
            moods: vec![("a", Mood::Down)],
            acts: vec![act(When::BackingOff("a"), What::Mend { step: "a" }), act(When::Now, What::Retry { step: "a" })],
            ..case(
                "retried_in_a_pause",
                "succeeded",
                "steps:
  a: { uses: acme/send, with: { name: x }, retry: { attempts: 9, initial: 1d, max: 2d, jitter: none } }
  b: { uses: acme/put, with: { name: '{{ steps.a.outputs.id }}' } }",
            )
        },
    ]
}

fn doubts() -> Vec<Case> {
    vec![
        Case {
            moods: vec![("a", Mood::Mute(9))],
            ..case(
                "doubt_happened",
                "succeeded",
                "steps:
  a: { uses: acme/fax, with: { name: x } }
  b: { uses: acme/put, with: { name: '{{ steps.a.outputs.id }}' } }
outputs: { id: '{{ steps.a.outputs.id }}' }",
            )
        },
        Case {
            moods: vec![("a", Mood::Lost(1))],
            ..case(
                "doubt_not_done",
                "succeeded",
                "steps:
  a: { uses: acme/fax, with: { name: x } }
  b: { uses: acme/fax, with: { name: '{{ steps.a.outputs.id }}' } }
outputs: { id: '{{ steps.a.outputs.id }}' }",
            )
        },
        Case {
            moods: vec![("a", Mood::Mute(9)), ("b", Mood::Lost(1))],
            ..case(
                "doubts_side_by_side",
                "succeeded",
                "steps:
  a: { uses: acme/fax, with: { name: x } }
  b: { uses: acme/fax, with: { name: w } }
  c: { uses: acme/send, with: { name: z }, needs: [a, b] }",
            )
        },
        Case {
            moods: vec![("a", Mood::Mute(9))],
            acts: vec![act(When::Doubted("a"), What::Cancel)],
            after_crash: AfterCrash::OtherSteps,
            ..case(
                "doubt_cancelled",
                "cancelled",
                "steps:
  a: { uses: acme/fax, with: { name: x } }
  b: { uses: acme/put, with: { name: '{{ steps.a.outputs.id }}' } }",
            )
        },
    ]
}

fn again() -> Vec<Case> {
    vec![
        Case {
            acts: vec![act(When::Over, What::Rerun { from: "b" })],
            ..case(
                "rerun",
                "succeeded",
                "steps:
  a: { uses: acme/send, with: { name: x } }
  b: { uses: acme/put, with: { name: '{{ steps.a.outputs.id }}' } }
  c: { uses: acme/send, with: { name: '{{ steps.b.outputs.id }}' } }
outputs: { id: '{{ steps.c.outputs.id }}' }",
            )
        },
        Case {
            moods: vec![("b", Mood::Broken)],
            acts: vec![act(When::Over, What::Mend { step: "b" }), act(When::Now, What::Rerun { from: "b" })],
            ..case(
                "rerun_after_failure",
                "succeeded",
                "steps:
  a: { uses: acme/send, with: { name: x } }
  b: { uses: acme/send, with: { name: '{{ steps.a.outputs.id }}' }, on_error: fail }
outputs: { id: '{{ steps.b.outputs.id }}' }",
            )
        },
        Case {
            acts: vec![
                act(
                    When::Waiting("ask"),
                    What::Decide { step: "ask", by: LENA, verdict: engross_core::Verdict::Reject },
                ),
                act(When::Over, What::Rerun { from: "ask" }),
                act(When::Waiting("ask"), yes("ask", super::cases::OMAR)),
            ],
            ..case(
                "rerun_asks_again",
                "succeeded",
                "steps:
  ask: { uses: approval, with: { title: Send it?, stages: [{ from: [legal] }], expires_in: 7d } }
  a: { uses: acme/send, with: { name: x }, needs: [ask] }",
            )
        },
    ]
}
