//! Runs that steps of other runs start: found again, waited for, told of, and given up with whoever wanted them.

use crate::lab::{Answer, Ask, Gate};
use crate::world::{World, outcome_of};
use engross_core::{ErrorClass, Person, RunId, RunStatus, StepError};
use engross_runtime::{RunView, StartOptions, WorkflowFiles};
use engross_source::SourceFile;
use engross_store::{RunQuery, Store};
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
