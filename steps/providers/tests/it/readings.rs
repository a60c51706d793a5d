//! Where the documents of a provider contradict each other or say nothing, a setting of the connection chooses the reading: each
//! setting is shown by the request of its default and of its other readings.

use crate::support::{Say, base, connection, context, contract, provider, step};
use engross_step_api::{Connection, Setting};
use serde_json::{Value, json};
use std::fmt::Write;

/// The settings that choose a reading, with an operation that shows it, its input, and the other values.
fn readings() -> Vec<(&'static str, &'static str, &'static str, Value, &'static [&'static str])> {
    let listed = json!({"updated_since": "2023-11-14T22:13:20Z", "updated_before": 1_700_000_001});
    let register =
        json!({"team_id": "team", "title": "Engross", "url": "https://e.example/h/t", "events": ["contract.signed"]});
    let watched = json!({"template_id": "1234567", "name": "NDA",
        "signers": [{"full_name": "Jane Doe", "access_kind": "url", "phone": "+33639987654"}],
        "watchers": [{"name": "Ann", "email": "ann@company.com", "notification_kinds": ["signed"]}]});
    let send = json!({"contract_id": "c1", "message": "We have best contracts, you should sign them!"});
    let subscribe = json!({"url": "https://e.example/h/t", "type": "turnTagged"});
    let signer = json!({"contract_id": "ce883764523af12e", "email": "johnsmith@example.com"});
    vec![
        ("contract_signatures", "watchers_part", "create_contract", watched, &["observers"]),
        ("docjuris", "subscription_type_in", "create_subscription", subscribe, &["body", "path"]),
        ("juro", "times_as", "list_contracts", listed, &["unix", "iso8601"]),
        ("juro", "times_as", "sync_contracts", json!({"since": "2023-11-14T22:13:20Z"}), &["unix", "iso8601"]),
        ("juro", "webhook_auth_part", "create_webhook", register.clone(), &["password"]),
        ("juro", "webhook_auth_type", "create_webhook", register.clone(), &["basic"]),
        ("juro", "webhook_auth_username", "create_webhook", register, &["engross"]),
        ("juro_v2", "signing_message_at", "send_for_signing", send, &["nested", "top"]),
        ("paperlex", "token_in", "add_signer", signer.clone(), &["body", "query"]),
        ("paperlex", "token_in", "get_contract", json!({"contract_id": "ce883764523af12e"}), &["query"]),
    ]
}

fn answer(provider: &str, operation: &str) -> Say {
    match (provider, operation) {
        ("docjuris", _) => Say::Json(201, json!({"meta": {"code": 201}, "response": {"id": "s1"}})),
        ("juro", "list_contracts" | "sync_contracts") => Say::ok(json!({"total": 0, "contracts": []})),
        ("paperlex", _) => Say::ok(json!({"uuid": "3ab109b11a083b31", "email": "johnsmith@example.com"})),
        ("contract_signatures", _) => Say::Json(201, json!({"id": "c1", "status": "sent"})),
        _ => Say::ok(contract("c1", "draft")),
    }
}

/// The first line and the body of what is sent with these settings.
async fn sent(provider_name: &str, operation: &str, input: &Value, setting: Option<(&str, &str)>) -> String {
    let server = crate::support::Server::start(vec![answer(provider_name, operation)]).await;
    let mut connection = connection(provider_name, &base(provider_name, &server));
    connection.webhook.secret = Some("hook-secret-0123".into());
    if let Some((name, value)) = setting {
        connection.settings.insert(name.to_string(), Setting::Plain(value.to_string()));
    }
    assert_eq!(provider(provider_name).check_connection(&plain(&connection)), Vec::<String>::new());
    let step = step(provider(provider_name).as_ref(), operation);
    crate::support::check_input(step.as_ref(), input);
    step.execute(&context(connection), input).await.expect("done");
    let request = server.requests().remove(0);
    let (head, body) = request.split_once("\n\n").unwrap_or((&request, ""));
    format!("{}\n{body}", head.lines().next().unwrap_or_default()).trim_end().to_string()
}

/// A connection without a webhook's secret, which not every provider takes.
fn plain(connection: &Connection) -> Connection {
    let mut connection = connection.clone();
    connection.webhook.secret = None;
    connection
}

#[tokio::test]
async fn each_reading_is_sent_as_it_says() {
    let mut text = String::new();
    for (provider, setting, operation, input, others) in readings() {
        let default = sent(provider, operation, &input, None).await;
        let _ = writeln!(text, "=== {provider}/{operation}\n{default}\n");
        for value in others {
            let other = sent(provider, operation, &input, Some((setting, value))).await;
            let told = if other == default { "as where it is not said" } else { &other };
            let _ = writeln!(text, "--- {setting}: {value}\n{told}\n");
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_reading_that_is_none_is_told() {
    for (provider_name, name) in [
        ("docjuris", "subscription_type_in"),
        ("juro", "times_as"),
        ("juro_v2", "signing_message_at"),
        ("paperlex", "token_in"),
    ] {
        let mut connection = connection(provider_name, "http://127.0.0.1:9");
        connection.settings.insert(name.to_string(), Setting::Plain("nonsense".to_string()));
        let problems = provider(provider_name).check_connection(&connection);
        assert!(
            matches!(problems.as_slice(), [one] if one.starts_with(&format!("the setting `{name}` is one of "))),
            "{problems:?}"
        );
    }
}

/// A setting that changes requests and is shown nowhere is one that nobody has tried.
#[test]
fn every_setting_is_shown_by_a_vector() {
    // The others are credentials and addresses, or named parts that the tests of uploads show.
    let elsewhere = [
        "account_id",
        "api_key",
        "callback_url",
        "counterparty_part",
        "public_token",
        "team_id",
        "token",
        "upload_file_part",
        "upload_name_part",
        "upload_owner_part",
        "upload_status_part",
        "upload_template_part",
    ];
    for described in engross_providers::describe_builtin() {
        for name in described.settings.keys().filter(|name| !elsewhere.contains(&name.as_str())) {
            let shown = readings().iter().any(|(provider, setting, ..)| *provider == described.name && setting == name);
            assert!(shown, "{}: {name} is shown by no vector", described.name);
        }
    }
}
