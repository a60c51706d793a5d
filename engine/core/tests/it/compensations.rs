//! What a run did is undone, newest first, when it fails or is cancelled, and never in silence left behind.

use crate::world::{StepBuilder, World, plan, step, template};
use engross_core::{
    Answer, Completion, EffectClass, ErrorClass, Expr, Input, OnError, Person, PlanStep, RunStatus, StepError, StepId,
};
use insta::assert_snapshot;
use serde_json::json;

/// A step with another that undoes it and gets the id it left.
fn undoable(id: &str, needs: &str) -> StepBuilder {
    step(id, needs, EffectClass::Idempotent).with(|s| {
        let mut undoing = step(id, "", EffectClass::Idempotent).0;
        undoing.id = PlanStep::undoing(&StepId::new(id));
        undoing.with = Expr::Template(template(&format!("steps.{id}.outputs.id")));
        undoing.on_error = OnError::Incident;
        s.compensate = Some(Box::new(undoing));
    })
}

fn broken() -> StepError {
    StepError::new(ErrorClass::Invalid, "http_400", "no")
}

fn cancel() -> Input {
    Input::Cancel { by: Person::new("lena"), reason: Some("other terms".into()) }
}

#[test]
fn a_failed_run_undoes_what_it_did_newest_first() {
    let mut w = World::start(plan(vec![
        undoable("create", ""),
        undoable("aside", "").with(|s| s.on_error = OnError::Continue),
        undoable("share", "create"),
        step("send", "share aside!", EffectClass::Unsafe),
    ]));
    w.intend("create", 1).done("create", 1).at(10).intend("aside", 1).fails("aside", 1, broken());
    w.at(20).intend("share", 1).done("share", 1).intend("send", 1).fails("send", 1, broken());
    assert_eq!(w.status(), RunStatus::Compensating);
    w.give(cancel()).intend("share.compensate", 1).done("share.compensate", 1);
    w.intend("create.compensate", 1).done("create.compensate", 1);
    assert_eq!(w.status(), RunStatus::Failed);
    // What builds on something that is gone is not run again by itself.
    let rerun = |from: &str| Input::Rerun {
        from: StepId::new(from),
        by: Person::new("lena"),
        effects_again: true,
        going_on: Default::default(),
        comment: None,
    };
    w.give(rerun("send")).give(rerun("create"));
    w.intend("create", 2).fails("create", 2, broken());
    assert_eq!(w.status(), RunStatus::Failed);
    assert_snapshot!(w.trace);
}

#[test]
fn a_cancelled_run_undoes_what_it_did_and_waits_for_a_person_where_that_fails() {
    let mut w = World::start(plan(vec![undoable("create", ""), step("send", "create", EffectClass::Unsafe)]));
    w.intend("create", 1).done("create", 1).give(cancel());
    let away = StepError::new(ErrorClass::Transient, "away", "away");
    w.intend("create.compensate", 1).fails("create.compensate", 1, away).at(1_000);
    w.timer("create.compensate", engross_core::TimerKind::Retry).intend("create.compensate", 2);
    w.give(Input::Restarted).intend("create.compensate", 2).fails("create.compensate", 2, broken());
    assert_eq!(w.status(), RunStatus::Compensating);
    let retry = Input::Retry {
        step: StepId::new("create.compensate"),
        attempt: Some(2),
        by: Person::new("lena"),
        comment: None,
    };
    w.give(retry).intend("create.compensate", 3).fails("create.compensate", 3, broken());
    w.give(Input::Answer {
        step: StepId::new("create.compensate"),
        attempt: Some(3),
        by: Person::new("lena"),
        answer: Answer::Ended(Completion::new("failed", json!(null))),
        comment: Some("deleted later by hand".into()),
    });
    assert_eq!(w.status(), RunStatus::Cancelled);
    assert_snapshot!(w.trace);
}

#[test]
fn a_run_that_succeeds_or_did_nothing_undoes_nothing() {
    let mut w = World::start(plan(vec![undoable("create", "")]));
    w.intend("create", 1).done("create", 1);
    assert_eq!(w.status(), RunStatus::Succeeded);
    let mut w = World::start(plan(vec![undoable("create", "")]));
    w.intend("create", 1).fails("create", 1, broken());
    assert_eq!(w.status(), RunStatus::Failed);
}
