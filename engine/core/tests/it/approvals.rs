//! Approvals: quorum, refusals that leave no trace, and the race of a decision with the deadline.

use crate::world::{World, plan, step, wait};
use engross_core::{
    Approval, Deadline, Decision, EffectClass, Escalation, Input, OutcomeName, Person, Remind, Stage, StepId,
    TimerKind, Timestamp, Verdict, Wait, WaitKind,
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
        stages: vec![Stage { from: vec!["legal".into()], people: ["lena", "omar"].map(Person::new).to_vec(), quorum }],
        forbid: vec![Person::new("ada")],
        ..Approval::default()
    };
    let deadline = Some(Deadline { at: Timestamp::from_millis(1_000), outcome: OutcomeName::new("expired") });
    w.park("approve", Wait { kind: WaitKind::Approval(Box::new(approval)), deadline });
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

const DAY: u64 = 86_400_000;

fn asks(people: &[&str], quorum: u32) -> Stage {
    Stage { from: vec![people.join("+")], people: people.iter().map(Person::new).collect(), quorum }
}

/// An approval of these stages, with a reminder a day, at most two, and an escalation to gc after two days and a half.
fn staged(stages: Vec<Stage>) -> World {
    let mut w =
        World::start(plan(vec![wait("approve", ""), step("send", "approve.approved", EffectClass::Idempotent)]));
    let approval = Approval {
        title: "Send it?".into(),
        subject_sha256: Some("aa".into()),
        stages,
        forbid: vec![Person::new("ada")],
        remind: Some(Remind { every_ms: DAY, max: 2 }),
        escalate: vec![Escalation {
            after_ms: DAY * 5 / 2,
            to: vec!["leads".into()],
            people: vec![Person::new("gc"), Person::new("ada")],
        }],
        ..Approval::default()
    };
    let deadline =
        Some(Deadline { at: Timestamp::from_millis(0).plus_ms(10 * DAY), outcome: OutcomeName::new("expired") });
    w.park("approve", Wait { kind: WaitKind::Approval(Box::new(approval)), deadline });
    w
}

fn days(tenths: u64) -> i64 {
    i64::try_from(tenths * DAY / 10).unwrap()
}

fn delegate(w: &mut World, by: &str, to: &str) {
    let (by, to) = (Person::new(by), Person::new(to));
    w.give(Input::Delegate { step: StepId::new("approve"), by, to, comment: None });
}

fn changed(w: &mut World, digest: &str) {
    let (step, by) = (StepId::new("approve"), Person::new("ada"));
    w.give(Input::SubjectChanged { step, subject_sha256: digest.into(), by, comment: None });
}

#[test]
fn stages_are_asked_one_after_the_other_and_nobody_approves_twice() {
    let mut w = staged(vec![asks(&["lena", "omar"], 1), asks(&["lena", "zoe"], 2)]);
    w.trace.clear();
    w.decide("approve", "zoe", Verdict::Approve);
    w.decide("approve", "lena", Verdict::Approve);
    w.at(days(5)).decide("approve", "omar", Verdict::Approve);
    w.decide("approve", "omar", Verdict::Approve);
    w.decide("approve", "lena", Verdict::Approve).decide("approve", "zoe", Verdict::Approve);
    assert_snapshot!(w.trace);
}

#[test]
fn a_no_in_a_later_stage_rejects() {
    let mut w = staged(vec![asks(&["lena"], 1), asks(&["zoe"], 1)]);
    w.trace.clear();
    w.decide("approve", "lena", Verdict::Approve).decide("approve", "zoe", Verdict::Reject);
    assert_snapshot!(w.trace);
}

#[test]
fn reminders_and_escalations_decide_nothing() {
    let mut w = staged(vec![asks(&["lena"], 1), asks(&["zoe"], 1)]);
    w.decide("approve", "gc", Verdict::Approve);
    w.at(days(9)).timer("approve", TimerKind::Remind);
    // The engine was down for a while: one reminder, and the next one a day later.
    w.at(days(24)).timer("approve", TimerKind::Remind).timer("approve", TimerKind::Remind);
    w.timer("approve", TimerKind::Escalate);
    w.at(days(34)).timer("approve", TimerKind::Remind).timer("approve", TimerKind::Remind);
    w.timer("approve", TimerKind::Escalate).timer("approve", TimerKind::Escalate);
    w.decide("approve", "ada", Verdict::Approve);
    w.decide("approve", "gc", Verdict::Approve);
    w.decide("approve", "gc", Verdict::Approve);
    w.at(days(100)).timer("approve", TimerKind::Remind);
    assert_snapshot!(w.trace);
}

#[test]
fn a_decision_is_handed_on_once_and_not_in_circles() {
    let mut w = staged(vec![asks(&["lena", "omar"], 2), asks(&["zoe"], 1)]);
    w.trace.clear();
    delegate(&mut w, "eve", "gc");
    delegate(&mut w, "lena", "ada");
    delegate(&mut w, "ada", "gc");
    delegate(&mut w, "lena", "lena");
    delegate(&mut w, "lena", "omar");
    delegate(&mut w, "lena", "zoe");
    delegate(&mut w, "lena", "gc");
    w.decide("approve", "lena", Verdict::Approve);
    delegate(&mut w, "gc", "lena");
    delegate(&mut w, "gc", "max");
    w.decide("approve", "max", Verdict::Approve);
    delegate(&mut w, "max", "tom");
    delegate(&mut w, "omar", "max");
    w.decide("approve", "omar", Verdict::Approve);
    w.at(days(100));
    delegate(&mut w, "zoe", "tom");
    assert_snapshot!(w.trace);
}

