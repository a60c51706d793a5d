//! Every operation against the sandbox and back: two readings of the same documents must agree.

use crate::marks::shown;
use crate::support::{Memory, check_input, connection, context_with, install_crypto, provider, step};
use engross_sandbox::{Options, Sandbox, Who};
use engross_step_api::{Completion, Setting, StepContext, StepError, StepResult, Wake};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One provider's connection to a sandbox of its own.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    provider: &'static str,
    pub(crate) context: StepContext,
    used: BTreeSet<String>,
}

impl Bench {
    /// `mount` is where the sandbox has the provider: `juro/v3`.
    pub(crate) async fn start(provider_name: &'static str, mount: &str) -> Self {
        install_crypto();
        let sandbox = Sandbox::start(Options::default()).await.expect("a sandbox");
        let url = format!("http://{}/{mount}", sandbox.addr());
        let mut connection = connection(provider_name, &url);
        for (name, value) in [("api_key", "sandbox-key"), ("token", "sandbox-key"), ("account_id", "sandbox-account")] {
            if connection.settings.contains_key(name) {
                connection.settings.insert(name.to_string(), Setting::Secret(value.into()));
            }
        }
        let context = context_with(connection, Arc::new(Memory::default()));
        Self { sandbox, provider: provider_name, context, used: BTreeSet::new() }
    }

    pub(crate) async fn run(&mut self, name: &str, input: Value) -> Result<Value, StepError> {
        let step = step(provider(self.provider).as_ref(), name);
        check_input(step.as_ref(), &input);
        self.used.insert(format!("{}/{name}", self.provider));
        let result = step.execute(&self.context, &input).await?;
        let done = if let StepResult::Done(done) = result { Some(done.outputs) } else { None };
        Ok(done.expect("an operation does not wait"))
    }

    pub(crate) async fn good(&mut self, name: &str, input: Value) -> Value {
        let result = self.run(name, input.clone()).await;
        let outputs = result.map_err(|error| format!("{name} {input}: {error}")).expect("a good answer");
        assert_eq!(shown(self.provider, name, &outputs), BTreeSet::new(), "{name} shows what lets in");
        outputs
    }

    pub(crate) async fn bad(&mut self, name: &str, input: Value) -> String {
        self.run(name, input).await.expect_err("a refusal").class.as_str().to_string()
    }

    /// How a wait is at this moment.
    pub(crate) async fn look(&mut self, name: &str, input: Value) -> Option<Completion> {
        let step = step(provider(self.provider).as_ref(), name);
        check_input(step.as_ref(), &input);
        self.used.insert(format!("{}/{name}", self.provider));
        let ended = step.check(&self.context, &input, Wake::Poll).await.expect("a look");
        if let Some(done) = &ended {
            assert_eq!(shown(self.provider, name, &done.outputs), BTreeSet::new(), "{name} shows what lets in");
        }
        ended
    }

    pub(crate) async fn file(&self, name: &str, media_type: &str, content: &'static [u8]) -> Value {
        let kept = self.context.files.put(content.into(), media_type, Some(name)).await.expect("kept");
        serde_json::to_value(kept).expect("JSON")
    }

    /// What a person does in the provider's own pages.
    pub(crate) async fn control(&self, path: &str, body: Value) {
        // Juro was the first, and its contracts have no name before them.
        let place = if self.provider.starts_with("juro") { String::new() } else { format!("{}/", self.provider) };
        let url = format!("http://{}/_sandbox/{place}{path}", self.sandbox.addr());
        let answer = reqwest::Client::new()
            .post(url)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    /// The operations that the test has not used.
    pub(crate) fn unused(&self) -> Vec<String> {
        let all = provider(self.provider).steps().into_iter().map(|step| step.spec().uses.clone());
        all.filter(|uses| !self.used.contains(uses)).collect()
    }
}

pub(crate) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().expect(name)
}

/// An input about a contract, with more in it.
pub(crate) fn about(id: &str, more: &Value) -> Value {
    let mut input = json!({"contract_id": id});
    input.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    input
}

