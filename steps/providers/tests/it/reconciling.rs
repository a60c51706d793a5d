//! Whether an effect happened, found by looking.

use crate::support::{Say, contract, provider, stage, step};
use engross_step_api::{EffectClass, EffectState, ErrorClass, Reconciled};
use serde_json::{Value, json};

const CREATED: &str = "2023-11-14T22:13:25.000Z";

fn create() -> Value {
    json!({"template_id": "t1", "name": "NDA - Acme"})
}

fn item(id: &str, name: &str, created: &str) -> Value {
    json!({"id": id, "name": name, "createdDate": created})
}

fn page(total: usize, contracts: &[Value]) -> Say {
    Say::ok(json!({"total": total, "contracts": contracts}))
}

/// What looking finds, in words, and the requests it took.
async fn look(provider: &str, name: &str, input: Value, script: Vec<Say>) -> (String, Vec<String>) {
    let (step, server, context) = stage(provider, name, script).await;
    let found = match step.reconcile(&context, &input).await {
        Ok(Reconciled::NotDone) => "not done".to_string(),
        Ok(Reconciled::Done(done)) => format!("{} {}", done.outcome, done.outputs["contract_id"]),
        Err(error) => {
            assert_eq!(error.effect, EffectState::Unknown, "a failed look leaves the doubt: {error}");
            format!("{}: {}", error.class.as_str(), error.message)
        }
    };
    (found, server.lines())
}

async fn check_create(script: Vec<Say>, expected: &str) -> Vec<String> {
    let (found, lines) = look("juro", "create_contract", create(), script).await;
    assert_eq!(found, expected);
    lines
}

