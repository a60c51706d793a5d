//! From the text of a manifest to a [`Manifest`], or to everything that is wrong with it.

use super::names::Names;
use super::reader::{Fields, Reader};
use super::schema::Types;
use super::{ErrorRule, HeaderSpec, Manifest, SettingSpec, calls, lookup, operation, waiting};
use crate::codes;
use crate::limits::{TIMEOUT_S_DEFAULT, TIMEOUT_S_MAX};
use crate::pointer::Pointers;
use crate::template::fold;
use engross_source::{Diagnostic, Diagnostics, Limits, Node, SourceFile, Span};
use engross_step_api::ErrorClass;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

const KEYS: [&str; 15] = [
    "manifest",
    "provider",
    "title",
    "docs",
    "environments",
    "config",
    "auth",
    "defaults",
    "error_message",
    "errors",
    "lifecycle",
    "types",
    "operations",
    "awaits",
    "webhooks",
];

const CLASSES: [ErrorClass; 10] = [
    ErrorClass::Transient,
    ErrorClass::RateLimited,
    ErrorClass::Invalid,
    ErrorClass::Auth,
    ErrorClass::State,
    ErrorClass::NotFound,
    ErrorClass::Conflict,
    ErrorClass::Ambiguous,
    ErrorClass::Internal,
    ErrorClass::Unknown,
];

/// What all parts of one manifest share.
pub(super) struct Shared<'n> {
    pub(super) types: Types<'n>,
    pub(super) settings: BTreeMap<String, SettingSpec>,
    pub(super) secrets: BTreeSet<String>,
    /// The known statuses, folded.
    pub(super) statuses: Vec<String>,
    pub(super) operations: Vec<&'n str>,
    /// Credentials by the name of the way they are given.
    pub(super) auth: BTreeMap<String, Vec<HeaderSpec>>,
    pub(super) timeout: Duration,
}

impl Shared<'_> {
    /// The names that every template may use; inputs come on top.
    pub(super) fn names(&self) -> Names {
        Names::default()
            .with_only("config", self.settings.keys().cloned())
            .with_only("webhook", ["secret"])
            .with_only("run", ["id", "started_at"])
            .with_only("step", ["id", "attempt", "key"])
    }
}

/// Reads a manifest.
pub(crate) fn load(path: &str, text: &str) -> Result<Manifest, Vec<Diagnostic>> {
    let file = SourceFile::new(path, text);
    let root = engross_source::load(&file, &Limits::default())?;
    let mut reader = Reader::new(&file);
    let manifest = manifest(&mut reader, &root);
    match manifest {
        Some(manifest) if reader.found.is_empty() => Ok(manifest),
        _ => Err(reader.found.into_iter().collect::<Diagnostics>().into_vec()),
    }
}

