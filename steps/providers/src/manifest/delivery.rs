//! What surrounds webhooks: how they are set up at the provider, what the sender does when it is not answered, and how
//! what was sent is read again. What one delivery says is the neighbour `webhooks`' matter.

use super::load::Shared;
use super::names::Names;
use super::reader::{Fields, Reader};
use super::{Call, lookup};
use crate::codes;
use crate::limits::{FEED_S_MIN, POLL_S_DEFAULT, SENDER_RETRIES_MAX};
use crate::pointer::{Pointer, Pointers};
use engross_source::Node;

/// How deliveries are set up at the provider.
#[derive(Clone, Debug)]
pub(crate) struct Provision {
    pub(crate) per: Per,
    /// Creates one; `callback.url`, `event.type` and `event.types` can be named in it.
    pub(crate) create: Option<Call>,
    pub(crate) list: Option<HookList>,
    /// Takes one away; `item` can be named in it.
    pub(crate) delete: Option<Call>,
    /// The kinds of events that are wanted.
    pub(crate) events: Vec<String>,
    /// Settings that a connection may lack, but not for this.
    pub(crate) needs: Vec<String>,
    pub(crate) instructions: Option<String>,
}

/// What one set-up is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Per {
    /// Each contract carries the address.
    Contract,
    /// One for each kind of event.
    Type,
    Team,
    Account,
    /// People do it, in the provider's own pages.
    Manual,
}

impl Per {
    const NAMES: [&str; 5] = ["account", "contract", "manual", "team", "type"];

    /// As manifests write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Type => "type",
            Self::Team => "team",
            Self::Account => "account",
            Self::Manual => "manual",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Contract, Self::Type, Self::Team, Self::Account, Self::Manual]
            .into_iter()
            .find(|per| per.as_str() == name)
    }

    /// Whether the engine does something by itself to set it up.
    fn is_made(self) -> bool {
        matches!(self, Self::Type | Self::Team | Self::Account)
    }
}

/// How the set-ups that are there are listed.
#[derive(Clone, Debug)]
pub(crate) struct HookList {
    pub(crate) call: Call,
    pub(crate) items: Pointer,
    pub(crate) id: Pointers,
    /// The kind of an item, or the list of its kinds.
    pub(crate) kind: Option<Pointer>,
    /// Where it leads, if the provider says.
    pub(crate) url: Option<Pointer>,
}

/// What a sender does when it is not answered as it wants.
#[derive(Clone, Debug, Default)]
pub(crate) struct SenderRetries {
    /// Whether the provider's documents say.
    pub(crate) documented: bool,
    /// The pause before the first repetition, or its constant part, in seconds.
    pub(crate) pause_s: Option<u64>,
    pub(crate) grows: Growth,
    pub(crate) at_most: Option<u64>,
    /// For how long it goes on, in hours.
    pub(crate) for_h: Option<u64>,
    pub(crate) note: Option<String>,
}

/// How pauses grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Growth {
    #[default]
    Fixed,
    /// Each is twice the one before.
    Double,
    /// The number of the repetition to this power is added.
    Power(u32),
}

impl SenderRetries {
    /// The pauses before the repetitions, in seconds, as many as are known.
    pub(crate) fn pauses_s(&self) -> Vec<u64> {
        let Some(pause) = self.pause_s else { return Vec::new() };
        let (mut pauses, mut sum) = (Vec::new(), 0_u64);
        let most = self.at_most.unwrap_or(SENDER_RETRIES_MAX).min(SENDER_RETRIES_MAX);
        for number in 1..=most {
            let pause = match self.grows {
                Growth::Fixed => pause,
                Growth::Double => {
                    pause.saturating_mul(2_u64.saturating_pow(u32::try_from(number - 1).unwrap_or(u32::MAX)))
                }
                Growth::Power(power) => pause.saturating_add(number.saturating_pow(power)),
            };
            sum = sum.saturating_add(pause);
            if self.for_h.is_some_and(|hours| sum > hours.saturating_mul(3600)) {
                break;
            }
            pauses.push(pause);
        }
        pauses
    }