#[tokio::test]
async fn paperlex() {
    let mut bench = Bench::start("paperlex", "paperlex/v1").await;
    let slaw = "23a15b9e18d09168";
    let made = bench
        .good(
            "create_contract",
            json!({"subject": "My First NDA", "number_of_signers": 2, "slaw_id": slaw, "responses": {"party_a": "John Smith"}}),
        )
        .await;
    assert_eq!(made["status"], "draft");
    let id = text(&made, "contract_id").to_string();
    let of = |more: Value| about(&id, &more);
    assert_eq!(bench.good("list_contracts", json!({})).await["contracts"][0]["uuid"], json!(id));
    bench.good("update_contract", of(json!({"subject": "Ünder & Söhne"}))).await;
    let synced = bench.good("sync_contracts", json!({"hydrate": true})).await;
    assert_eq!(synced["items"][0]["subject"], "Ünder & Söhne");
    let again = bench.good("sync_contracts", json!({"since": "2999-01-01T00:00:00Z"})).await;
    assert_eq!(again, json!({"items": [], "next_since": "2999-01-01T00:00:00.000Z"}));
    let read = bench.good("get_contract", of(json!({}))).await;
    assert_eq!(read["contract"]["subject"], "Ünder & Söhne");
    assert_eq!(bench.good("render_contract", of(json!({}))).await["file"]["media_type"], "text/html");

    bench.good("set_responses", of(json!({"responses": {"party_b": "Jane Smith", "state": "Ohio"}}))).await;
    bench.good("set_response", of(json!({"key": "party_b", "value": "Jane"}))).await;
    assert_eq!(bench.good("get_response", of(json!({"key": "party_b"}))).await["value"], "Jane");
    bench.good("delete_response", of(json!({"key": "state"}))).await;
    let responses = bench.good("list_responses", of(json!({}))).await;
    assert_eq!(responses["responses"], json!({"party_a": "John Smith", "party_b": "Jane"}));

    let ann = bench.good("add_signer", of(json!({"email": "ann@example.com"}))).await;
    let bob = bench.good("add_signer", of(json!({"email": "bob@example.com"}))).await;
    assert_eq!(bench.bad("add_signer", of(json!({"email": "eve@example.com"}))).await, "invalid");
    let signer = |signer: &Value| of(json!({"signer_id": signer["signer_id"]}));
    bench.good("get_signer", signer(&ann)).await;
    let mut changed = signer(&bob);
    changed["email"] = json!("robert@example.com");
    bench.good("update_signer", changed).await;
    bench.good("delete_signer", signer(&bob)).await;
    bench.good("delete_signer", signer(&bob)).await;
    let invited = bench.good("invite_signer", of(json!({"email": "bob@example.com", "expires_in": 3600}))).await;
    assert!(text(&invited, "url").starts_with("http") && invited["signer_id"].is_string(), "{invited}");
    assert_eq!(bench.good("list_signers", of(json!({}))).await["signers"].as_array().map(Vec::len), Some(2));
    assert_eq!(bench.good("get_contract", of(json!({}))).await["status"], "sent");

    sessions(&mut bench, &id).await;
    versions_and_signatures(&mut bench, &id).await;
    templates(&mut bench).await;
    assert_eq!(bench.unused(), Vec::<String>::new());
}

/// What a person reads and signs in.
async fn sessions(bench: &mut Bench, id: &str) {
    let of = |more: Value| about(id, &more);
    let session =
        bench.good("create_review_session", of(json!({"email": "ann@example.com", "expires_in": 3600}))).await;
    let of_session = |session: &Value| of(json!({"session_id": session["session_id"]}));
    bench.good("get_review_session", of_session(&session)).await;
    let mut longer = of_session(&session);
    longer["expires_in"] = json!(86400);
    bench.good("update_review_session", longer).await;
    let other = bench.good("create_review_session", of(json!({"email": "bob@example.com"}))).await;
    let third = bench.good("create_review_session", of(json!({"email": "eve@example.com"}))).await;
    bench.good("delete_review_session", of_session(&third)).await;
    let sessions = bench.good("list_review_sessions", of(json!({}))).await;
    assert_eq!(sessions["review_sessions"].as_array().map(Vec::len), Some(3), "{other}");
}