#[tokio::test]
async fn a_create_is_found_by_template_time_and_name() {
    let lines = check_create(
        vec![
            page(
                3,
                &[
                    item("other", "NDA - Acme Ltd", CREATED),
                    item("c1", "NDA - Acme", CREATED),
                    item("old", "NDA - Acme", "2023-11-14T22:00:00Z"),
                ],
            ),
            Say::ok(contract("c1", "draft")),
        ],
        "succeeded \"c1\"",
    )
    .await;
    assert_eq!(
        lines,
        [
            "GET /v3/contracts?skip=0&limit=200&templateId=t1&updatedSince=1699913300 HTTP/1.1",
            "GET /v3/contracts/c1 HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn a_create_that_left_no_trace_did_not_happen() {
    check_create(vec![page(0, &[])], "not done").await;
    check_create(vec![page(1, &[item("other", "Another", CREATED)])], "not done").await;
    // The same name from a day before the step's first request is another's. Five seconds more are given to times that are cut off.
    check_create(vec![page(1, &[item("old", "NDA - Acme", "2023-11-13T22:13:15.122Z")])], "not done").await;
}

#[tokio::test]
async fn a_time_that_is_cut_off_counts_as_after_the_start() {
    let script =
        vec![page(1, &[item("c1", "NDA - Acme", "2023-11-14T22:13:15.123Z")]), Say::ok(contract("c1", "draft"))];
    check_create(script, "succeeded \"c1\"").await;
}

#[tokio::test]
async fn several_that_fit_are_left_to_a_person() {
    let two = [item("c1", "NDA - Acme", CREATED), item("c2", "NDA - Acme", CREATED)];
    let expected =
        "ambiguous: `create_contract` may have happened: 2 may be what an earlier attempt made, among them c1, c2";
    check_create(vec![page(2, &two)], expected).await;
}

#[tokio::test]
async fn one_that_does_not_say_when_it_was_made_is_left_to_a_person() {
    let unclear = json!({"id": "c1", "name": "NDA - Acme"});
    let expected = "ambiguous: `create_contract` may have happened: 1 of what is there may be what an earlier attempt made, \
                    and do not say";
    check_create(vec![page(1, std::slice::from_ref(&unclear))], expected).await;
    // One with another name is not ours, whenever it was made.
    check_create(vec![page(1, &[json!({"id": "c1", "name": "Another"})])], "not done").await;
}

/// `count` contracts of other names from a number on.
fn others(from: usize, count: usize) -> Vec<Value> {
    (from..from + count).map(|n| item(&format!("o{n}"), &format!("Other {n}"), CREATED)).collect()
}

/// Where the pages begin that were asked for.
fn skips(lines: &[String]) -> Vec<&str> {
    lines.iter().filter_map(|line| line.split("skip=").nth(1)?.split('&').next()).collect()
}

#[tokio::test]
async fn every_page_is_looked_through_and_more_than_one_twice() {
    let mut last = others(400, 4);
    last.push(item("c1", "NDA - Acme", CREATED));
    let reading = [page(405, &others(0, 200)), page(405, &others(200, 200)), page(405, &last)];
    let script = [&reading[..], &reading[..], &[Say::ok(contract("c1", "draft"))]].concat();
    let lines = check_create(script, "succeeded \"c1\"").await;
    assert_eq!(skips(&lines), ["0", "200", "400", "0", "200", "400"]);
}

#[tokio::test]
async fn a_list_that_changes_while_it_is_read_is_read_again() {
    // Somebody deletes a contract between the pages: the one that was looked for slips onto the page that was read.
    let mut second = others(200, 199);
    second.push(item("c1", "NDA - Acme", CREATED));
    let end = || page(400, &[]);
    let script = vec![
        page(401, &others(0, 200)),
        page(400, &others(201, 200)),
        end(),
        page(400, &others(0, 200)),
        page(400, &second),
        end(),
        Say::ok(contract("c1", "draft")),
    ];
    check_create(script, "succeeded \"c1\"").await;
    // Somebody else makes one meanwhile, so that the list is as long as before and nothing seems to be missing; and the other way
    // round, so that it is missing in the second reading.
    let mut first = vec![item("c1", "NDA - Acme", CREATED)];
    first.extend(others(0, 199));
    let with = [page(300, &first), page(300, &others(199, 100))];
    let without = [page(300, &others(500, 200)), page(300, &others(199, 100))];
    for (one, other) in [(&without, &with), (&with, &without)] {
        let script = [&one[..], &other[..], &[Say::ok(contract("c1", "draft"))]].concat();
        check_create(script, "succeeded \"c1\"").await;
    }
}

#[tokio::test]
async fn no_page_that_could_have_one_after_it_is_the_last() {
    let ours = || item("c1", "NDA - Acme", CREATED);
    let untold = |items: &[Value]| Say::ok(json!({"contracts": items}));
    // A server that gives less than was asked for, and no total; one whose total is that of the page.
    for pages in [
        vec![untold(&others(0, 50)), untold(&[ours()]), untold(&[])],
        vec![page(200, &others(0, 200)), page(200, &[ours()])],
    ] {
        let script = [&pages[..], &pages[..], &[Say::ok(contract("c1", "draft"))]].concat();
        let (found, _) = look("juro", "create_contract", create(), script).await;
        assert_eq!(found, "succeeded \"c1\"");
    }
    // One that gives the same page for ever is not asked for ever.
    let all = vec![untold(&others(0, 50)); 4];
    let lines = check_create(all, "not done").await;
    assert_eq!(skips(&lines), ["0", "50"]);
}

#[tokio::test]
async fn a_list_that_never_holds_still_is_no_proof() {
    let reading = |n: usize| [page(202, &others(n * 500, 200)), page(201, &others(n * 500 + 200, 1))];
    let script = (0..3).flat_map(reading).collect();
    let (found, _) = look("juro", "create_contract", create(), script).await;
    assert!(found.starts_with("transient: `list_contracts`: the list changed"), "{found}");
}

#[tokio::test]
async fn a_total_that_never_fits_does_not_stop_the_look() {
    let pages = [page(9, &others(0, 1)), page(9, &[]), page(9, &others(0, 1)), page(9, &[])];
    check_create(pages.to_vec(), "not done").await;
}

#[tokio::test]
async fn a_failed_look_leaves_the_doubt() {
    for say in [Say::Drop, Say::Json(401, json!({})), Say::Json(500, json!({})), Say::ok(json!({"contracts": 5}))] {
        let (found, _) = look("juro", "create_contract", create(), vec![say]).await;
        assert!(found.starts_with("transient") || found.starts_with("auth"), "{found}");
    }
}

async fn check_status(provider: &str, name: &str, status: &str, expected: &str) {
    let input = json!({"contract_id": "c1", "message": "Please sign."});
    let (found, lines) = look(provider, name, input, vec![Say::ok(contract("c1", status))]).await;
    let found = found.split(':').next().unwrap_or_default();
    assert_eq!(found, expected, "{provider}/{name} at {status}");
    assert_eq!(lines.len(), 1);
}

/// Every status that the documents know, with the states of an uploaded file where the generation has them.
const STATUSES: [&str; 9] = [
    "draft",
    "sent for approval",
    "approved",
    "rejected",
    "sent for signing",
    "signed by us",
    "signed by them",
    "fully signed",
    "uploaded",
];

/// What a status tells of an operation: those that it did not happen at, those that it did, and the rest is left to a person.
const VERDICTS: &[(&str, &str, &[&str], &[&str])] = &[
    (
        "juro",
        "sign",
        &["draft", "sent for approval", "approved", "sent for signing", "signed by them", "uploaded"],
        &["signed by us", "fully signed"],
    ),
    // The owner may have signed before the send.
    (
        "juro",
        "send_for_signing",
        &["draft", "sent for approval", "approved", "rejected", "uploaded"],
        &["sent for signing", "signed by them", "fully signed"],
    ),
    (
        "juro",
        "send_to_signer",
        &["draft", "sent for approval", "approved", "rejected", "uploaded"],
        &["sent for signing", "signed by them", "fully signed"],
    ),
    (
        "juro_v2",
        "sign",
        &["draft", "sent for approval", "approved", "sent for signing", "signed by them"],
        &["signed by us", "fully signed"],
    ),
    (
        "juro_v2",
        "send_for_signing",
        &["draft", "sent for approval", "approved", "rejected"],
        &["sent for signing", "signed by them", "fully signed"],
    ),
    // A rejection may be the answer to the request before; of what comes later nobody can tell whether it was asked for.
    ("juro_v2", "request_approval", &["draft"], &["sent for approval", "approved"]),
    // Where the approvers have decided there was nothing left to call off; what comes later may have come after either.
    ("juro_v2", "cancel_approval", &["sent for approval", "approved", "rejected"], &["draft"]),
];

#[tokio::test]
async fn each_status_tells_what_it_can() {
    for (provider, name, not_done, done) in VERDICTS {
        for status in STATUSES {
            let expected = match status {
                status if not_done.contains(&status) => "not done",
                status if done.contains(&status) => "succeeded \"c1\"",
                _ => "ambiguous",
            };
            check_status(provider, name, status, expected).await;
        }
        check_status(provider, name, "something new", "ambiguous").await;
    }
    for spelling in ["DRAFT", "SENT_FOR_APPROVAL", "Sent-for-approval"] {
        check_status("juro", "send_for_signing", spelling, "not done").await;
    }
}

#[test]
fn every_operation_that_is_looked_up_by_a_status_is_in_the_table() {
    for name in ["juro", "juro_v2"] {
        for step in provider(name).steps() {
            let spec = step.spec();
            let is_create = ["create_contract", "upload_contract"].iter().any(|create| spec.uses.ends_with(create));
            if spec.effect == EffectClass::Reconcilable && !is_create {
                let known = VERDICTS.iter().any(|(provider, name, ..)| spec.uses == format!("{provider}/{name}"));
                assert!(known, "{}: say what each status tells", spec.uses);
            }
        }
    }
}

#[tokio::test]
async fn a_send_to_one_of_several_sides_is_left_to_a_person() {
    let mut document = contract("c1", "sent for signing");
    let side = json!({"uid": "s3", "name": "Guarantor", "signatures": [{"uid": "g3"}]});
    document["contract"]["signingSides"].as_array_mut().expect("sides").push(side);
    let input = json!({"contract_id": "c1", "message": "Please sign.", "signing_side": "Guarantor"});
    let (found, _) = look("juro", "send_for_signing", input.clone(), vec![Say::ok(document.clone())]).await;
    assert!(found.starts_with("ambiguous"), "{found}");
    document["contract"]["status"] = json!("fully signed");
    let (found, _) = look("juro", "send_for_signing", input, vec![Say::ok(document)]).await;
    assert_eq!(found, "succeeded \"c1\"");
}

#[tokio::test]
async fn an_owners_signature_is_found_by_the_state_too() {
    let mut signed = contract("c1", "sent_for_signing");
    signed["contract"]["state"] = json!({"isSigned": {"owner": "signed", "counterparty": "not_signed"}});
    let input = json!({"contract_id": "c1"});
    let (found, _) = look("juro_v2", "sign", input, vec![Say::ok(signed)]).await;
    assert_eq!(found, "succeeded \"c1\"");
}

#[tokio::test]
async fn what_cannot_be_looked_up_says_so() {
    let create = step(provider("juro_v2").as_ref(), "create_contract");
    assert_eq!(create.spec().effect, EffectClass::Unsafe);
    let (step, _server, context) = stage("juro_v2", "create_contract", vec![]).await;
    let error = step.reconcile(&context, &json!({"template_id": "t1"})).await.expect_err("an error");
    assert_eq!((error.class, error.effect), (ErrorClass::Ambiguous, EffectState::Unknown));
}
