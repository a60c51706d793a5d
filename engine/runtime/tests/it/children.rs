//! Runs that steps of other runs start: found again, waited for, told of, and given up with whoever wanted them.

use crate::housekeeping::keep_house;
use crate::lab::{Answer, Ask, Gate};
use crate::world::{World, named, outcome_of, question, state_of};
use engross_compiler::TeraEvaluator;
use engross_core::{
    Completion, Context, ErrorClass, Input, Person, Plan, RunId, RunStatus, StepError, StepResult, Verdict, advance,
    fold,
};
use engross_runtime::{RunView, StartOptions, Word, WorkflowFiles};
use engross_source::SourceFile;
use engross_store::archive::{Archive, IN_ARCHIVE_MARKS};
use engross_store::{Commit, RunHead, RunQuery, Store, Write};
use serde_json::json;

/// The workflow that the others start.
struct Beside(&'static str);

impl WorkflowFiles for Beside {
    fn find(&self, _from: &str, name: &str) -> Option<SourceFile> {
        let text = format!("schema: engross/v1\nname: child\ndefaults: {{ on_error: fail }}\n{}", self.0);
        (name == "child").then(|| SourceFile::new("child.yaml", &text))
    }

    fn names(&self, _from: &str) -> Vec<String> {
        vec!["child".to_string()]
    }
}

const PARENT: &str = r#"
steps:
  sub: { uses: workflow, with: { name: child } }
  after: { uses: local, with: { name: "{{ steps.sub.outputs.id }}" } }
outputs: { id: "{{ steps.sub.outputs.id }}" }
"#;

const CHILD: &str = r#"
steps: { work: { uses: acme/send } }
outputs: { id: "{{ steps.work.outputs.id }}" }
"#;

async fn start(world: &World, parent: &str, child: &'static str) -> RunId {
    let text = format!("schema: engross/v1\nname: parent\ndefaults: {{ on_error: fail }}\n{parent}");
    let file = SourceFile::new("parent.yaml", &text);
    let compiled = world.engine.compile_beside(&file, &Beside(child)).unwrap_or_else(|found| panic!("{found:#?}"));
    let how = StartOptions { requester: Person::new("ada@acme.example"), key: None };
    world.engine.start_run(compiled, &file, json!({}), how).await.unwrap().run
}

/// The one run that was started by another.
async fn child_of(world: &World, parent: &RunId) -> RunView {
    let heads = world.store.runs(&RunQuery { limit: 10, ..RunQuery::default() }).unwrap();
    let others: Vec<RunId> = heads.into_iter().map(|head| head.run).filter(|run| run != parent).collect();
    assert_eq!(others.len(), 1, "one child, however often it is started");
    let child = world.engine.run(&others[0]).await.unwrap();
    let wanted_by = child.parent.as_ref().unwrap();
    assert_eq!((&wanted_by.run, wanted_by.step.as_str()), (parent, "sub"));
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_leaves_is_what_the_step_leaves() {
    let world = World::new().await;
    let run = start(&world, PARENT, CHILD).await;
    let view = world.until_over(&run).await;
    assert_eq!((view.status, &view.outputs), (RunStatus::Succeeded, &json!({ "id": "work-id" })), "{view:#?}");
    let child = child_of(&world, &run).await;
    assert_eq!((child.status, child.requester.as_str()), (RunStatus::Succeeded, "ada@acme.example"));
    assert_eq!(world.lab.count("work", Ask::Execute), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_it_is_found_again_and_its_end_is_told() {
    let world = World::new().await;
    let gate = Gate::new();
    world.lab.on("work", Ask::Execute, [Answer::After(gate.clone(), Box::new(Answer::Done(json!({ "id": "x" }))))]);
    world.lab.on("work", Ask::Reconcile, [Answer::Done(json!({ "id": "x" }))]);
    let run = start(&world, PARENT, CHILD).await;
    world.lab.until_called("work", Ask::Execute, 1).await;
    world.until_parked(&run, "sub").await;
    let world = world.crash().await;
    let view = world.until_over(&run).await;
    assert_eq!((view.status, &view.outputs), (RunStatus::Succeeded, &json!({ "id": "x" })), "{view:#?}");
    child_of(&world, &run).await;
    assert_eq!(world.lab.count("work", Ask::Execute), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_given_up_with_the_run_that_wanted_it() {
    let world = World::new().await;
    let child = "steps: { wait: { uses: sleep, with: { for: 3d } }, work: { uses: acme/send, needs: [wait] } }\noutputs: { id: x }";
    let run = start(&world, PARENT, child).await;
    world.until_parked(&run, "sub").await;
    world.engine.cancel(&run, Person::new("lena@legal.example"), Some("enough".to_string())).await.unwrap();
    assert_eq!(world.until_over(&run).await.status, RunStatus::Cancelled);
    let child = child_of(&world, &run).await;
    assert_eq!(child.status, RunStatus::Cancelled);
    assert!(child.problem.unwrap().message.contains("enough"));
    assert_eq!(world.lab.count("work", Ask::Execute), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_failure_is_the_steps_failure() {
    let world = World::new().await;
    world.lab.on(
        "work",
        Ask::Execute,
        [Answer::Fails(StepError::new(ErrorClass::Invalid, "http_400", "no such party"))],
    );
    let run = start(&world, PARENT, CHILD).await;
    let view = world.until_over(&run).await;
    assert_eq!((view.status, outcome_of(&view, "sub")), (RunStatus::Failed, "failed"));
    assert!(view.problem.unwrap().message.contains("no such party"));
}

const DAY: i64 = 24 * 3600 * 1000;

/// A run whose step is an incident because the run that it started has failed.
async fn failed_child(world: &World) -> (RunId, RunId) {
    let refused = StepError::new(ErrorClass::Invalid, "http_400", "no such party");
    world.lab.on("work", Ask::Execute, [Answer::Fails(refused)]);
    let parent = "steps: { sub: { uses: workflow, with: { name: child }, on_error: incident } }\noutputs: {}";
    let run = start(world, parent, CHILD).await;
    world.until_step(&run, "sub", "incident").await;
    let child = child_of(world, &run).await.id;
    (run, child)
}

fn ada() -> Word {
    Word { by: Person::new("ada@acme.example"), attempt: None, comment: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_goes_on_again_is_not_doubled_and_is_given_up_with_the_run_that_wanted_it() {
    let world = World::new().await;
    let (run, child) = failed_child(&world).await;
    world.lab.on("work", Ask::Execute, [Answer::Hangs]);
    world.engine.rerun(&child, &"work".into(), false, ada()).await.unwrap();
    world.lab.until_called("work", Ask::Execute, 2).await;
    let refused = world.engine.rerun(&run, &"sub".into(), true, ada()).await.unwrap_err().to_string();
    assert!(refused.contains("once nothing of it is under way any more (sub)"), "{refused}");
    world.engine.cancel(&run, Person::new("lena@legal.example"), Some("enough".to_string())).await.unwrap();
    world.until(&child, |view| view.status == RunStatus::Cancelling).await;
    world.lab.on("work", Ask::Reconcile, [Answer::Done(json!({ "id": "x" }))]);
    let world = world.crash().await;
    assert_eq!(world.until_over(&run).await.status, RunStatus::Cancelled);
    assert_eq!(child_of(&world, &run).await.status, RunStatus::Cancelled);
}

/// What a process has made durable of a run that is told this, when it ends before it does any of it.
fn kept_of(world: &World, run: &RunId, told: impl IntoIterator<Item = Input>) {
    let mut state = fold(&world.store.journal(run, 0, usize::MAX).unwrap()).unwrap();
    let plan = Plan::build(world.store.plan(&state.plan).unwrap().unwrap().definition).unwrap();
    let evaluator = TeraEvaluator::new();
    let (expected_seq, mut records) = (state.seq, Vec::new());
    for input in told {
        let context = Context { plan: &plan, evaluator: &evaluator, now: world.now() };
        let turn = advance(context, Some(&state), input).unwrap();
        records.extend(turn.records);
        state = turn.state;
    }
    let (status, summary, seq) = (state.status, state.summary(), state.seq);
    let head = RunHead { status, summary, seq, ..world.store.head(run).unwrap().unwrap() };
    let commit = Commit {
        run: run.clone(),
        expected_seq,
        fence: 0,
        records,
        head,
        plan: None,
        timers_set: Vec::new(),
        timers_cleared: Vec::new(),
        waits_set: Vec::new(),
        waits_cleared: Vec::new(),
        marks: Vec::new(),
    };
    assert_eq!(world.store.write(&[Write::Run(Box::new(commit))]).unwrap(), [Ok(())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn none_is_started_only_to_be_given_up() {
    let world = World::new().await;
    world.lab.on("before", Ask::Execute, [Answer::Hangs]);
    let parent = "steps: { before: { uses: local }, sub: { uses: workflow, with: { name: child }, needs: [before] } }";
    let run = start(&world, parent, CHILD).await;
    world.lab.until_called("before", Ask::Execute, 1).await;
    world.engine.stop();
    world.line.cut();
    let done = Ok(StepResult::Done(Completion::new("succeeded", json!({}))));
    kept_of(
        &world,
        &run,
        [
            Input::StepFinished { step: "before".into(), attempt: 1, result: done, random: 0 },
            Input::EffectIntending { step: "sub".into(), attempt: 1 },
            Input::Cancel { by: Person::new("lena@legal.example"), reason: Some("enough".to_string()) },
        ],
    );
    let world = world.crash().await;
    let view = world.until_over(&run).await;
    assert_eq!((view.status, outcome_of(&view, "sub")), (RunStatus::Cancelled, "failed"), "{view:#?}");
    assert_eq!(view.problem.unwrap().message, "enough");
    assert_eq!(world.store.runs(&RunQuery { limit: 10, ..RunQuery::default() }).unwrap().len(), 1);
    assert_eq!(world.lab.count("work", Ask::Execute), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_archived_while_the_run_that_wanted_it_is_open() {
    let (world, dir) = (World::new().await, tempfile::tempdir().unwrap());
    let (run, child) = failed_child(&world).await;
    world.pass(91 * DAY);
    keep_house(&world, dir.path(), 0).await;
    assert!(world.store.head(&child).unwrap().is_some());
    world.engine.cancel(&run, Person::new("ada@acme.example"), None).await.unwrap();
    world.until_over(&run).await;
    world.engine.tidy().await.unwrap();
    assert_eq!(world.store.head(&child).unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_in_the_archive_is_found_there_and_not_started_again() {
    let (world, dir) = (World::new().await, tempfile::tempdir().unwrap());
    let (run, child) = failed_child(&world).await;
    keep_house(&world, dir.path(), 0).await;
    // As a version did that did not look for the run that wanted it.
    let archive = Archive::local(dir.path()).unwrap();
    archive.keep(std::sync::Arc::new(world.store.clone()), &child, "engross test", world.now()).await.unwrap().unwrap();
    let mark =
        Write::Mark { name: format!("{IN_ARCHIVE_MARKS}{child}"), value: Some(json!({ "seq": 1, "updated_at": 1 })) };
    assert_eq!(world.store.write(&[mark, Write::Remove(child.clone())]).unwrap(), [Ok(()), Ok(())]);
    world.engine.retry(&run, &"sub".into(), ada()).await.unwrap();
    let parked = || world.facts(&run, "sub").iter().filter(|fact| *fact == "step_parked").count();
    let view = world.until(&run, |view| parked() == 2 && state_of(view, "sub") == "incident").await;
    assert!(format!("{view:?}").contains("no such party"), "{view:#?}");
    assert_eq!(world.store.head(&child).unwrap(), None);
    assert_eq!(world.lab.count("work", Ask::Execute), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stays_for_an_older_run_behind_one_whose_id_is_earlier() {
    let (world, dir) = (World::new().await, tempfile::tempdir().unwrap());
    world.lab.on("ask", Ask::Execute, [Answer::Parks(question(1, None))]);
    world.lab.on("won", Ask::Execute, [Answer::Parks(named("crm/won", &[]))]);
    let parent =
        "steps: { ask: { uses: gate }, sub: { uses: workflow, with: { name: child }, needs: [ask] } }\noutputs: {}";
    let run = start(&world, parent, "steps: { won: { uses: await_event } }\noutputs: {}").await;
    world.until_step(&run, "ask", "waiting").await;
    world.engine.send_event("news", Some("1"), json!({})).await.unwrap();
    let settled = async {
        while world.store.settled(world.now().plus_ms(1), 9).unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::lab::PATIENCE, settled).await.unwrap();
    world.pass(40 * DAY);
    world.decide(&run, "lena", Verdict::Approve).await.unwrap();
    world.until_parked(&run, "sub").await;
    let child = child_of(&world, &run).await.id;
    assert!(child < run);
    world.until_parked(&child, "won").await;
    keep_house(&world, dir.path(), 0).await;
    assert_eq!(world.store.all_events(None, 9).unwrap().len(), 1);
}

/// Many runs are taken over between the one that goes on at once and the one that this sets off.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_that_was_taken_over_sets_off_is_not_taken_for_what_was_left() {
    let world = World::new().await;
    let gate = Gate::new();
    world.lab.on("work", Ask::Execute, [Answer::Hangs]);
    world.lab.on("slow", Ask::Execute, [Answer::Hangs]);
    let wanting = r#"
steps:
  sub: { uses: workflow, with: { name: child, key: k } }
  next: { uses: acme/fax, needs: [sub] }
  slow: { uses: local }
"#;
    const WANTED: &str = "steps: { work: { uses: local } }";
    // The oldest run, which is taken over last.
    world.lab.on("ask", Ask::Execute, [Answer::Parks(question(1, None))]);
    let held = wanting.replace("sub: {", "ask: { uses: gate }\n  sub: { needs: [ask],");
    let run = start(&world, &held, WANTED).await;
    world.until_step(&run, "ask", "waiting").await;
    // So many the connection allows at once; the others are in its queue.
    world.lab.on("filler", Ask::Execute, (0..100).map(|_| Answer::Hangs));
    for _ in 0..500 {
        world.start("steps: { filler: { uses: acme/get } }").await;
    }
    let file = SourceFile::new("child.yaml", &format!("schema: engross/v1\nname: child\n{WANTED}"));
    let how = StartOptions { requester: Person::new("ada@acme.example"), key: Some("k".to_string()) };
    let wanted = world.engine.start_run(world.engine.compile(&file).unwrap(), &file, json!({}), how).await.unwrap().run;
    world.lab.until_called("work", Ask::Execute, 1).await;
    world.decide(&run, "lena", Verdict::Approve).await.unwrap();
    world.until_parked(&run, "sub").await;
    world.lab.on("next", Ask::Execute, [Answer::After(gate.clone(), Box::new(Answer::Done(json!({}))))]);
    let world = world.crash().await;
    gate.open();
    assert_eq!(world.until_over(&wanted).await.status, RunStatus::Succeeded);
    assert_eq!(world.until_over(&run).await.status, RunStatus::Succeeded);
    assert_eq!(world.lab.count("next", Ask::Execute), 1);
}
