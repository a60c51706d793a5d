//! A catalog with promises like those of the language's description, for tests. The real ones are tested where they are made.

use engross_compiler::Catalog;
use engross_core::{EffectClass, OutcomeKind, OutcomeSpec, StepKind, StepSpec};
use engross_source::SourceFile;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub struct FakeCatalog {
    pub specs: BTreeMap<String, StepSpec>,
    pub connections: Option<Vec<(String, String)>>,
    /// Workflow files by the name under which others start them.
    pub workflows: BTreeMap<String, SourceFile>,
}

impl Catalog for FakeCatalog {
    fn spec(&self, uses: &str) -> Option<&StepSpec> {
        self.specs.get(uses)
    }

    fn uses(&self) -> Vec<String> {
        self.specs.keys().cloned().collect()
    }

    fn effect(&self, uses: &str, with: &Value, templates: &[String]) -> EffectClass {
        // As the real `http` step: what a request does depends on its method, and a computed one may do anything.
        match with.get("method").and_then(Value::as_str) {
            Some(_) if templates.iter().any(|pointer| pointer == "/method") => EffectClass::Unsafe,
            Some("GET") => EffectClass::Read,
            _ => self.specs.get(uses).map_or(EffectClass::Unsafe, |spec| spec.effect),
        }
    }

    fn connections(&self) -> Option<Vec<(String, String)>> {
        self.connections.clone()
    }

    fn workflow(&self, _from: &str, name: &str) -> Option<SourceFile> {
        self.workflows.get(name).cloned()
    }

    fn workflows(&self, _from: &str) -> Vec<String> {
        self.workflows.keys().cloned().collect()
    }
}

fn object(required: &[&str], properties: Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false})
}

fn file() -> Value {
    object(
        &["path", "sha256", "size", "media_type"],
        json!({"path": {"type": "string"}, "sha256": {"type": "string"}, "size": {"type": "integer"}, "media_type": {"type": "string"}}),
    )
}

fn action_outcomes() -> Vec<OutcomeSpec> {
    vec![OutcomeSpec::new("succeeded", OutcomeKind::Good), OutcomeSpec::new("failed", OutcomeKind::Failure)]
}

fn spec(uses: &str, input: Value, output: Value) -> StepSpec {
    let provider = uses.split_once('/').map(|(provider, _)| provider.to_owned());
    StepSpec {
        uses: uses.to_owned(),
        title: format!("The step {uses}"),
        input,
        output,
        outcomes: action_outcomes(),
        effect: if provider.is_some() { EffectClass::Reconcilable } else { EffectClass::Idempotent },
        kind: StepKind::Action,
        provider,
    }
}

fn wait(mut spec: StepSpec, outcomes: &[(&str, OutcomeKind)]) -> StepSpec {
    spec.kind = StepKind::Wait;
    spec.effect = EffectClass::Idempotent;
    spec.outcomes = outcomes.iter().map(|(name, kind)| OutcomeSpec::new(name, *kind)).collect();
    spec
}

fn juro() -> Vec<StepSpec> {
    let contract_id = || object(&["contract_id"], json!({"contract_id": {"type": "string", "minLength": 1}}));
    let contract = || json!({"type": "object", "properties": {"id": {"type": "string"}, "state": {"type": "string"}}});
    let with_contract = || object(&["contract"], json!({"contract": contract()}));
    let fields = json!({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}});
    let create = json!({
        "template_id": {"type": "string", "minLength": 1, "description": "The template, by its id."},
        "name": {"type": "string", "minLength": 1, "description": "What the contract is called."},
        "fields": fields.clone(),
    });
    let update = object(&["contract_id", "fields"], json!({"contract_id": {"type": "string"}, "fields": fields}));
    let send = object(&["contract_id"], json!({"contract_id": {"type": "string"}, "message": {"type": "string"}}));
    let created = object(&["contract_id"], json!({"contract_id": {"type": "string"}, "contract": contract()}));
    vec![
        spec("juro/create_contract", object(&["template_id", "name"], create), created),
        spec("juro/update_contract", update, with_contract()),
        spec("juro/send_for_signing", send, object(&[], json!({"sent_at": {"type": "string"}}))),
        wait(
            spec("juro/await_fully_signed", contract_id(), with_contract()),
            &[
                ("fully_signed", OutcomeKind::Good),
                ("rejected", OutcomeKind::Bad),
                ("timed_out", OutcomeKind::Neutral),
                ("failed", OutcomeKind::Failure),
            ],
        ),
        spec("juro/download_pdf", contract_id(), object(&["file"], json!({"file": file()}))),
        spec(
            "docjuris/create_contract",
            object(&["title"], json!({"title": {"type": "string"}})),
            json!({"type": "object"}),
        ),
    ]
}

