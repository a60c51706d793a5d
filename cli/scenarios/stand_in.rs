//! Stand-ins: every operation with its own promise, and nothing behind it.
//!
//! What acts answers with outputs that are made up from its schema. What waits at a provider parks as it does in a real run, and its
//! looks see what the timeline says. What reaches nothing outside (`approval`, `sleep`, `set` and the like) works as it is; it is only
//! counted. The ledger is what a provider would know: it outlives every process of a scenario.

use crate::scenarios::known::{Manner, is_meant};
use crate::scenarios::made_up;
use crate::scenarios::model::{Fault, Trouble};
use async_trait::async_trait;
use engross_core::PlanStep;
use engross_step_api::{
    Acknowledgement, Advice, Completion, Connection, EffectClass, IdempotencyKey, IncomingEvent, OnEvent, OutcomeKind,
    Preview, Provider, RawWebhook, Reconciled, Registry, RegistryError, RunId, Step, StepConfig, StepContext,
    StepError, StepId, StepResult, StepSpec, Wait, WaitKind, Wake, WebhookError,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the providers of a scenario know.
#[derive(Default)]
pub struct Ledger(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Effects by operation.
    calls: BTreeMap<String, u64>,
    /// What each effect left, by its key.
    done: BTreeMap<String, Value>,
    /// What the next look of a step sees.
    seen: BTreeMap<(RunId, StepId), String>,
    /// What is still to go wrong.
    faults: Vec<Fault>,
    /// The step at which the process dies now.
    dying: Option<StepId>,
    /// What the author says that steps leave.
    outputs: BTreeMap<String, Value>,
}

impl Ledger {
    /// One that nothing has happened in.
    pub fn new(faults: Vec<Fault>, outputs: BTreeMap<String, Value>) -> Self {
        Self(Mutex::new(Kept { faults, outputs, ..Kept::default() }))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often each operation took effect.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.kept().calls.clone()
    }

    /// Has the looks of a step see this end from now on.
    pub fn show(&self, run: &RunId, step: &StepId, outcome: &str) {
        self.kept().seen.insert((run.clone(), step.clone()), outcome.to_string());
    }

    /// Where the process dies now, if it does.
    pub fn dying(&self) -> Option<StepId> {
        self.kept().dying.clone()
    }

    /// Another process has begun.
    pub fn lives_again(&self) {
        self.kept().dying = None;
    }

    /// The faults that have not come.
    pub fn left(&self) -> Vec<Fault> {
        self.kept().faults.clone()
    }

    fn fault(&self, step: &StepId, after_effect: bool) -> Option<Trouble> {
        let mut kept = self.kept();
        let at = kept.faults.iter().position(|f| f.after_effect == after_effect && is_meant(step, &f.at))?;
        let fault = kept.faults.get_mut(at)?;
        let trouble = fault.trouble;
        fault.times = fault.times.saturating_sub(1);
        if fault.times == 0 {
            kept.faults.remove(at);
        }
        if matches!(trouble, Trouble::Crash) {
            kept.dying = Some(step.clone());
        }
        Some(trouble)
    }

    /// Counts an effect. One that a provider would recognise by its key is one effect, however often it is asked for.
    fn count(&self, uses: &str, effect: EffectClass, key: &IdempotencyKey, outputs: Value) {
        let mut kept = self.kept();
        let again = kept.done.insert(key.as_str().to_string(), outputs).is_some();
        let recognised = match effect {
            EffectClass::Read | EffectClass::Idempotent => true,
            EffectClass::Reconcilable | EffectClass::Unsafe => false,
        };
        if !(again && recognised) {
            *kept.calls.entry(uses.to_string()).or_default() += 1;
        }
    }

    /// What a step leaves.
    fn outputs(&self, spec: &StepSpec, step: &StepId, input: &Value) -> Value {
        let mut made = made_up::outputs(&spec.output, step.as_str(), input);
        let kept = self.kept();
        let of_all = kept.outputs.get(PlanStep::written(step).as_str()).filter(|_| PlanStep::undone_by(step).is_none());
        for over in of_all.into_iter().chain(kept.outputs.get(step.as_str())) {
            made_up::laid_over(&mut made, over);
        }
        made
    }
}

/// The same operations as in `real`, with stand-ins behind them.
///
/// # Errors
/// Two operations of one name.
pub fn registry(real: &Registry, ledger: &Arc<Ledger>) -> Result<Registry, RegistryError> {
    let mut registry = Registry::new();
    let mut providers: BTreeMap<String, Vec<Arc<dyn Step>>> = BTreeMap::new();
    for spec in real.specs() {
        let Some(step) = real.step(&spec.uses) else { continue };
        let manner = Manner::of(&spec.uses, spec.provider.as_deref(), spec.kind);
        let stand_in: Arc<dyn Step> = Arc::new(StandIn { real: step.clone(), ledger: ledger.clone(), manner });
        match &spec.provider {
            Some(provider) => providers.entry(provider.clone()).or_default().push(stand_in),
            None => registry.add_step(stand_in)?,
        }
    }
    for (name, steps) in providers {
        registry.add_provider(Arc::new(ProviderStandIn { name, steps }))?;
    }
    Ok(registry)
}

struct StandIn {
    real: Arc<dyn Step>,
    ledger: Arc<Ledger>,
    manner: Manner,
}

impl StandIn {
    /// What goes wrong now. A process that dies does not come back from here.
    async fn trouble(&self, context: &StepContext, after_effect: bool) -> Result<(), StepError> {
        match self.ledger.fault(&context.step, after_effect) {
            None => Ok(()),
            Some(Trouble::Crash) => std::future::pending().await,
            Some(Trouble::Error(class)) => {
                let error = StepError::new(class, "scenario", "the scenario has this attempt fail");
                Err(if after_effect { error.maybe_done() } else { error })
            }
        }
    }

    fn end(&self, context: &StepContext, input: &Value) -> Completion {
        let spec = self.real.spec();
        let good = spec.good();
        let outputs = match good.is_some_and(|good| good.outputs) {
            true => self.ledger.outputs(spec, &context.step, input),
            false => Value::Null,
        };
        Completion::new(good.map_or("succeeded", |good| good.name.as_str()), outputs)
    }
}

#[async_trait]
impl Step for StandIn {
    fn spec(&self) -> &StepSpec {
        self.real.spec()
    }

    fn configure(&self, with: &StepConfig) -> EffectClass {
        self.real.configure(with)
    }

    fn advice(&self, with: &StepConfig) -> Vec<Advice> {
        self.real.advice(with)
    }

    async fn execute(&self, context: &StepContext, input: &Value) -> Result<StepResult, StepError> {
        self.trouble(context, false).await?;
        let result = match self.manner {
            Manner::Real => self.real.execute(context, input).await?,
            Manner::Waits => without_polls(self.real.execute(context, input).await?),
            Manner::Acts => StepResult::Done(self.end(context, input)),
        };
        let outputs = match &result {
            StepResult::Done(done) | StepResult::Reconciled(done) => done.outputs.clone(),
            StepResult::Parked(_) => Value::Null,
        };
        let spec = self.spec();
        self.ledger.count(&spec.uses, spec.effect, &context.key, outputs);
        self.trouble(context, true).await?;
        Ok(result)
    }

    async fn reconcile(&self, context: &StepContext, input: &Value) -> Result<Reconciled, StepError> {
        if self.manner != Manner::Acts {
            return self.real.reconcile(context, input).await;
        }
        let done = self.ledger.kept().done.get(context.key.as_str()).cloned();
        Ok(done.map_or(Reconciled::NotDone, |outputs| {
            let end = self.end(context, input);
            Reconciled::Done(Completion { outputs, ..end })
        }))
    }

    async fn check(&self, context: &StepContext, input: &Value, wake: Wake) -> Result<Option<Completion>, StepError> {
        if self.manner != Manner::Waits {
            return self.real.check(context, input, wake).await;
        }
        let seen = self.ledger.kept().seen.get(&(context.run.clone(), context.step.clone())).cloned();
        let spec = self.real.spec();
        Ok(seen.map(|name| {
            let outcome = spec.outcomes.iter().find(|outcome| outcome.name.as_str() == name);
            let leaves = outcome.is_some_and(|outcome| outcome.outputs && outcome.kind != OutcomeKind::Failure);
            let outputs = match leaves {
                true => self.ledger.outputs(spec, &context.step, input),
                false => Value::Null,
            };
            Completion::new(name, outputs)
        }))
    }

    fn preview(&self, connection: Option<&Connection>, input: &Value) -> Option<Preview> {
        self.real.preview(connection, input)
    }
}

/// The same wait without looks by itself: the timeline wakes it, and months of looks that see nothing would only take time.
fn without_polls(result: StepResult) -> StepResult {
    match result {
        StepResult::Parked(Wait { kind: WaitKind::Event { subscriptions, on_event, look_first, .. }, deadline }) => {
            let look_first = look_first && on_event == OnEvent::Check;
            StepResult::Parked(Wait {
                kind: WaitKind::Event { subscriptions, on_event, poll_ms: None, look_first },
                deadline,
            })
        }
        other => other,
    }
}

struct ProviderStandIn {
    name: String,
    steps: Vec<Arc<dyn Step>>,
}

/// The body of a stand-in's webhook, whichever provider it stands in for.
pub fn webhook(kind: &str, correlation: &str, dedupe: &str, data: &Value) -> Value {
    json!({ "kind": kind, "correlation": correlation, "dedupe": dedupe, "data": data })
}

#[async_trait]
impl Provider for ProviderStandIn {
    fn name(&self) -> &str {
        &self.name
    }

    fn steps(&self) -> Vec<Arc<dyn Step>> {
        self.steps.clone()
    }

    fn check_connection(&self, _: &Connection) -> Vec<String> {
        Vec::new()
    }

    fn receive(&self, _: &Connection, webhook: &RawWebhook<'_>) -> Result<Vec<IncomingEvent>, WebhookError> {
        let malformed = || WebhookError::Malformed("this is no webhook of a scenario".to_string());
        let body: Value = serde_json::from_slice(webhook.body).map_err(|_| malformed())?;
        let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_string).ok_or_else(malformed);
        let data = body.get("data").cloned().unwrap_or(Value::Null);
        Ok(vec![IncomingEvent {
            dedupe: text("dedupe")?,
            kind: text("kind")?,
            correlation: text("correlation")?,
            data,
        }])
    }

    fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement { status: 200 }
    }
}

#[cfg(test)]
mod tests {
    use super::Ledger;
    use engross_step_api::{EffectClass, IdempotencyKey, RunId, StepId};
    use serde_json::Value;

    /// An engine that acts twice is found out wherever a provider would act twice.
    #[test]
    fn a_second_effect_counts_unless_the_provider_knows_the_key() {
        for (effect, expected) in [
            (EffectClass::Read, 1),
            (EffectClass::Idempotent, 1),
            (EffectClass::Reconcilable, 2),
            (EffectClass::Unsafe, 2),
        ] {
            let ledger = Ledger::default();
            let key = IdempotencyKey::of(&RunId::new("run-000001"), &StepId::new("send"), 0);
            ledger.count("a/b", effect, &key, Value::Null);
            ledger.count("a/b", effect, &key, Value::Null);
            assert_eq!(ledger.calls()["a/b"], expected, "{effect:?}");
            ledger.count(
                "a/b",
                effect,
                &IdempotencyKey::of(&RunId::new("run-000001"), &StepId::new("send"), 1),
                Value::Null,
            );
            assert_eq!(ledger.calls()["a/b"], expected + 1, "{effect:?}");
        }
    }
}
