//! Setting a connection's webhooks up at the provider: what is there is listed, what is missing created, what is ours taken
//! away. Nothing that leads elsewhere is touched: an account can have other receivers.

use super::session::Session;
use super::{Core, action};
use crate::limits::HOOKS_MAX;
use crate::manifest::{Call, HookList, Per, Provision};
use crate::template::text_of;
use engross_step_api::{ErrorClass, HookStanding, ProvisionAct, Provisioned, ProvisionedHook, StepContext, StepError};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A set-up that is at the provider.
struct There {
    hook: ProvisionedHook,
    item: Value,
}

/// Carries out an act on the set-ups of a connection.
pub(super) async fn provision(
    core: &Core,
    context: &StepContext,
    act: ProvisionAct,
    known: &BTreeMap<String, String>,
) -> Result<Provisioned, StepError> {
    let Some(webhooks) = &core.manifest.webhooks else { return Ok(Provisioned::default()) };
    let Some(spec) = &webhooks.provision else {
        return Ok(Provisioned { per: Per::Manual.as_str().to_string(), ..Provisioned::default() });
    };
    let mut told =
        Provisioned { per: spec.per.as_str().to_string(), instructions: spec.instructions.clone(), hooks: Vec::new() };
    let Some(create) = &spec.create else { return Ok(told) };
    let session = Session::new(core, context)?;
    let done = hooks(core, context, &session, spec, create, act, known).await;
    told.hooks = done.map_err(|error| session.scrubber.error(error))?;
    Ok(told)
}

async fn hooks(
    core: &Core,
    context: &StepContext,
    session: &Session<'_>,
    spec: &Provision,
    create: &Call,
    act: ProvisionAct,
    known: &BTreeMap<String, String>,
) -> Result<Vec<ProvisionedHook>, StepError> {
    session.needs_settings("the set-up of webhooks", &spec.needs)?;
    let address = address(context)?;
    let mut there = match &spec.list {
        Some(list) => listed(session, list, &address, known).await?,
        None => Vec::new(),
    };
    let mut hooks = Vec::new();
    for events in wanted(spec) {
        let is_ours =
            |there: &&mut There| there.hook.standing == HookStanding::Present && covers(&there.hook.events, &events);
        let found = there.iter_mut().find(is_ours);
        let missing = if spec.list.is_some() { HookStanding::Missing } else { HookStanding::Unlisted };
        match (act, found) {
            (ProvisionAct::Remove, Some(there)) => {
                if let Some(delete) = &spec.delete {
                    acted(core, context, delete, &[("item", there.item.clone())], &events).await?;
                    there.hook.standing = HookStanding::Removed;
                }
            }
            (_, Some(_)) => {}
            (ProvisionAct::Ensure { unlisted }, None) if unlisted || missing == HookStanding::Missing => {
                let event = json!({"type": events.first(), "types": events.clone()});
                let outputs = acted(core, context, create, &[("event", event)], &events).await?;
                let id = id_in(&outputs);
                let standing = HookStanding::Created;
                hooks.push(ProvisionedHook { events, id, standing, address: Some(digest(&address)) });
            }
            (_, None) => hooks.push(ProvisionedHook { events, id: None, standing: missing, address: None }),
        }
    }
    hooks.extend(there.into_iter().map(|there| there.hook));
    Ok(hooks)
}

/// The address that deliveries are to go to.
fn address(context: &StepContext) -> Result<String, StepError> {
    let url = context.connection.as_ref().and_then(|connection| connection.webhook.url.as_ref());
    url.map(|url| url.expose_secret().to_string()).ok_or_else(|| {
        let message = "nobody knows where this engine can be reached, so no address can be given to the provider";
        StepError::new(ErrorClass::Invalid, "no_address", message).hint("set `server.public_url` in engross.yaml")
    })
}

fn digest(address: &str) -> String {
    hex::encode(Sha256::digest(address))
}

/// What each set-up is for: one kind of event, or all of them.
fn wanted(spec: &Provision) -> Vec<Vec<String>> {
    match spec.per {
        Per::Type => spec.events.iter().map(|kind| vec![kind.clone()]).collect(),
        _ => vec![spec.events.clone()],
    }
}

fn covers(has: &[String], wanted: &[String]) -> bool {
    // A set-up that names no kinds is for all.
    has.is_empty() || wanted.iter().all(|kind| has.iter().any(|has| has.eq_ignore_ascii_case(kind)))
}

async fn listed(
    session: &Session<'_>,
    list: &HookList,
    address: &str,
    known: &BTreeMap<String, String>,
) -> Result<Vec<There>, StepError> {
    let document = session.made(&list.call, &session.scope()).await?.document;
    let items = list.items.first(&document).and_then(Value::as_array).cloned().unwrap_or_default();
    let there = |item: Value| {
        let id = list.id.text(&item);
        let kinds = match list.kind.as_ref().and_then(|kind| kind.first(&item)) {
            Some(Value::Array(kinds)) => kinds.iter().map(text_of).collect(),
            Some(Value::String(kind)) => vec![kind.clone()],
            _ => Vec::new(),
        };
        let told = list.url.as_ref().and_then(|url| url.first(&item)).and_then(Value::as_str);
        let remembered = id.as_ref().and_then(|id| known.get(id));
        let standing = match (told, remembered) {
            (Some(url), _) if url == address => HookStanding::Present,
            (None, Some(kept)) if *kept == digest(address) => HookStanding::Present,
            (Some(_), _) | (None, Some(_)) => HookStanding::Elsewhere,
            (None, None) => HookStanding::AddressUntold,
        };
        There { hook: ProvisionedHook { events: kinds, id, standing, address: None }, item }
    };
    Ok(items.into_iter().take(HOOKS_MAX).map(there).collect())
}

/// Executes an operation by itself. Its key names what it is for, so that no two have one.
async fn acted(
    core: &Core,
    context: &StepContext,
    call: &Call,
    names: &[(&str, Value)],
    events: &[String],
) -> Result<Value, StepError> {
    let key = context.key.part(&format!("{}/{}", call.operation, events.join("+")));
    let context = StepContext { key, ..context.clone() };
    let session = Session::new(core, &context)?;
    let operation = session.operation(&call.operation)?;
    let names: Map<String, Value> = names.iter().map(|(name, value)| ((*name).to_string(), value.clone())).collect();
    let globals = session.scope();
    let input = call.input.eval_object(&globals.with(&names));
    let input = input.map_err(|problem| super::session::bad_input(operation, &problem))?;
    Ok(action::run(&session, operation, &input).await?.outputs)
}

/// The id among the outputs of what was created.
fn id_in(outputs: &Value) -> Option<String> {
    let outputs = outputs.as_object()?;
    outputs.iter().find(|(name, _)| *name == "id" || name.ends_with("_id")).map(|(_, value)| text_of(value))
}
