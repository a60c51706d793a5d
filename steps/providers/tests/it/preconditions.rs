//! What must be so before an effect leaves.

use crate::support::{Say, contract, stage};
use serde_json::{Value, json};

/// What came of a step, and the requests that it took.
async fn check(provider: &str, name: &str, input: Value, script: Vec<Say>, expected: (&str, usize)) {
    let (step, server, context) = stage(provider, name, script).await;
    let told = match step.execute(&context, &input).await {
        Ok(_) => "done".to_string(),
        Err(error) => format!("{} {} {:?}: {}", error.class.as_str(), error.code, error.effect, error.message),
    };
    assert_eq!((told.as_str(), server.requests().len()), expected, "{:?}", server.lines());
}

#[tokio::test]
async fn a_send_before_people_have_approved_does_not_leave() {
    let input = json!({"contract_id": "c1", "message": "Please sign"});
    let sent = || Say::ok(json!({"message": "ok"}));
    let refused = "state precondition NotDone: `send_for_signing` was not sent: people have not approved the contract yet, and \
                   Juro sends nothing before they have";
    let of = |status: &str| Say::ok(contract("c1", status));
    check("juro", "send_for_signing", input.clone(), vec![of("sent for approval")], (refused, 1)).await;
    check("juro", "send_for_signing", input.clone(), vec![of("SENT_FOR_APPROVAL")], (refused, 1)).await;
    // What was read for the check is not read again for the look-up.
    check("juro", "send_for_signing", input.clone(), vec![of("approved"), sent()], ("done", 2)).await;
    // A status that nobody knows is left to the provider.
    check("juro", "send_for_signing", input.clone(), vec![of("on hold"), sent()], ("done", 2)).await;
    let refused = refused.replace("send_for_signing", "send_to_signer");
    check("juro", "send_to_signer", input, vec![of("sent for approval")], (&refused, 1)).await;
}

#[tokio::test]
async fn a_contract_that_somebody_has_signed_is_not_changed() {
    let input = json!({"contract_id": "c1", "subject": "NDA"});
    let refused = "state precondition NotDone: `update_contract` was not sent: one party has signed, and the contract cannot be \
                   changed any more";
    let of = |more: Value| {
        let mut document = json!({"uuid": "c1"});
        document.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        Say::ok(document)
    };
    let signed = of(json!({"signatures": [{"uuid": "s1"}], "locked": true}));
    check("paperlex", "update_contract", input.clone(), vec![signed], (refused, 1)).await;
    // `locked` without a signature, as in one sample, and a document that says nothing, are left to the provider.
    for document in [of(json!({"signatures": [], "locked": true})), of(json!({}))] {
        check("paperlex", "update_contract", input.clone(), vec![document, of(json!({}))], ("done", 2)).await;
    }
    // A look that fails says nothing about the effect.
    let lost = "transient http_500 NotDone: `paperlex/get_contract` failed with HTTP 500: broken";
    let broken = Say::Json(500, json!({"error": "broken"}));
    check("paperlex", "update_contract", input, vec![broken], (lost, 1)).await;
}