    /// It in words.
    pub(crate) fn words(&self) -> String {
        let mut words = match (self.documented, self.pause_s, self.grows) {
            (false, ..) => "not documented".to_string(),
            (true, None, _) => "it tries again".to_string(),
            (true, Some(pause), Growth::Fixed) => format!("again every {pause} s"),
            (true, Some(pause), Growth::Double) => format!("again after {pause} s, each pause twice the one before"),
            (true, Some(pause), Growth::Power(power)) => {
                format!("the nth time {pause} + n^{power} s after the one before")
            }
        };
        words.extend(self.at_most.map(|count| format!(", at most {count} times")));
        words.extend(self.for_h.map(|hours| format!(", for {hours} h")));
        words.extend(self.note.as_ref().map(|note| format!("; {note}")));
        words
    }
}

/// How what was sent is read again.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    /// Lists what the messages belong to: `call` is made for each `item` of it.
    pub(crate) each: Option<(Call, Pointer)>,
    pub(crate) call: Call,
    pub(crate) items: Pointer,
    /// When a message was sent.
    pub(crate) at: Option<Pointer>,
    pub(crate) every_ms: u64,
    /// How far a reading goes back behind the last one.
    pub(crate) overlap_ms: u64,
}

/// `sender_retries:`.
pub(super) fn sender_retries(reader: &mut Reader<'_>, node: &Node) -> Option<SenderRetries> {
    let keys = ["documented", "pause_s", "grows", "exponent", "at_most", "for_h", "note"];
    let fields = reader.fields(node, "`sender_retries`", &keys)?;
    let count = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
    let documented = fields.get("documented").is_none_or(|_| reader.flag(&fields, "documented"));
    let pause_s = count(reader.integer(&fields, "pause_s", 1, 31 * 24 * 3600));
    let exponent = reader.integer(&fields, "exponent", 1, 10).and_then(|power| u32::try_from(power).ok());
    let grows = fields.get("grows").and_then(|node| {
        reader.word(node, "how pauses grow", &["double", "fixed", "power"], |word| match word {
            "fixed" => Some(Growth::Fixed),
            "double" => Some(Growth::Double),
            "power" => Some(Growth::Power(exponent.unwrap_or(1))),
            _ => None,
        })
    });
    if matches!(grows, Some(Growth::Power(_))) {
        reader.need(&fields, "exponent");
    }
    if grows.is_some() {
        reader.need(&fields, "pause_s");
    }
    Some(SenderRetries {
        documented,
        pause_s,
        grows: grows.unwrap_or_default(),
        at_most: count(reader.integer(&fields, "at_most", 1, 1_000)),
        for_h: count(reader.integer(&fields, "for_h", 1, 24 * 366)),
        note: reader.maybe_text(&fields, "note"),
    })
}

/// `provision:`. `known` are the kinds of events.
pub(super) fn provision(
    reader: &mut Reader<'_>,
    node: &Node,
    shared: &Shared<'_>,
    known: &[&str],
) -> Option<Provision> {
    let keys = ["per", "operation", "input", "list", "delete", "events", "needs", "instructions"];
    let fields = reader.fields(node, "`provision`", &keys)?;
    let per = reader.need(&fields, "per");
    let per = per.and_then(|node| reader.word(node, "what a set-up is for", &Per::NAMES, Per::named))?;
    let names = shared.names();
    let with_event = names.clone().with_only("event", ["type", "types"]);
    let create = fields.get("operation").and_then(|_| act(reader, &fields, shared, &with_event));
    let list = fields.get("list").and_then(|node| list(reader, node, shared, &names));
    let delete = fields.get("delete").and_then(|node| {
        let fields = reader.fields(node, "a call", &["operation", "input"])?;
        act(reader, &fields, shared, &names.clone().with("item"))
    });
    let events = reader.each(&fields, "events", |reader, node| {
        reader.word(node, "an event", known, |word| known.contains(&word).then(|| word.to_string()))
    });
    let settings: Vec<&str> = shared.settings.keys().map(String::as_str).collect();
    let needs = reader.each(&fields, "needs", |reader, node| {
        reader.word(node, "a setting", &settings, |word| settings.contains(&word).then(|| word.to_string()))
    });
    if per.is_made() {
        reader.need(&fields, "operation");
    } else {
        reader.need(&fields, "instructions");
        for key in ["operation", "list", "delete"] {
            if let Some(node) = fields.get(key) {
                let message = format!("`{key}` has no use where a set-up is per {}", per.as_str());
                reader.error(codes::WRONG_VALUE, node.span, message);
            }
        }
    }
    if let (None, Some(node)) = (&list, fields.get("delete")) {
        reader.error(codes::MISSING_KEY, node.span, "what cannot be listed cannot be deleted: `delete` needs `list`");
    }
    let events = if events.is_empty() { known.iter().map(|kind| (*kind).to_string()).collect() } else { events };
    let instructions = reader.maybe_text(&fields, "instructions");
    Some(Provision { per, create, list, delete, events, needs, instructions })
}