async fn versions_and_signatures(bench: &mut Bench, id: &str) {
    let of = |more: Value| about(id, &more);
    let versions = bench.good("list_versions", of(json!({}))).await;
    assert!(versions["versions"].as_array().is_some_and(|list| list.len() > 1));
    bench.good("get_version", of(json!({"version": 1}))).await;
    bench.good("revert_version", of(json!({"version": 1}))).await;
    assert_eq!(bench.bad("get_version", of(json!({"version": 999}))).await, "not_found");

    assert_eq!(bench.look("await_signed", of(json!({}))).await, None);
    bench.sandbox.sign(id, Who::Side("ann@example.com")).expect("signed");
    assert_eq!(bench.good("get_contract", of(json!({}))).await["status"], "partially signed");
    assert_eq!(bench.look("await_signed", of(json!({}))).await, None);
    assert_eq!(bench.bad("update_contract", of(json!({"subject": "Too late"}))).await, "state");
    bench.sandbox.sign(id, Who::Outstanding).expect("signed");
    let signed = bench.look("await_signed", of(json!({}))).await.expect("an end");
    assert_eq!((signed.outcome.as_str(), signed.outputs["signatures"].as_array().map(Vec::len)), ("signed", Some(2)));
    assert_eq!(bench.good("list_signatures", of(json!({}))).await["signatures"].as_array().map(Vec::len), Some(2));
}

async fn templates(bench: &mut Bench) {
    let slaw = "23a15b9e18d09168";
    let of_slaw = json!({"template_id": slaw});
    assert!(!bench.good("list_templates", json!({})).await["templates"].as_array().expect("a list").is_empty());
    bench.good("get_template", of_slaw.clone()).await;
    bench
        .good("render_template", json!({"template_id": slaw, "enhanced": "1", "responses": {"party_a": "A & B"}}))
        .await;
    let own = bench.good("create_template", json!({"name": "Own", "body": "Text {{party_a}}"})).await;
    let of_own = json!({"template_id": own["template_id"]});
    bench.good("update_template", json!({"template_id": own["template_id"], "body": "More {{party_a}}"})).await;
    bench.good("list_template_versions", of_own.clone()).await;
    bench.good("get_template_version", json!({"template_id": own["template_id"], "version": 1})).await;
    bench.good("revert_template_version", json!({"template_id": own["template_id"], "version": 1})).await;
    bench.good("delete_template", of_own.clone()).await;
    bench.good("delete_template", of_own).await;
    assert_eq!(bench.bad("ping_callback", json!({"url": "http://127.0.0.1:9/nobody"})).await, "state");
    bench
        .good(
            "simple_signature",
            json!({"return_url": "https://e.example/", "slaw_id": slaw, "responses": {"party_a": "A"}, "email": "a@e.example"}),
        )
        .await;

    for missing_is_404 in [true, false] {
        bench.control("settings", json!({"missing_is_404": missing_is_404})).await;
        assert_eq!(bench.bad("get_contract", json!({"contract_id": "nope"})).await, "not_found");
    }
}

#[tokio::test]
async fn docjuris() {
    let mut bench = Bench::start("docjuris", "docjuris/v1").await;
    let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    let file = bench.file("NDA \"v1\".docx", docx, b"PK first").await;
    let made =
        bench.good("create_contract", json!({"contract_type": "nda", "counterparty": "Company A", "file": file})).await;
    let (id, first) = (text(&made, "contract_id").to_string(), text(&made, "turn_id").to_string());
    let of = |more: Value| about(&id, &more);
    assert_eq!(
        bench.bad("create_contract", json!({"contract_type": "??", "counterparty": "A", "file": file})).await,
        "invalid"
    );
    assert_eq!(bench.good("get_contract", of(json!({}))).await["turn_id"], json!(first));
    assert_eq!(bench.good("get_contract_document", of(json!({}))).await["file"]["media_type"], docx);
    bench.good("get_turn_document", of(json!({"turn_id": first, "doc_state": "imported"}))).await;

    let created = json!({"until": ["created"], "after_turn_id": first});
    assert_eq!(bench.look("await_turn", of(created.clone())).await, None);
    let added = bench.good("add_turn", of(json!({"file": file, "source": "Legal"}))).await;
    let second = text(&added, "turn_id").to_string();
    assert_eq!(bench.look("await_turn", of(created)).await.expect("an end").outputs["turn_id"], json!(second));
    for stale_is_409 in [true, false] {
        bench.control("settings", json!({"stale_is_409": stale_is_409})).await;
        let stale = of(json!({"current_turn_id": first, "file": file}));
        assert_eq!(bench.bad("add_turn", stale).await, "conflict");
    }
    let read = bench.good("get_turn", of(json!({"turn_id": second}))).await;
    let values = read["turn"]["extendedData"]["namedValues"].to_string();
    assert!(values.contains("018f-run/a_step"), "{values}");
    // The create and the turn are of one step here, so both turns carry its key: only a person can tell.
    let looked = step(provider("docjuris").as_ref(), "add_turn");
    let found = looked.reconcile(&bench.context, &of(json!({"file": file}))).await.expect_err("two candidates");
    assert!(found.message.contains("2 may be what an earlier attempt made"), "{found}");

    let subscription =
        bench.good("create_subscription", json!({"url": "http://127.0.0.1:9/h/token", "type": "turnMention"})).await;
    let of_subscription = json!({"subscription_id": subscription["subscription_id"]});
    assert_eq!(bench.good("list_subscriptions", json!({})).await["subscriptions"].as_array().map(Vec::len), Some(1));

    bench.control(&format!("contracts/{id}/complete"), json!({"changes": 2})).await;
    let completed = bench.look("await_turn", of(json!({}))).await.expect("an end");
    assert_eq!((completed.outcome.as_str(), &completed.outputs["turn_id"]), ("completed", &json!(second)));
    bench.good("get_turn_document", of(json!({"turn_id": second, "doc_state": "completedWithMarkup"}))).await;
    bench.control(&format!("contracts/{id}/tag"), json!({"tags": ["1ccc94a7-e71b-4e03-9bb9-995a6a63f568"]})).await;
    let tagged = bench.look("await_turn", of(json!({}))).await.expect("an end");
    assert_eq!((tagged.outcome.as_str(), tagged.outputs["tags"].as_array().map(Vec::len)), ("tagged", Some(1)));
    bench.good("list_messages", of_subscription.clone()).await;
    bench.good("delete_subscription", of_subscription.clone()).await;
    bench.good("delete_subscription", of_subscription).await;

    let types = bench.good("list_contract_types", json!({"filter": "nda"})).await;
    assert_eq!(types["contract_types"].as_array().map(Vec::len), Some(1));
    bench.good("create_import", json!({"file": file})).await;
    assert_eq!(bench.bad("get_contract", json!({"contract_id": "nope"})).await, "not_found");
    assert_eq!(bench.unused(), Vec::<String>::new());
}

