//! The request of an operation as text for people: nothing is sent, secrets are masked.

use super::scrub::MASK;
use super::{lookup, request, session};
use crate::manifest::{Manifest, Operation};
use crate::template::Scope;
use engross_step_api::{Connection, EffectClass, Preview};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

/// What would be sent. What is known only later stands in angle brackets.
pub(super) fn preview(
    manifest: &Manifest,
    operation: &Operation,
    connection: Option<&Connection>,
    input: &Value,
) -> Preview {
    let base = connection.and_then(|connection| session::base_url(manifest, connection).ok());
    let base = base.or_else(|| manifest.environments.get(&manifest.environment).cloned());
    let base = base.map_or_else(|| "<base_url>".to_string(), String::from);
    let method = if operation.browser { "BROWSER".to_string() } else { operation.method.to_string() };
    match build(manifest, operation, connection, input, &base) {
        Ok(request) => Preview {
            method,
            url: request.url,
            headers: request
                .headers
                .into_iter()
                .map(|header| (header.name, if header.credential { MASK.to_string() } else { header.value }))
                .collect(),
            body: request.body.map(|body| body.shown()),
        },
        Err(problem) => Preview {
            method,
            url: format!("{}/<{problem}>", base.trim_end_matches('/')),
            headers: Vec::new(),
            body: None,
        },
    }
}

fn build(
    manifest: &Manifest,
    operation: &Operation,
    connection: Option<&Connection>,
    input: &Value,
    base: &str,
) -> Result<request::Request, String> {
    let mut names = globals(manifest, operation, connection);
    names.insert("input".to_string(), input.clone());
    if let Some(paging) = &operation.paging {
        names.insert("page".to_string(), json!({"skip": 0, "limit": paging.size, "number": 1}));
    }
    if let Some(token) = &operation.token {
        let given = token.given.as_ref().map(|given| given.eval(&Scope::new(&names, true))).transpose()?.flatten();
        names.insert("token".to_string(), given.unwrap_or_else(|| json!("<the current one, read when it runs>")));
    }
    let found = lookup::preview(operation, &Scope::new(&names, true))?;
    names.insert("lookups".to_string(), Value::Object(found));
    let key = (operation.effect != EffectClass::Read).then_some("<run.id>/<step.id>");
    request::build(manifest, operation, base, &Scope::new(&names, true), key).map_err(|error| error.message)
}

/// The address of the connection's webhooks without its token.
fn callback(connection: &Connection) -> Value {
    let settings = &connection.webhook;
    match (&settings.url, &settings.token) {
        (Some(url), Some(token)) => {
            let (url, token) = (url.expose_secret(), token.expose_secret());
            json!({"url": if token.is_empty() { MASK.to_string() } else { url.replace(token, MASK) }})
        }
        (Some(_), None) => json!({"url": MASK}),
        (None, _) => json!({}),
    }
}

/// The names that an execution has, with masks for secrets and placeholders for what is not known yet. A setting that may
/// be left out and is takes what depends on it along, as it does when something is sent.
fn globals(manifest: &Manifest, operation: &Operation, connection: Option<&Connection>) -> Map<String, Value> {
    let setting = |(name, spec): (&String, &crate::manifest::SettingSpec)| {
        let given = connection.and_then(|connection| connection.settings.get(name));
        if given.is_none() && !spec.required && !operation.needs.contains(name) {
            return None;
        }
        let shown = match given {
            _ if spec.secret => MASK.to_string(),
            Some(setting) if setting.is_secret() => MASK.to_string(),
            Some(setting) => setting.expose().to_string(),
            None => format!("<config.{name}>"),
        };
        Some((name.clone(), Value::String(shown)))
    };
    let config: Map<String, Value> = manifest.settings.iter().filter_map(setting).collect();
    let has_secret = connection.is_some_and(|connection| connection.webhook.secret.is_some());
    let webhook = if has_secret { json!({"secret": MASK}) } else { json!({}) };
    Map::from_iter([
        ("config".to_string(), Value::Object(config)),
        ("webhook".to_string(), webhook),
        ("callback".to_string(), connection.map_or_else(|| json!({}), callback)),
        ("run".to_string(), json!({"id": "<run.id>", "started_at": "<run.started_at>"})),
        (
            "step".to_string(),
            json!({
                "id": "<step.id>", "attempt": "<step.attempt>", "key": "<step.key>", "started_at": "<step.started_at>",
            }),
        ),
    ])
}
