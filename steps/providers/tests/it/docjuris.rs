//! DocJuris: every operation with what the documents show, and what is peculiar to it.

use crate::support::{
    Memory, Say, Server, base, check_input, connection, context_with, failed, looked, provider, stage, step,
};
use engross_step_api::{
    Files, IncomingEvent, OutcomeKind, RawWebhook, StepResult, Subscription, WaitKind, Wake, WebhookError,
};
use serde_json::{Value, json};
use std::sync::Arc;

const CONTRACT: &str = "4fd24682-dba7-4b8b-84de-6c0d47fde78c";
const TURN: &str = "c4d2d8fc-23b6-4df7-94a7-26f95c41f256";
const NEXT: &str = "43e36b4d-5711-49ff-a6d1-c252452fcf0f";

fn meta(response: Value) -> Value {
    json!({"meta": {"code": 200, "errorType": null, "errorDetail": null}, "response": response})
}

fn contract(turns: &[(&str, bool)]) -> Value {
    let turns: Vec<Value> = turns
        .iter()
        .map(|(id, complete)| {
            json!({
                "changeCount": 0,
                "id": id,
                "isComplete": complete,
                "lastModified": "2023-11-14T22:13:25.2517127Z",
                "source": "Company A",
            })
        })
        .collect();
    meta(json!({
        "counterParty": {"id": 1, "name": "Company A"},
        "description": "",
        "id": CONTRACT,
        "lastModified": "2020-01-31T15:13:56.361811Z",
        "name": "my contract",
        "turns": turns,
        "type": {"description": "", "id": 1, "name": "NDA"},
        "extendedData": {"namedValues": [{"name": "v1", "value": "data1"}]},
        "urls": {"app": "https://app.docjuris.com/contracts/12"},
    }))
}

fn turn(id: &str, key: Option<&str>, tags: &[&str]) -> Value {
    let tags: Vec<Value> =
        tags.iter().map(|id| json!({"id": id, "name": "Execution Copy", "description": "Execution Copy"})).collect();
    let mut turn =
        json!({"id": id, "lastModified": "2020-02-05T19:28:14.9835627Z", "source": "Company A", "tags": tags});
    if let Some(key) = key {
        turn["extendedData"] = json!({"namedValues": [{"name": "engross-step", "value": key, "type": "text"}]});
    }
    meta(turn)
}

/// Files with a document in them, and how it is named in inputs.
async fn document() -> (Arc<Memory>, Value) {
    let files = Arc::new(Memory::default());
    let media_type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    let kept = files.put("PK the contract".into(), media_type, Some("NDA \"v1\" Ü.docx")).await.expect("kept");
    (files, serde_json::to_value(kept).expect("JSON"))
}

#[tokio::test]
async fn the_part_with_the_counterparty_can_be_called_otherwise() {
    let (files, file) = document().await;
    let server = Server::start(vec![Say::ok(contract(&[(TURN, true)]))]).await;
    let mut connection = connection("docjuris", &base("docjuris", &server));
    let name = engross_step_api::Setting::Plain("counterParty".to_string());
    connection.settings.insert("counterparty_part".to_string(), name);
    let step = step(provider("docjuris").as_ref(), "create_contract");
    let input = json!({"contract_type": "nda", "counterparty": "company_a", "file": file});
    step.execute(&context_with(connection, files), &input).await.expect("done");
    let sent = server.requests().remove(0);
    assert!(sent.contains("name=\"counterParty\"\r\n\r\ncompany_a\r\n"), "{sent}");
}

