//! Approvals: quorum, refusals that leave no trace, and the race of a decision with the deadline.

use crate::world::{World, plan, step, wait};
use engross_core::{
    Approval, Deadline, EffectClass, OutcomeName, Person, Stage, TimerKind, Timestamp, Verdict, Wait, WaitKind,
};
use insta::assert_snapshot;

fn world(quorum: u32) -> World {
    let mut w = World::start(plan(vec![
        wait("approve", ""),
        step("send", "approve.approved", EffectClass::Idempotent),
        step("tell", "approve.rejected|approve.expired", EffectClass::Read),
    ]));
    let approval = Approval {
        title: "Send it?".into(),
        body: None,
        subject_sha256: None,
        stages: vec![Stage { from: vec!["legal".into()], people: ["lena", "omar"].map(Person::new).to_vec(), quorum }],
        forbid: vec![Person::new("ada")],
    };
    let deadline = Some(Deadline { at: Timestamp::from_millis(1_000), outcome: OutcomeName::new("expired") });
    w.park("approve", Wait { kind: WaitKind::Approval(approval), deadline });
    w.trace.clear();
    w
}

#[test]
fn a_quorum_lets_the_next_step_begin() {
    let mut w = world(2);
    w.decide("approve", "lena", Verdict::Approve);
    w.decide("approve", "lena", Verdict::Approve);
    w.decide("approve", "eve", Verdict::Approve);
    w.decide("approve", "ada", Verdict::Approve);
    w.decide("approve", " Ada ", Verdict::Approve);
    w.decide("approve", "omar", Verdict::Approve);
    assert_snapshot!(w.trace);
}

#[test]
fn one_no_is_enough() {
    let mut w = world(1);
    w.decide("approve", "omar", Verdict::Reject).decide("approve", "lena", Verdict::Approve);
    w.done("tell", 1);
    assert_snapshot!(w.trace);
}

#[test]
fn silence_expires_and_is_never_a_yes() {
    let mut w = world(1);
    w.at(999).timer("approve", TimerKind::Deadline);
    w.at(1_000).timer("approve", TimerKind::Deadline);
    w.decide("approve", "lena", Verdict::Approve);
    w.done("tell", 1);
    assert_snapshot!(w.trace);
}

#[test]
fn a_decision_at_the_deadline_comes_too_late_even_before_the_sweeper() {
    let mut w = world(1);
    w.at(1_000).decide("approve", "lena", Verdict::Approve);
    w.timer("approve", TimerKind::Deadline);
    assert_snapshot!(w.trace);
}
