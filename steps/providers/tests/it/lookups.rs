//! Names that people give, turned into ids.

use crate::support::{Say, contract, stage, template};
use engross_step_api::ErrorClass;
use serde_json::{Value, json};

/// The message for inputs that name what is not there, and how many requests it took to know.
async fn refused(name: &str, input: Value, read: Value) -> String {
    let (step, server, context) = stage("juro", name, vec![Say::ok(read)]).await;
    let error = step.execute(&context, &input).await.expect_err("an error");
    assert_eq!(error.class, ErrorClass::Invalid, "{error}");
    assert_eq!(server.lines().len(), 1, "nothing but the read is sent");
    match error.hint {
        Some(hint) => format!("{}\nhint: {hint}", error.message),
        None => error.message,
    }
}

#[tokio::test]
async fn a_title_that_is_not_there_is_told_with_the_nearest_and_all_at_once() {
    let input = json!({
        "template_id": "t1",
        "name": "NDA",
        "fields": {"Counterparty Legl Name": "Acme", "Zzz": 1},
        "answers": {"What is the legal name of the other party": "Acme"},
    });
    insta::assert_snapshot!(refused("create_contract", input, template()).await);
}

#[tokio::test]
async fn a_title_of_two_fields_and_one_field_twice_are_refused() {
    let mut document = contract("c1", "draft");
    document["contract"]["fields"][1]["title"] = json!("Counterparty Legal Name");
    let input = json!({"contract_id": "c1", "fields": {"Counterparty Legal Name": "Acme"}});
    insta::assert_snapshot!(refused("update_contract", input, document).await);
    let input = json!({"contract_id": "c1", "fields": {"Counterparty Legal Name": "Acme", "f1": "Other"}});
    insta::assert_snapshot!(refused("update_contract", input, contract("c1", "draft")).await);
}

#[tokio::test]
async fn the_side_to_send_to_is_only_guessed_where_there_is_one() {
    let send = json!({"contract_id": "c1", "message": "Please sign."});
    let mut document = contract("c1", "approved");
    let side = json!({"uid": "s3", "name": "Guarantor", "signatures": [{"uid": "g3"}]});
    document["contract"]["signingSides"].as_array_mut().expect("sides").push(side);
    insta::assert_snapshot!(refused("send_for_signing", send.clone(), document.clone()).await);
    let named = json!({"contract_id": "c1", "message": "Please sign.", "signing_side": "Guarantr"});
    insta::assert_snapshot!(refused("send_for_signing", named, document.clone()).await);
    document["contract"]["signingSides"] = json!([]);
    insta::assert_snapshot!(refused("send_for_signing", send, document).await);
}

#[tokio::test]
async fn sides_and_signers_are_named_by_title_address_or_uid() {
    let mut document = contract("c1", "approved");
    document["contract"]["signingSides"][1]["signatures"] =
        json!([{"uid": "g2", "email": "buyer@acme.example"}, {"uid": "g3", "email": "finance@acme.example"}]);
    for (side, signer) in [("Counterparty", "finance@acme.example"), ("s2", "g3")] {
        let script = vec![Say::ok(document.clone()), Say::ok(json!({"message": "ok"}))];
        let (step, server, context) = stage("juro", "send_to_signer", script).await;
        let input = json!({"contract_id": "c1", "message": "m", "signing_side": side, "signer": signer});
        step.execute(&context, &input).await.expect("done");
        assert_eq!(server.lines()[1], "POST /v3/contracts/c1/signing-request/s2/signatures/g3 HTTP/1.1");
    }
    let unnamed = json!({"contract_id": "c1", "message": "m"});
    insta::assert_snapshot!(refused("send_to_signer", unnamed, document).await);
}

#[tokio::test]
async fn nothing_is_read_where_nothing_is_named() {
    for fields in [json!({}), Value::Null] {
        let mut input = json!({"template_id": "t1", "name": "NDA"});
        if fields.is_object() {
            input["fields"] = fields;
        }
        let (step, server, context) = stage("juro", "create_contract", vec![Say::ok(contract("c1", "draft"))]).await;
        step.execute(&context, &input).await.expect("done");
        assert_eq!(server.lines(), ["POST /v3/contracts HTTP/1.1"]);
    }
}
