//! How webhooks come to be sent, and how those that were lost are found.

use crate::support::{
    Memory, STARTED, Say, Server, base, connection, context, context_with, install_crypto, provider, step,
};
use engross_providers::describe_builtin;
use engross_sandbox::{DOCJURIS_ACCOUNT_ID, Options, Sandbox};
use engross_step_api::{
    Connection, HookStanding, ProvisionAct, Provisioned, RawWebhook, Setting, StepContext, StepResult,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const HOOK: &str = "http://127.0.0.1:9/hooks/docjuris/0123456789abcdef";
const TOKEN: &str = "0123456789abcdef";

fn reachable(mut connection: Connection) -> Connection {
    connection.webhook.token = Some(TOKEN.into());
    connection.webhook.url = Some(HOOK.into());
    connection
}

async fn act(context: &StepContext, act: ProvisionAct, known: &BTreeMap<String, String>) -> Provisioned {
    let name = context.connection.as_ref().expect("a connection").provider.clone();
    provider(&name).provision(context, act, known).await.map_err(|error| error.to_string()).expect("provisioned")
}

fn standings(provisioned: &Provisioned) -> Vec<(String, HookStanding)> {
    provisioned.hooks.iter().map(|hook| (hook.events.join("+"), hook.standing)).collect()
}

const ENSURE: ProvisionAct = ProvisionAct::Ensure { unlisted: false };

/// A DocJuris of its own.
async fn docjuris() -> (Sandbox, StepContext) {
    install_crypto();
    let sandbox = Sandbox::start(Options::default()).await.expect("a sandbox");
    let mut connection = reachable(connection("docjuris", &format!("http://{}/docjuris/v1", sandbox.addr())));
    connection.settings.insert("api_key".to_string(), Setting::Secret("sandbox-key".into()));
    connection.settings.insert("account_id".to_string(), Setting::Plain(DOCJURIS_ACCOUNT_ID.to_string()));
    (sandbox, context_with(connection, Arc::new(Memory::default())))
}

#[tokio::test]
async fn one_subscription_for_each_type_is_made_once_and_taken_away() {
    let (_sandbox, context) = docjuris().await;
    let mut known = BTreeMap::new();
    let look = act(&context, ProvisionAct::Look, &known).await;
    assert_eq!((look.per.as_str(), look.hooks.len()), ("type", 4));
    assert!(look.hooks.iter().all(|hook| hook.standing == HookStanding::Missing));
    let made = act(&context, ENSURE, &known).await;
    assert!(made.hooks.iter().all(|hook| hook.standing == HookStanding::Created), "{made:?}");
    let remembered = |hook: &engross_step_api::ProvisionedHook| Some((hook.id.clone()?, hook.address.clone()?));
    known.extend(made.hooks.iter().filter_map(remembered));
    assert_eq!(known.len(), 4);
    let again = act(&context, ENSURE, &known).await;
    assert_eq!(again.hooks.len(), 4);
    assert!(again.hooks.iter().all(|hook| hook.standing == HookStanding::Present), "{again:?}");
    // Another address, as after a new token: what is there leads elsewhere.
    let mut moved = context.connection.as_deref().cloned().expect("a connection");
    moved.webhook.url = Some("http://127.0.0.1:9/hooks/docjuris/fedcba9876543210".into());
    let moved = StepContext { connection: Some(Arc::new(moved)), ..context.clone() };
    let drift = act(&moved, ProvisionAct::Look, &known).await;
    let count = |standing| drift.hooks.iter().filter(|hook| hook.standing == standing).count();
    assert_eq!((count(HookStanding::Missing), count(HookStanding::Elsewhere)), (4, 4));
    // What nobody here has created is let be.
    let others = act(&context, ProvisionAct::Remove, &BTreeMap::new()).await;
    assert!(others.hooks.iter().all(|hook| hook.standing != HookStanding::Removed), "{others:?}");
    let removed = act(&context, ProvisionAct::Remove, &known).await;
    assert!(removed.hooks.iter().all(|hook| hook.standing == HookStanding::Removed), "{removed:?}");
    assert_eq!(act(&context, ProvisionAct::Look, &known).await.hooks.len(), 4);
}

#[tokio::test]
async fn where_nothing_lists_them_a_person_says_that_one_is_to_be_made() {
    let server = Server::start(vec![Say::Json(201, json!({}))]).await;
    let mut connection = reachable(connection("juro", &base("juro", &server)));
    let missing = provider("juro").provision(&context(connection.clone()), ENSURE, &BTreeMap::new()).await;
    assert!(missing.is_err_and(|error| error.message.contains("`team_id`")));
    connection.settings.insert("team_id".to_string(), Setting::Plain("team-1".to_string()));
    let context = context(connection);
    let told = act(&context, ENSURE, &BTreeMap::new()).await;
    assert_eq!(standings(&told).first().map(|(_, standing)| *standing), Some(HookStanding::Unlisted));
    assert_eq!(server.requests().len(), 0);
    let made = act(&context, ProvisionAct::Ensure { unlisted: true }, &BTreeMap::new()).await;
    assert_eq!(made.hooks.len(), 1);
    assert_eq!((made.hooks[0].standing, made.hooks[0].events.len()), (HookStanding::Created, 14));
    assert!(server.requests()[0].contains(HOOK), "{:?}", server.requests());
}

#[tokio::test]
async fn contracts_that_carry_the_address_and_people_who_set_it_need_no_request() {
    for (name, per) in [("paperlex", "contract"), ("contract_signatures", "manual"), ("juro_v2", "manual")] {
        let context = context(reachable(connection(name, "http://127.0.0.1:9/v1")));
        let told = act(&context, ENSURE, &BTreeMap::new()).await;
        assert_eq!((told.per.as_str(), told.hooks.len(), told.instructions.is_some()), (per, 0, true), "{name}");
    }
}

#[tokio::test]
async fn an_engine_without_an_address_gives_none_away() {
    let context = context(connection("docjuris", "http://127.0.0.1:9/v1"));
    let told = provider("docjuris").provision(&context, ENSURE, &BTreeMap::new()).await.expect_err("no address");
    assert_eq!((told.code.as_str(), told.hint.is_some()), ("no_address", true));
}

#[tokio::test]
async fn a_contract_gets_the_address_by_itself_and_nobody_is_shown_its_token() {
    let echo =
        json!({"uuid": "c1", "signature_callback_url": HOOK, "signers": [], "signatures": [], "number_of_signers": 1});
    let input = json!({"subject": "NDA", "number_of_signers": 1, "body": "text"});
    let sent = async |connection: fn(Connection) -> Connection, input: Value| {
        let server = Server::start(vec![Say::Json(201, echo.clone())]).await;
        let context = context(connection(crate::support::connection("paperlex", &base("paperlex", &server))));
        let create = step(provider("paperlex").as_ref(), "create_contract");
        let StepResult::Done(done) = create.execute(&context, &input).await.expect("made") else {
            unreachable!("no wait")
        };
        let shown = create.preview(context.connection.as_deref(), &input).expect("a preview");
        (server.requests().remove(0), done.outputs.to_string(), format!("{shown:?}"))
    };
    let field = "contract[signature_callback_url]=http%3A%2F%2F127.0.0.1%3A9%2Fhooks%2Fdocjuris%2F0123456789abcdef";
    let (request, outputs, preview) = sent(reachable, input.clone()).await;
    assert!(request.contains(field), "{request}");
    assert!(outputs.contains("/hooks/docjuris/***") && !outputs.contains(TOKEN), "{outputs}");
    assert!(preview.contains("%2A%2A%2A") && !preview.contains(TOKEN), "{preview}");
    // A workflow's own address, and then the connection's, come first; without any, none is sent.
    let mut own = input.clone();
    own["signature_callback_url"] = json!("https://mine.example/");
    assert!(sent(reachable, own).await.0.contains("https%3A%2F%2Fmine.example%2F"));
    let setting = |connection: Connection| {
        let mut connection = reachable(connection);
        let url = Setting::Secret("https://set.example/".into());
        connection.settings.insert("callback_url".to_string(), url);
        connection
    };
    assert!(sent(setting, input.clone()).await.0.contains("https%3A%2F%2Fset.example%2F"));
    assert!(!sent(|connection| connection, input).await.0.contains("signature_callback_url"));
}

#[tokio::test]
async fn a_webhook_that_was_lost_is_read_again_and_is_the_one_that_was_sent() {
    let message = |id: &str, at: &str| json!({"messageId": id, "type": "TurnCompleted", "contractId": "AB-1", "turnId": "t1", "sentOn": at});
    let of = |messages: Value| Say::ok(json!({"meta": {"code": 200}, "response": messages}));
    let list = || of(json!([{"id": "s1", "type": "turnCompleted"}, {"id": "s2", "type": "turnTagged"}]));
    let sent = || of(json!([message("m2", "2023-11-14T22:10:00Z"), message("m1", "2023-11-14T20:00:00Z")]));
    let script = vec![list(), sent(), of(json!([])), list(), sent(), of(json!([]))];
    let server = Server::start(script).await;
    let context = context(reachable(connection("docjuris", &base("docjuris", &server))));
    let docjuris = provider("docjuris");
    assert_eq!(docjuris.feed_every_ms(), Some(900_000));
    let first = docjuris.replay(&context, None).await.expect("read");
    assert_eq!(
        (first.events.len(), first.next.map(|at| at.to_string())),
        (2, Some("2023-11-14T22:10:00.000Z".to_string()))
    );
    let body = message("m2", "2023-11-14T22:10:00Z").to_string();
    let delivered = docjuris.receive(
        context.connection.as_deref().expect("a connection"),
        &RawWebhook { headers: &[], body: body.as_bytes(), received_at: STARTED },
    );
    let delivered = delivered.expect("a webhook").remove(0);
    assert_eq!(first.events[0], delivered, "both ways it is one event, with one key");
    assert_eq!((delivered.kind.as_str(), delivered.correlation.as_str()), ("turnCompleted", "ab-1"));
    // Ten minutes behind the last one: m1 is older.
    let second = docjuris.replay(&context, first.next).await.expect("read");
    assert_eq!((second.events.len(), second.next), (1, first.next));
    // Readings count as what can wait.
    let budget = docjuris.budget(context.connection.as_deref().expect("a connection"), STARTED).expect("a budget");
    assert_eq!(budget.used, 6);
}

#[test]
fn what_senders_do_is_data() {
    let of = |name: &str| {
        let described = describe_builtin().into_iter().find(|described| described.name == name).expect(name);
        described.webhooks.expect("webhooks")
    };
    let paperlex = of("paperlex").sender_retries.expect("retries");
    assert_eq!(
        paperlex.words,
        "the nth time 5 + n^4 s after the one before, at most 25 times; until it is answered with exactly 200"
    );
    assert_eq!((paperlex.pauses_s.len(), paperlex.pauses_s.get(..3)), (25, Some(&[6, 21, 86][..])));
    assert_eq!(of("docjuris").sender_retries.expect("retries").pauses_s, Vec::<u64>::new());
    let provision = of("docjuris").provision.expect("a provision");
    assert_eq!((provision.per.as_str(), provision.operation.as_deref()), ("type", Some("create_subscription")));
    assert_eq!(of("docjuris").replay.as_deref(), Some("list_messages"));
}