fn manifest(reader: &mut Reader<'_>, root: &Node) -> Option<Manifest> {
    let top = reader.fields(root, "a manifest", &KEYS)?;
    if let Some(version) = reader.need(&top, "manifest")
        && version.as_i64() != Some(1)
    {
        reader.error(codes::WRONG_VALUE, version.span, "this engine reads version 1 of manifests only");
    }
    let name = reader.need_text(&top, "provider").zip(top.get("provider"));
    let name = name.and_then(|(name, node)| reader.name(name, node.span));
    reader.need_text(&top, "title");
    let environments = environments(reader, &top);
    let settings = settings(reader, &top);
    let secrets = settings.iter().filter(|(_, spec)| spec.secret).map(|(name, _)| name.clone()).collect();
    let types = Types::read(reader, top.get("types"));
    let (status, statuses) = waiting::lifecycle(reader, top.get("lifecycle"));
    let operations = reader.need(&top, "operations");
    let operations = operations.map_or(&[][..], |node| reader.entries(node, "`operations`"));
    let defaults =
        top.get("defaults").and_then(|node| reader.fields(node, "`defaults`", &["timeout_s", "idempotency_header"]));
    let mut shared = Shared {
        types,
        settings,
        secrets,
        statuses,
        operations: operations.iter().map(|entry| entry.key.text.as_str()).collect(),
        auth: BTreeMap::new(),
        timeout: Duration::from_secs_f64(TIMEOUT_S_DEFAULT),
    };
    shared.auth = auth(reader, top.get("auth"), &shared);
    let mut idempotency_header = None;
    if let Some(defaults) = defaults {
        shared.timeout = timeout(reader, &defaults).unwrap_or(shared.timeout);
        idempotency_header = defaults.get("idempotency_header").and_then(|node| header_name(reader, node));
    }
    let error_message = top.get("error_message").map(|node| reader.pointers(node, "`error_message`"));
    let errors = top.get("errors").map_or_else(Vec::new, |node| errors(reader, node, &shared));
    let mut loaded = BTreeMap::new();
    for entry in operations {
        reader.name(&entry.key.text, entry.key.span);
        if let Some(operation) = operation::operation(reader, entry, &shared) {
            loaded.insert(operation.name.clone(), Arc::new(operation));
        }
    }
    let awaits = top.get("awaits").map_or(&[][..], |node| reader.entries(node, "`awaits`"));
    let awaits: Vec<_> =
        awaits.iter().filter_map(|entry| waiting::wait(reader, entry, &shared)).map(Arc::new).collect();
    let webhooks = top.get("webhooks").and_then(|node| waiting::webhooks(reader, node));
    calls::check(reader, &loaded);
    let (environments, environment) = environments?;
    Some(Manifest {
        name: name?.to_string(),
        environments,
        environment,
        settings: shared.settings,
        idempotency_header,
        error_message: error_message.unwrap_or_default(),
        errors,
        status: status.filter(|pointers: &Pointers| !pointers.0.is_empty()),
        operations: loaded,
        awaits,
        webhooks,
    })
}

/// How long one request may take, under `timeout_s`.
pub(super) fn timeout(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Duration> {
    let node = fields.get("timeout_s")?;
    let seconds = node.as_f64().filter(|seconds| *seconds > 0.0 && *seconds <= TIMEOUT_S_MAX);
    if seconds.is_none() {
        let message = format!("`timeout_s` is a number of seconds above 0, up to {TIMEOUT_S_MAX}");
        reader.error(codes::WRONG_VALUE, node.span, message);
    }
    seconds.map(Duration::from_secs_f64)
}

/// The name of a header, in lower case.
pub(super) fn header_name(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "a header's name")?.to_ascii_lowercase();
    if reqwest::header::HeaderName::from_bytes(text.as_bytes()).is_ok() {
        return Some(text);
    }
    reader.error(codes::WRONG_VALUE, node.span, format!("`{text}` is no name of a header"));
    None
}

fn environments(reader: &mut Reader<'_>, top: &Fields<'_>) -> Option<(BTreeMap<String, Url>, String)> {
    let node = reader.need(top, "environments")?;
    let mut urls = BTreeMap::new();
    let mut default: Option<(String, Span)> = None;
    for entry in reader.entries(node, "`environments`") {
        let Some(fields) = reader.fields(&entry.value, "an environment", &["base_url", "default"]) else { continue };
        if reader.flag(&fields, "default") && default.replace((entry.key.text.clone(), entry.key.span)).is_some() {
            reader.error(codes::ENVIRONMENT, entry.key.span, "only one environment can be the default");
        }
        let Some(text) = reader.need_text(&fields, "base_url") else { continue };
        match base_url(text) {
            Ok(url) => {
                urls.insert(entry.key.text.clone(), url);
            }
            Err(problem) => {
                let span = fields.get("base_url").map_or(entry.key.span, |node| node.span);
                reader.error(codes::ENVIRONMENT, span, problem);
            }
        }
    }
    if default.is_none() {
        reader.error_with(
            codes::ENVIRONMENT,
            Span::at(node.span.start),
            "no environment is the default",
            "give one of them `default: true`",
        );
    }
    default.map(|(name, _)| (urls, name))
}

/// An address that requests can be built on.
pub(crate) fn base_url(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|problem| format!("an address that is no URL: {problem}"))?;
    // What may hold a password is refused first, so that no message shows it.
    let user = !url.username().is_empty() || url.password().is_some();
    if user || url.query().is_some() || url.fragment().is_some() {
        return Err("an address of a provider has no user, no query and no fragment".to_string());
    }
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("`{text}` is no http or https address"));
    }
    Ok(url)
}

