//! What a manifest offers, for people and tools: every operation with its inputs, outputs, ends, errors and an example.
//! Plain data; how it is shown is decided by whoever shows it.

use crate::example::example;
use crate::manifest::{Await, Composed, ErrorRule, Manifest, Operation, StatusRange, Webhooks};
use engross_step_api::{EffectClass, ErrorClass, OutcomeKind, StepKind, StepSpec};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// One provider.
#[derive(Clone, Debug, Serialize)]
pub struct ProviderDescription {
    /// As `uses` and connections name it.
    pub name: String,
    /// For people.
    pub title: String,
    /// Where its facts are from.
    pub docs: Vec<String>,
    /// Base addresses by name.
    pub environments: BTreeMap<String, String>,
    /// The environment of a connection that names none.
    pub default_environment: String,
    /// What a connection sets, by name.
    pub settings: BTreeMap<String, SettingDescription>,
    /// How often it may be asked.
    pub limits: LimitsDescription,
    /// Operations by name, then awaits in the order of the file.
    pub operations: Vec<OperationDescription>,
    /// What it sends by itself.
    pub webhooks: Option<WebhooksDescription>,
}

/// A setting of a connection.
#[derive(Clone, Debug, Serialize)]
pub struct SettingDescription {
    /// Whether it is never shown.
    pub secret: bool,
    /// Whether a connection must have it.
    pub required: bool,
    /// Where it is found.
    pub note: Option<String>,
    /// What it can be; anything where there is none.
    pub one_of: Vec<String>,
}

/// How often a provider may be asked.
#[derive(Clone, Debug, Serialize)]
pub struct LimitsDescription {
    /// Requests per second on average; kept by the engine.
    pub per_second: Option<f64>,
    /// Requests at once after a pause; kept by the engine.
    pub burst: Option<f64>,
    /// Requests per month that a plan has; counted by the engine, and a connection's `requests_per_month` says otherwise.
    pub per_month: Option<u64>,
    /// More about it.
    pub note: Option<String>,
}

/// One operation or await.
#[derive(Clone, Debug, Serialize)]
pub struct OperationDescription {
    /// `juro/create_contract`.
    pub uses: String,
    /// One line.
    pub title: String,
    /// More about it.
    pub note: Option<String>,
    /// What it is called across providers: `contract.create`.
    pub capability: Option<String>,
    /// Whether it acts or waits.
    pub kind: StepKind,
    /// What a second execution would do.
    pub effect: EffectClass,
    /// `POST /contracts`; of an await, what it looks at. Names in angle brackets are filled in.
    pub request: String,
    /// JSON Schema of `with`.
    pub input: Value,
    /// JSON Schema of the outputs.
    pub output: Value,
    /// How it ends, the good end first.
    pub outcomes: Vec<OutcomeDescription>,
    /// What refusals mean, in the order in which they are tried.
    pub errors: Vec<ErrorDescription>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<String>,
    /// A value for `with`.
    pub example: Value,
}

/// One end of an operation.
#[derive(Clone, Debug, Serialize)]
pub struct OutcomeDescription {
    /// As `needs` names it.
    pub name: String,
    /// What it means for the run.
    pub kind: OutcomeKind,
    /// Whether the step has outputs then.
    pub outputs: bool,
}

/// What a refusal means.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorDescription {
    /// `422`, `500-599`; empty for any status.
    pub status: Vec<String>,
    /// Whether the body must say something particular too.
    pub depends_on_body: bool,
    /// Its class.
    #[serde(serialize_with = "class_name")]
    pub class: ErrorClass,
    /// What to do.
    pub hint: Option<String>,
}

/// What a provider sends by itself.
#[derive(Clone, Debug, Serialize)]
pub struct WebhooksDescription {
    /// The known kinds, with what they mean.
    pub events: BTreeMap<String, Option<String>>,
    /// How the sender proves who it is; none where only the address is a secret.
    pub verified_by: Option<String>,
    /// The status that deliveries are answered with.
    pub ack: u16,
    /// How quickly the sender wants its answer, in milliseconds.
    pub ack_within_ms: Option<u64>,
    /// What the sender does when it gets none.
    pub sender_retries: Option<RetriesDescription>,
    /// How deliveries are set up.
    pub provision: Option<ProvisionDescription>,
    /// The operation that lists what was sent.
    pub replay: Option<String>,
}

/// What a sender does when it is not answered as it wants.
#[derive(Clone, Debug, Serialize)]
pub struct RetriesDescription {
    /// In words.
    pub words: String,
    /// The pauses before its repetitions in seconds, as many as are known; a stand-in can keep to them.
    pub pauses_s: Vec<u64>,
}

/// How deliveries are set up.
#[derive(Clone, Debug, Serialize)]
pub struct ProvisionDescription {
    /// What each set-up is for: `type`, `contract`, `team`, `account` or `manual`.
    pub per: String,
    /// The operation that creates one.
    pub operation: Option<String>,
    /// What people have to do or to know.
    pub instructions: Option<String>,
}

fn class_name<S: serde::Serializer>(class: &ErrorClass, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(class.as_str())
}

