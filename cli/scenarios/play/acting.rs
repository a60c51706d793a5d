//! The timeline's entries, one after the other: when each takes place, and what it does.

use super::{Play, TOKEN};
use crate::scenarios::known::{Fact, Manner, is_meant, last_word};
use crate::scenarios::model::{Act, Entry, Fault, Scenario, Sees, Trouble};
use crate::scenarios::stand_in;
use engross_core::{
    Decision, Person, PlanStep, RunId, RunState, StepId, StepState, Subscription, Timestamp, Verdict, WaitKind,
};
use engross_runtime::{Clock, DecisionEffect, Engine, Word};
use serde_json::{Map, Value, json};

/// What a look is called that no webhook asked for.
pub(super) const POLL: &str = "engross.scenario.look";

impl Scenario {
    /// Everybody who decides in it, in order.
    pub(super) fn deciders(&self) -> impl Iterator<Item = Person> {
        self.timeline.iter().filter_map(|entry| match &entry.act {
            Act::Decide { by, .. } => Some(by.clone()),
            Act::Webhook { .. } | Act::Event { .. } | Act::Outcome(_) | Act::Cancel { .. } | Act::Retry { .. } => None,
        })
    }
}

/// A step of a run that stands as an entry needs it.
struct Place<'s> {
    run: &'s RunId,
    step: &'s StepId,
    since: Timestamp,
}

/// A step that waits for webhooks.
struct Waiting<'s> {
    run: &'s RunId,
    step: &'s StepId,
    connection: &'s str,
    object: &'s str,
}