#[tokio::test]
async fn a_file_that_is_not_kept_is_never_half_sent() {
    let input = json!({
        "contract_type": "nda", "counterparty": "a", "file": {"sha256": "0000", "size": 1, "media_type": "text/plain"},
    });
    let (step, server, context) = stage("docjuris", "create_contract", vec![]).await;
    let error = step.execute(&context, &input).await.expect_err("an error");
    assert!(error.message.contains("could not be read: there is no file 0000"), "{error}");
    assert_eq!(error.effect, engross_step_api::EffectState::NotDone);
    assert_eq!(server.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn the_code_in_the_body_counts() {
    let id = || json!({"contract_id": CONTRACT});
    let coded = |code: Value| json!({"meta": {"code": code, "errors": [{"type": "x", "message": "the words"}]}, "response": null});
    let import = || json!({"url": "https://e.example/h", "type": "turnTagged"});
    for (name, input, say, expected) in [
        ("get_contract", id(), Say::Json(404, coded(json!(404))), "not_found NotDone http_404"),
        ("get_contract", id(), Say::Json(401, coded(json!(401))), "auth NotDone http_401"),
        ("get_contract", id(), Say::ok(coded(json!(404))), "not_found NotDone http_404"),
        ("get_contract", id(), Say::ok(json!({"response": {"id": "x"}})), "transient NotDone garbage"),
        // A body that contradicts its status leaves an effect in doubt.
        ("create_subscription", import(), Say::ok(coded(json!(400))), "invalid Unknown http_400"),
        ("create_subscription", import(), Say::Json(400, coded(json!(400))), "invalid NotDone http_400"),
        ("create_subscription", import(), Say::Json(500, coded(json!(500))), "transient Unknown http_500"),
        // What was asked for as a file and comes as a document says what went wrong.
        ("get_contract_document", id(), Say::ok(coded(json!(404))), "not_found NotDone http_404"),
    ] {
        assert_eq!(failed("docjuris", name, input, vec![say]).await, expected, "{name}");
    }
    let (step, _server, context) = stage("docjuris", "get_contract", vec![Say::Json(404, coded(json!(404)))]).await;
    let error = step.execute(&context, &id()).await.expect_err("an error");
    assert!(error.message.ends_with("HTTP 404: the words"), "{error}");
}

#[tokio::test]
async fn a_turn_that_somebody_else_answered_first_is_a_conflict() {
    let (_, file) = document().await;
    let input = json!({"contract_id": CONTRACT, "current_turn_id": TURN, "file": file});
    let refused = |status: u16| Say::Json(status, json!({"meta": {"code": status, "errorDetail": "no"}}));
    for (status, now, expected) in [
        (400, vec![(TURN, true), (NEXT, false)], "conflict NotDone stale"),
        (409, vec![(TURN, true), (NEXT, false)], "conflict NotDone stale"),
        // The turn is still the latest: the refusal is about something else.
        (400, vec![(TURN, true)], "invalid NotDone http_400"),
        (500, vec![(TURN, true), (NEXT, false)], "transient Unknown http_500"),
    ] {
        let (files, _) = document().await;
        let server = Server::start(vec![refused(status), Say::ok(contract(&now))]).await;
        let context = context_with(connection("docjuris", &base("docjuris", &server)), files);
        let step = step(provider("docjuris").as_ref(), "add_turn");
        let error = step.execute(&context, &input).await.expect_err("an error");
        assert_eq!(format!("{} {:?} {}", error.class.as_str(), error.effect, error.code), expected);
        assert_eq!(server.lines().len(), if status == 500 { 1 } else { 2 });
    }
    // A contract without turns has nothing to answer.
    let unnamed = json!({"contract_id": CONTRACT, "file": file});
    assert_eq!(failed("docjuris", "add_turn", unnamed, vec![Say::ok(contract(&[]))]).await, "state NotDone no_token");
}

#[tokio::test]
async fn an_added_turn_is_known_by_its_key() {
    let (_, file) = document().await;
    let input = json!({"contract_id": CONTRACT, "file": file});
    let (_, _, context) = stage("docjuris", "add_turn", vec![]).await;
    let key = context.key.as_str();
    let both = || Say::ok(contract(&[(TURN, true), (NEXT, false)]));
    let script = vec![both(), Say::ok(turn(TURN, None, &[])), Say::ok(turn(NEXT, Some(key), &[]))];
    let (found, lines) = looked("docjuris", "add_turn", input.clone(), script).await;
    assert!(found.starts_with("done") && found.contains(&format!("\"turn_id\":\"{NEXT}\"")), "{found}");
    assert_eq!(lines.len(), 3);
    let script = vec![both(), Say::ok(turn(TURN, None, &[])), Say::ok(turn(NEXT, Some("another"), &[]))];
    let (found, _) = looked("docjuris", "add_turn", input.clone(), script).await;
    assert_eq!(found, "not done");
    // Its key says whose it is, whatever the clocks say of its time.
    let mut old = contract(&[(TURN, true)]);
    old["response"]["turns"][0]["lastModified"] = json!("2020-01-31T15:14:01.2517127Z");
    let script = vec![Say::ok(old.clone()), Say::ok(turn(TURN, Some(key), &[]))];
    let (found, _) = looked("docjuris", "add_turn", input.clone(), script).await;
    assert!(found.starts_with("done"), "{found}");
    // Where there are more than are read one by one, those of long before are left out, and of the others nobody can tell.
    let many: Vec<(&str, bool)> = vec![(TURN, true); 51];
    let (found, lines) = looked("docjuris", "add_turn", input.clone(), vec![Say::ok(contract(&many))]).await;
    assert!(found.starts_with("ambiguous") && lines.len() == 1, "{found}");
    let mut many_old = contract(&many);
    for turn in many_old["response"]["turns"].as_array_mut().expect("turns") {
        turn["lastModified"] = json!("2020-01-31T15:14:01.2517127Z");
    }
    let (found, lines) = looked("docjuris", "add_turn", input, vec![Say::ok(many_old)]).await;
    assert_eq!((found.as_str(), lines.len()), ("not done", 1));
}

#[tokio::test]
async fn subscriptions_say_too_little_to_be_taken_over() {
    let input = json!({"url": "https://e.example/h", "type": "turnTagged"});
    let listed = |created: &str| Say::ok(meta(json!([{"id": "s1", "type": "turnTagged", "created": created}])));
    let (found, _) = looked("docjuris", "create_subscription", input.clone(), vec![Say::ok(meta(json!([])))]).await;
    assert_eq!(found, "not done");
    let (found, _) =
        looked("docjuris", "create_subscription", input.clone(), vec![listed("2020-02-05T19:28:14.98Z")]).await;
    assert_eq!(found, "not done");
    let (found, _) = looked("docjuris", "create_subscription", input, vec![listed("2023-11-14T22:13:25Z")]).await;
    assert!(found.starts_with("ambiguous") && found.ends_with("among them s1"), "{found}");
}

/// How a wait ends with this contract and, after it, this turn and these messages.
async fn ended(input: Value, script: Vec<Value>) -> Option<String> {
    let (step, _server, context) = stage("docjuris", "await_turn", script.into_iter().map(Say::ok).collect()).await;
    check_input(step.as_ref(), &input);
    let ended = step.check(&context, &input, Wake::Poll).await.expect("a look");
    ended.map(|done| format!("{} {}", done.outcome.as_str(), done.outputs["turn_id"].as_str().unwrap_or_default()))
}

#[tokio::test]
async fn the_latest_turn_decides_how_the_wait_ends() {
    let execution = &["1CCC94A7-E71B-4E03-9BB9-995A6A63F568"][..];
    let of = |more: Value| {
        let mut input = json!({"contract_id": CONTRACT});
        input.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        input
    };
    let first = |complete: bool| contract(&[(TURN, complete)]);
    let second = |complete: bool| contract(&[(TURN, true), (NEXT, complete)]);
    let changed = |mut contract: Value| {
        let turns = contract["response"]["turns"].as_array_mut().expect("turns");
        turns.last_mut().expect("a turn")["changeCount"] = json!(2);
        contract
    };
    // The list is in no order that is documented: the vendor's connector names the latest turn.
    let named = |mut contract: Value, latest: &str| {
        contract["response"]["latestTurnId"] = json!(latest.to_uppercase());
        contract
    };
    let upside_down = || named(contract(&[(NEXT, true), (TURN, false)]), NEXT);
    let completed = Some(format!("completed {TURN}"));
    let after = || of(json!({"after_turn_id": TURN}));
    let next = || turn(NEXT, None, &[]);
    let mut told = next();
    told["response"]["isComplete"] = json!(true);
    for (input, contract, turn, expected) in [
        (of(json!({})), first(false), turn(TURN, None, &[]), None),
        // The vendor's sample of a contract that was just created has a turn that is complete and has no changes.
        (of(json!({})), first(true), turn(TURN, None, &[]), None),
        (of(json!({})), second(true), next(), None),
        (of(json!({})), changed(first(true)), turn(TURN, None, &[]), completed.clone()),
        (of(json!({})), changed(first(false)), turn(TURN, None, &[]), None),
        (of(json!({})), first(true), turn(TURN, None, execution), Some(format!("tagged {TURN}"))),
        (of(json!({})), first(false), turn(TURN, None, &["another-tag"]), None),
        (of(json!({"until": ["completed"]})), changed(first(true)), turn(TURN, None, execution), completed),
        (of(json!({"until": ["tagged"]})), changed(first(true)), turn(TURN, None, &[]), None),
        (of(json!({"tag": "execution copy"})), first(false), turn(TURN, None, &["x"]), Some(format!("tagged {TURN}"))),
        (of(json!({"tag": "other"})), first(false), turn(TURN, None, execution), None),
        (after(), changed(first(true)), turn(TURN, None, &[]), None),
        (of(json!({"after_turn_id": TURN.to_uppercase()})), changed(first(true)), turn(TURN, None, &[]), None),
        (after(), second(false), next(), Some(format!("created {NEXT}"))),
        (after(), second(true), next(), Some(format!("completed {NEXT}"))),
        (after(), second(false), told, Some(format!("completed {NEXT}"))),
        (after(), upside_down(), next(), Some(format!("completed {}", NEXT.to_uppercase()))),
        (of(json!({})), changed(upside_down()), next(), None),
    ] {
        assert_eq!(ended(input.clone(), vec![contract.clone(), turn]).await, expected, "{input} {contract}");
    }
}

#[tokio::test]
async fn a_completion_without_changes_is_found_in_the_messages() {
    let message = |turn: &str, at: &str| {
        let message = json!({"messageId": "m1", "type": "TurnCompleted", "contractId": CONTRACT.to_uppercase(),
            "turnId": turn.to_uppercase(), "sentOn": at});
        meta(json!([message]))
    };
    let now = "2023-11-14T22:13:25.98Z";
    for (after, messages, expected) in [
        (None, message(TURN, now), Some(format!("completed {TURN}"))),
        (None, message(TURN, "2020-02-05T19:28:14.98Z"), None),
        (None, message(NEXT, now), None),
        (Some(TURN), message(TURN, now), None),
    ] {
        let mut input = json!({"contract_id": CONTRACT, "until": ["completed"], "subscription_id": "s1"});
        if let Some(after) = after {
            input["after_turn_id"] = json!(after);
        }
        let script = vec![contract(&[(TURN, true)]), turn(TURN, None, &[]), messages];
        assert_eq!(ended(input.clone(), script).await, expected, "{input}");
    }
}

#[test]
fn what_could_never_happen_is_not_waited_for() {
    let step = step(provider("docjuris").as_ref(), "await_turn");
    let validator = jsonschema::validator_for(&step.spec().input).expect("a schema");
    for (more, expected) in [
        (json!({}), true),
        (json!({"until": ["tagged", "completed"]}), true),
        (json!({"until": ["mention"]}), false),
        (json!({"until": ["tagged", "mention"]}), false),
        (json!({"until": ["mention"], "subscription_id": "s1"}), true),
        (json!({"until": ["created"]}), false),
        (json!({"until": ["created"], "after_turn_id": TURN}), true),
        (json!({"until": ["created", "mention"], "after_turn_id": TURN}), false),
    ] {
        let mut input = json!({"contract_id": CONTRACT});
        input.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        assert_eq!(validator.is_valid(&input), expected, "{more}");
    }
}

#[tokio::test]
async fn a_mention_is_found_in_the_messages() {
    let message = |kind: &str, at: &str| {
        meta(json!([{"messageId": "m1", "type": kind, "contractId": CONTRACT.to_uppercase(), "sentOn": at}]))
    };
    let input = json!({"contract_id": CONTRACT, "until": ["mention"], "subscription_id": "s1"});
    for (messages, expected) in [
        (message("turnMention", "2023-11-14T22:13:25.98Z"), Some(format!("mention {TURN}"))),
        (message("turnMention", "2020-02-05T19:28:14.98Z"), None),
        (message("turnTagged", "2023-11-14T22:13:25.98Z"), None),
        (meta(json!([])), None),
    ] {
        let script = vec![contract(&[(TURN, true)]), turn(TURN, None, &[]), messages.clone()];
        assert_eq!(ended(input.clone(), script).await, expected, "{messages}");
    }
    let mut since = input;
    since["since"] = json!("2020-01-01T00:00:00Z");
    let messages = message("turnMention", "2020-02-05T19:28:14.98Z");
    let script = vec![contract(&[(TURN, true)]), turn(TURN, None, &[]), messages];
    assert_eq!(ended(since, script).await, Some(format!("mention {TURN}")));
}

#[tokio::test]
async fn the_wait_names_its_ends_and_listens_whatever_the_letter_case() {
    let (step, _server, context) = stage("docjuris", "await_turn", vec![]).await;
    let outcomes: Vec<_> = step.spec().outcomes.iter().map(|o| (o.name.as_str(), o.kind, o.outputs)).collect();
    assert_eq!(
        outcomes,
        [
            ("completed", OutcomeKind::Good, true),
            ("tagged", OutcomeKind::Neutral, true),
            ("mention", OutcomeKind::Neutral, true),
            ("created", OutcomeKind::Neutral, true),
            ("timed_out", OutcomeKind::Bad, false),
            ("failed", OutcomeKind::Failure, false),
        ]
    );
    let parked = step.execute(&context, &json!({"contract_id": CONTRACT.to_uppercase()})).await.expect("parked");
    let StepResult::Parked(wait) = parked else { panic!("done") };
    let WaitKind::Event { subscriptions, .. } = wait.kind else { panic!("another wait") };
    assert_eq!(subscriptions, [Subscription::to_object("docjuris", CONTRACT)]);
}

fn receive(body: &Value) -> Result<Vec<IncomingEvent>, WebhookError> {
    let connection = connection("docjuris", "http://127.0.0.1:9/v1");
    provider("docjuris").receive(
        &connection,
        &RawWebhook { headers: &[], body: body.to_string().as_bytes(), received_at: crate::support::STARTED },
    )
}

#[test]
fn each_event_is_read_whatever_its_spelling() {
    let event = |kind: &str, id: &str| json!({"messageId": id, "type": kind, "contractId": CONTRACT.to_uppercase(), "turnId": NEXT, "sentOn": "2020-02-05T19:28:14.9835627Z"});
    for (sent, kind) in [
        ("TurnCompleted", "turnCompleted"),
        ("turnCompleted", "turnCompleted"),
        ("turnTagged", "turnTagged"),
        ("turncreated", "turnCreated"),
        ("turnMention", "turnMention"),
        ("screeningReportUpdated", "screeningReportUpdated"),
    ] {
        let read = receive(&event(sent, "m1")).expect("read");
        assert_eq!((read[0].kind.as_str(), read[0].correlation.as_str()), (kind, CONTRACT));
        assert_eq!(read, receive(&event(sent, "m1")).expect("a duplicate"));
        assert_ne!(read[0].dedupe, receive(&event(sent, "m2")).expect("another")[0].dedupe);
    }
    for body in [json!({}), json!([]), json!({"type": "turnTagged"}), json!({"contractId": "c"})] {
        assert!(matches!(receive(&body), Err(WebhookError::Malformed(_))), "{body}");
    }
    assert_eq!(provider("docjuris").acknowledgement().status, 200);
}

#[test]
fn a_document_has_one_type_and_one_counterparty() {
    let step = step(provider("docjuris").as_ref(), "create_contract");
    let validator = jsonschema::validator_for(&step.spec().input).expect("a schema");
    let file = json!({"sha256": "00", "size": 1, "media_type": "application/pdf"});
    for (more, expected) in [
        (json!({"contract_type": "nda", "counterparty": "a"}), true),
        (json!({"contract_type_id": 1, "counterparty_id": 2}), true),
        (json!({"contract_type": "nda", "contract_type_id": 1, "counterparty": "a"}), false),
        (json!({"contract_type": "nda"}), false),
        (json!({"counterparty": "a"}), false),
    ] {
        let mut input = more.clone();
        input["file"] = file.clone();
        assert_eq!(validator.is_valid(&input), expected, "{more}");
    }
}