fn act(reader: &mut Reader<'_>, fields: &Fields<'_>, shared: &Shared<'_>, names: &Names) -> Option<Call> {
    let call = lookup::call_of(reader, fields, shared, names)?;
    if let Some(site) = reader.calls.last_mut() {
        site.acts = true;
    }
    Some(call)
}

fn list(reader: &mut Reader<'_>, node: &Node, shared: &Shared<'_>, names: &Names) -> Option<HookList> {
    let fields = reader.fields(node, "`list`", &["operation", "input", "items", "id", "type", "url"])?;
    let call = lookup::call_of(reader, &fields, shared, names);
    let items = reader.need(&fields, "items").and_then(|node| reader.pointer(node, "`items`"));
    let id = reader.need(&fields, "id").map(|node| reader.pointers(node, "`id`"));
    let kind = fields.get("type").and_then(|node| reader.pointer(node, "`type`"));
    let url = fields.get("url").and_then(|node| reader.pointer(node, "`url`"));
    Some(HookList { call: call?, items: items?, id: id?, kind, url })
}

/// `replay:`.
pub(super) fn replay(reader: &mut Reader<'_>, node: &Node, shared: &Shared<'_>) -> Option<Replay> {
    let keys = ["operation", "input", "each", "items", "at", "every_s", "overlap_s"];
    let fields = reader.fields(node, "`replay`", &keys)?;
    let names = shared.names().without_settings(&shared.secrets);
    let each = fields.get("each").and_then(|node| {
        let fields = reader.fields(node, "`each`", &["operation", "input", "items"])?;
        let call = lookup::call_of(reader, &fields, shared, &names);
        let items = reader.need(&fields, "items").and_then(|node| reader.pointer(node, "`items`"));
        call.zip(items)
    });
    let in_call = if fields.get("each").is_some() { names.clone().with("item") } else { names };
    let call = lookup::call_of(reader, &fields, shared, &in_call);
    let items = reader.need(&fields, "items").and_then(|node| reader.pointer(node, "`items`"));
    let at = fields.get("at").and_then(|node| reader.pointer(node, "`at`"));
    let every_s = reader.integer(&fields, "every_s", FEED_S_MIN, 31 * 24 * 3600).unwrap_or(POLL_S_DEFAULT);
    let overlap_s = reader.integer(&fields, "overlap_s", 0, 31 * 24 * 3600).unwrap_or(300);
    let ms = |seconds: i64| seconds.unsigned_abs().saturating_mul(1000);
    Some(Replay { each, call: call?, items: items?, at, every_ms: ms(every_s), overlap_ms: ms(overlap_s) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_and_words_say_the_same() {
        let paperlex = SenderRetries {
            documented: true,
            pause_s: Some(5),
            grows: Growth::Power(4),
            at_most: Some(25),
            ..SenderRetries::default()
        };
        assert_eq!(paperlex.words(), "the nth time 5 + n^4 s after the one before, at most 25 times");
        let pauses = paperlex.pauses_s();
        assert_eq!((pauses.len(), pauses.first(), pauses.last()), (25, Some(&6), Some(&390_630)));
        // The last attempt falls between 20 and 25 days after the first.
        assert_eq!(pauses.iter().sum::<u64>() / 86_400, 24);
        let doubling = SenderRetries {
            documented: true,
            pause_s: Some(60),
            grows: Growth::Double,
            for_h: Some(1),
            ..SenderRetries::default()
        };
        assert_eq!(doubling.pauses_s(), [60, 120, 240, 480, 960]);
        assert_eq!(SenderRetries::default().words(), "not documented");
    }
}
