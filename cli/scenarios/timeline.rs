//! `timeline:` of a scenario: what people and providers do, in order.

use crate::scenarios::codes;
use crate::scenarios::known::{APPROVAL, Fact, Manner, WAIT_FOR_EVENT, last_word};
use crate::scenarios::limits::{ENTRIES_MAX, TIMES_MAX};
use crate::scenarios::load::{Scene, unknown_step};
use crate::scenarios::model::{Act, Entry, Sees};
use crate::scenarios::reader::{Reader, listed, names_hint};
use engross_providers::ProviderDescription;
use engross_source::Node;
use engross_source::diagnostic::quoted;
use serde_json::json;

const KEYS: &[&str] = &[
    "at", "after", "decide", "event", "outcome", "cancel", "retry", "as", "comment", "form", "data", "times", "ignored",
];

/// The keys of which each entry has one.
pub const ACTS: [&str; 5] = ["decide", "event", "outcome", "cancel", "retry"];

/// What a look sees that ends nothing.
pub const NOTHING_YET: &str = "waiting";

/// What people can say to an approval.
pub const VERDICTS: [&str; 2] = ["approved", "rejected"];

/// Reads all entries.
pub fn read(reader: &mut Reader<'_>, node: &Node, scene: &Scene<'_>) -> Vec<Entry> {
    let items = reader.items(node, "`timeline`", ENTRIES_MAX);
    items.iter().filter_map(|item| entry(reader, item, scene)).collect()
}

fn entry(reader: &mut Reader<'_>, node: &Node, scene: &Scene<'_>) -> Option<Entry> {
    reader.mapping(node, "an entry of the timeline", KEYS);
    node.as_mapping()?;
    let at = at(reader, node, scene);
    let after_ms = node.get("after").map(|after| reader.span(after, "`after`"));
    let ignored = node.get("ignored").and_then(|ignored| reader.truth(ignored, "`ignored`")).unwrap_or(false);
    if node.get("at").is_none() && after_ms.is_none() {
        let hint = "add `at: STEP` (as soon as it waits) or `after: 2d` (after the entry before)";
        reader.error(codes::MISSING_KEY, node.span, "this entry does not say when it happens", hint);
    }
    let act = act(reader, node, at.as_ref(), scene)?;
    Some(Entry {
        line: reader.line(node.span),
        at: at.map(|(name, _)| name),
        after_ms: after_ms.flatten().unwrap_or(0),
        act,
        ignored,
    })
}

/// The step that an entry is about.
fn at<'s>(reader: &mut Reader<'_>, node: &Node, scene: &Scene<'s>) -> Option<(String, &'s Fact)> {
    let node = node.get("at")?;
    let name = reader.text(node, "`at`")?;
    match scene.known.get(name) {
        Some(fact) => Some((name.to_string(), fact)),
        None => {
            unknown_step(reader, name, node.span, scene);
            None
        }
    }
}

