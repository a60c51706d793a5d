//! Looking for an effect when the clocks differ: a contract that was made is never taken for none, nor another run's for ours.

use crate::sandbox::Bench;
use crate::support::{Say, looked, provider, stage, step};
use engross_step_api::{ErrorClass, Reconciled, StepContext, Timestamp};
use serde_json::{Value, json};

/// What is made, where the sandbox has its provider, and the operation that makes it.
struct Made {
    provider: &'static str,
    mount: &'static str,
    operation: &'static str,
}

const MADE: [Made; 5] = [
    Made { provider: "juro", mount: "juro/v3", operation: "create_contract" },
    Made { provider: "juro", mount: "juro/v3", operation: "upload_contract" },
    Made { provider: "paperlex", mount: "paperlex/v1", operation: "create_contract" },
    Made { provider: "contract_signatures", mount: "contract_signatures/webapi", operation: "create_contract" },
    Made { provider: "docjuris", mount: "docjuris/v1", operation: "create_subscription" },
];

async fn input(bench: &Bench, made: &Made, name: &str) -> Value {
    match (made.provider, made.operation) {
        ("juro", "create_contract") => json!({"template_id": "mutual-nda", "name": name}),
        ("juro", _) => json!({"file": bench.file("draft.pdf", "application/pdf", b"%PDF-1.7 x").await, "name": name}),
        ("paperlex", _) => json!({"subject": name, "number_of_signers": 1, "slaw_id": "5d21c0de4a7be901"}),
        ("contract_signatures", _) => json!({
            "template_id": "1234567", "name": name,
            "signers": [{"full_name": "Jane Doe", "access_kind": "url"}],
        }),
        _ => json!({"url": "http://127.0.0.1:9/h/token", "type": "turnMention"}),
    }
}

/// Lets the sandbox's clock be wrong, and the one that tells the `Date` of its replies.
async fn wrong(bench: &Bench, offset_s: i64, date_s: i64) {
    let url = format!("http://{}/_sandbox/settings", bench.sandbox.addr());
    let body = json!({"clock_offset_s": offset_s, "date_offset_s": date_s}).to_string();
    let request = reqwest::Client::new().post(url).header("content-type", "application/json").body(body);
    assert!(request.send().await.expect("an answer").status().is_success());
}

fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

async fn found(context: &StepContext, made: &Made, input: &Value) -> String {
    let step = step(provider(made.provider).as_ref(), made.operation);
    match step.reconcile(context, input).await {
        Ok(Reconciled::Done(_)) => "done".to_string(),
        Ok(Reconciled::NotDone) => "not done".to_string(),
        Err(error) => {
            assert_eq!(error.class, ErrorClass::Ambiguous, "{error}");
            "in doubt".to_string()
        }
    }
}

