//! Secrets do not come back: not in outputs, not in errors, not in events, not in previews.

use crate::support::{API_KEY, Say, connection, contract, provider, stage};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engross_step_api::{RawWebhook, Setting, StepResult};
use serde_json::{Value, json};

/// The key as a careless provider might echo it.
fn echoes() -> Vec<String> {
    let basic = STANDARD.encode(format!("user:{API_KEY}"));
    vec![API_KEY.to_string(), STANDARD.encode(API_KEY), basic, format!("https://x.example/?key={API_KEY}&a=b")]
}

fn check(text: &str) {
    assert!(!text.contains(API_KEY), "{text}");
    for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c))) {
        let decoded = STANDARD.decode(word).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert!(!decoded.unwrap_or_default().contains(API_KEY), "{text}");
    }
}

#[tokio::test]
async fn outputs_and_errors_are_scrubbed() {
    for echo in echoes() {
        let mut document = contract("c1", "draft");
        document["contract"]["internalUrl"] = json!(echo);
        document["contract"]["fields"][0]["value"] = json!(format!("before {echo} after"));
        let (step, _server, context) = stage("juro", "get_contract", vec![Say::ok(document)]).await;
        let result = step.execute(&context, &json!({"contract_id": "c1"})).await.expect("done");
        let StepResult::Done(done) = result else { panic!("{result:?}") };
        check(&done.outputs.to_string());
        assert!(done.outputs.to_string().contains("***"));

        for body in [json!({"message": format!("bad key {echo}")}).to_string(), format!("bad key {echo}")] {
            let (step, _server, context) =
                stage("juro", "get_contract", vec![Say::with(401, "", body.as_bytes())]).await;
            let error = step.execute(&context, &json!({"contract_id": "c1"})).await.expect_err("an error");
            check(&error.message);
            assert!(error.message.contains("bad key"), "{error}");
        }
    }
}

#[test]
fn events_are_scrubbed() {
    let mut connection = connection("juro", "http://127.0.0.1:9");
    connection.webhook.token = Some("token-0123456789".into());
    let body = json!({
        "event": {"type": "contract.edit", "note": format!("{API_KEY} token-0123456789")},
        "contract": {"id": "c1"},
    });
    let events = provider("juro").receive(
        &connection,
        &RawWebhook { headers: &[], body: body.to_string().as_bytes(), received_at: crate::support::STARTED },
    );
    let data = events.expect("read")[0].data.to_string();
    check(&data);
    assert!(!data.contains("token-0123456789"));
}

#[test]
fn previews_never_show_a_key_even_where_it_was_given_as_plain_text() {
    let mut connection = connection("juro", "http://127.0.0.1:9");
    connection.settings.insert("api_key".to_string(), Setting::Plain(API_KEY.to_string()));
    connection.webhook.secret = Some("hook-secret-0123".into());
    for step in provider("juro").steps() {
        let input =
            json!({"contract_id": "c1", "template_id": "t1", "name": "n", "message": "m", "events": Value::Null});
        let preview = step.preview(Some(&connection), &input).expect("a preview");
        let shown = format!("{preview:?}");
        assert!(!shown.contains(API_KEY) && !shown.contains("hook-secret-0123"), "{shown}");
    }
}
