//! Paperlex's callbacks: what they say, where they go, and how doggedly they are repeated.

use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::input::Input;
use super::state::{Signature, unprocessable};
use crate::delivery::{Letter, check_url};
use crate::limits::{CALLBACK_ANSWER_MAX, CALLBACK_FAILURES_MAX};
use crate::postman::{Manner, Sender};
use crate::wire::{Call, Problem, Reply};
use crate::world::World;

const FORM: &str = "application/x-www-form-urlencoded";

/// Exactly 200 within two seconds; repeated alone, without holding others up, for the documents say nothing of order.
static MANNER: Manner = Manner {
    sender: Sender::Paperlex,
    acknowledged: |status| status == StatusCode::OK,
    answer_max: CALLBACK_ANSWER_MAX,
    pause,
    in_order: false,
};

/// 5 + n⁴ seconds, where n is the number of retries so far; nothing after the 25th failure.
fn pause(failures: u32) -> Option<Duration> {
    if failures >= CALLBACK_FAILURES_MAX {
        return None;
    }
    let retries = u64::from(failures.saturating_sub(1));
    Some(Duration::from_secs(5 + retries.pow(4)))
}

/// A time as Paperlex writes it: UTC, seconds, `Z`.
pub(super) fn seconds(time: Timestamp) -> String {
    format!("{time:.0}")
}

fn send(world: &mut World, uuid: &str, fields: &[(&str, &str)]) {
    let World { paperlex, courier, faults, .. } = world;
    let Some(url) = paperlex.contracts.get(uuid).and_then(|contract| contract.callback.clone()) else {
        return;
    };
    let letter = if paperlex.json_callbacks {
        let body: Map<String, Value> = fields.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        Letter::json(&MANNER, url, &Value::Object(body))
    } else {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Letter { manner: &MANNER, url, media_type: FORM, body: Bytes::from(body) }
    };
    courier.post(faults, letter);
}

/// Tells of a signature.
pub(super) fn signed(world: &mut World, uuid: &str, signature: &Signature) {
    let fields = [
        ("type", "signature"),
        ("contract_uuid", uuid),
        ("signature_uuid", &signature.uuid),
        ("signer_uuid", &signature.signer_uuid),
        ("identity_verification_method", &signature.method),
        ("identity_verification_value", &signature.value),
        ("created_at", &seconds(signature.at)),
    ];
    send(world, uuid, &fields);
}

/// Tells every contract that was made from a template that the template changed.
pub(super) fn slaw_updated(world: &mut World, slaw: &str) {
    let made: Vec<String> = world
        .paperlex
        .contracts
        .values()
        .filter(|contract| contract.slaw.as_deref() == Some(slaw))
        .map(|contract| contract.uuid.clone())
        .collect();
    for uuid in made {
        send(world, &uuid, &[("type", "contract.slaw_updated"), ("contract_uuid", &uuid)]);
    }
}

/// Sends the callbacks of all signatures of a contract once more, as the control panel of Paperlex can, and says how many.
pub(crate) fn replay(world: &mut World, uuid: &str) -> Result<usize, Problem> {
    let signatures: Vec<Signature> = world.paperlex.contract(uuid)?.signatures.clone();
    for signature in &signatures {
        signed(world, uuid, signature);
    }
    Ok(signatures.len())
}

/// Posts to an address at once and says how it answered. What is posted is not documented.
pub(super) fn ping(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let input = Input::read(call)?;
    let url = input.text("url").ok_or_else(|| unprocessable("url is required"))?;
    let url = check_url(url).map_err(|problem| unprocessable(problem.message))?;
    let answered = world.courier.ping(url, FORM, Bytes::from_static(b"type=ping"), CALLBACK_ANSWER_MAX);
    Ok(Reply::after(Box::pin(async move {
        let word = if answered.await { "OK" } else { "FAILURE" };
        Reply::json(&json!([word]))
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_are_those_of_the_documents() {
        let pauses: Vec<u64> = (1..=30).map_while(pause).map(|pause| pause.as_secs()).collect();
        assert_eq!(pauses.len(), 24, "25 failures are 24 pauses");
        assert_eq!(pauses.iter().copied().take(5).collect::<Vec<u64>>(), [5, 6, 21, 86, 261]);
        let days = pauses.iter().sum::<u64>() / 86_400;
        assert!((14..=25).contains(&days), "{days} days");
    }
}
