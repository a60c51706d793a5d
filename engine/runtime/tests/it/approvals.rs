//! People's decisions through the engine: who counts, when it is enough, and what silence means.

use crate::lab::{Answer, Ask};
use crate::world::{World, outcome_of, question};
use engross_core::{Approval, Decision, Escalation, Remind, RunId, RunStatus, Verdict, Wait, WaitKind};
use engross_runtime::Error;
use engross_store::Store;
use serde_json::{Value, json};

const ASK: &str = r#"
steps:
  ask: { uses: gate }
  send: { uses: acme/send, needs: [ask] }
"#;

async fn asked(quorum: u32, expires_in: Option<u64>) -> (World, RunId) {
    let world = World::new().await;
    let expires_at = expires_in.map(|ms| world.now().plus_ms(ms));
    world.lab.on("ask", Ask::Execute, [Answer::Parks(question(quorum, expires_at))]);
    let run = world.start(ASK).await;
    world.until_step(&run, "ask", "waiting").await;
    (world, run)
}

fn refusal(answer: Result<String, Error>) -> String {
    let error = answer.unwrap_err();
    format!("{}: {error}", error.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_lets_the_run_go_on() {
    let (world, run) = asked(2, None).await;
    let open = world.engine.approvals().await.unwrap().found;
    assert_eq!((open.len(), open[0].asked.join(" "), open[0].quorum), (1, "lena omar zoe".to_string(), 2));
    assert_eq!(world.decide(&run, "lena", Verdict::Approve).await.unwrap(), "recorded");
    assert_eq!(world.engine.approvals().await.unwrap().found[0].decisions, ["lena: approve"]);
    let twice = refusal(world.decide(&run, "lena", Verdict::Approve).await);
    assert!(twice.starts_with("decision_refused: lena has decided this already"), "{twice}");
    assert_eq!(world.decide(&run, "omar", Verdict::Approve).await.unwrap(), "decided");
    assert_eq!(world.until_over(&run).await.status, RunStatus::Succeeded);
    assert!(world.engine.approvals().await.unwrap().found.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_does_not_count_leaves_no_trace() {
    let (world, run) = asked(1, None).await;
    let before = world.store.head(&run).unwrap();
    for (by, expected) in [
        ("eve", "decision_refused: eve is not asked to decide this; lena, omar, zoe may"),
        ("zoe", "decision_refused: zoe may not decide this: whoever asks for an approval cannot give it"),
        (" ", "bad_request: the name of the person must be 1 to 2000 printable characters"),
    ] {
        assert_eq!(refusal(world.decide(&run, by, Verdict::Approve).await), expected);
    }
    let elsewhere = world.engine.decide(&run, &"nowhere".into(), "lena".into(), Verdict::Approve, None).await;
    assert_eq!(elsewhere.unwrap_err().code(), "no_such_step");
    assert_eq!(world.store.head(&run).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_no_stops_the_run() {
    let (world, run) = asked(2, None).await;
    assert_eq!(world.decide(&run, "omar", Verdict::Reject).await.unwrap(), "decided");
    let view = world.until_over(&run).await;
    assert_eq!((view.status, outcome_of(&view, "ask")), (RunStatus::Stopped, "rejected"));
    assert_eq!(world.lab.count("send", Ask::Execute), 0);
    assert_eq!(refusal(world.decide(&run, "lena", Verdict::Approve).await), "not_now: the run is over (stopped)");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_expires_by_the_clock_alone() {
    let (world, run) = asked(1, Some(86_400_000)).await;
    world.pass(86_400_000);
    let view = world.until_over(&run).await;
    assert_eq!((view.status, outcome_of(&view, "ask")), (RunStatus::Stopped, "expired"));
    assert_eq!(world.resolved_by(&run, "ask"), "timer");
    assert_eq!(world.lab.count("send", Ask::Execute), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_decisions_at_once_one_ends_it() {
    for _ in 0..20 {
        let (world, run) = asked(1, None).await;
        let (yes, no) =
            tokio::join!(world.decide(&run, "lena", Verdict::Approve), world.decide(&run, "omar", Verdict::Reject));
        let expected = if yes.is_ok() { "approved" } else { "rejected" };
        let mut answers = [yes, no].map(|answer| answer.map_err(|error| error.code()));
        answers.sort();
        assert_eq!(answers, [Ok("decided".to_string()), Err("not_now")]);
        let view = world.until_over(&run).await;
        assert_eq!(outcome_of(&view, "ask"), expected);
        assert_eq!(world.facts(&run, "ask").iter().filter(|f| *f == "step_completed").count(), 1);
    }
}

/// A question of this form, with a reminder and then an escalation.
fn long_question() -> Wait {
    let Wait { kind: WaitKind::Approval(approval), deadline } = question(1, None) else { panic!("it is a question") };
    let form = [("amount".to_string(), json!({ "type": "number" }))];
    let approval = Approval {
        subject_sha256: Some("a".repeat(64)),
        form: form.into(),
        remind: Some(Remind { every_ms: 60_000, max: 1 }),
        escalate: vec![Escalation { after_ms: 120_000, to: vec!["leads".into()], people: vec!["gc".into()] }],
        ..*approval
    };
    Wait { kind: WaitKind::Approval(Box::new(approval)), deadline }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_question_reminds_escalates_and_takes_its_form() {
    let world = World::new().await;
    world.lab.on("ask", Ask::Execute, [Answer::Parks(long_question())]);
    let run = world.start(ASK).await;
    world.until_step(&run, "ask", "waiting").await;
    world.pass(60_000);
    world.until(&run, |_| world.facts(&run, "ask").contains(&"reminder_due".to_string())).await;
    // What was told before the engine ended is not told again.
    let world = world.crash().await;
    world.pass(60_000);
    world.until(&run, |_| world.facts(&run, "ask").contains(&"escalated".to_string())).await;
    let expected = ["step_scheduled", "step_parked", "reminder_due", "escalated"];
    assert_eq!(world.facts(&run, "ask"), expected);
    assert_eq!(world.engine.approvals().await.unwrap().found[0].asked.join(" "), "lena omar zoe gc");

    let step = "ask".into();
    let decision = |by: &str, form: Value| Decision {
        form: Some(form),
        subject_sha256: Some("a".repeat(64)),
        ..Decision::new(by.into(), Verdict::Approve, world.now())
    };
    let wrong = world.engine.record(&run, &step, decision("gc", json!({ "amount": "5" }))).await.unwrap_err();
    assert_eq!(wrong.to_string(), r#"what was filled in does not fit: `form.amount`: "5" is not of type "number""#);
    world.engine.subject_changed(&run, &step, "b".repeat(64), "zoe".into(), None).await.unwrap();
    let stale = world.engine.record(&run, &step, decision("lena", json!({ "amount": 5 }))).await.unwrap_err();
    assert!(stale.to_string().starts_with("this is not what was decided on"), "{stale}");
    let nobody = world.engine.delegate(&run, &step, "lena".into(), "max".into(), None).await.unwrap_err();
    assert!(nobody.to_string().starts_with("`max` is no e-mail address"), "{nobody}");
    world.engine.delegate(&run, &step, "lena".into(), "max@x.example".into(), None).await.unwrap();
    let fresh = Decision { subject_sha256: Some("b".repeat(64)), ..decision("max@x.example", json!({ "amount": 5 })) };
    world.engine.record(&run, &step, fresh).await.unwrap();
    let over = world.until_over(&run).await;
    assert_eq!(over.status, RunStatus::Succeeded);
    assert_eq!(over.steps[0].outputs.as_ref().unwrap()["form"], json!({ "amount": 5 }));
}
