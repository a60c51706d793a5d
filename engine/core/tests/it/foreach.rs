//! A step for each item of a list: as many at a time as the file says, each once, whatever happens in between.

use crate::world::{StepBuilder, World, plan, plan_with, step, template};
use engross_core::limits::OUTPUT_BYTES_MAX;
use engross_core::{
    Answer, Completion, EffectClass, ErrorClass, Expr, Foreach, Input, OnError, OutcomeKind, OutcomeSpec, Person,
    PlanStep, RunStatus, StepError, StepId, StepResult, StepState, Tolerance,
};
use insta::assert_snapshot;
use serde_json::{Value, json};

/// A step for each of these items, keyed by their `id`.
fn each(id: &str, needs: &str, items: Value, change: impl FnOnce(&mut Foreach)) -> StepBuilder {
    step(id, needs, EffectClass::Read).with(|s| {
        let mut each = step(id, "", EffectClass::Idempotent).0;
        each.id = PlanStep::item(&s.id, "");
        each.with = Expr::Template(template("item.id"));
        s.outcomes.iter_mut().for_each(|outcome| outcome.outputs = true);
        let key = Some(Expr::Template(template("item.id")));
        let tolerate = Tolerance::default();
        let mut foreach = Foreach { items: Expr::Literal(items), key, max_parallel: 2, tolerate, each };
        change(&mut foreach);
        s.foreach = Some(Box::new(foreach));
    })
}

fn abc() -> Value {
    json!([{ "id": "a" }, { "id": "b" }, { "id": "c" }])
}

fn broken() -> StepError {
    StepError::new(ErrorClass::Invalid, "http_400", "no")
}

fn rerun(from: &str) -> Input {
    Input::Rerun {
        from: StepId::new(from),
        by: Person::new("lena"),
        effects_again: true,
        going_on: Default::default(),
        comment: None,
    }
}

#[test]
fn items_begin_as_many_at_a_time_as_the_file_says_and_the_whole_ends_with_the_last() {
    let mut w = World::start(plan(vec![each("sync", "", abc(), |_| {}), step("after", "sync", EffectClass::Read)]));
    w.intend("sync[b]", 1).done("sync[b]", 1).done("sync[a]", 1);
    w.done("sync[c]", 1).done("after", 1);
    assert_eq!(w.status(), RunStatus::Succeeded);
    assert_snapshot!(w.trace);
}

#[test]
fn nothing_is_to_be_done_for_an_empty_list() {
    let mut w = World::start(plan(vec![each("sync", "", json!([]), |_| {}), step("after", "sync", EffectClass::Read)]));
    w.done("after", 1);
    assert_eq!(w.status(), RunStatus::Succeeded);
}

#[test]
fn what_is_no_list_of_different_items_is_an_incident_and_nothing_begins() {
    for items in [json!("a"), json!([{ "id": "a" }, { "id": "a" }]), json!([{ "id": "" }]), json!([{ "id": [1] }])] {
        let refused = each("sync", "", items, |_| {}).with(|s| s.on_error = OnError::Incident);
        let w = World::start(plan(vec![refused]));
        assert_eq!(w.state.as_ref().unwrap().steps[&StepId::new("sync")].as_str(), "incident", "{}", w.trace);
    }
}

#[test]
fn some_items_may_fail_and_one_more_waits_for_a_person() {
    let mut w = World::start(plan(vec![each("sync", "", abc(), |f| {
        f.tolerate = Tolerance::Percent(34);
        f.each.on_error = OnError::Incident;
    })]));
    w.fails("sync[a]", 1, broken()).fails("sync[b]", 1, broken()).done("sync[c]", 1);
    assert_eq!(w.status(), RunStatus::Running);
    let ended = Answer::Ended(Completion::new("succeeded", json!({ "id": "by hand" })));
    w.give(Input::Answer {
        step: StepId::new("sync[b]"),
        attempt: Some(1),
        by: Person::new("lena"),
        answer: ended,
        comment: None,
    });
    assert_eq!(w.status(), RunStatus::Succeeded);
    assert_snapshot!(w.trace);
}

#[test]
fn after_too_many_failures_no_item_begins_and_the_rest_can_be_run_again() {
    let mut w = World::start(plan(vec![each("sync", "", abc(), |f| {
        f.max_parallel = 1;
        f.each.on_error = OnError::Fail;
    })]));
    w.done("sync[a]", 1).fails("sync[b]", 1, broken());
    assert_eq!(w.status(), RunStatus::Failed);
    w.give(rerun("sync[b]")).give(rerun("sync"));
    w.done("sync[b]", 2).done("sync[c]", 1);
    assert_eq!(w.status(), RunStatus::Succeeded);
    assert_snapshot!(w.trace);
}