fn approval() -> StepSpec {
    let stage = object(
        &["from"],
        json!({"from": {"type": "array", "items": {"type": "string"}, "minItems": 1}, "quorum": {"type": "integer", "minimum": 1}}),
    );
    let input = json!({
        "title": {"type": "string", "minLength": 1, "description": "The question in one line."},
        "body": {"type": "string"},
        "subject": {},
        "stages": {"type": "array", "items": stage, "minItems": 1, "maxItems": 1, "description": "Who has to agree."},
        "forbid": {"type": "array", "items": {"enum": ["requester"]}},
        "expires_in": {"type": "string", "pattern": "^[1-9][0-9]*[smhdw]$"},
    });
    let output = json!({
        "decision": {"enum": ["approved", "rejected"]},
        "decided_by": {"type": "array", "items": {"type": "string"}},
        "decided_at": {"type": "string"},
        "comment": {"type": ["string", "null"]},
        "subject_sha256": {"type": "string"},
    });
    wait(
        spec("approval", object(&["title", "stages"], input), object(&["decision", "decided_by"], output)),
        &[("approved", OutcomeKind::Good), ("rejected", OutcomeKind::Bad), ("expired", OutcomeKind::Bad)],
    )
}

fn sleep() -> StepSpec {
    let mut input = object(&[], json!({"for": {"type": "string"}, "until": {"type": "string"}}));
    input["oneOf"] = json!([{"required": ["for"]}, {"required": ["until"]}]);
    let mut sleep = wait(spec("sleep", input, object(&[], json!({}))), &[("succeeded", OutcomeKind::Good)]);
    sleep.outcomes[0].outputs = false;
    sleep
}

fn built_in() -> Vec<StepSpec> {
    let event = object(
        &["type"],
        json!({"type": {"type": "string"}, "match": {"type": "object", "additionalProperties": {"type": "string"}}, "poll": {"type": "string"}}),
    );
    let body = json!({"oneOf": [
        object(&["json"], json!({"json": {}})),
        object(&["form"], json!({"form": {"type": "object"}})),
    ]});
    let request = json!({
        "method": {"enum": ["GET", "POST", "PUT", "PATCH", "DELETE"]},
        "url": {"type": "string", "format": "uri"},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        "body": body,
    });
    let response = json!({"status": {"type": "integer"}, "headers": {"type": "object"}, "body": {}});
    let message = json!({
        "to": {"type": "array", "items": {"type": "string"}},
        "channel": {"enum": ["log", "webhook"]},
        "subject": {"type": "string"},
        "text": {"type": "string", "minLength": 1, "description": "What is said."},
    });
    let mut notify = spec("notify", object(&["text"], message), object(&[], json!({})));
    notify.outcomes[0].outputs = false;
    vec![
        spec("set", json!({"type": "object"}), json!({"type": "object"})),
        approval(),
        sleep(),
        wait(
            spec("wait_for_event", event, object(&["event"], json!({"event": {"type": "object"}}))),
            &[("received", OutcomeKind::Good), ("timed_out", OutcomeKind::Neutral)],
        ),
        spec("http", object(&["method", "url"], request), object(&["status"], response)),
        spec(
            "store_file",
            object(&["file", "path"], json!({"file": {"type": "object"}, "path": {"type": "string"}})),
            object(&["file"], json!({"file": file()})),
        ),
        notify,
        workflow(),
    ]
}

fn workflow() -> StepSpec {
    let input =
        json!({"name": {"type": "string"}, "inputs": {"type": "object"}, "key": {"type": "string", "minLength": 1}});
    wait(
        spec("workflow", object(&["name"], input), json!({"type": "object"})),
        &[("succeeded", OutcomeKind::Good), ("stopped", OutcomeKind::Bad), ("failed", OutcomeKind::Failure)],
    )
}

/// The fake catalog, with one connection to Juro and two to DocJuris.
pub fn catalog() -> FakeCatalog {
    let connections = [("juro", "juro"), ("docjuris_eu", "docjuris"), ("docjuris_us", "docjuris")];
    FakeCatalog {
        specs: juro().into_iter().chain(built_in()).map(|spec| (spec.uses.clone(), spec)).collect(),
        connections: Some(connections.iter().map(|(name, of)| ((*name).to_owned(), (*of).to_owned())).collect()),
        workflows: BTreeMap::new(),
    }
}

/// The same, with workflows that others can start: names and what follows the head of their files.
pub fn catalog_with(workflows: &[(&str, &str)]) -> FakeCatalog {
    let file = |(name, rest): &(&str, &str)| {
        let text = format!("schema: engross/v1\nname: {name}\n{rest}");
        ((*name).to_owned(), SourceFile::new(format!("{name}.yaml"), &text))
    };
    FakeCatalog { workflows: workflows.iter().map(file).collect(), ..catalog() }
}