impl Play<'_> {
    fn entry(&self) -> Option<&Entry> {
        self.scenario.timeline.get(self.next)
    }

    /// When the next entry takes place; none where there is none, or where its step does not wait yet.
    pub(super) fn time_of_entry(&self, states: &[RunState]) -> Option<Timestamp> {
        let entry = self.entry()?;
        let Some(name) = entry.at.as_ref().filter(|_| !entry.ignored) else {
            // Once the run is over, only what must be ignored still has a meaning.
            let goes_on = states.first().is_some_and(|run| !run.status.is_over());
            return (goes_on || entry.ignored).then(|| self.base.plus_ms(entry.after_ms));
        };
        let place = place(states, name, &entry.act)?;
        Some(place.since.plus_ms(entry.after_ms).max(self.base))
    }

    /// Whether the next entry takes place now.
    pub(super) fn takes_place(&self, states: &[RunState]) -> bool {
        self.time_of_entry(states).is_some_and(|at| at <= self.clock.now())
    }

    /// Carries the next entry out.
    pub(super) async fn act(&mut self, engine: &Engine, states: &[RunState]) {
        let Some(entry) = self.scenario.timeline.get(self.next) else { return };
        let number = self.next;
        self.next += 1;
        self.base = self.clock.now();
        if let Err(why) = self.carry_out(engine, states, entry, number).await {
            self.problems.push(format!("line {}: {why}", entry.line));
        }
    }

    async fn carry_out(
        &mut self,
        engine: &Engine,
        states: &[RunState],
        entry: &Entry,
        number: usize,
    ) -> Result<(), String> {
        let main = states.first().map(|state| state.run.clone()).ok_or("there is no run")?;
        let name = entry.at.as_deref().unwrap_or_default();
        let place = place(states, name, &entry.act).map(|place| (place.run.clone(), place.step.clone()));
        let (run, step) = place.unwrap_or_else(|| (main.clone(), StepId::new(name)));
        match &entry.act {
            Act::Decide { approve, by, comment, form } => {
                let verdict = if *approve { Verdict::Approve } else { Verdict::Reject };
                let decision = Decision {
                    comment: comment.clone(),
                    form: form.clone(),
                    round: states.iter().find(|state| state.run == run).map(|state| state.round(&step)),
                    ..Decision::new(by.clone(), verdict, self.clock.now())
                };
                let done = engine.record(&run, &step, decision).await;
                judged(entry, done.map_err(|error| error.to_string()))
            }
            Act::Webhook { provider, kind, sees, data, times } => {
                let at = entry.at.as_deref();
                let objects = match entry.ignored {
                    true => self.too_late(states, provider, kind, at)?,
                    false => self.tell_of(states, provider, kind, at, sees)?,
                };
                for (connection, object) in &objects {
                    let body = stand_in::webhook(kind, object, &format!("entry-{number}"), data);
                    deliver(engine, connection, &body, *times).await?;
                }
                Ok(())
            }
            Act::Event { kind, data, times } => {
                let data = data.clone().unwrap_or_else(|| matching(states, kind));
                for _ in 0..*times {
                    let sent = engine.send_event(kind, Some(&format!("entry-{number}")), data.clone()).await;
                    sent.map_err(|error| error.to_string())?;
                }
                Ok(())
            }
            Act::Outcome(outcome) => {
                let place = self.waiting_at(states, name).map(|w| (w.connection.to_string(), w.object.to_string()));
                let (connection, object) = place.ok_or_else(|| format!("`{name}` does not wait"))?;
                self.ledger.show(&run, &step, outcome);
                let body = stand_in::webhook(POLL, &object, &format!("entry-{number}"), &json!({}));
                deliver(engine, &connection, &body, 1).await
            }
            Act::Cancel { by, comment } => {
                let done = engine.cancel(&main, by.clone(), comment.clone()).await;
                refused_if_ignored(entry, done.map(drop).map_err(|error| error.to_string()))
            }
            Act::Retry { by, comment } => {
                let word = Word { by: by.clone(), attempt: None, comment: comment.clone() };
                let done = engine.retry(&run, &step, word).await;
                refused_if_ignored(entry, done.map(drop).map_err(|error| error.to_string()))
            }
        }
    }

    /// What a webhook is about that steps wait for; they see what it tells of when they look.
    fn tell_of(
        &self,
        states: &[RunState],
        provider: &str,
        kind: &str,
        at: Option<&str>,
        sees: &Sees,
    ) -> Result<Vec<(String, String)>, String> {
        let waiting = self.waiting(states, provider, at);
        if waiting.is_empty() {
            return Err(format!("`{provider}/{kind}` came, and no step waited for it"));
        }
        let mut objects: Vec<(String, String)> = Vec::new();
        for Waiting { run, step, connection, object } in &waiting {
            if let Some(outcome) = self.suite.known.fact(step).and_then(|fact| seen(fact, kind, sees)) {
                self.ledger.show(run, step, &outcome);
            }
            objects.push((connection.to_string(), object.to_string()));
        }
        objects.sort();
        objects.dedup();
        Ok(objects)
    }

    /// What a webhook is about that comes too late.
    fn too_late(
        &self,
        states: &[RunState],
        provider: &str,
        kind: &str,
        at: Option<&str>,
    ) -> Result<Vec<(String, String)>, String> {
        if let Some(waiting) = self.waiting(states, provider, at).first() {
            return Err(format!("`{provider}/{kind}` was to change nothing, and `{}` waits for it", waiting.step));
        }
        let objects = self.objects_of(provider);
        if objects.is_empty() {
            return Err(format!("`{provider}/{kind}` is not too late: nothing has waited for it yet"));
        }
        Ok(objects)
    }

    /// The steps that wait for webhooks of a provider.
    fn waiting<'s>(&self, states: &'s [RunState], provider: &str, at: Option<&str>) -> Vec<Waiting<'s>> {
        let of_provider = |step: &StepId| {
            let fact = self.suite.known.fact(step);
            fact.is_some_and(|fact| fact.manner == Manner::Waits && fact.provider.as_deref() == Some(provider))
        };
        let mut found = all_waiting(states);
        found.retain(|waiting| of_provider(waiting.step) && at.is_none_or(|at| is_meant(waiting.step, at)));
        found
    }

    fn waiting_at<'s>(&self, states: &'s [RunState], name: &str) -> Option<Waiting<'s>> {
        all_waiting(states).into_iter().find(|waiting| is_meant(waiting.step, name))
    }

    /// Keeps what is waited for, so that a webhook can come too late.
    pub(super) fn remember(&mut self, states: &[RunState]) {
        let waiting = all_waiting(states).into_iter();
        self.topics.extend(waiting.map(|w| (w.connection.to_string(), w.object.to_string())));
    }

    fn objects_of(&self, provider: &str) -> Vec<(String, String)> {
        let leads = |connection: &String| self.suite.known.connections.get(connection).is_some_and(|p| p == provider);
        self.topics.iter().filter(|(connection, _)| leads(connection)).cloned().collect()
    }

    /// Says of which entry it did not come to that. The ones after it did not come either, and need no word.
    pub(super) fn entries_that_never_came(&mut self, states: &[RunState]) {
        let Some(entry) = self.entry() else { return };
        let what = match &entry.at {
            Some(at) => format!("it did not come to this entry: `{at}` {}", standing(states, at)),
            None => "it did not come to this entry".to_string(),
        };
        let over = states.first().filter(|state| state.status.is_over());
        let over = over.map(|state| format!("; the run is {}", state.status.as_str())).unwrap_or_default();
        self.problems.push(format!("line {}: {what}{over}", entry.line));
    }

    /// Says which faults had no effect.
    pub(super) fn faults_that_never_came(&mut self) {
        for Fault { at, trouble, times, .. } in self.ledger.left() {
            let what = match trouble {
                Trouble::Crash => "the process was to die".to_string(),
                Trouble::Error(class) => format!("an attempt was to fail as {}", class.as_str()),
            };
            let more = if times > 1 { format!(" {times} times more") } else { String::new() };
            self.problems.push(format!("at `{at}` {what}{more}, and it did not come to that"));
        }
    }
}

