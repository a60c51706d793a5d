//! The webhooks of Contract Signatures: an administrator sets them up, and each event has an id to tell repeats by.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::state::COLLECTION;
use crate::delivery::{Letter, check_url};
use crate::limits::{WEBHOOK_ANSWER_MAX, WEBHOOK_TARGETS_MAX};
use crate::postman::{Manner, Sender, pause_a_little};
use crate::wire::Problem;
use crate::world::{World, iso};

/// 200 is not among the documented acknowledgements. Retries are not documented where it could be read.
static MANNER: Manner = Manner {
    sender: Sender::ContractSignatures,
    acknowledged: |status| matches!(status, StatusCode::CREATED | StatusCode::ACCEPTED | StatusCode::NO_CONTENT),
    answer_max: WEBHOOK_ANSWER_MAX,
    pause: pause_a_little,
    in_order: true,
};

/// What happened to a contract.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Creation,
    /// The signer at this index has signed or rejected.
    Signature(usize),
    Completion,
}

/// Adds a receiver of every event.
pub(crate) fn add_webhook(world: &mut World, url: &str) -> Result<(), Problem> {
    let url = check_url(url)?;
    let webhooks = &mut world.contract_signatures.webhooks;
    if webhooks.len() >= WEBHOOK_TARGETS_MAX {
        return Err(Problem::bad(format!("at most {WEBHOOK_TARGETS_MAX} webhooks can be registered")));
    }
    webhooks.push(url);
    Ok(())
}

/// Tells every receiver of an event.
pub(super) fn publish(world: &mut World, id: &str, event: Event) {
    let World { contract_signatures: account, courier, faults, names, clock, origin, .. } = world;
    let Some(contract) = account.contracts.get(id) else {
        return;
    };
    let mut body = json!({
        "eventUuid": names.uuid(),
        "eventTimestamp": iso(clock.tick()),
        "hostUrl": origin,
        "collectionId": COLLECTION,
        "templateId": contract.template_id,
        "contractId": contract.id,
        "contractName": contract.name,
        "eventType": match event {
            Event::Creation => "creation",
            Event::Signature(_) => "signature",
            Event::Completion => "completion",
        },
    });
    if let Event::Signature(index) = event
        && let (Some(body), Some(signer)) = (body.as_object_mut(), contract.signers.get(index))
    {
        let mut view = signer.view();
        view.insert("ordinal".to_owned(), json!(index + 1));
        body.insert("signer".to_owned(), Value::Object(view));
    }
    for url in &account.webhooks {
        courier.post(faults, Letter::json(&MANNER, url.clone(), &body));
    }
}