#[tokio::test]
async fn contract_signatures() {
    let mut bench = Bench::start("contract_signatures", "contract_signatures/webapi").await;
    let signers = json!([
        {"full_name": "Richard Roe", "access_kind": "email", "email": "richard@company.com", "phone": "+49 172-9973185"},
        {"full_name": "Jane Doe", "access_kind": "url"},
    ]);
    let create = json!({"template_id": "1234567", "name": "NDA 1", "signers": signers});
    let made = bench.good("create_contract", create.clone()).await;
    let of = json!({"contract_id": made["contract_id"]});
    let id = text(&of, "contract_id").to_string();
    assert_eq!(bench.good("get_contract", of.clone()).await["status"], "sent");
    let listed = bench.good("search_contracts", json!({"statuses": ["sent", "ongoing"], "substring": "nda"})).await;
    assert_eq!((listed["contracts"][0]["id"].as_str(), &listed["total"]), (Some(id.as_str()), &json!(1)));
    let none = bench.good("search_contracts", json!({"substring": "nothing like it"})).await;
    assert_eq!(none["contracts"], json!([]));
    let synced = bench.good("sync_contracts", json!({"statuses": ["sent"], "hydrate": true})).await;
    assert_eq!(synced["items"][0]["signers"].as_array().map(Vec::len), Some(2), "{synced}");
    let since = json!({"since": synced["next_since"]});
    assert_eq!(bench.good("sync_contracts", since).await["items"].as_array().map(Vec::len), Some(1), "an overlap");
    assert_eq!(bench.look("await_signed", of.clone()).await, None);
    bench.sandbox.sign(&id, Who::Side("richard@company.com")).expect("signed");
    assert_eq!(bench.good("get_contract", of.clone()).await["status"], "ongoing");
    bench.sandbox.sign(&id, Who::Outstanding).expect("signed");
    let signed = bench.look("await_signed", of.clone()).await.expect("an end");
    assert_eq!(signed.outcome.as_str(), "signed");
    assert_eq!(signed.outputs["finalized_pdf_sha3"].as_str().map(str::len), Some(128));
    bench.good("archive_contract", of.clone()).await;
    assert_eq!(bench.good("search_contracts", json!({})).await["contracts"], json!([]));
    bench.good("delete_contract", of.clone()).await;
    bench.good("delete_contract", of.clone()).await;
    assert_eq!(bench.bad("get_contract", of).await, "not_found");
    assert_eq!(bench.unused(), Vec::<String>::new());
}
