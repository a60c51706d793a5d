//! The control endpoints and the handle itself.

use std::sync::Arc;

use engross_sandbox::{DOCJURIS_ACCOUNT_ID, Emulated, Generation, Options, Refused, Sandbox, WebhookTarget, Who};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::bench::{Bench, Receiver, id, install_crypto};

#[tokio::test]
async fn counters_and_contracts_are_shown() {
    let bench = Bench::start().await;
    let contract = bench.nda("Shown").await;
    let counters = bench.get("/_sandbox/counters").await;
    assert_eq!(
        (&counters["contracts_created"], &counters["requests"]),
        (&json!(1), &json!(1)),
        "control calls do not count"
    );
    assert_eq!(
        serde_json::from_value::<engross_sandbox::Counters>(counters).expect("the same shape"),
        bench.counters()
    );
    let list = bench.get("/_sandbox/contracts").await;
    assert_eq!((&list["total"], &list["contracts"][0]["status"]), (&json!(1), &json!("draft")));
    let one = bench.get(&format!("/_sandbox/contracts/{}", id(&contract))).await["contract"].clone();
    assert_eq!(one["signatures"][1]["asked"], false);
    bench.call("GET", "/_sandbox/contracts/none", Value::Null, 404).await;
    bench.call("GET", "/_sandbox/nothing", Value::Null, 404).await;
    bench.call("POST", "/_sandbox/counters", json!({}), 405).await;
    bench.call("GET", "/elsewhere", Value::Null, 404).await;
    let path = format!("/_sandbox/contracts/{}/burn", id(&contract));
    bench
        .refused("POST", &path, Value::Null, 404, "no action burn: say approve, reject, request_approval or sign")
        .await;
}

#[tokio::test]
async fn a_target_is_registered_and_a_web_page_cannot_do_it() {
    let mut receiver = Receiver::start(&[]).await;
    let bench = Bench::start().await;
    let target = json!({"url": receiver.url, "generation": "v2"});
    let plain =
        bench.request("POST", "/_sandbox/webhooks").header("content-type", "text/plain").body(target.to_string());
    assert_eq!(plain.send().await.expect("an answer").status(), 415);
    bench.call("POST", "/_sandbox/webhooks", target, 200).await;
    bench.call("POST", "/_sandbox/webhooks", json!({"url": "nowhere"}), 400).await;
    let contract = bench.nda("Hooked").await;
    assert_eq!(receiver.next().await.body["contract"]["id"], id(&contract));
}

#[tokio::test]
async fn the_handle_refuses_as_the_api_would() {
    let bench = Bench::start().await;
    let contract = bench.nda("Handle").await;
    let refused = |status, message: &str| Err(Refused { status, message: message.to_owned() });
    assert_eq!(bench.sandbox.sign("none", Who::Outstanding), refused(404, "Contract not found: none"));
    assert_eq!(bench.sandbox.sign(id(&contract), Who::Outstanding), refused(412, "there is nothing left to sign"));
    assert_eq!(
        bench.sandbox.sign(id(&contract), Who::Side("Them")),
        refused(404, "Signing side or signature not found")
    );
    assert_eq!(bench.sandbox.sign(id(&contract), Who::Side("Counterparty")), Ok(1));
    assert_eq!(bench.status(id(&contract)).await, "fully signed");
}

#[tokio::test]
async fn every_provider_is_where_the_handle_says() {
    let bench = Bench::start().await;
    for provider in Emulated::ALL {
        let path = match provider {
            Emulated::JuroV2 | Emulated::JuroV3 => "/health",
            Emulated::Paperlex => "/contracts.json?token=sandbox-key",
            Emulated::ContractSignatures => "/contracts",
            Emulated::DocJuris => "/contractTypes",
        };
        let request = bench.client.get(format!("{}{path}", bench.sandbox.base_url(provider)));
        let request = match provider {
            Emulated::DocJuris => request.basic_auth(DOCJURIS_ACCOUNT_ID, Some("sandbox-key")),
            Emulated::ContractSignatures => request.bearer_auth("sandbox-key"),
            Emulated::JuroV2 | Emulated::JuroV3 | Emulated::Paperlex => request.header("x-api-key", "sandbox-key"),
        };
        assert_eq!(request.send().await.expect("an answer").status(), 200, "{provider:?}");
    }
    let refused = bench.sandbox.add_contract_signatures_webhook("https://x.example").expect_err("no TLS here");
    assert_eq!(refused.message, "url: the sandbox delivers to http:// only, not to https://x.example");
    let counters = bench.counters();
    let requests = [counters.paperlex, counters.contract_signatures, counters.docjuris].map(|counts| counts.requests);
    assert_eq!((counters.requests, requests), (2, [1, 1, 1]));
}

