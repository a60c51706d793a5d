//! Steps that wait for a person because they cannot go on: tried again, answered, run again from a step, or given up.

use crate::world::{StepBuilder, World, plan, step, wait};
use engross_core::{
    Answer, Completion, Deadline, EffectClass, ErrorClass, Input, OnError, OnEvent, OutcomeName, Person, RunStatus,
    StepError, StepId, Subscription, Timestamp, Wait, WaitKind,
};
use insta::assert_snapshot;
use serde_json::json;

fn away() -> StepError {
    StepError::new(ErrorClass::Transient, "away", "away")
}

fn key_is_wrong() -> StepError {
    StepError::new(ErrorClass::Auth, "http_401", "the key is wrong")
}

/// As the file leaves it: what fails waits for a person.
fn stuck(id: &str, needs: &str, effect: EffectClass) -> StepBuilder {
    step(id, needs, effect).with(|s| s.on_error = OnError::Incident)
}

fn retry(step: &str) -> Input {
    Input::Retry { step: StepId::new(step), attempt: None, by: Person::new("lena"), comment: None }
}

fn ended(step: &str, outcome: &str) -> Input {
    let answer = Answer::Ended(Completion::new(outcome, json!({ "id": "by-hand" })));
    Input::Answer {
        step: StepId::new(step),
        attempt: None,
        by: Person::new("lena"),
        answer,
        comment: Some("seen it".into()),
    }
}

fn not_done(step: &str) -> Input {
    Input::Answer {
        step: StepId::new(step),
        attempt: None,
        by: Person::new("lena"),
        answer: Answer::NotDone,
        comment: None,
    }
}

fn rerun(from: &str, effects_again: bool) -> Input {
    Input::Rerun {
        from: StepId::new(from),
        by: Person::new("lena"),
        effects_again,
        going_on: Default::default(),
        comment: None,
    }
}

fn cancel() -> Input {
    Input::Cancel { by: Person::new("lena"), reason: None }
}

#[test]
fn attempts_that_end_leave_an_incident_and_a_person_gives_new_ones() {
    let mut w = World::start(plan(vec![
        stuck("send", "", EffectClass::Idempotent).with(|s| s.retry.attempts = 2),
        stuck("after", "send", EffectClass::Read),
    ]));
    w.intend("send", 1).fails("send", 1, away()).at(100).timer("send", engross_core::TimerKind::Retry);
    w.intend("send", 2).fails("send", 2, away().maybe_done());
    assert_eq!(w.status(), RunStatus::Running);
    w.at(5_000).give(retry("send")).intend("send", 3).fails("send", 3, away());
    // A person need not wait for a pause.
    w.give(retry("send")).intend("send", 4).done("send", 4).done("after", 1);
    assert_eq!(w.status(), RunStatus::Succeeded);
    assert_snapshot!(w.trace);
}

#[test]
fn a_person_says_how_a_step_ended_that_cannot() {
    let mut w = World::start(plan(vec![
        stuck("create", "", EffectClass::Unsafe),
        stuck("send", "create", EffectClass::Unsafe),
    ]));
    w.intend("create", 1).fails("create", 1, key_is_wrong());
    w.give(ended("create", "flying")).give(not_done("create")).give(ended("create", "succeeded"));
    w.intend("send", 1).fails("send", 1, away().maybe_done());
    w.give(retry("send")).give(not_done("send"));
    // The same word once more, after the next doubt: it was said of the first attempt.
    let again = Input::Answer {
        step: StepId::new("send"),
        attempt: Some(1),
        by: Person::new("lena"),
        answer: Answer::NotDone,
        comment: None,
    };
    w.intend("send", 2).fails("send", 2, away().maybe_done()).give(again).give(ended("send", "succeeded"));
    assert_eq!(w.status(), RunStatus::Succeeded);
    assert_snapshot!(w.trace);
}

#[test]
fn an_approval_is_not_given_by_hand() {
    let mut w = World::start(plan(vec![wait("approve", "").with(|s| {
        s.uses = "approval".into();
        s.on_error = OnError::Incident;
    })]));
    w.fails("approve", 1, StepError::new(ErrorClass::Invalid, "quorum", "nobody is asked"));
    w.give(ended("approve", "approved")).give(ended("approve", "rejected"));
    assert_eq!(w.status(), RunStatus::Stopped);
    assert_snapshot!(w.trace);
}

#[test]
fn a_wait_whose_object_is_gone_stops_there_and_looks_anew() {
    let mut w = World::start(plan(vec![wait("signed", "").with(|s| s.on_error = OnError::Incident)]));
    let parked = Wait {
        kind: WaitKind::Event {
            subscriptions: vec![Subscription::to_object("juro", "c1")],
            on_event: OnEvent::Check,
            poll_ms: Some(1_000),
            look_first: true,
        },
        deadline: Some(Deadline { at: Timestamp::from_millis(90_000), outcome: OutcomeName::new("timed_out") }),
    };
    let gone = || StepError::new(ErrorClass::NotFound, "http_404", "gone");
    w.park("signed", parked.clone());
    w.look("signed", 1, Err(gone())).at(2_000).timer("signed", engross_core::TimerKind::Poll);
    w.look("signed", 2, Err(gone())).give(retry("signed"));
    w.answer("signed", 2, Ok(engross_core::StepResult::Parked(parked)));
    // The answer to a look of the earlier wait comes very late, and is not this wait's.
    w.look("signed", 2, Ok(Some(Completion::new("approved", json!({})))));
    w.look("signed", 3, Ok(Some(Completion::new("approved", json!({})))));
    assert_eq!(w.status(), RunStatus::Succeeded);
    assert_snapshot!(w.trace);
}

#[test]
fn a_step_and_what_follows_runs_again_under_new_keys() {
    let mut w = World::start(plan(vec![
        stuck("create", "", EffectClass::Reconcilable),
        stuck("read", "create", EffectClass::Read).with(|s| s.on_error = OnError::Fail),
        stuck("send", "read", EffectClass::Unsafe),
        stuck("aside", "", EffectClass::Unsafe),
    ]));
    w.intend("create", 1).done("create", 1).intend("aside", 1).done("aside", 1);
    w.give(rerun("create", false)).fails("read", 1, key_is_wrong());
    assert_eq!(w.status(), RunStatus::Failed);
    w.give(rerun("nothing", false)).give(rerun("send", false));
    w.give(rerun("read", false)).done("read", 2).intend("send", 1).done("send", 1);
    assert_eq!(w.status(), RunStatus::Succeeded);
    w.give(rerun("create", false)).give(rerun("create", true));
    w.intend("create", 2).done("create", 1).done("create", 2).done("read", 3).intend("send", 2).done("send", 2);
    assert_eq!(w.status(), RunStatus::Succeeded);
    assert_snapshot!(w.trace);
}

#[test]
fn a_run_with_an_incident_can_be_given_up_and_begun_again() {
    let mut w = World::start(plan(vec![
        stuck("create", "", EffectClass::Idempotent),
        stuck("after", "create", EffectClass::Read),
    ]));
    w.intend("create", 1).fails("create", 1, key_is_wrong()).give(cancel()).give(retry("create"));
    assert_eq!(w.status(), RunStatus::Cancelled);
    w.give(rerun("after", false)).give(rerun("create", false)).intend("create", 2).done("create", 2).done("after", 1);
    assert_eq!(w.status(), RunStatus::Succeeded);
    assert_snapshot!(w.trace);
}
