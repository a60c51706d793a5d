//! Soft checks: told before a run where the file says enough, and in the log with the run and the step where it does not.

use crate::support::{Say, provider, stage, step};
use engross_step_api::{Advice, StepConfig};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};

/// 102 by 29 pixels.
const SMALL: &str = "iVBORw0KGgoAAAANSUhEUgAAAGYAAAAdCAIAAADXWI43";

fn advice(uses: &str, with: Value, templates: &[&str]) -> Vec<(String, String)> {
    let (name, operation) = uses.split_once('/').expect("a provider's operation");
    let config = StepConfig { with, templates: templates.iter().map(|pointer| (*pointer).to_string()).collect() };
    let found = step(provider(name).as_ref(), operation).advice(&config);
    found.into_iter().map(|Advice { at, text }| (at, text)).collect()
}

#[test]
fn literals_are_judged_and_computed_values_are_not() {
    let picture = json!({"contract_id": "c1", "signature_base64": SMALL});
    let told = advice("juro/sign", picture.clone(), &["/contract_id"]);
    assert_eq!(told.len(), 1);
    assert!(told[0].0 == "/signature_base64" && told[0].1.contains("475 by 175"), "{told:?}");
    assert_eq!(advice("juro/sign", picture, &["/signature_base64"]), []);
    let both = json!({"subject": "Terms", "number_of_signers": 1, "body": "x", "slaw_id": "s1"});
    assert_eq!(advice("paperlex/create_contract", both.clone(), &[])[0].0, "/body");
    assert_eq!(advice("paperlex/create_contract", both, &["/slaw_id"]), []);
    let one = json!({"subject": "Terms", "number_of_signers": 1, "body": "x"});
    assert_eq!(advice("paperlex/create_contract", one, &[]), []);
    let signers = json!({"signers": [{"access_kind": "url", "name": "Ann"}]});
    let told = advice("contract_signatures/create_contract", signers.clone(), &[]);
    assert!(told.len() == 1 && told[0].0 == "/signers" && told[0].1.contains("one-time"), "{told:?}");
    assert_eq!(advice("contract_signatures/create_contract", signers, &["/signers/0/phone"]), []);
    // What is so whatever is given is no advice about what is given.
    assert_eq!(advice("contract_signatures/delete_contract", json!({"contract_id": "c1"}), &[]), []);
}

/// Keeps what is logged at WARN, each as its fields.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

#[derive(Default)]
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, "{field}={value:?} ");
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0.lock().expect("no poison").push(fields.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn the_log_says_which_run_and_step_is_advised() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (step, _server, context) = stage("juro", "sign", vec![Say::ok(json!({"message": "ok"}))]).await;
    let input = json!({"contract_id": "c1", "signature_base64": SMALL});
    step.execute(&context, &input).await.expect("done");
    let told = log.0.lock().expect("no poison").join("\n");
    for part in ["run=\"018f-run\"", "step=\"a_step\"", "connection=\"juro\"", "operation=sign", "475 by 175"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}