#[test]
fn when_the_list_is_made_anew_everything_is_done_again() {
    let mut w = World::start(plan(vec![
        step("list", "", EffectClass::Read),
        each("sync", "list", abc(), |f| {
            f.max_parallel = 3;
        }),
    ]));
    w.done("list", 1).done("sync[a]", 1).done("sync[b]", 1).done("sync[c]", 1);
    assert_eq!(w.status(), RunStatus::Succeeded);
    w.give(rerun("list")).done("list", 2);
    assert_eq!(w.state.as_ref().unwrap().active().count(), 4, "{}", w.trace);
    let keys = |id: &str| w.state.as_ref().unwrap().idempotency_key(&StepId::new(id)).to_string();
    assert_eq!(keys("sync[a]"), "r1/sync[a]#1");
}

#[test]
fn a_business_that_stops_for_one_item_stops_the_whole() {
    let rejected = || OutcomeSpec::new("rejected", OutcomeKind::Bad);
    let mut w = World::start(plan(vec![
        each("ask", "", abc(), |f| f.each.outcomes.push(rejected())).with(|s| {
            s.outcomes.push(OutcomeSpec { outputs: true, ..OutcomeSpec::new("stopped", OutcomeKind::Bad) });
        }),
        step("send", "ask", EffectClass::Unsafe),
    ]));
    let no = engross_core::StepResult::Done(Completion::new("rejected", Value::Null));
    w.answer("ask[a]", 1, Ok(no)).done("ask[b]", 1);
    assert_eq!(w.status(), RunStatus::Stopped);
    assert_snapshot!(w.trace);
}

#[test]
fn a_cancelled_run_waits_for_items_that_have_left_and_undoes_each() {
    let undoable = each("create", "", abc(), |f| {
        let mut undoing = step("create", "", EffectClass::Idempotent).0;
        undoing.id = PlanStep::undoing(&StepId::new("create"));
        undoing.with = Expr::Template(template("steps.create.outputs.id"));
        f.each.compensate = Some(Box::new(undoing));
    });
    let mut w = World::start(plan(vec![undoable]));
    w.intend("create[a]", 1).done("create[a]", 1).intend("create[b]", 1).at(5);
    w.cancel().done("create[b]", 1);
    assert_eq!(w.status(), RunStatus::Compensating);
    w.intend("create[b].compensate", 1).done("create[b].compensate", 1);
    w.intend("create[a].compensate", 1).done("create[a].compensate", 1);
    assert_eq!(w.status(), RunStatus::Cancelled);
    assert_snapshot!(w.trace);
}

#[test]
fn a_run_of_a_group_begins_when_it_is_admitted() {
    let grouped = || {
        plan_with(vec![step("act", "", EffectClass::Read)], |d| {
            let group = Expr::Literal(json!("acme"));
            d.concurrency = Some(engross_core::Concurrency { group, limit: 1 });
        })
    };
    let mut w = World::start(grouped());
    w.done("act", 1).give(Input::Admit).give(Input::Admit).done("act", 1);
    assert_eq!(w.status(), RunStatus::Succeeded);
    w.give(rerun("act"));
    assert!(w.state.as_ref().unwrap().queued, "a run that is opened again waits for its turn, too");
    assert_snapshot!(w.trace);
    let mut given_up = World::start(grouped());
    given_up.cancel();
    assert_eq!(given_up.status(), RunStatus::Cancelled);
}

#[test]
fn a_run_that_undoes_what_it_did_is_at_work_also_when_it_waited_for_its_turn() {
    let undoable = step("act", "", EffectClass::Idempotent).with(|s| {
        let mut undoing = step("act", "", EffectClass::Idempotent).0;
        undoing.id = PlanStep::undoing(&s.id);
        s.compensate = Some(Box::new(undoing));
    });
    let mut w = World::start(plan_with(vec![undoable, step("after", "act", EffectClass::Read)], |d| {
        d.concurrency = Some(engross_core::Concurrency { group: Expr::Literal(json!("acme")), limit: 1 });
    }));
    w.give(Input::Admit).intend("act", 1).done("act", 1).done("after", 1).give(rerun("after"));
    assert_eq!(w.state.as_ref().unwrap().summary(), engross_core::Summary::Queued);
    w.cancel();
    assert_eq!(w.status(), RunStatus::Compensating);
    assert_eq!(w.state.as_ref().unwrap().summary(), engross_core::Summary::Working, "a start takes it over");
}

/// What the step is of which this is one: an approval, which ends as approved, rejected or failed.
fn asking(each: &mut PlanStep) {
    each.uses = PlanStep::APPROVAL.into();
    each.outcomes[0] = OutcomeSpec::new("approved", OutcomeKind::Good);
    each.outcomes.push(OutcomeSpec { outputs: true, ..OutcomeSpec::new("rejected", OutcomeKind::Bad) });
    each.on_error = OnError::Incident;
}

/// An approval for each of these items, and a step that must not begin without them.
fn ask(items: Value, change: impl FnOnce(&mut Foreach)) -> World {
    let asked = each("ask", "", items, |f| {
        asking(&mut f.each);
        change(f);
    });
    World::start(plan(vec![
        asked.with(|s| {
            s.uses = s.foreach.as_ref().unwrap().each.uses.clone();
            s.on_error = OnError::Incident;
            s.outcomes.push(OutcomeSpec { outputs: true, ..OutcomeSpec::new("stopped", OutcomeKind::Bad) });
        }),
        step("send", "ask", EffectClass::Unsafe),
    ]))
}

