//! Schedules and events that start runs: once each, whatever the clock, the engine and the sender do.

use crate::housekeeping::keep_house;
use crate::lab::{Answer, Ask, Gate};
use crate::world::World;
use engross_core::{RunId, RunStatus};
use engross_runtime::{EVENT_REQUESTER, RunView, SCHEDULE_REQUESTER};
use engross_store::{RunQuery, Store, Write};
use serde_json::{Value, json};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// A workflow whose one step is asked at every full hour, with `more` settings of the schedule. The world's clock begins at
/// 2023-11-14T22:13:20Z.
fn hourly(more: &str) -> String {
    format!(
        r#"
schema: engross/v1
name: sync
inputs: {{ at: {{ type: string }} }}
defaults: {{ on_error: fail }}
triggers: {{ schedule: {{ cron: "0 * * * *"{more}, inputs: {{ at: "{{{{ trigger.scheduled_at }}}}" }} }} }}
steps: {{ work: {{ uses: local }} }}
"#
    )
}

/// A workflow that an event starts, with `more` settings of the trigger.
fn on_won(more: &str) -> String {
    format!(
        r#"
schema: engross/v1
name: nda
inputs: {{ name: {{ type: string }} }}
defaults: {{ on_error: fail }}
triggers: {{ event: {{ type: crm/won{more}, inputs: {{ name: "{{{{ event.data.name }}}}" }} }} }}
steps: {{ work: {{ uses: local }} }}
"#
    )
}

async fn world(workflow: &str) -> World {
    let world = World::new().await.crash_with(&[workflow]).await;
    world.engine.tend_schedules().await.unwrap();
    world
}

/// All runs, oldest first.
fn runs(world: &World) -> Vec<RunId> {
    let query = RunQuery { limit: 1_000, ..RunQuery::default() };
    let mut runs: Vec<RunId> = world.store.runs(&query).unwrap().into_iter().map(|head| head.run).collect();
    runs.reverse();
    runs
}

/// One input of every run, oldest first.
fn inputs(world: &World, name: &str) -> Vec<String> {
    runs(world).iter().map(|run| world.state(run).inputs[name].as_str().unwrap().to_string()).collect()
}

/// The hours for which runs were started: `22:00` and so on, with the day where it is not the first one.
fn hours(world: &World) -> Vec<String> {
    inputs(world, "at").iter().map(|at| at.replace("2023-11-14T", "").replace(":00.000Z", "")).collect()
}

async fn pass(world: &World, ms: i64) {
    world.pass(ms);
    world.engine.tend_schedules().await.unwrap();
}

fn mark(world: &World) -> (String, Value) {
    world.store.marks("schedule/sync/").unwrap().remove(0)
}