/// Who says so, and about which round.
fn in_round(w: &mut World, by: &str, round: Option<u32>) {
    let decision = Decision { round, ..Decision::new(Person::new(by), Verdict::Approve, Timestamp::from_millis(0)) };
    w.give(Input::Decision { step: StepId::new("approve"), decision });
}

fn asked_again(w: &mut World) {
    let (from, by) = (StepId::new("approve"), Person::new("ada"));
    w.give(Input::Rerun { from, by, effects_again: true, going_on: Default::default(), comment: None });
    let stages = vec![asks(&["lena", "omar"], 1)];
    let approval = Approval { title: "Send it?".into(), stages, ..Approval::default() };
    let attempt = w.state.as_ref().unwrap().past[&StepId::new("approve")].attempts + 1;
    let parked = Wait { kind: WaitKind::Approval(Box::new(approval)), deadline: None };
    w.answer("approve", attempt, Ok(engross_core::StepResult::Parked(parked)));
}

/// What of it was refused.
fn refusals(w: &mut World) -> Vec<String> {
    let lines = w.trace.lines().filter_map(|line| line.strip_prefix("refused: ")).map(str::to_string).collect();
    w.trace.clear();
    lines
}

const LOOK_AGAIN: &str = "look at it again with `engross approvals list`, then decide";

#[test]
fn a_decision_on_its_way_does_not_count_once_it_was_reset() {
    let mut w = staged(vec![asks(&["lena", "omar"], 2)]);
    w.trace.clear();
    in_round(&mut w, "lena", Some(2));
    assert_eq!(refusals(&mut w), [format!("this decision is about round 2, and round 1 is asked now; {LOOK_AGAIN}")]);
    in_round(&mut w, "lena", None);
    changed(&mut w, "bb");
    in_round(&mut w, "omar", Some(1));
    in_round(&mut w, "omar", None);
    let expected = [
        format!("this decision is about round 1, and round 2 is asked now; {LOOK_AGAIN}"),
        format!("this is asked anew, in round 2, and the decision does not say what it is about; {LOOK_AGAIN}"),
    ];
    assert_eq!(refusals(&mut w), expected);
    in_round(&mut w, "omar", Some(2));
    in_round(&mut w, "lena", Some(2));
    assert_eq!(w.state.as_ref().unwrap().steps[&StepId::new("approve")].outcome().unwrap().as_str(), "approved");
}

#[test]
fn a_decision_on_its_way_does_not_count_once_the_approval_is_run_again() {
    let mut w = world(1);
    asked_again(&mut w);
    assert_eq!(w.state.as_ref().unwrap().round(&StepId::new("approve")), 2, "{}", w.trace);
    in_round(&mut w, "lena", None);
    in_round(&mut w, "lena", Some(1));
    assert_eq!(refusals(&mut w).len(), 2);
    in_round(&mut w, "lena", Some(2));
    assert_eq!(w.state.as_ref().unwrap().steps[&StepId::new("approve")].outcome().unwrap().as_str(), "approved");
    w.intend("send", 1).done("send", 1);
    asked_again(&mut w);
    assert_eq!(w.state.as_ref().unwrap().round(&StepId::new("approve")), 3, "one that was given is asked anew");
}

#[test]
fn only_those_who_are_concerned_say_that_it_was_changed() {
    let mut w = staged(vec![asks(&["lena"], 1), asks(&["zoe"], 1)]);
    let mut check = |by: &str, digest: &str, expected: bool| {
        w.trace.clear();
        let (step, by) = (StepId::new("approve"), Person::new(by));
        w.give(Input::SubjectChanged { step, subject_sha256: digest.into(), by: by.clone(), comment: None });
        let refused = format!(
            "{by} may not say that this was changed: whoever asked for the run may, and those whom the approval names"
        );
        assert_eq!(refusals(&mut w), if expected { Vec::new() } else { vec![refused] });
        let round = w.state.as_ref().unwrap().round(&StepId::new("approve"));
        if expected {
            delegate(&mut w, "lena", "max");
        }
        round
    };
    assert_eq!(check("eve", "bb", false), 1);
    assert_eq!(check("max", "bb", false), 1);
    assert_eq!(check("ada", "bb", true), 2, "who asked for the run");
    assert_eq!(check("zoe", "cc", true), 3, "who is asked later");
    assert_eq!(check("gc", "dd", true), 4, "to whom it may be escalated");
    assert_eq!(check("max", "ee", true), 5, "who decides instead of one who is asked");
    assert_eq!(check("eve", "ff", false), 5);
}

#[test]
fn what_was_changed_is_decided_anew() {
    let mut w = staged(vec![asks(&["lena", "omar"], 2)]);
    let about = |w: &mut World, by: &str, digest: &str| {
        let at = Timestamp::from_millis(0);
        let subject_sha256 = Some(digest.to_string());
        let decision = Decision { subject_sha256, ..Decision::new(Person::new(by), Verdict::Approve, at) };
        w.give(Input::Decision { step: StepId::new("approve"), decision });
    };
    w.trace.clear();
    about(&mut w, "lena", "aa");
    changed(&mut w, "aa");
    w.at(days(12));
    changed(&mut w, "bb");
    about(&mut w, "omar", "aa");
    about(&mut w, "omar", "bb");
    in_round(&mut w, "lena", Some(2));
    changed(&mut w, "cc");
    assert_snapshot!(w.trace);
}
