//! Lists that are read as far as they have changed.

use crate::support::{Say, stage};
use engross_step_api::StepResult;
use serde_json::{Value, json};

async fn synced(provider: &str, input: Value, script: Vec<Say>) -> (Value, Vec<String>) {
    let (step, server, context) = stage(provider, "sync_contracts", script).await;
    crate::support::check_input(step.as_ref(), &input);
    let result = step.execute(&context, &input).await.expect("a list");
    let StepResult::Done(done) = result else { unreachable!("a list does not wait") };
    (done.outputs, server.lines())
}

#[tokio::test]
async fn the_provider_compares_where_it_can() {
    let page = json!({"total": 2, "contracts": [
        {"id": "a", "updatedDate": "2023-11-14T22:00:00.000Z"}, {"id": "b", "updatedDate": "2023-11-14T21:00:00.000Z"},
    ]});
    let (outputs, lines) = synced("juro", json!({"since": "2023-11-14T20:00:00Z"}), vec![Say::ok(page)]).await;
    assert_eq!(lines, ["GET /v3/contracts?skip=0&limit=200&updatedSince=1699992000 HTTP/1.1"]);
    assert_eq!(outputs["items"].as_array().map(Vec::len), Some(2));
    // Two minutes behind the latest change, to be given the next time.
    assert_eq!(outputs["next_since"], "2023-11-14T21:58:00.000Z");
}

#[tokio::test]
async fn the_engine_compares_where_the_provider_cannot() {
    let item = |id: &str, at: &str| json!({"uuid": id, "updated_at": at});
    let list = json!([item("old", "2023-11-01T00:00:00Z"), item("new", "2023-11-03T00:00:00Z"), {"uuid": "timeless"}]);
    let detail = |id: &str| Say::ok(json!({"uuid": id, "subject": id.to_uppercase()}));
    let input = json!({"since": "2023-11-02T00:00:00Z", "hydrate": true});
    let (outputs, lines) = synced("paperlex", input, vec![Say::ok(list), detail("new"), detail("timeless")]).await;
    let items: Vec<&str> =
        outputs["items"].as_array().into_iter().flatten().filter_map(|i| i["subject"].as_str()).collect();
    assert_eq!(items, ["NEW", "TIMELESS"], "what does not say when it changed may have changed");
    assert_eq!((lines.len(), &outputs["next_since"]), (3, &json!("2023-11-02T23:59:00.000Z")));
}

#[tokio::test]
async fn what_has_not_changed_leaves_the_time_where_it_was() {
    let (outputs, _) = synced("paperlex", json!({"since": "2023-11-02T00:00:00Z"}), vec![Say::ok(json!([]))]).await;
    assert_eq!(outputs, json!({"items": [], "next_since": "2023-11-02T00:00:00.000Z"}));
    let (outputs, _) = synced("paperlex", json!({}), vec![Say::ok(json!([]))]).await;
    assert_eq!(outputs["next_since"], "1970-01-01T00:00:00.000Z");
    let (_, lines) = synced(
        "contract_signatures",
        json!({"since": "2023-11-02T07:00:00Z"}),
        vec![Say::ok(json!({"totalCount": 0}))],
    )
    .await;
    assert_eq!(
        lines,
        ["GET /webapi/contracts?date-range=2023-11-02~&order=creation-date-asc&page=1&page-size=100 HTTP/1.1"]
    );
}