fn note(world: &World) -> String {
    mark(world).1["note"].as_str().unwrap_or_default().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_starts_one_run_each_time_and_none_for_the_past() {
    let world = world(&hourly("")).await;
    assert_eq!(runs(&world), []);
    pass(&world, 46 * MINUTE).await;
    pass(&world, MINUTE).await;
    assert_eq!(hours(&world), ["23:00"]);
    let run = runs(&world).remove(0);
    let view = world.until_over(&run).await;
    assert_eq!((view.status, view.requester.as_str()), (RunStatus::Succeeded, SCHEDULE_REQUESTER));
    pass(&world, HOUR).await;
    assert_eq!(hours(&world), ["23:00", "2023-11-15T00:00"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_looks_at_the_clock_by_itself() {
    let world = world(&hourly("")).await;
    world.pass(HOUR);
    world.lab.until_called("work", Ask::Execute, 1).await;
    assert_eq!(hours(&world), ["23:00"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_the_start_and_the_note_of_it_starts_nothing_twice() {
    for overlap in ["skip", "queue", "allow"] {
        let workflow = hourly(&format!(", overlap: {overlap}"));
        let world = world(&workflow).await;
        let (name, before) = mark(&world);
        pass(&world, HOUR).await;
        let run = runs(&world).remove(0);
        world.until_over(&run).await;
        // What a crash leaves: the mark as it was when the firing had been queued, and as it was before that.
        let queued = json!({ "cursor": mark(&world).1["cursor"], "queued": [mark(&world).1["last_at"]] });
        let mut world = world;
        for left in [queued, before] {
            let write = Write::Mark { name: name.clone(), value: Some(left) };
            world.store.write(&[write]).unwrap().remove(0).unwrap();
            world = world.crash_with(&[&workflow]).await;
            world.engine.tend_schedules().await.unwrap();
            assert_eq!(runs(&world), std::slice::from_ref(&run), "{overlap}");
            assert_eq!(mark(&world).1["last_run"], run.as_str(), "{overlap}");
        }
        assert_eq!(world.lab.count("work", Ask::Execute), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_the_start_loses_nothing() {
    for overlap in ["skip", "queue", "allow"] {
        let workflow = hourly(&format!(", overlap: {overlap}"));
        let world = world(&workflow).await;
        let (name, before) = mark(&world);
        let at = 1_700_000_000_000 / HOUR * HOUR + HOUR;
        assert!(before["cursor"].as_i64().unwrap() < at);
        let value = Some(json!({ "cursor": at, "queued": [at] }));
        world.store.write(&[Write::Mark { name, value }]).unwrap().remove(0).unwrap();
        world.pass(HOUR);
        let world = world.crash_with(&[&workflow]).await;
        world.engine.tend_schedules().await.unwrap();
        assert_eq!(hours(&world), ["23:00"], "{overlap}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn firings_that_no_engine_was_there_for_are_made_up_for_as_the_file_says() {
    let midnight = "2023-11-15T00:00";
    for (catch_up, late, expected) in [
        ("latest", 3 * HOUR, vec!["2023-11-15T01:00"]),
        ("all", 3 * HOUR, vec!["23:00", midnight, "2023-11-15T01:00"]),
        ("none", 3 * HOUR, vec![]),
        // 22:13:20 and 47 minutes are 23:00:20: on time still.
        ("none", 47 * MINUTE, vec!["23:00"]),
        ("none", 48 * MINUTE, vec![]),
    ] {
        let workflow = hourly(&format!(", overlap: allow, catch_up: {catch_up}"));
        let world = world(&workflow).await;
        world.engine.stop();
        world.pass(late);
        let world = world.crash_with(&[&workflow]).await;
        world.engine.tend_schedules().await.unwrap();
        assert_eq!(hours(&world), expected, "{catch_up} {late}");
    }
}

/// A world in which the run of 23:00 is under way until the gate opens, and it is 00:13.
async fn busy(overlap: &str) -> (World, Gate) {
    let world = world(&hourly(&format!(", overlap: {overlap}"))).await;
    let gate = Gate::new();
    world.lab.on("work", Ask::Execute, [Answer::After(gate.clone(), Box::new(Answer::Done(json!({}))))]);
    pass(&world, HOUR).await;
    world.lab.until_called("work", Ask::Execute, 1).await;
    pass(&world, HOUR).await;
    (world, gate)
}

#[tokio::test(flavor = "multi_thread")]
async fn overlap_skip_leaves_a_firing_out_while_a_run_is_open() {
    let (world, gate) = busy("skip").await;
    assert_eq!(hours(&world), ["23:00"]);
    assert!(note(&world).contains("was left out: an earlier run is still open"), "{}", note(&world));
    gate.open();
    world.until_over(&runs(&world).remove(0)).await;
    world.engine.tend_schedules().await.unwrap();
    assert_eq!(hours(&world), ["23:00"], "what was left out is not made up for");
    pass(&world, HOUR).await;
    assert_eq!(hours(&world), ["23:00", "2023-11-15T01:00"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn overlap_queue_starts_a_firing_when_the_run_before_it_has_ended() {
    let (world, gate) = busy("queue").await;
    pass(&world, HOUR).await;
    assert_eq!(hours(&world), ["23:00"]);
    assert_eq!(world.engine.triggers().await.unwrap().remove(0).queued, 2);
    gate.open();
    // Nobody says that the clock has changed: the ends of the runs are noticed.
    world.lab.until_called("work", Ask::Execute, 3).await;
    assert_eq!(hours(&world), ["23:00", "2023-11-15T00:00", "2023-11-15T01:00"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn overlap_allow_starts_every_firing() {
    let (world, gate) = busy("allow").await;
    assert_eq!(hours(&world), ["23:00", "2023-11-15T00:00"]);
    gate.open();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_of_day_that_the_clocks_leave_out_fires_once() {
    // London's clocks go from 01:00 to 02:00 on 31 March 2024.
    let workflow =
        hourly("").replace("\"0 * * * *\"", "\"30 1 * * *\", timezone: Europe/London, catch_up: all, overlap: allow");
    let world = world(&workflow).await;
    let to_30_march = 1_711_756_800_000 - 1_700_000_000_000;
    pass(&world, to_30_march).await;
    let before = runs(&world).len();
    pass(&world, 3 * 24 * HOUR).await;
    let new = inputs(&world, "at").split_off(before);
    assert_eq!(new.len(), 3, "{new:?}");
    assert!(new[1].starts_with("2024-03-31T01:"), "{new:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_goes_and_comes_back_begins_anew() {
    let world = world(&hourly(", catch_up: all")).await;
    let without = hourly("").replace("\"0 * * * *\"", "\"0 0 1 1 *\"");
    let world = world.crash_with(&[&without]).await;
    world.engine.tend_schedules().await.unwrap();
    pass(&world, 5 * HOUR).await;
    let world = world.crash_with(&[&hourly(", catch_up: all")]).await;
    world.engine.tend_schedules().await.unwrap();
    assert_eq!(runs(&world), []);
    pass(&world, HOUR).await;
    assert_eq!(runs(&world).len(), 1);
}

/// Waits until no event waits to be settled.
async fn settle(world: &World) {
    let unsettled = || world.store.inbox(&engross_store::InboxQuery::Unmatched).unwrap().len();
    let settled = async {
        while unsettled() > 0 {
            tokio::task::yield_now().await;
        }
    };
    assert!(
        tokio::time::timeout(crate::lab::PATIENCE, settled).await.is_ok(),
        "{} events are not settled",
        unsettled()
    );
}

async fn send(world: &World, id: &str, data: Value) {
    world.engine.send_event("crm/won", Some(id), data).await.unwrap();
    settle(world).await;
}

async fn the_run(world: &World) -> RunView {
    let all = runs(world);
    assert_eq!(all.len(), 1, "{all:?}");
    world.until_over(&all[0]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_starts_one_run_however_often_it_comes() {
    let world = world(&on_won("")).await;
    send(&world, "e1", json!({ "name": "Acme" })).await;
    send(&world, "e1", json!({ "name": "Acme" })).await;
    world.engine.send_event("crm/lost", Some("e2"), json!({ "name": "Other" })).await.unwrap();
    settle(&world).await;
    let view = the_run(&world).await;
    assert_eq!(view.requester.as_str(), EVENT_REQUESTER);
    assert_eq!(inputs(&world, "name"), ["Acme"]);
    send(&world, "e3", json!({ "name": "Bolt" })).await;
    assert_eq!(runs(&world).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_crash_left_starts_its_run_and_only_one() {
    let workflow = on_won("");
    let world = world(&workflow).await;
    world.leave_in_inbox("e1", "event:crm/won", json!({ "name": "Acme" }));
    let world = world.crash_with(&[&workflow]).await;
    let run = the_run(&world).await.id;
    // The crash came after the start and before the event was settled.
    world.engine.send_event("crm/won", Some("e2"), json!({ "name": "Bolt" })).await.unwrap();
    settle(&world).await;
    assert_eq!(runs(&world).len(), 2);
    let world = world.crash_with(&[&workflow]).await;
    assert_eq!(runs(&world).len(), 2);
    assert!(runs(&world).contains(&run));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_told_again_after_its_run_was_started_starts_none() {
    let workflow = on_won("");
    let world = world(&workflow).await;
    // Nothing after the start is written: neither the note of it nor that the event is settled.
    world.leave_in_inbox("e1", "event:crm/won", json!({ "name": "Acme" }));
    let world = world.crash_with(&[&workflow]).await;
    the_run(&world).await;
    let entry = world.store.all_events(None, 10).unwrap().remove(0).entry;
    let forget = Write::Forget(entry.event.id.clone());
    world.store.write(&[forget]).unwrap().remove(0).unwrap();
    world.store.write(&[Write::Inbox(entry)]).unwrap().remove(0).unwrap();
    let world = world.crash_with(&[&workflow]).await;
    settle(&world).await;
    the_run(&world).await;
    assert_eq!(world.lab.count("work", Ask::Execute), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_makes_one_of_events_that_differ() {
    let workflow = on_won(", id: \"{{ event.data.number }}\"");
    let world = world(&workflow).await;
    send(&world, "e1", json!({ "number": 7, "name": "Acme" })).await;
    world.pass(HOUR);
    send(&world, "e2", json!({ "number": 7, "name": "Acme again" })).await;
    assert_eq!(inputs(&world, "name"), ["Acme"]);
    let world = world.crash_with(&[&workflow]).await;
    send(&world, "e3", json!({ "number": 7, "name": "Acme once more" })).await;
    send(&world, "e4", json!({ "number": 8, "name": "Bolt" })).await;
    assert_eq!(inputs(&world, "name"), ["Acme", "Bolt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_events_for_which_the_condition_is_true_start_a_run() {
    let world = world(&on_won(", if: \"{{ event.data.amount > 10 }}\"")).await;
    send(&world, "e1", json!({ "amount": 10, "name": "Acme" })).await;
    assert_eq!(runs(&world), []);
    send(&world, "e2", json!({ "name": "Acme" })).await;
    let view = world.engine.triggers().await.unwrap().remove(0);
    assert!(view.note.unwrap_or_default().contains("started no run"), "a condition without its value is told");
    send(&world, "e3", json!({ "amount": 11, "name": "Bolt" })).await;
    assert_eq!(inputs(&world, "name"), ["Bolt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_data_do_not_fit_is_settled_and_told() {
    let world = world(&on_won("")).await;
    send(&world, "e1", json!({ "name": 7 })).await;
    assert_eq!(runs(&world), []);
    let view = world.engine.triggers().await.unwrap().remove(0);
    assert!(view.note.unwrap_or_default().contains("`name` must be a string"), "it is told");
    assert_eq!((view.kind.as_str(), view.when.as_str()), ("event", "on crm/won"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firing_knows_the_one_before_it_that_started_a_run() {
    let workflow = hourly("").replace("inputs: { at: {", "inputs: { since: { type: string }, at: {").replace(
        "at: \"{{ trigger.scheduled_at }}\"",
        "at: \"{{ trigger.scheduled_at }}\", since: \"{{ trigger.previous_at | default(value='ever', boolean=true) }}\"",
    );
    let world = world(&workflow).await;
    for _ in 0..3 {
        pass(&world, HOUR).await;
        world.until_over(runs(&world).last().unwrap()).await;
    }
    assert_eq!(inputs(&world, "since"), ["ever", "2023-11-14T23:00:00.000Z", "2023-11-15T00:00:00.000Z"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_goes_on_after_a_clock_that_was_fast_and_starts_nothing_twice() {
    for restart in [false, true] {
        let workflow = hourly(", overlap: allow");
        let mut world = world(&workflow).await;
        pass(&world, 3 * HOUR).await;
        assert_eq!(hours(&world), ["2023-11-15T01:00"]);
        if restart {
            world.engine.stop();
            world.pass(-3 * HOUR);
            world = world.crash_with(&[&workflow]).await;
            world.engine.tend_schedules().await.unwrap();
        } else {
            pass(&world, -3 * HOUR).await;
        }
        let next = world.engine.triggers().await.unwrap().remove(0).next;
        assert_eq!(next.as_deref(), Some("2023-11-14T23:00:00.000Z"), "restart: {restart}");
        for _ in 0..3 {
            pass(&world, HOUR).await;
        }
        assert_eq!(hours(&world), ["23:00", "2023-11-15T00:00", "2023-11-15T01:00"], "restart: {restart}");
        world.until_over(runs(&world).last().unwrap()).await;
        pass(&world, HOUR).await;
        assert_eq!(runs(&world).len(), 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_run_is_in_the_archive_starts_no_other() {
    let (world, dir) = (world(&on_won(", id: \"{{ event.data.number }}\"")).await, tempfile::tempdir().unwrap());
    send(&world, "e1", json!({ "number": 7, "name": "Acme" })).await;
    let run = the_run(&world).await.id;
    world.pass(91 * 24 * HOUR);
    keep_house(&world, dir.path(), 0).await;
    assert_eq!(runs(&world), []);
    send(&world, "e2", json!({ "number": 7, "name": "Acme" })).await;
    assert_eq!(runs(&world), []);
    assert_eq!(world.lab.count("work", Ask::Execute), 1);
    let view = world.engine.triggers().await.unwrap().remove(0);
    assert_eq!((view.last_run, view.note), (Some(run), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firing_whose_run_is_in_the_archive_is_done() {
    let workflow = hourly("");
    let (world, dir) = (world(&workflow).await, tempfile::tempdir().unwrap());
    let (name, before) = mark(&world);
    pass(&world, HOUR).await;
    let first = runs(&world).remove(0);
    world.until_over(&first).await;
    pass(&world, 91 * 24 * HOUR).await;
    keep_house(&world, dir.path(), 0).await;
    let left = runs(&world);
    assert_eq!((left.len(), left.contains(&first)), (1, false));
    world.until_over(&left[0]).await;
    world.engine.stop();
    world.pass(-91 * 24 * HOUR);
    world.store.write(&[Write::Mark { name, value: Some(before) }]).unwrap().remove(0).unwrap();
    let world = world.crash_with(&[&workflow]).await;
    world.engine.tend_schedules().await.unwrap();
    assert_eq!((runs(&world), world.lab.count("work", Ask::Execute)), (left, 2));
    assert_eq!(mark(&world).1["last_run"], first.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_again_when_the_inbox_has_forgotten_it_starts_no_other_run() {
    let (world, dir) = (world(&on_won("")).await, tempfile::tempdir().unwrap());
    let marks = |world: &World| world.store.marks("event-ran/").unwrap().len();
    send(&world, "e1", json!({ "name": "Acme" })).await;
    the_run(&world).await;
    world.pass(40 * 24 * HOUR);
    keep_house(&world, dir.path(), 0).await;
    assert_eq!(world.store.all_events(None, 9).unwrap(), []);
    let again = world.engine.send_event("crm/won", Some("e1"), json!({ "name": "Acme" })).await.unwrap();
    assert!(!again.duplicate);
    settle(&world).await;
    the_run(&world).await;
    assert_eq!((world.lab.count("work", Ask::Execute), marks(&world)), (1, 1));
    // What has started a run is known as long as the run is in the store, and not for ever.
    world.pass(51 * 24 * HOUR);
    world.engine.tidy().await.unwrap();
    assert_eq!((runs(&world), marks(&world)), (vec![], 0));
}
