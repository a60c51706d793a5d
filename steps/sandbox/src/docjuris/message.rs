//! What DocJuris sends: one message for each subscription to a type of event, delivered and kept in the feed.

use serde_json::{Value, json};

use super::state::{Contract, Tag, Turn, extended_view};
use crate::delivery::Letter;
use crate::limits::{MESSAGES_MAX, WEBHOOK_ANSWER_MAX};
use crate::postman::{Manner, Sender, pause_a_little};
use crate::world::{World, iso};

/// Retries, timeout and acknowledgement are not documented: any 2xx, three tries.
static MANNER: Manner = Manner {
    sender: Sender::DocJuris,
    acknowledged: |status| status.is_success(),
    answer_max: WEBHOOK_ANSWER_MAX,
    pause: pause_a_little,
    in_order: true,
};

/// The documented types of events, of which a subscription has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Created,
    Completed,
    Tagged,
    Mention,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Completed, Self::Tagged, Self::Created, Self::Mention];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Created => "turnCreated",
            Self::Completed => "turnCompleted",
            Self::Tagged => "turnTagged",
            Self::Mention => "turnMention",
        }
    }
}

/// Tells every subscription to this kind of what happened to a turn.
pub(super) fn publish(world: &mut World, contract_id: &str, turn_id: &str, kind: Kind, mention: Option<&Value>) {
    let World { docjuris: account, courier, faults, names, clock, origin, .. } = world;
    let sent = clock.tick();
    let Some(contract) = account.contracts.get(contract_id) else {
        return;
    };
    let Ok(turn) = contract.turn(turn_id) else {
        return;
    };
    for subscription in account.subscriptions.values_mut().filter(|subscription| subscription.kind == kind) {
        let message = Message { id: names.uuid(), kind, contract, turn, sent: iso(sent), origin, mention };
        let mut body = message.webhook();
        if account.as_sampled {
            spell_as_sampled(&mut body);
        }
        courier.post(faults, Letter::json(&MANNER, subscription.url.clone(), &body));
        subscription.messages.push_back(message.feed_entry());
        if subscription.messages.len() > MESSAGES_MAX {
            subscription.messages.pop_front();
        }
    }
}

/// One message before it is written.
struct Message<'a> {
    id: String,
    kind: Kind,
    contract: &'a Contract,
    turn: &'a Turn,
    sent: String,
    origin: &'a str,
    mention: Option<&'a Value>,
}

impl Message<'_> {
    /// The body of a notification. A mention's address leads to the app, that of the others to the API.
    fn webhook(&self) -> Value {
        let mut body = self.feed_entry();
        if let Some(body) = body.as_object_mut() {
            body.insert("extendedData".to_owned(), extended_view(&self.turn.extended));
            if self.kind != Kind::Mention {
                body.insert("tags".to_owned(), self.turn.tags.iter().map(Tag::view).collect());
                body.insert("url".to_owned(), json!(self.contract.turn_api_url(self.turn, self.origin)));
            }
        }
        body
    }

    /// The same as the feed shows it, which is less.
    fn feed_entry(&self) -> Value {
        let mut entry = json!({
            "messageId": self.id,
            "type": self.kind.name(),
            "url": self.contract.turn_app_url(self.turn, self.origin),
            "contractId": self.contract.id,
            "turnId": self.turn.id,
            "sentOn": self.sent,
        });
        if let (Some(entry), Some(mention)) = (entry.as_object_mut(), self.mention) {
            entry.insert("mention".to_owned(), mention.clone());
        }
        entry
    }
}

/// The samples write `TurnCompleted`, and ids in capitals.
fn spell_as_sampled(body: &mut Value) {
    let Some(body) = body.as_object_mut() else {
        return;
    };
    for key in ["messageId", "contractId", "turnId"] {
        if let Some(Value::String(id)) = body.get_mut(key) {
            id.make_ascii_uppercase();
        }
    }
    if let Some(Value::String(kind)) = body.get_mut("type")
        && let Some(first) = kind.get_mut(..1)
    {
        first.make_ascii_uppercase();
    }
}