#[tokio::test]
async fn starting_and_stopping() {
    let bench = Bench::start().await;
    bench.get("/juro/v3/health").await;
    let addr = bench.sandbox.addr();
    let taken = Sandbox::start(Options { listen: addr, ..Options::default() }).await.err().expect("the port is taken");
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    bench.sandbox.shutdown().await;
    assert!(bench.client.get(format!("http://{addr}/juro/v3/health")).send().await.is_err());

    install_crypto();
    let target = WebhookTarget { url: "https://x.example".to_owned(), secret: None, generation: Generation::V3 };
    let error =
        Sandbox::start(Options { webhooks: vec![target], ..Options::default() }).await.err().expect("a refusal");
    assert_eq!(error.to_string(), "webhooks: url: the sandbox delivers to http:// only, not to https://x.example");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_requests_are_counted_exactly() {
    let bench = Arc::new(Bench::start().await);
    let mut tasks = JoinSet::new();
    for number in 0..40 {
        let bench = Arc::clone(&bench);
        tasks.spawn(async move {
            let contract = bench.nda(&format!("NDA {number}")).await;
            bench.send_nda(id(&contract)).await;
            bench.sandbox.sign(id(&contract), Who::Outstanding).expect("it was sent");
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no request fails");
    }
    let counters = bench.counters();
    assert_eq!((counters.contracts_created, counters.signing_requests, counters.signatures), (40, 40, 40));
    assert_eq!((counters.requests, counters.rejected), (80, 0));
    assert_eq!(bench.get("/juro/v3/contracts?limit=200").await["total"], 40);
}

/// The seconds by which the header `Date` of a reply and the time of a contract made now are ahead of the real time.
async fn wrong_by(bench: &Bench, name: &str) -> (i64, i64) {
    let now = jiff::Timestamp::now().as_second();
    let answer = bench.raw("GET", "/juro/v3/health").await;
    let date = answer.headers()["date"].to_str().expect("text").to_owned();
    let date = jiff::fmt::rfc2822::parse(&date).expect("a date").timestamp().as_second();
    let created = bench.nda(name).await["createdDate"].as_str().expect("a time").to_owned();
    let created: jiff::Timestamp = created.parse().expect("a time");
    let round = |seconds: i64| (seconds + 30).div_euclid(60) * 60;
    (round(date - now), round(created.as_second() - now))
}

#[tokio::test]
async fn the_clock_can_be_wrong_and_the_date_of_replies_for_itself() {
    let bench = Bench::start().await;
    assert_eq!(wrong_by(&bench, "Right").await, (0, 0));
    for (settings, expected) in [
        (json!({"clock_offset_s": -900}), (-900, -900)),
        (json!({"clock_offset_s": -900, "date_offset_s": 0}), (0, -900)),
        (json!({"clock_offset_s": 7200}), (7200, 7200)),
        (json!({"retry_speed": 2}), (7200, 7200)),
        (json!({"clock_offset_s": 0}), (0, 0)),
    ] {
        bench.call("POST", "/_sandbox/settings", settings.clone(), 200).await;
        assert_eq!(wrong_by(&bench, "Again").await, expected, "{settings}");
    }
    for wrong in [json!({"clock_offset_s": 1_000_000}), json!({"date_offset_s": 5}), json!({"clock": 1})] {
        bench.call("POST", "/_sandbox/settings", wrong, 400).await;
    }
}
