//! Waits for events: early, twice, never; polls; and a provider that is away.

use crate::world::{World, plan, step, wait};
use engross_core::{
    Completion, EffectClass, ErrorClass, EventId, Input, OnEvent, OutcomeName, ReceivedEvent, StepError, StepId,
    Subscription, TimerKind, Timestamp, Wait, WaitKind,
};
use insta::assert_snapshot;
use serde_json::json;

fn world(on_event: OnEvent, timeout_ms: Option<u64>) -> World {
    let mut w = World::start(plan(vec![
        wait("signed", "").with(|s| s.timeout_ms = timeout_ms),
        step("download", "signed.approved", EffectClass::Read),
    ]));
    let kind = WaitKind::Event {
        subscriptions: vec![Subscription::to_object("juro", "c1")],
        look_first: on_event == OnEvent::Check,
        poll_ms: (on_event == OnEvent::Check).then_some(1_000),
        on_event,
    };
    w.park("signed", Wait { kind, deadline: None });
    w.trace.clear();
    w
}

fn event(step: &str, id: &str) -> Input {
    let event = ReceivedEvent {
        id: EventId::new(id),
        kind: "contract.signed".into(),
        data: json!({ "n": 1 }),
        received_at: Timestamp::from_millis(0),
    };
    Input::EventMatched { step: StepId::new(step), event }
}

fn look(check: u32, result: Result<Option<Completion>, StepError>) -> Input {
    Input::CheckFinished { step: StepId::new("signed"), check, result, random: u32::MAX / 2 }
}

fn signed() -> Option<Completion> {
    Some(Completion::new("approved", json!({ "contract": 1 })))
}

#[test]
fn a_webhook_wakes_the_step_and_a_look_decides() {
    let mut w = world(OnEvent::Check, None);
    w.give(look(1, Ok(None))).give(event("signed", "e1")).give(event("signed", "e1")).give(look(2, Ok(signed())));
    assert_snapshot!(w.trace);
}

#[test]
fn a_webhook_during_a_look_asks_for_another() {
    let mut w = world(OnEvent::Check, None);
    w.give(event("signed", "e1")).give(look(1, Ok(None))).give(look(2, Ok(signed())));
    assert_snapshot!(w.trace);
}

#[test]
fn without_any_webhook_the_poll_finds_it() {
    let mut w = world(OnEvent::Check, None);
    w.give(look(1, Ok(None)));
    w.at(1_000).timer("signed", TimerKind::Poll).give(look(2, Ok(signed())));
    assert_snapshot!(w.trace);
}

#[test]
fn a_provider_that_is_away_does_not_end_the_wait_but_one_that_twice_knows_nothing_does() {
    let mut w = world(OnEvent::Check, None);
    w.give(look(1, Err(StepError::new(ErrorClass::Transient, "http_503", "away"))));
    w.at(5_000).timer("signed", TimerKind::Poll);
    w.give(look(2, Err(StepError::new(ErrorClass::NotFound, "http_404", "no such contract"))));
    w.at(9_000).timer("signed", TimerKind::Poll);
    w.give(look(3, Err(StepError::new(ErrorClass::NotFound, "http_404", "no such contract"))));
    assert_snapshot!(w.trace);
}

#[test]
fn the_timeout_of_the_file_ends_the_wait_after_one_more_look() {
    let mut w = world(OnEvent::Check, Some(3_000));
    w.give(look(1, Ok(None)));
    w.at(3_000).timer("signed", TimerKind::Deadline).timer("signed", TimerKind::Deadline).give(look(2, Ok(None)));
    assert_snapshot!(w.trace);
}

#[test]
fn a_signature_that_nobody_told_of_is_found_at_the_deadline() {
    let mut w = world(OnEvent::Check, Some(3_000));
    w.give(look(1, Ok(None)));
    w.at(3_000).timer("signed", TimerKind::Deadline).give(look(2, Ok(signed())));
    assert_snapshot!(w.trace);
}

#[test]
fn a_look_from_before_the_deadline_does_not_close_the_wait() {
    let mut w = world(OnEvent::Check, Some(3_000));
    w.at(3_000).timer("signed", TimerKind::Deadline).give(look(1, Ok(None))).give(look(2, Ok(signed())));
    assert_snapshot!(w.trace);
}

#[test]
fn a_provider_that_cannot_be_asked_after_the_deadline_is_told_with_the_end() {
    let mut w = world(OnEvent::Check, Some(3_000));
    w.give(look(1, Ok(None)));
    w.at(3_000).timer("signed", TimerKind::Deadline);
    for check in 2..8 {
        w.give(look(check, Err(StepError::new(ErrorClass::Transient, "http_503", "away"))));
        w.at(3_000 + i64::from(check) * 10_000).timer("signed", TimerKind::Poll);
    }
    assert_snapshot!(w.trace);
}

#[test]
fn a_key_that_is_wrong_for_a_day_does_not_end_a_wait_of_weeks() {
    let mut w = world(OnEvent::Check, None);
    w.give(look(1, Err(StepError::new(ErrorClass::Auth, "http_403", "Forbidden"))));
    w.at(1_000).timer("signed", TimerKind::Poll).give(look(2, Ok(signed())));
    assert_snapshot!(w.trace);
}

#[test]
fn an_event_that_ends_the_wait_leaves_its_data_and_is_not_taken_twice() {
    let mut w = world(OnEvent::Finish(OutcomeName::new("approved")), None);
    w.give(event("signed", "e1")).give(event("signed", "e2"));
    assert_snapshot!(w.trace);
}

#[test]
fn an_event_wakes_every_step_that_looks_for_itself() {
    let mut w = World::start(plan(vec![wait("signed", ""), wait("declined", "")]));
    for step in ["signed", "declined"] {
        let kind = WaitKind::Event {
            subscriptions: vec![Subscription::to_object("juro", "c1")],
            look_first: false,
            poll_ms: None,
            on_event: OnEvent::Check,
        };
        w.park(step, Wait { kind, deadline: None });
    }
    w.trace.clear();
    w.give(event("signed", "e1")).give(event("declined", "e1")).give(event("declined", "e1"));
    assert_snapshot!(w.trace);
}

#[test]
fn an_event_from_before_the_run_does_not_end_its_wait() {
    let mut w = world(OnEvent::Finish(OutcomeName::new("approved")), None);
    let Input::EventMatched { step, event: on_time } = event("signed", "e2") else { panic!("that is what it makes") };
    let early = ReceivedEvent { id: EventId::new("e1"), received_at: Timestamp::from_millis(-1), ..on_time.clone() };
    w.give(Input::EventMatched { step: step.clone(), event: early }).give(Input::EventMatched { step, event: on_time });
    assert_snapshot!(w.trace);
}