/// A decision that counts, unless it must not.
fn judged(entry: &Entry, done: Result<DecisionEffect, String>) -> Result<(), String> {
    match (done, entry.ignored) {
        (Ok(DecisionEffect::Recorded | DecisionEffect::Decided), true) => {
            Err("this decision was to change nothing, and it counts".to_string())
        }
        (Ok(DecisionEffect::Expired), false) => {
            Err("this decision came too late: the approval had expired".to_string())
        }
        (Err(why), false) => Err(format!("this decision does not count: {why}")),
        (Ok(_), false) | (Ok(DecisionEffect::Expired) | Err(_), true) => Ok(()),
    }
}

fn refused_if_ignored(entry: &Entry, done: Result<(), String>) -> Result<(), String> {
    match (done, entry.ignored) {
        (Ok(()), true) => Err("this was to change nothing, and it was done".to_string()),
        (Ok(()), false) | (Err(_), true) => Ok(()),
        (Err(why), false) => Err(why),
    }
}

async fn deliver(engine: &Engine, connection: &str, body: &Value, times: u32) -> Result<(), String> {
    for _ in 0..times {
        let taken = engine.receive_webhook(connection, TOKEN, &[], body.to_string().as_bytes()).await;
        taken.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// What a step sees at its provider when an event makes it look.
fn seen(fact: &Fact, kind: &str, sees: &Sees) -> Option<String> {
    match sees {
        Sees::Nothing => None,
        Sees::Outcome(outcome) => fact.seen.contains(outcome).then(|| outcome.clone()),
        Sees::Alike => {
            let word = last_word(kind);
            fact.seen.iter().find(|seen| last_word(seen) == word).cloned()
        }
    }
}

/// The step that an entry is about, once it stands so that the entry can take place.
fn place<'s>(states: &'s [RunState], name: &str, act: &Act) -> Option<Place<'s>> {
    states.iter().find_map(|state| {
        let mut steps = state.steps.iter().filter(|(id, _)| is_meant(id, name));
        steps.find_map(|(step, stands)| {
            let since = match (act, stands) {
                (Act::Retry { .. }, StepState::Incident { since, .. } | StepState::InDoubt { since, .. }) => *since,
                (Act::Retry { .. }, _) => return None,
                (_, StepState::Waiting { since, .. }) => *since,
                (Act::Cancel { .. }, StepState::Incident { since, .. } | StepState::InDoubt { since, .. }) => *since,
                _ => return None,
            };
            Some(Place { run: &state.run, step, since })
        })
    })
}

fn all_waiting(states: &[RunState]) -> Vec<Waiting<'_>> {
    let mut found = Vec::new();
    for state in states {
        for (step, stands) in state.active() {
            let StepState::Waiting { wait, .. } = stands else { continue };
            let WaitKind::Event { subscriptions, .. } = &wait.kind else { continue };
            for subscription in subscriptions {
                if let Some((connection, object)) = subscription.topic.split_once(':') {
                    found.push(Waiting { run: &state.run, step, connection, object });
                }
            }
        }
    }
    found
}

/// Data of a named event that a waiting step takes, where the author gives none.
fn matching(states: &[RunState], kind: &str) -> Value {
    let topic = Subscription::to_event(kind, Default::default()).topic;
    let active = states.iter().flat_map(RunState::active);
    let wanted = active.filter_map(|(_, step)| match step {
        StepState::Waiting { wait, .. } => Some(&wait.kind),
        _ => None,
    });
    let mut subscriptions = wanted.flat_map(|kind| match kind {
        WaitKind::Event { subscriptions, .. } => subscriptions.as_slice(),
        WaitKind::Timer | WaitKind::Run { .. } | WaitKind::Approval(_) => &[],
    });
    let mut data = Value::Object(Map::new());
    let Some(subscription) = subscriptions.find(|subscription| subscription.topic == topic) else { return data };
    for (path, text) in &subscription.matching {
        let mut place = &mut data;
        for part in path.split('.') {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            let Value::Object(map) = place else { break };
            place = map.entry(part).or_insert(Value::Null);
        }
        *place = Value::String(text.clone());
    }
    data
}

fn standing(states: &[RunState], name: &str) -> String {
    let found = states.iter().flat_map(|state| &state.steps).find(|(id, _)| is_meant(id, name));
    match found {
        Some((_, StepState::Completed { outcome, .. })) => format!("is {outcome} already"),
        Some((_, step)) => format!("is {}", step.as_str()),
        None => format!(
            "has not begun{}",
            if PlanStep::undone_by(&StepId::new(name)).is_some() { ": nothing is undone" } else { "" }
        ),
    }
}