fn settings(reader: &mut Reader<'_>, top: &Fields<'_>) -> BTreeMap<String, SettingSpec> {
    let entries = top.get("config").map_or(&[][..], |node| reader.entries(node, "`config`"));
    let mut settings = BTreeMap::new();
    for entry in entries {
        let Some(fields) = reader.fields(&entry.value, "a setting", &["type", "required", "note"]) else { continue };
        let secret = reader.need(&fields, "type").and_then(|node| {
            reader.word(node, "a setting's type", &["secret", "string"], |word| match word {
                "secret" => Some(true),
                "string" => Some(false),
                _ => None,
            })
        });
        let spec = SettingSpec {
            secret: secret.unwrap_or(true),
            required: reader.flag(&fields, "required"),
            note: reader.maybe_text(&fields, "note"),
        };
        if entry.key.text == "environment" {
            let message = "`environment` is a setting of every provider: it chooses one of `environments`";
            reader.error(codes::WRONG_VALUE, entry.key.span, message);
        } else if reader.name(&entry.key.text, entry.key.span).is_some() {
            settings.insert(entry.key.text.clone(), spec);
        }
    }
    settings
}

fn auth(reader: &mut Reader<'_>, node: Option<&Node>, shared: &Shared<'_>) -> BTreeMap<String, Vec<HeaderSpec>> {
    let mut ways = BTreeMap::from([("none".to_string(), Vec::new()), ("default".to_string(), Vec::new())]);
    let names = shared.names();
    for entry in node.map_or(&[][..], |node| reader.entries(node, "`auth`")) {
        let mut headers = Vec::new();
        for item in reader.list(&entry.value, "a way to authenticate") {
            let Some(fields) = reader.fields(item, "a credential", &["in", "name", "value"]) else { continue };
            if let Some(place) = reader.need(&fields, "in") {
                reader.word(place, "the place of a credential", &["header"], |word| (word == "header").then_some(()));
            }
            let name = reader.need(&fields, "name").and_then(|node| header_name(reader, node));
            let value = reader.need_template(&fields, "value", &names);
            headers.extend(name.zip(value).map(|(name, value)| HeaderSpec { name, value, credential: true }));
        }
        ways.insert(entry.key.text.clone(), headers);
    }
    ways
}

fn errors(reader: &mut Reader<'_>, node: &Node, shared: &Shared<'_>) -> Vec<ErrorRule> {
    let mut rules = Vec::new();
    for item in reader.list(node, "`errors`") {
        let Some(fields) = reader.fields(item, "an error rule", &["when", "class", "hint"]) else { continue };
        let when = reader.need(&fields, "when");
        let when = when.and_then(|node| reader.fields(node, "`when`", &["status", "operation", "body"]));
        let known: Vec<&str> = CLASSES.iter().map(|class| class.as_str()).collect();
        let class = reader.need(&fields, "class").and_then(|node| {
            reader.word(node, "a class", &known, |word| CLASSES.into_iter().find(|class| class.as_str() == word))
        });
        let hint = reader.maybe_text(&fields, "hint");
        let (Some(when), Some(class)) = (when, class) else { continue };
        let operations = when.get("operation").map_or_else(Vec::new, |node| reader.one_or_more(node));
        let operations = operations.into_iter().filter_map(|node| {
            reader.word(node, "an operation", &shared.operations, |word| {
                shared.operations.contains(&word).then(|| word.to_string())
            })
        });
        rules.push(ErrorRule {
            operations: operations.collect(),
            status: when.get("status").map_or_else(Vec::new, |node| reader.statuses(node)),
            body: when.get("body").map_or_else(Vec::new, |node| lookup::tests(reader, node, shared, &Names::default())),
            class,
            hint,
        });
    }
    rules
}

/// A status as it is compared, if the manifest knows it.
pub(super) fn known_status(reader: &mut Reader<'_>, node: &Node, shared: &Shared<'_>) -> Option<String> {
    let known: Vec<&str> = shared.statuses.iter().map(String::as_str).collect();
    let text = reader.text(node, "a status")?;
    let folded = fold(text);
    if known.contains(&folded.as_str()) {
        return Some(folded);
    }
    let message = format!("`lifecycle` knows no status `{text}`");
    reader.unknown(codes::UNKNOWN_REFERENCE, node.span, message, &folded, &known);
    None
}