/// Describes a manifest. `specs` are the promises of its steps, which say how they end.
pub(crate) fn describe(manifest: &Manifest, specs: &[StepSpec]) -> ProviderDescription {
    let spec_of = |name: &str| {
        let uses = format!("{}/{name}", manifest.name);
        specs.iter().find(|spec| spec.uses == uses)
    };
    let actions = manifest.operations.values().filter_map(|op| Some(action(manifest, op, spec_of(&op.name)?)));
    let waits = manifest.awaits.iter().filter_map(|wait| Some(awaited(manifest, wait, spec_of(&wait.name)?)));
    let composed = manifest.composed.iter().filter_map(|one| Some(sequence(manifest, one, spec_of(&one.name)?)));
    ProviderDescription {
        name: manifest.name.clone(),
        title: manifest.title.clone(),
        docs: manifest.docs.clone(),
        environments: manifest.environments.iter().map(|(name, url)| (name.clone(), url.to_string())).collect(),
        default_environment: manifest.environment.clone(),
        settings: settings(manifest),
        limits: LimitsDescription {
            per_second: manifest.limits.pace.map(|pace| pace.per_second),
            burst: manifest.limits.pace.map(|pace| pace.burst),
            per_month: manifest.limits.per_month,
            note: manifest.limits.note.clone(),
        },
        operations: actions.chain(composed).chain(waits).collect(),
        webhooks: manifest.webhooks.as_ref().map(webhooks),
    }
}

fn settings(manifest: &Manifest) -> BTreeMap<String, SettingDescription> {
    let described = |spec: &crate::manifest::SettingSpec| SettingDescription {
        secret: spec.secret,
        required: spec.required,
        note: spec.note.clone(),
        one_of: spec.one_of.clone(),
    };
    manifest.settings.iter().map(|(name, spec)| (name.clone(), described(spec))).collect()
}

fn action(manifest: &Manifest, operation: &Operation, spec: &StepSpec) -> OperationDescription {
    OperationDescription {
        note: operation.note.clone(),
        capability: operation.capability.clone(),
        request: format!("{} {}", operation.method, operation.path.source()),
        errors: if operation.browser { Vec::new() } else { errors(manifest, operation) },
        warnings: operation.warnings.iter().map(|warning| warning.text.clone()).collect(),
        example: operation.example.clone().unwrap_or_else(|| example(&spec.input)),
        ..plain(spec)
    }
}

fn sequence(manifest: &Manifest, composed: &Composed, spec: &StepSpec) -> OperationDescription {
    let operations = composed.parts.iter().filter_map(|part| manifest.operations.get(&part.call.operation));
    let names: Vec<&str> = operations.clone().map(|operation| operation.name.as_str()).collect();
    OperationDescription {
        note: composed.note.clone(),
        capability: composed.capability.clone(),
        request: names.join(", then "),
        errors: operations.clone().next_back().map_or_else(Vec::new, |operation| errors(manifest, operation)),
        warnings: operations.flat_map(|operation| operation.warnings.iter().map(|w| w.text.clone())).collect(),
        example: composed.example.clone().unwrap_or_else(|| example(&spec.input)),
        ..plain(spec)
    }
}

fn awaited(manifest: &Manifest, wait: &Await, spec: &StepSpec) -> OperationDescription {
    let look = manifest.operations.get(&wait.look.operation);
    OperationDescription {
        note: wait.note.clone(),
        request: look.map_or_else(String::new, |look| format!("{} {}", look.method, look.path.source())),
        errors: look.map_or_else(Vec::new, |look| errors(manifest, look)),
        ..plain(spec)
    }
}

fn plain(spec: &StepSpec) -> OperationDescription {
    let outcome = |outcome: &engross_step_api::OutcomeSpec| OutcomeDescription {
        name: outcome.name.as_str().to_string(),
        kind: outcome.kind,
        outputs: outcome.outputs,
    };
    OperationDescription {
        uses: spec.uses.clone(),
        title: spec.title.clone(),
        note: None,
        capability: None,
        kind: spec.kind,
        effect: spec.effect,
        request: String::new(),
        input: spec.input.clone(),
        output: spec.output.clone(),
        outcomes: spec.outcomes.iter().map(outcome).collect(),
        errors: Vec::new(),
        warnings: Vec::new(),
        example: example(&spec.input),
    }
}

fn errors(manifest: &Manifest, operation: &Operation) -> Vec<ErrorDescription> {
    let about = |rule: &&ErrorRule| rule.operations.is_empty() || rule.operations.contains(&operation.name);
    let status = |range: &StatusRange| match range {
        StatusRange { from, to } if from == to => from.to_string(),
        StatusRange { from, to } => format!("{from}-{to}"),
    };
    let described = |rule: &ErrorRule| ErrorDescription {
        status: rule.status.iter().map(status).collect(),
        depends_on_body: !rule.body.is_empty(),
        class: rule.class,
        hint: rule.hint.clone(),
    };
    manifest.errors.iter().filter(about).map(described).collect()
}

/// The headers of all ways, each once.
fn verified_by(spec: &Webhooks) -> Option<String> {
    let mut headers: Vec<&str> = spec.verify.iter().map(|way| way.header.as_str()).collect();
    headers.dedup();
    (!headers.is_empty()).then(|| headers.join(" or "))
}

fn webhooks(spec: &Webhooks) -> WebhooksDescription {
    WebhooksDescription {
        events: spec.events.clone(),
        verified_by: verified_by(spec),
        ack: spec.ack,
        ack_within_ms: spec.ack_within_ms,
        sender_retries: spec
            .sender_retries
            .as_ref()
            .map(|retries| RetriesDescription { words: retries.words(), pauses_s: retries.pauses_s() }),
        provision: spec.provision.as_ref().map(|provision| ProvisionDescription {
            per: provision.per.as_str().to_string(),
            operation: provision.create.as_ref().map(|call| call.operation.clone()),
            instructions: provision.instructions.clone(),
        }),
        replay: spec.replay.as_ref().map(|replay| replay.call.operation.clone()),
    }
}