fn ended(step: &str, outcome: &str) -> Input {
    let answer = Answer::Ended(Completion::new(outcome, json!({})));
    Input::Answer { step: StepId::new(step), attempt: None, by: Person::new("ada"), answer, comment: None }
}

/// How a step stands.
fn stands(w: &World, step: &str) -> String {
    w.state.as_ref().unwrap().steps.get(&StepId::new(step)).map_or("pending", |state| state.as_str()).to_string()
}

fn answered(outcome: &str) -> Result<StepResult, StepError> {
    Ok(StepResult::Done(Completion::new(outcome, json!({}))))
}

#[test]
fn nobody_says_of_approvals_for_each_item_that_they_were_given() {
    let mut w = ask(json!([{ "id": "a" }, { "id": "a" }]), |_| {});
    assert_eq!(stands(&w, "ask"), "incident");
    w.trace.clear();
    w.give(ended("ask", "succeeded"));
    assert_eq!(
        w.trace,
        "refused: `ask` asks people: only those who are asked can approve, and nobody else can say that they did\n"
    );
    assert_eq!((stands(&w, "ask"), stands(&w, "send")), ("incident".into(), "pending".into()));
    w.give(ended("ask", "stopped"));
    assert_eq!(
        (w.status(), stands(&w, "send")),
        (RunStatus::Stopped, "skipped".into()),
        "a no may be said: {}",
        w.trace
    );
}

#[test]
fn nobody_says_of_one_item_that_its_approval_was_given() {
    let mut w = ask(abc(), |_| {});
    w.fails("ask[a]", 1, broken()).give(ended("ask[a]", "approved"));
    assert_eq!(stands(&w, "ask[a]"), "incident", "{}", w.trace);
    w.give(ended("ask[a]", "rejected"));
    assert_eq!(stands(&w, "ask[a]"), "completed", "{}", w.trace);
}

#[test]
fn approvals_that_were_all_given_may_be_summed_up_by_hand() {
    let mut w = ask(json!([{ "id": "a" }, { "id": "b" }]), |_| {});
    let long =
        || Ok(StepResult::Done(Completion::new("approved", Value::String("x".repeat(OUTPUT_BYTES_MAX / 3 * 2)))));
    w.answer("ask[a]", 1, long()).answer("ask[b]", 1, long());
    assert_eq!(stands(&w, "ask"), "incident", "the outputs are too large");
    w.give(ended("ask", "succeeded"));
    assert_eq!((stands(&w, "ask"), stands(&w, "send")), ("completed".into(), "running".into()));
}

#[test]
fn an_empty_list_asks_nobody_and_is_no_yes() {
    let w = ask(json!([]), |_| {});
    assert_eq!((stands(&w, "ask"), stands(&w, "send")), ("incident".into(), "pending".into()), "{}", w.trace);
    let StepState::Incident { error, .. } = &w.state.as_ref().unwrap().steps[&StepId::new("ask")] else { panic!() };
    assert_eq!(error.code, "nobody_asked");
    assert_eq!(error.message, "the list is empty, so that nobody was asked: that is no approval");
    assert!(error.hint.as_ref().unwrap().contains("`if`"), "{error:?}");
}

#[test]
fn no_rejection_is_put_up_with_also_where_an_older_plan_says_so() {
    let mut w = ask(abc(), |f| f.tolerate = Tolerance::Percent(100));
    w.answer("ask[a]", 1, answered("approved")).answer("ask[b]", 1, answered("rejected"));
    w.answer("ask[c]", 1, answered("approved"));
    assert_eq!((w.status(), stands(&w, "send")), (RunStatus::Stopped, "skipped".into()), "{}", w.trace);
}

/// A step that starts a workflow in which people are asked, for each of these items.
fn children(items: Value) -> World {
    let mut asks = step("ask", "", EffectClass::Read).0;
    asking(&mut asks);
    let asked = each("sub", "", items, |f| {
        f.each.uses = "workflow".into();
        f.each.child = Some(Box::new(plan(vec![StepBuilder(asks)]).definition().clone()));
        f.each.on_error = OnError::Incident;
    });
    World::start(plan(vec![asked.with(|s| s.on_error = OnError::Incident), step("send", "sub", EffectClass::Unsafe)]))
}

#[test]
fn what_asks_in_a_workflow_that_is_started_is_asked_there_or_not_given() {
    let w = children(json!([]));
    assert_eq!((stands(&w, "sub"), stands(&w, "send")), ("incident".into(), "pending".into()), "{}", w.trace);
    let mut w = children(json!([{ "id": "a" }]));
    w.intend("sub[a]", 1).fails("sub[a]", 1, broken()).give(ended("sub[a]", "succeeded"));
    assert_eq!((stands(&w, "sub[a]"), stands(&w, "send")), ("incident".into(), "pending".into()), "{}", w.trace);
}
