//! More of the reference set: steps for each item of a list, runs that steps start, and runs that take turns.

use super::cases::{AfterCrash, Case, What, When, act, case};
use super::ledger::Mood;

pub(super) fn cases() -> Vec<Case> {
    items().into_iter().chain(children()).chain(groups()).collect()
}

fn items() -> Vec<Case> {
    vec![
        Case {
            moods: vec![("a[q]", Mood::Mute(1)), ("b[r]", Mood::Away(1))],
            ..case(
                "items",
                "succeeded",
                "defaults: { retry: { attempts: 6, initial: 1m, jitter: none } }
steps:
  a: { uses: acme/put, foreach: { items: [p, q, r], key: '{{ item }}', max_parallel: 2 }, with: { name: '{{ item }}' } }
  b: { uses: acme/send, foreach: { items: '{{ steps.a.outputs.results }}', key: '{{ item.key }}', max_parallel: 1 }, with: { name: '{{ item.outputs.id }}' } }
outputs: { n: '{{ steps.b.outputs.total }}' }",
            )
        },
        Case {
            moods: vec![("b[q]", Mood::Refuses(99))],
            ..case(
                "items_undone",
                "failed",
                "steps:
  a:
    uses: acme/send
    foreach: { items: [p, q], key: '{{ item }}', max_parallel: 1 }
    with: { name: '{{ item }}' }
    compensate: { uses: acme/put, with: { name: '{{ steps.a.outputs.id }}' } }
  b: { uses: acme/put, foreach: { items: [p, q, r], key: '{{ item }}', max_parallel: 1 }, with: { name: w }, needs: [a], on_error: fail }",
            )
        },
    ]
}

const CHILD: &str = "steps:
  a: { uses: acme/send, with: { name: '{{ inputs.n }}' } }
  s: { uses: sleep, with: { for: 1h }, needs: [a] }
  b: { uses: acme/put, with: { name: w }, needs: [s] }
outputs: { id: '{{ steps.a.outputs.id }}' }";

const PARENT: &str = "steps:
  sub: { uses: workflow, with: { name: sub, inputs: { n: '{{ inputs.n }}' } }, on_error: fail }
  c: { uses: acme/put, with: { name: '{{ steps.sub.outputs.id }}' } }
outputs: { id: '{{ steps.c.outputs.id }}' }";

fn children() -> Vec<Case> {
    vec![
        Case { child: Some(CHILD), ..case("child", "succeeded", PARENT) },
        Case {
            child: Some(
                "steps: { a: { uses: acme/send, with: { name: x }, on_error: fail } }\noutputs: { id: '{{ steps.a.outputs.id }}' }",
            ),
            moods: vec![("a", Mood::Refuses(99))],
            ..case("child_failed", "failed", PARENT)
        },
        Case {
            child: Some(CHILD),
            acts: vec![act(When::Waiting("sub"), What::Cancel)],
            after_crash: AfterCrash::OtherSteps,
            ..case("child_cancelled", "cancelled", PARENT)
        },
    ]
}

fn groups() -> Vec<Case> {
    vec![Case {
        runs: 3,
        moods: vec![("a", Mood::Mute(1))],
        ..case(
            "group",
            "succeeded succeeded succeeded",
            "run: { concurrency: { group: all, limit: 1 } }
defaults: { retry: { attempts: 6, initial: 1m, jitter: none } }
steps:
  a: { uses: acme/send, with: { name: '{{ inputs.n }}' } }
  b: { uses: sleep, with: { for: 1h }, needs: [a] }
outputs: { id: '{{ steps.a.outputs.id }}' }",
        )
    }]
}
