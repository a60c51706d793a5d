//! The reference set: small workflows that together go through every kind of step and every state, with what the provider
//! does, and with what people and programs do meanwhile.

use super::ledger::Mood;
use engross_core::Verdict;

/// A workflow, and everything around it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Of the file, all that comes after `inputs`. `inputs.n` is the number of the run.
    pub(crate) workflow: &'static str,
    /// The same of the workflow `sub` that lies beside it, for a case that starts it.
    pub(crate) child: Option<&'static str>,
    /// How many runs are started at once.
    pub(crate) runs: usize,
    pub(crate) moods: Vec<(&'static str, Mood)>,
    /// What is done from outside, one after the other, each as soon as its moment has come.
    pub(crate) acts: Vec<Act>,
    /// How it ends without faults: of each run its status.
    pub(crate) ends: &'static str,
    /// How much of that a crash may change.
    pub(crate) after_crash: AfterCrash,
}

/// What a crash may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterCrash {
    /// Nothing: each run, each step and each effect.
    Same,
    /// How far the steps came before somebody cancelled. The runs end alike.
    OtherSteps,
}

/// Something done from outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act {
    /// To the run of this number.
    pub(crate) run: usize,
    pub(crate) when: When,
    pub(crate) what: What,
}

/// The moment for it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    Now,
    /// The provider has been asked.
    Called(&'static str),
    Waiting(&'static str),
    BackingOff(&'static str),
    /// The step has looked, and saw nothing.
    Looked(&'static str),
    /// An incident was raised at the step.
    Stuck(&'static str),
    /// Nobody knows whether the step's effect happened.
    Doubted(&'static str),
    /// The journal has a fact of this type.
    Noted(&'static str),
    /// The run has ended.
    Over,
}

/// What is done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Decide {
        step: &'static str,
        by: &'static str,
        verdict: Verdict,
    },
    Cancel,
    Event {
        kind: &'static str,
        id: &'static str,
    },
    /// Somebody signs or declines, at the provider.
    Becomes {
        object: &'static str,
        outcome: &'static str,
    },
    /// The provider tells that something happened.
    Hook {
        object: &'static str,
        id: &'static str,
    },
    /// Somebody puts right, at the provider, what keeps this step from working.
    Mend {
        step: &'static str,
    },
    /// Somebody hands on what they are asked.
    Delegate {
        step: &'static str,
        by: &'static str,
        to: &'static str,
    },
    /// What people are asked about was changed.
    Change {
        step: &'static str,
    },
    /// The step is tried again.
    Retry {
        step: &'static str,
    },
    /// The step is passed over, with outputs that somebody supplies.
    Skip {
        step: &'static str,
    },
    /// The step and all that follows from it are run again, with their effects.
    Rerun {
        from: &'static str,
    },
}

pub(super) const fn act(when: When, what: What) -> Act {
    Act { run: 0, when, what }
}

pub(super) const fn yes(step: &'static str, by: &'static str) -> What {
    What::Decide { step, by, verdict: Verdict::Approve }
}

pub(super) const LENA: &str = "lena@acme.example";
pub(super) const OMAR: &str = "omar@acme.example";

pub(super) fn case(name: &'static str, ends: &'static str, workflow: &'static str) -> Case {
    let (moods, acts, after_crash) = (Vec::new(), Vec::new(), AfterCrash::Same);
    Case { name, workflow, child: None, runs: 1, moods, acts, ends, after_crash }
}

/// The reference set.
pub(crate) fn all() -> Vec<Case> {
    let all = [effects(), waits(), signatures(), people(), joins(), ends(), undone(), super::stuck::cases()];
    all.into_iter().chain([super::many::cases(), crowds()]).flatten().collect()
}

fn effects() -> Vec<Case> {
    vec![
        case(
            "values",
            "succeeded",
            "steps:
  a: { uses: set, with: { x: 1, who: '{{ inputs.n }}' } }
  b: { uses: set, with: { w: '{{ steps.a.outputs.x }}' } }
outputs: { w: '{{ steps.b.outputs.w }}' }",
        ),
        Case {
            moods: vec![("a", Mood::Away(2))],
            ..case(
                "read_again",
                "succeeded",
                "steps: { a: { uses: acme/get, with: { name: x }, retry: { attempts: 4, initial: 1m, jitter: none } } }
outputs: { id: '{{ steps.a.outputs.id }}' }",
            )
        },
        case(
            "idempotent",
            "succeeded",
            "steps: { a: { uses: acme/put, with: { name: x } }, b: { uses: acme/put, with: { name: '{{ steps.a.outputs.id }}' } } }
outputs: { id: '{{ steps.b.outputs.id }}' }",
        ),
        Case {
            moods: vec![("a", Mood::Mute(2))],
            ..case(
                "idempotent_mute",
                "succeeded",
                "steps: { a: { uses: acme/put, with: { name: x }, retry: { attempts: 6, initial: 1m, jitter: none } } }
outputs: { id: '{{ steps.a.outputs.id }}' }",
            )
        },
        case(
            "reconcilable",
            "succeeded",
            "steps: { a: { uses: acme/send, with: { name: x } }, b: { uses: acme/send, with: { name: '{{ steps.a.outputs.id }}' } } }
outputs: { id: '{{ steps.b.outputs.id }}' }",
        ),
        Case {
            moods: vec![("a", Mood::Mute(1)), ("b", Mood::Away(2))],
            ..case(
                "reconcilable_mute",
                "succeeded",
                "defaults: { retry: { attempts: 6, initial: 1m, jitter: none } }
steps: { a: { uses: acme/send, with: { name: x } }, b: { uses: acme/send, with: { name: w }, needs: [a] } }
outputs: { id: '{{ steps.a.outputs.id }}' }",
            )
        },
        case(
            "unsafe",
            "succeeded",
            "steps: { a: { uses: acme/fax, with: { name: x } }, b: { uses: acme/put, with: { name: w }, needs: [a] } }
outputs: { id: '{{ steps.a.outputs.id }}' }",
        ),
        Case {
            moods: vec![("a", Mood::Away(2))],
            ..case(
                "unsafe_again",
                "succeeded",
                "steps: { a: { uses: acme/fax, with: { name: x }, retry: { attempts: 6, initial: 1m, jitter: none } } }",
            )
        },
    ]
}

fn waits() -> Vec<Case> {
    vec![
        case(
            "sleep",
            "succeeded",
            "steps: { a: { uses: sleep, with: { for: 3d } }, b: { uses: acme/send, with: { name: x }, needs: [a] } }",
        ),
        Case {
            acts: vec![
                act(When::Now, What::Event { kind: "won", id: "early" }),
                act(When::Waiting("b"), What::Event { kind: "kept", id: "late" }),
                act(When::Now, What::Event { kind: "kept", id: "late" }),
            ],
            ..case(
                "events",
                "succeeded",
                "steps:
  z: { uses: sleep, with: { for: 1h } }
  a: { uses: wait_for_event, with: { type: won, match: { n: '{{ inputs.n }}' } }, needs: [z] }
  b: { uses: wait_for_event, with: { type: kept }, needs: [a] }
  c: { uses: acme/put, with: { name: x }, needs: [b] }
outputs: { event: '{{ steps.b.outputs.event.data.about }}' }",
            )
        },
        case(
            "event_missed",
            "succeeded",
            "steps:
  a: { uses: wait_for_event, with: { type: won }, timeout: 2d }
  b: { uses: acme/send, with: { name: x }, needs: [a.timed_out] }
  c: { uses: acme/send, with: { name: w }, needs: [a] }",
        ),
    ]
}

fn signatures() -> Vec<Case> {
    vec![
        Case {
            acts: vec![
                act(When::Waiting("b"), What::Hook { object: "send-of-x", id: "h1" }),
                act(When::Now, What::Becomes { object: "send-of-x", outcome: "signed" }),
                act(When::Now, What::Hook { object: "send-of-x", id: "h2" }),
                act(When::Now, What::Hook { object: "send-of-x", id: "h2" }),
            ],
            ..case(
                "signed_by_webhook",
                "succeeded",
                "steps:
  a: { uses: acme/send, with: { name: x } }
  b: { uses: acme/await_signed, with: { name: '{{ steps.a.outputs.id }}' }, timeout: 30d }
  c: { uses: acme/get, with: { name: '{{ steps.b.outputs.id }}' } }
outputs: { id: '{{ steps.c.outputs.id }}' }",
            )
        },
        Case {
            acts: vec![act(When::Looked("b"), What::Becomes { object: "send-of-x", outcome: "signed" })],
            ..case(
                "signed_in_silence",
                "succeeded",
                "steps:
  a: { uses: acme/send, with: { name: x } }
  b: { uses: acme/await_signed, with: { name: '{{ steps.a.outputs.id }}', poll_ms: 3600000 }, timeout: 30d }
outputs: { id: '{{ steps.b.outputs.id }}' }",
            )
        },
        Case {
            acts: vec![
                act(When::Waiting("b"), What::Becomes { object: "send-of-x", outcome: "declined" }),
                act(When::Now, What::Hook { object: "send-of-x", id: "h1" }),
            ],
            ..case(
                "declined",
                "stopped",
                "steps:
  a: { uses: acme/send, with: { name: x } }
  b: { uses: acme/await_signed, with: { name: '{{ steps.a.outputs.id }}' }, timeout: 30d }
  c: { uses: acme/put, with: { name: w }, needs: [b] }
  d: { uses: acme/put, with: { name: z }, needs: [{ any: [b.declined, b.timed_out] }] }",
            )
        },
        case(
            "never_signed",
            "stopped",
            "steps:
  a: { uses: acme/await_signed, with: { name: x, poll_ms: 86400000 }, timeout: 2d }
  b: { uses: acme/put, with: { name: w }, needs: [a.timed_out] }",
        ),
    ]
}

fn people() -> Vec<Case> {
    vec![
        Case {
            acts: vec![act(When::Waiting("ask"), yes("ask", LENA)), act(When::Now, yes("ask", OMAR))],
            ..case(
                "approved",
                "succeeded",
                "steps:
  ask: { uses: approval, with: { title: Send it?, stages: [{ from: [legal], quorum: 2 }], expires_in: 7d } }
  a: { uses: acme/send, with: { name: x }, needs: [ask] }
outputs: { by: '{{ steps.ask.outputs.decided_by }}' }",
            )
        },
        Case {
            acts: vec![act(When::Waiting("ask"), What::Decide { step: "ask", by: OMAR, verdict: Verdict::Reject })],
            ..case(
                "rejected",
                "stopped",
                "steps:
  ask: { uses: approval, with: { title: Send it?, stages: [{ from: [legal], quorum: 2 }], expires_in: 7d } }
  a: { uses: acme/send, with: { name: x }, needs: [ask] }
  b: { uses: acme/put, with: { name: x }, needs: [{ any: [ask.rejected, ask.expired] }] }",
            )
        },
        Case {
            acts: vec![
                act(When::Noted("escalated"), yes("ask", "max@acme.example")),
                act(When::Now, What::Change { step: "ask" }),
                act(When::Now, What::Delegate { step: "ask", by: LENA, to: "zoe@acme.example" }),
                act(When::Now, yes("ask", "zoe@acme.example")),
                act(When::Now, yes("ask", OMAR)),
            ],
            ..case(
                "approved_after_all",
                "succeeded",
                "steps:
  ask:
    uses: approval
    with:
      title: Send it?
      stages: [{ from: [legal], quorum: 2 }]
      remind: { every: 1d, max: 2 }
      escalate: [{ after: 60h, to: [leads] }]
      expires_in: 7d
  a: { uses: acme/send, with: { name: x }, needs: [ask] }
outputs: { by: '{{ steps.ask.outputs.decided_by }}' }",
            )
        },
        Case {
            acts: vec![act(When::Waiting("ask"), yes("ask", LENA))],
            ..case(
                "expired",
                "stopped",
                "steps:
  ask: { uses: approval, with: { title: Send it?, stages: [{ from: [legal], quorum: 2 }], expires_in: 7d } }
  a: { uses: acme/send, with: { name: x }, needs: [ask] }
  b: { uses: acme/put, with: { name: x }, needs: [{ done: [ask] }] }
outputs: { by: '{{ steps.ask.outputs.decided_by }}' }",
            )
        },
    ]
}

fn joins() -> Vec<Case> {
    vec![
        case(
            "any_of_two",
            "succeeded",
            "steps:
  slow: { uses: sleep, with: { for: 2d } }
  quick: { uses: sleep, with: { for: 1h } }
  a: { uses: acme/send, with: { name: x }, needs: [{ any: [slow, quick] }] }
  b: { uses: acme/put, with: { name: w }, needs: [a, slow] }",
        ),
        case(
            "conditions",
            "succeeded",
            "steps:
  a: { uses: set, with: { big: true } }
  b: { uses: acme/put, with: { name: x }, if: '{{ steps.a.outputs.big }}' }
  c: { uses: acme/send, with: { name: w }, if: '{{ inputs.n == \"7\" }}' }
  d: { uses: acme/put, with: { name: z }, needs: [c] }
outputs: { b: '{{ steps.b.outputs.id }}', c: '{{ steps.c.outputs.id }}' }",
        ),
        case(
            "diamond",
            "succeeded",
            "steps:
  a: { uses: acme/put, with: { name: x } }
  b: { uses: acme/send, with: { name: b }, needs: [a] }
  c: { uses: acme/put, with: { name: c }, needs: [a] }
  d: { uses: acme/get, with: { name: d }, needs: [a] }
  e: { uses: acme/send, with: { name: '{{ steps.b.outputs.id }}' }, needs: [b, c, d] }
outputs: { e: '{{ steps.e.outputs.id }}' }",
        ),
    ]
}

fn ends() -> Vec<Case> {
    vec![
        Case {
            moods: vec![("a", Mood::Refuses(99))],
            ..case(
                "failure_handled",
                "succeeded",
                "steps:
  a: { uses: acme/put, with: { name: x } }
  b: { uses: acme/send, with: { name: w }, needs: [a.failed] }
  c: { uses: acme/send, with: { name: z }, needs: [a] }",
            )
        },
        Case {
            moods: vec![("a", Mood::Away(99))],
            ..case(
                "failure_passed_over",
                "succeeded",
                "steps:
  a: { uses: acme/put, with: { name: x }, on_error: continue, retry: { attempts: 2, initial: 1m, jitter: none } }
  b: { uses: acme/send, with: { name: w } }",
            )
        },
        Case {
            moods: vec![("a", Mood::Refuses(99))],
            ..case(
                "failure",
                "failed",
                "steps:
  a: { uses: acme/send, with: { name: x }, on_error: fail }
  b: { uses: acme/send, with: { name: w }, needs: [a] }
  c: { uses: acme/put, with: { name: z } }",
            )
        },
        case(
            "out_of_time",
            "failed",
            "run: { timeout: 1d }
steps:
  a: { uses: acme/send, with: { name: x } }
  ask: { uses: approval, with: { title: Send it?, stages: [{ from: [legal] }], expires_in: 7d }, needs: [a] }
  b: { uses: acme/send, with: { name: w }, needs: [ask] }",
        ),
        Case {
            moods: vec![("b", Mood::Away(99))],
            acts: vec![act(When::BackingOff("b"), What::Cancel)],
            ..case(
                "cancelled_in_a_pause",
                "cancelled",
                "steps:
  a: { uses: acme/put, with: { name: x } }
  b: { uses: acme/send, with: { name: w }, needs: [a], retry: { attempts: 9, initial: 1h, max: 1d, jitter: none } }
  c: { uses: acme/send, with: { name: z }, needs: [b] }",
            )
        },
        Case {
            moods: vec![("a", Mood::Slow(1))],
            acts: vec![act(When::Called("a"), What::Cancel)],
            after_crash: AfterCrash::OtherSteps,
            ..case(
                "cancelled_at_work",
                "cancelled",
                "steps:
  a: { uses: acme/send, with: { name: x } }
  ask: { uses: approval, with: { title: Send it?, stages: [{ from: [legal] }], expires_in: 7d }, needs: [a] }",
            )
        },
    ]
}

fn undone() -> Vec<Case> {
    vec![
        Case {
            moods: vec![("c", Mood::Refuses(99))],
            ..case(
                "failed_and_undone",
                "failed",
                "steps:
  a: { uses: acme/send, with: { name: x }, compensate: { uses: acme/put, with: { name: '{{ steps.a.outputs.id }}' } } }
  b: { uses: acme/put, with: { name: w }, needs: [a], compensate: { uses: acme/send, with: { name: gone } } }
  c: { uses: acme/send, with: { name: z }, needs: [b], on_error: fail }",
            )
        },
        Case {
            acts: vec![act(When::Waiting("ask"), What::Cancel)],
            ..case(
                "cancelled_and_undone",
                "cancelled",
                "steps:
  a: { uses: acme/send, with: { name: x }, compensate: { uses: acme/put, with: { name: '{{ steps.a.outputs.id }}' } } }
  ask: { uses: approval, with: { title: Send it?, stages: [{ from: [legal] }], expires_in: 7d }, needs: [a] }",
            )
        },
    ]
}

fn crowds() -> Vec<Case> {
    vec![
        Case {
            runs: 3,
            moods: vec![("b", Mood::Mute(1))],
            ..case(
                "crowd",
                "succeeded succeeded succeeded",
                "steps:
  a: { uses: acme/put, with: { name: '{{ inputs.n }}' } }
  b: { uses: acme/send, with: { name: '{{ inputs.n }}' }, retry: { attempts: 6, initial: 1m, jitter: none } }
  c: { uses: acme/get, with: { name: '{{ inputs.n }}' }, needs: [a, b] }
outputs: { id: '{{ steps.b.outputs.id }}' }",
            )
        },
        Case {
            runs: 2,
            acts: vec![
                act(When::Waiting("ask"), yes("ask", LENA)),
                Act { run: 1, when: When::Waiting("ask"), what: yes("ask", OMAR) },
                act(When::Waiting("signed"), What::Becomes { object: "send-of-0", outcome: "signed" }),
                act(When::Now, What::Hook { object: "send-of-0", id: "h0" }),
                Act {
                    run: 1,
                    when: When::Waiting("signed"),
                    what: What::Becomes { object: "send-of-1", outcome: "signed" },
                },
                Act { run: 1, when: When::Now, what: What::Hook { object: "send-of-1", id: "h1" } },
            ],
            ..case(
                "contracts",
                "succeeded succeeded",
                "steps:
  create: { uses: acme/send, with: { name: '{{ inputs.n }}' } }
  fill: { uses: acme/put, with: { name: '{{ steps.create.outputs.id }}' } }
  ask: { uses: approval, with: { title: Send it?, stages: [{ from: [legal] }], forbid: [requester], expires_in: 7d }, needs: [fill] }
  send: { uses: acme/send, with: { name: '{{ inputs.n }}' }, needs: [ask] }
  signed: { uses: acme/await_signed, with: { name: '{{ steps.send.outputs.id }}', poll_ms: 900000 }, timeout: 30d }
  get: { uses: acme/get, with: { name: '{{ steps.signed.outputs.id }}' } }
  tell: { uses: acme/fax, with: { name: x }, needs: [{ any: [ask.rejected, ask.expired, signed.declined, signed.timed_out] }] }
outputs: { id: '{{ steps.get.outputs.id }}' }",
            )
        },
    ]
}