/// A look for what was made a moment ago with the sandbox's clocks so wrong.
async fn after_a_lost_answer(made: &Made, name: &str, offset_s: i64, date_s: i64) -> String {
    let mut bench = Bench::start(made.provider, made.mount).await;
    (bench.context.run_started_at, bench.context.now) = (now(), now());
    wrong(&bench, offset_s, date_s).await;
    let input = input(&bench, made, name).await;
    bench.good(made.operation, input.clone()).await;
    found(&bench.context, made, &input).await
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

#[tokio::test]
async fn what_was_made_is_never_taken_for_not_made_when_our_clock_is_ahead() {
    for made in &MADE {
        // Its subscriptions do not say enough to be certain of any.
        let certain = if made.provider == "docjuris" { "in doubt" } else { "done" };
        for (offset, date, expected) in [
            // The provider says in each reply what its clock says.
            (-15 * MINUTE, -15 * MINUTE, certain),
            (-7 * HOUR, -7 * HOUR, certain),
            // Its replies come from another machine than its times, or one of the clocks has been set right meanwhile.
            (-15 * MINUTE, 0, "in doubt"),
            (-20 * HOUR, 0, "in doubt"),
            (-2 * MINUTE, 0, "in doubt"),
            // Further than is believed.
            (-50 * HOUR, -50 * HOUR, "in doubt"),
            // Theirs is ahead.
            (15 * MINUTE, 15 * MINUTE, certain),
            (15 * MINUTE, 0, certain),
            (0, 15 * MINUTE, "in doubt"),
        ] {
            let told = after_a_lost_answer(made, "NDA - Acme", offset, date).await;
            let what = format!("{}/{} at {offset} s, its Date at {date} s", made.provider, made.operation);
            assert_eq!(told, expected, "{what}");
        }
        // What no other run can have made may be some minutes too early.
        if made.provider != "docjuris" {
            assert_eq!(after_a_lost_answer(made, "NDA - Acme [018f-run]", -2 * MINUTE, 0).await, "done");
        }
    }
}

#[tokio::test]
async fn what_another_run_made_long_before_is_not_ours() {
    for made in &MADE {
        let mut bench = Bench::start(made.provider, made.mount).await;
        let input = input(&bench, made, "NDA - Acme").await;
        bench.good(made.operation, input.clone()).await;
        let mut context = bench.context.clone();
        for (later_s, expected) in
            [(MINUTE, "in doubt"), (23 * HOUR, "in doubt"), (25 * HOUR, "not done"), (71 * HOUR, "not done")]
        {
            // The provider's clock goes along: what is there was made so long before this run's first request.
            wrong(&bench, 0, later_s).await;
            let later = now().plus_ms(u64::try_from(later_s * 1000).expect("later"));
            (context.run_started_at, context.now) = (later, later);
            let told = found(&context, made, &input).await;
            assert_eq!(told, expected, "{}/{} {later_s} s later", made.provider, made.operation);
        }
    }
}

const CREATED: &str = "2023-11-14T22:13:25.000Z";

/// What a look of Juro's create finds among these contracts.
async fn juro(name: &str, contracts: Value) -> (String, Option<String>) {
    let total = contracts.as_array().map(Vec::len);
    let list = Say::ok(json!({"total": total, "contracts": contracts}));
    let (step, _server, context) =
        stage("juro", "create_contract", vec![list, Say::ok(crate::support::contract("c1", "draft"))]).await;
    match step.reconcile(&context, &json!({"template_id": "t1", "name": name})).await {
        Ok(Reconciled::Done(done)) => (format!("done {}", done.outputs["contract_id"]), None),
        Ok(Reconciled::NotDone) => ("not done".to_string(), None),
        Err(error) => (error.message, error.hint),
    }
}

#[tokio::test]
async fn one_that_was_made_too_early_is_named_with_its_time_beside_ours() {
    let (told, hint) = juro("NDA", json!([{"id": "c1", "name": "NDA", "createdDate": "2023-11-14T22:00:00Z"}])).await;
    assert_eq!(
        told,
        "`create_contract` may have happened: what is there fits but for its time: `c1` of 2023-11-14T22:00:00.000Z by the \
         provider's clock, and by ours nothing of this step is from before 2023-11-14T22:13:15.123Z"
    );
    assert_eq!(
        hint.as_deref(),
        Some(
            "look in Juro which of them this run made, then decide; names with the run's id in them can always be told apart; it is \
             this step's if our clock was ahead by the difference when the request was sent, and another's otherwise"
        )
    );
    // Where one is there that fits, those from before are others'.
    let both = json!([
        {"id": "c1", "name": "NDA", "createdDate": CREATED},
        {"id": "c0", "name": "NDA", "createdDate": "2023-11-14T22:00:00Z"},
    ]);
    assert_eq!(juro("NDA", both).await.0, "done \"c1\"");
}

#[tokio::test]
async fn a_name_with_the_runs_id_is_no_other_runs_whatever_its_time() {
    let named = |name: &str| json!([{"id": "c1", "name": name, "createdDate": "2019-01-01T00:00:00Z"}]);
    assert_eq!(juro("NDA", named("NDA")).await.0, "not done");
    let (told, _) = juro("NDA [018f-run]", named("NDA [018f-run]")).await;
    assert!(told.contains("fits but for its time: `c1` of 2019-01-01T00:00:00.000Z"), "{told}");
    assert_eq!(juro("NDA [018f-run]", named("NDA [018e-run]")).await.0, "not done");
}

#[tokio::test]
async fn what_the_provider_may_have_spelled_otherwise_leaves_the_doubt() {
    let named = |name: &str| json!([{"id": "c1", "name": name, "createdDate": CREATED}]);
    let doubt = "`create_contract` may have happened: 1 may be what an earlier attempt made, though not as it was asked for, among \
                 them c1";
    let name = "NDA - M\u{fc}ller & S\u{f6}hne, about the project of the long name [018f-run]";
    for stored in [
        "NDA - M\u{fc}ller &amp; S\u{f6}hne, about the project of the long name [018f-run]",
        "nda - m\u{fc}ller & s\u{f6}hne, about the project of the long name [018f-run]",
        "NDA - M?ller & S?hne, about the project of the long name [018f-run]",
        "NDA -  M\u{fc}ller & S\u{f6}hne, about the project of the",
    ] {
        assert_eq!(juro(name, named(stored)).await.0, doubt, "{stored}");
    }
    assert_eq!(juro(name, named("NDA - M\u{fc}ller & S\u{f6}hne")).await.0, "not done");
    // One that is spelled as it was asked for is ours, and the other somebody else's.
    let both = json!([
        {"id": "c1", "name": "NDA", "createdDate": CREATED},
        {"id": "c2", "name": "nda", "createdDate": CREATED},
    ]);
    assert_eq!(juro("NDA", both).await.0, "done \"c1\"");
}

#[tokio::test]
async fn an_upload_that_is_named_by_its_file_leaves_the_doubt() {
    let file = json!({"sha256": "0".repeat(64), "size": 1, "media_type": "application/pdf", "name": "draft.pdf"});
    let input = json!({"name": "NDA [018f-run]", "file": file});
    let listed = |name: &str, at: &str| {
        Say::ok(json!({"total": 1, "contracts": [{"id": "c1", "name": name, "createdDate": at}]}))
    };
    for (name, at, expected) in [
        ("draft.pdf", CREATED, "ambiguous"),
        ("draft", CREATED, "ambiguous"),
        ("draft.pdf", "2023-11-14T22:00:00Z", "not done"),
        ("another.pdf", CREATED, "not done"),
    ] {
        let (found, _) = looked("juro", "upload_contract", input.clone(), vec![listed(name, at)]).await;
        assert_eq!(found.split(':').next(), Some(expected), "{name} {at}: {found}");
    }
}

#[tokio::test]
async fn an_id_that_comes_as_a_number_is_the_same() {
    let create = json!({
        "template_id": "1234567", "name": "NDA", "signers": [{"full_name": "Jane Doe", "access_kind": "url"}],
    });
    let item = json!({"id": "c1", "name": "NDA", "templateId": 1_234_567, "creationTimestamp": CREATED});
    let script = vec![
        Say::ok(json!({"totalCount": 1, "contracts": [item]})),
        Say::ok(json!({"id": "c1", "name": "NDA", "status": "sent"})),
    ];
    let (found, _) = looked("contract_signatures", "create_contract", create, script).await;
    assert!(found.starts_with("done"), "{found}");
}

#[tokio::test]
async fn an_answer_without_a_list_is_no_proof() {
    let create = json!({"subject": "NDA", "number_of_signers": 1, "body": "text"});
    let email = json!({"contract_id": "ce883764523af12e", "email": "ann@acme.example"});
    let subscription = json!({"url": "https://e.example/h", "type": "turnTagged"});
    for (provider, name, input, answer) in [
        ("paperlex", "create_contract", &create, json!({"error": "try later"})),
        ("paperlex", "add_signer", &email, json!({"signers": []})),
        ("docjuris", "create_subscription", &subscription, json!({"meta": {"code": 200}, "response": null})),
        ("docjuris", "create_subscription", &subscription, json!({"meta": {"code": 200}})),
    ] {
        let (found, _) = looked(provider, name, input.clone(), vec![Say::ok(answer.clone())]).await;
        assert!(found.starts_with("ambiguous") && found.contains("has no list to look through"), "{answer}: {found}");
    }
}

#[tokio::test]
async fn a_time_that_cannot_be_read_leaves_the_doubt() {
    for at in [
        json!("2023-11-14T22:13:25"),
        json!("2019-11-14 22:13:25 UTC"),
        json!(1_700_000_005_123_i64),
        json!(1_700_000_005.5),
        json!("1700000005"),
        json!(null),
    ] {
        let (told, _) = juro("NDA", json!([{"id": "c1", "name": "NDA", "createdDate": at}])).await;
        assert!(
            told.contains("1 of what is there may be what an earlier attempt made, and do not say"),
            "{at}: {told}"
        );
    }
    for (at, expected) in [
        (json!(1_700_000_005), "done \"c1\""),
        (json!("2023-11-15T03:13:25+05:00"), "done \"c1\""),
        (json!("2023-11-13T22:13:25+01:00"), "not done"),
        (json!(1_600_000_000), "not done"),
    ] {
        assert_eq!(juro("NDA", json!([{"id": "c1", "name": "NDA", "createdDate": at}])).await.0, expected, "{at}");
    }
}
