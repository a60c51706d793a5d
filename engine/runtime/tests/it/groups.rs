//! Runs of one group take turns, in the order of their start, whatever becomes of the engine meanwhile.

use crate::lab::{Answer, Ask, Gate};
use crate::world::World;
use engross_core::{Person, RunId, RunStatus, Summary};
use serde_json::{Value, json};

const TURNS: &str = r#"
inputs: { customer: { type: string } }
run: { concurrency: { group: "{{ inputs.customer }}", limit: 2 } }
steps: { work: { uses: acme/get } }
"#;

async fn start(world: &World, customer: &str) -> RunId {
    world.try_start(TURNS, json!({ "customer": customer }), None).await.unwrap().run
}

async fn until(world: &World, run: &RunId, summary: Summary) {
    world.until(run, |view| view.summary == summary).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_are_at_work_and_the_oldest_comes_next() {
    let world = World::new().await;
    let gate = Gate::new();
    let held = || Answer::After(gate.clone(), Box::new(Answer::Done(Value::Null)));
    world.lab.on("work", Ask::Execute, [held(), held(), held()]);
    let (one, two) = (start(&world, "acme").await, start(&world, "acme").await);
    world.lab.until_called("work", Ask::Execute, 2).await;
    let (three, four) = (start(&world, "acme").await, start(&world, "acme").await);
    let other = start(&world, "globex").await;
    world.lab.until_called("work", Ask::Execute, 3).await;
    until(&world, &other, Summary::Working).await;
    until(&world, &three, Summary::Queued).await;
    until(&world, &four, Summary::Queued).await;
    assert_eq!(world.engine.run(&four).await.unwrap().doing, "waits for its turn in the group acme");

    // One that waits can be given up, and does not come then.
    world.engine.cancel(&three, Person::new("lena@legal.example"), None).await.unwrap();
    assert_eq!(world.until_over(&three).await.status, RunStatus::Cancelled);
    gate.open();
    for run in [&one, &two, &four, &other] {
        assert_eq!(world.until_over(run).await.status, RunStatus::Succeeded);
    }
    let begun = |run: &RunId| world.facts(run, "work").len();
    assert!(begun(&four) > 0 && world.lab.count("work", Ask::Execute) == 4, "each came once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_came_while_no_engine_ran_is_taken_by_the_next() {
    let world = World::new().await;
    world.lab.on("work", Ask::Execute, [Answer::Hangs, Answer::Hangs]);
    let (one, two) = (start(&world, "acme").await, start(&world, "acme").await);
    world.lab.until_called("work", Ask::Execute, 2).await;
    let three = start(&world, "acme").await;
    until(&world, &three, Summary::Queued).await;
    let world = world.crash().await;
    for run in [&one, &two, &three] {
        assert_eq!(world.until_over(run).await.status, RunStatus::Succeeded);
    }
    // Opened again, a run takes its turn like a new one.
    world.lab.on("work", Ask::Execute, [Answer::Hangs, Answer::Hangs]);
    let (four, five) = (start(&world, "acme").await, start(&world, "acme").await);
    for run in [&four, &five] {
        until(&world, run, Summary::Working).await;
    }
    let word = engross_runtime::Word { by: Person::new("lena@legal.example"), attempt: None, comment: None };
    world.engine.rerun(&one, &"work".into(), true, word).await.unwrap();
    until(&world, &one, Summary::Queued).await;
}