type At<'a> = Option<&'a (String, &'a Fact)>;

fn act(reader: &mut Reader<'_>, node: &Node, at: At<'_>, scene: &Scene<'_>) -> Option<Act> {
    let named: Vec<&str> = ACTS.into_iter().filter(|key| node.get(key).is_some()).collect();
    // An event says with `outcome` what is seen then.
    let act = match named.as_slice() {
        ["event", "outcome"] => "event",
        [one] => *one,
        [] => {
            let hint = format!("it has one of {}", listed(&ACTS));
            reader.error(codes::MISSING_KEY, node.span, "this entry does not say what happens", hint);
            return None;
        }
        [_, second, ..] => {
            let span = node.get(second).map_or(node.span, |node| node.span);
            let message = format!("one entry cannot have {}", listed(&named));
            reader.error(codes::CANNOT_BE, span, message, "make an entry for each");
            return None;
        }
    };
    belongs(reader, node, act);
    let value = node.get(act)?;
    match act {
        "decide" => decide(reader, node, value, at),
        "event" => event(reader, node, value, at, scene),
        "outcome" => outcome(reader, node, value, at),
        "cancel" => {
            asked(reader, value, "`cancel`");
            let (by, comment) = said(reader, node, "cancel: true, as: ada@acme.example")?;
            Some(Act::Cancel { by, comment })
        }
        _ => {
            asked(reader, value, "`retry`");
            if at.is_none() && node.get("at").is_none() {
                reader.error(
                    codes::MISSING_KEY,
                    node.span,
                    "`retry` needs the step that is tried again",
                    "add `at: STEP`",
                );
            }
            let (by, comment) = said(reader, node, "retry: true, as: ada@acme.example")?;
            Some(Act::Retry { by, comment })
        }
    }
}

/// Says which keys have no meaning beside the one that says what happens.
fn belongs(reader: &mut Reader<'_>, node: &Node, act: &str) {
    let allowed: &[&str] = match act {
        "decide" => &["as", "comment", "form"],
        "event" => &["outcome", "data", "times"],
        "cancel" | "retry" => &["as", "comment"],
        _ => &[],
    };
    let kept = |key: &str| ["at", "after", "ignored", act].contains(&key) || allowed.contains(&key);
    for entry in node.as_mapping().into_iter().flatten() {
        let key = entry.key.text.as_str();
        if KEYS.contains(&key) && !kept(key) {
            let message = format!("`{key}` means nothing beside `{act}`");
            reader.error(codes::CANNOT_BE, entry.key.span, message, "remove it");
        }
    }
}

fn asked(reader: &mut Reader<'_>, value: &Node, what: &str) {
    if reader.truth(value, what) == Some(false) {
        reader.error(codes::CANNOT_BE, value.span, format!("{what} is false, so nothing happens"), "remove the entry");
    }
}

fn said(reader: &mut Reader<'_>, node: &Node, example: &str) -> Option<(engross_core::Person, Option<String>)> {
    let by = reader.require(node, "as", "what a person does", node.span, example);
    let comment = node.get("comment").and_then(|comment| reader.text(comment, "`comment`")).map(str::to_string);
    Some((reader.person(by?, "`as`")?, comment))
}

fn decide(reader: &mut Reader<'_>, node: &Node, value: &Node, at: At<'_>) -> Option<Act> {
    match at {
        Some((name, fact)) if fact.uses != APPROVAL => {
            let message = format!("{} uses `{}`, and nobody decides there", quoted(name), fact.uses);
            let hint = if fact.manner == Manner::Waits {
                format!("write `outcome: {}`, or an `event`", fact.seen.first().map_or("…", String::as_str))
            } else {
                "name a step that uses `approval`".to_string()
            };
            let span = node.get("at").map_or(node.span, |at| at.span);
            reader.error(codes::CANNOT_BE, span, message, hint);
        }
        None if node.get("at").is_none() => {
            let message = "a decision needs the approval that it is about";
            reader.error(codes::MISSING_KEY, node.span, message, "add `at: STEP`");
        }
        _ => {}
    }
    let text = reader.text(value, "`decide`");
    let verdict = text.and_then(|text| VERDICTS.iter().position(|verdict| *verdict == text));
    if let (Some(text), None) = (text, verdict) {
        let message = format!("nobody decides {}", quoted(text));
        reader.error(codes::UNKNOWN_NAME, value.span, message, names_hint(text, &VERDICTS, "decisions"));
    }
    let said = said(reader, node, "as: lena@legal.example");
    let form = node.get("form").map(|form| {
        reader.entries(form, "`form`");
        form.to_json()
    });
    let (by, comment) = said?;
    Some(Act::Decide { approve: verdict? == 0, by, comment, form })
}

fn outcome(reader: &mut Reader<'_>, node: &Node, value: &Node, at: At<'_>) -> Option<Act> {
    let name = reader.text(value, "`outcome`")?;
    let Some((step, fact)) = at else {
        if node.get("at").is_none() {
            reader.error(codes::MISSING_KEY, node.span, "`outcome` needs the step that it ends", "add `at: STEP`");
        }
        return None;
    };
    is_seen(reader, value, name, &[(step.as_str(), *fact)])?;
    Some(Act::Outcome(name.to_string()))
}

/// Whether a look of one of these steps can see this end.
fn is_seen(reader: &mut Reader<'_>, node: &Node, name: &str, steps: &[(&str, &Fact)]) -> Option<()> {
    let seen: Vec<&str> = steps.iter().flat_map(|(_, fact)| &fact.seen).map(String::as_str).collect();
    let can = steps.iter().any(|(_, fact)| fact.manner == Manner::Waits);
    if can && seen.contains(&name) {
        return Some(());
    }
    let (step, fact) = steps.first()?;
    let (message, hint) = match can {
        false if fact.uses == APPROVAL => {
            (format!("{} waits for people", quoted(step)), format!("write `decide: {}` and `as:`", VERDICTS[0]))
        }
        false => {
            let hint = "only steps that wait at a provider are ended so; `faults:` makes others fail";
            (format!("{} uses `{}`, and does not wait at a provider", quoted(step), fact.uses), hint.to_string())
        }
        true if name == "timed_out" => {
            (format!("nobody makes {} time out", quoted(step)), "leave the entry out, and the time passes".to_string())
        }
        true => (
            format!("{} sees no {} at its provider", quoted(step), quoted(name)),
            names_hint(name, &seen, "ends that it sees"),
        ),
    };
    reader.error(codes::CANNOT_BE, node.span, message, hint);
    None
}

fn event(reader: &mut Reader<'_>, node: &Node, value: &Node, at: At<'_>, scene: &Scene<'_>) -> Option<Act> {
    let name = reader.text(value, "`event`")?;
    let times = node.get("times").and_then(|times| reader.number(times, "`times`", 1, TIMES_MAX)).unwrap_or(1);
    let times = u32::try_from(times).unwrap_or(1);
    let data = node.get("data").map(Node::to_json);
    let provider = name.split_once('/').and_then(|(provider, kind)| {
        let found = scene.around.providers.iter().find(|known| known.name == provider)?;
        Some((found, kind))
    });
    let Some((provider, kind)) = provider else {
        named(reader, node, value, name, scene)?;
        return Some(Act::Event { kind: name.to_string(), data, times });
    };
    declared(reader, value, provider, kind)?;
    let of_provider = |fact: &Fact| fact.manner == Manner::Waits && fact.provider.as_deref() == Some(&provider.name);
    let waiting: Vec<(&str, &Fact)> = match at {
        Some((name, fact)) => vec![(name.as_str(), *fact)],
        None => scene.known.facts().filter(|(_, fact)| of_provider(fact)).collect(),
    };
    if !waiting.iter().any(|(_, fact)| of_provider(fact)) {
        let message = match at {
            Some((step, fact)) => {
                format!("{} uses `{}`, and waits for no event of `{}`", quoted(step), fact.uses, provider.name)
            }
            None => format!("no step of `{}` waits for events of `{}`", scene.plan.definition().name, provider.name),
        };
        reader.error(codes::CANNOT_BE, value.span, message, "remove the entry, or name another step or provider");
        return None;
    }
    let sees = sees(reader, node, value, kind, &waiting)?;
    let (provider, kind) = (provider.name.clone(), kind.to_string());
    Some(Act::Webhook { provider, kind, sees, data: data.unwrap_or_else(|| json!({})), times })
}

/// What the waiting steps see when the event makes them look.
fn sees(reader: &mut Reader<'_>, node: &Node, value: &Node, kind: &str, waiting: &[(&str, &Fact)]) -> Option<Sees> {
    if let Some(outcome) = node.get("outcome") {
        let name = reader.text(outcome, "`outcome`")?;
        if name == NOTHING_YET {
            return Some(Sees::Nothing);
        }
        is_seen(reader, outcome, name, waiting)?;
        return Some(Sees::Outcome(name.to_string()));
    }
    let word = last_word(kind);
    if waiting.iter().flat_map(|(_, fact)| &fact.seen).any(|seen| last_word(seen) == word) {
        return Some(Sees::Alike);
    }
    let mut seen: Vec<&str> = waiting.iter().flat_map(|(_, fact)| &fact.seen).map(String::as_str).collect();
    seen.push(NOTHING_YET);
    let message = format!("{} does not tell by its name what is seen at the provider then", quoted(kind));
    reader.error(codes::MISSING_KEY, value.span, message, format!("add `outcome:` with one of {}", listed(&seen)));
    None
}

fn declared(reader: &mut Reader<'_>, value: &Node, provider: &ProviderDescription, kind: &str) -> Option<()> {
    let Some(webhooks) = &provider.webhooks else {
        let message = format!("`{}` sends no webhooks", provider.name);
        reader.error(codes::UNKNOWN_NAME, value.span, message, "end the step by `at: STEP` and `outcome: …`");
        return None;
    };
    // A provider whose events are not documented may send any.
    if webhooks.events.is_empty() || webhooks.events.contains_key(kind) {
        return Some(());
    }
    let names: Vec<&str> = webhooks.events.keys().map(String::as_str).collect();
    let message = format!("`{}` sends no event {}", provider.name, quoted(kind));
    reader.error(codes::UNKNOWN_NAME, value.span, message, names_hint(kind, &names, "events"));
    None
}

/// An event that is no provider's: some step has to wait for it.
fn named(reader: &mut Reader<'_>, node: &Node, value: &Node, name: &str, scene: &Scene<'_>) -> Option<()> {
    if let Some(outcome) = node.get("outcome") {
        let message = "the event itself ends the step that waits for it";
        reader.error(codes::CANNOT_BE, outcome.span, message, "remove `outcome`");
    }
    let waiting: Vec<&Fact> = scene.known.facts().map(|(_, fact)| fact).filter(|f| f.uses == WAIT_FOR_EVENT).collect();
    let kinds: Vec<&str> = waiting.iter().filter_map(|fact| fact.event.as_deref()).collect();
    // A type that is computed may be any.
    if kinds.contains(&name) || waiting.len() > kinds.len() {
        return Some(());
    }
    let providers = scene.known.facts().filter(|(_, fact)| fact.manner == Manner::Waits);
    let mut known: Vec<String> = kinds.iter().map(ToString::to_string).collect();
    for (_, fact) in providers {
        let provider = scene.around.providers.iter().find(|known| Some(&known.name) == fact.provider.as_ref());
        let events = provider.and_then(|provider| provider.webhooks.as_ref()).into_iter().flat_map(|w| w.events.keys());
        known.extend(events.map(|event| format!("{}/{event}", fact.provider.as_deref().unwrap_or_default())));
    }
    known.sort();
    known.dedup();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let message = format!("no step of `{}` waits for {}", scene.plan.definition().name, quoted(name));
    reader.error(codes::UNKNOWN_NAME, value.span, message, names_hint(name, &known, "events that steps wait for"));
    None
}
