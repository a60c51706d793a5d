//! From the text of a manifest to a [`Manifest`], or to everything that is wrong with it.

use super::http::{BodyDefaults, Way};
use super::names::Names;
use super::reader::{Fields, Reader};
use super::schema::Types;
use super::{Await, Composed, ErrorRule, Limits, Manifest, Operation, Pace, Response, SettingSpec};
use super::{calls, compose, http, lookup, operation, response, waiting, webhooks};
use crate::codes;
use crate::limits::{PACE_MAX, TIMEOUT_S_DEFAULT, TIMEOUT_S_MAX};
use crate::template::fold;
use engross_source::{Diagnostic, Diagnostics, Node, SourceFile, Span};
use engross_step_api::ErrorClass;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

const KEYS: [&str; 17] = [
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
    "limits",
    "types",
    "operations",
    "awaits",
    "compose",
    "webhooks",
];

/// The settings that the connections of every provider have.
const OWN_SETTINGS: [(&str, &str); 2] = [
    ("environment", "it chooses one of `environments`"),
    ("requests_per_month", "it says how many requests the connection has"),
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
    pub(super) auth: BTreeMap<String, Vec<Way>>,
    pub(super) body: BodyDefaults,
    pub(super) response: Response,
    pub(super) timeout: Duration,
}

impl Shared<'_> {
    /// The names that every template may use; inputs come on top.
    pub(super) fn names(&self) -> Names {
        Names::default()
            .with_only("config", self.settings.keys().cloned())
            .with_only("webhook", ["secret"])
            .with_only("callback", ["url"])
            .with_only("run", ["id", "started_at"])
            .with_only("step", ["id", "attempt", "key", "started_at"])
    }
}

/// A manifest without errors.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) manifest: Manifest,
    /// What is probably not meant.
    pub(crate) warnings: Vec<Diagnostic>,
    /// Where the provider's name stands.
    pub(crate) name_span: Span,
}

/// Reads a manifest.
pub(crate) fn load(path: &str, text: &str) -> Result<Loaded, Vec<Diagnostic>> {
    read(path, text, false)
}

/// The same for a manifest that comes with Engross and that a test reads with [`load`]: what takes long to judge and cannot have
/// changed since is not judged again.
pub(crate) fn load_embedded(path: &str, text: &str) -> Result<Loaded, Vec<Diagnostic>> {
    read(path, text, true)
}

fn read(path: &str, text: &str, shown: bool) -> Result<Loaded, Vec<Diagnostic>> {
    let file = SourceFile::new(path, text);
    let root = engross_source::load(&file, &engross_source::Limits::default())?;
    let mut reader = Reader { shown, ..Reader::new(&file) };
    let manifest = manifest(&mut reader, &root);
    let found = reader.found.into_iter().collect::<Diagnostics>();
    match manifest {
        Some(manifest) if !found.has_errors() => {
            let name_span = root.get("provider").map_or(root.span, |node| node.span);
            Ok(Loaded { manifest, warnings: found.into_vec(), name_span })
        }
        _ => Err(found.into_vec()),
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
    let title = reader.need_text(&top, "title");
    let docs = reader.each(&top, "docs", |reader, node| reader.text(node, "`docs`").map(str::to_string));
    let settings = settings(reader, &top);
    let environments = environments(reader, &top, settings.values().any(|spec| spec.secret));
    let secrets = settings.iter().filter(|(_, spec)| spec.secret).map(|(name, _)| name.clone()).collect();
    let types = Types::read(reader, top.get("types"));
    let (status, statuses) = waiting::lifecycle(reader, top.get("lifecycle"));
    let limits = limits(reader, top.get("limits"));
    let operations = reader.need(&top, "operations");
    let operations = operations.map_or(&[][..], |node| reader.entries(node, "`operations`"));
    let keys = ["timeout_s", "idempotency_header", "body", "response"];
    let defaults = top.get("defaults").and_then(|node| reader.fields(node, "`defaults`", &keys));
    let mut shared = Shared {
        types,
        settings,
        secrets,
        statuses,
        operations: operations.iter().map(|entry| entry.key.text.as_str()).collect(),
        auth: BTreeMap::new(),
        body: BodyDefaults::default(),
        response: response::plain(),
        timeout: Duration::from_secs_f64(TIMEOUT_S_DEFAULT),
    };
    shared.auth = http::auth(reader, top.get("auth"), &shared);
    let mut idempotency_header = None;
    if let Some(defaults) = defaults {
        shared.timeout = timeout(reader, &defaults).unwrap_or(shared.timeout);
        shared.body = http::body_defaults(reader, defaults.get("body"));
        shared.response = response::defaults(reader, defaults.get("response"));
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
    let awaits = awaits(reader, &top, &shared);
    let webhooks = top.get("webhooks").and_then(|node| webhooks::webhooks(reader, node, &shared));
    let composed = composed(reader, &top, &shared, &loaded);
    calls::check(reader, &loaded);
    let (environments, environment) = environments?;
    Some(Manifest {
        name: name?.to_string(),
        title: title?.to_string(),
        docs,
        environments,
        environment,
        settings: shared.settings,
        idempotency_header,
        error_message: error_message.unwrap_or_default(),
        errors,
        status,
        limits,
        operations: loaded,
        awaits,
        composed,
        webhooks,
    })
}

fn awaits<'n>(reader: &mut Reader<'_>, top: &Fields<'n>, shared: &Shared<'n>) -> Vec<Arc<Await>> {
    let entries = top.get("awaits").map_or(&[][..], |node| reader.entries(node, "`awaits`"));
    entries.iter().filter_map(|entry| waiting::wait(reader, entry, shared)).map(Arc::new).collect()
}

fn composed<'n>(
    reader: &mut Reader<'_>,
    top: &Fields<'n>,
    shared: &Shared<'n>,
    operations: &BTreeMap<String, Arc<Operation>>,
) -> Vec<Arc<Composed>> {
    let entries = top.get("compose").map_or(&[][..], |node| reader.entries(node, "`compose`"));
    entries.iter().filter_map(|entry| compose::composed(reader, entry, shared, operations)).map(Arc::new).collect()
}

/// `limits:` of the whole provider.
fn limits(reader: &mut Reader<'_>, node: Option<&Node>) -> Limits {
    let keys = ["per_second", "burst", "per_month", "note"];
    let Some(fields) = node.and_then(|node| reader.fields(node, "`limits`", &keys)) else { return Limits::default() };
    Limits {
        pace: pace_of(reader, &fields),
        per_month: reader.integer(&fields, "per_month", 1, i64::MAX).and_then(|count| u64::try_from(count).ok()),
        note: reader.maybe_text(&fields, "note"),
    }
}

/// `limits:` of one operation.
pub(super) fn pace(reader: &mut Reader<'_>, node: &Node) -> Option<Pace> {
    let fields = reader.fields(node, "`limits`", &["per_second", "burst"])?;
    reader.need(&fields, "per_second");
    pace_of(reader, &fields)
}

fn pace_of(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Pace> {
    let burst = reader.integer(fields, "burst", 1, PACE_MAX).and_then(|burst| u32::try_from(burst).ok());
    let node = fields.get("per_second")?;
    let most = u32::try_from(PACE_MAX).map_or(f64::MAX, f64::from);
    let per_second = node.as_f64().filter(|count| *count > 0.0 && *count <= most);
    if per_second.is_none() {
        reader.error(codes::WRONG_VALUE, node.span, format!("`per_second` is a number above 0, up to {PACE_MAX}"));
    }
    per_second.map(|per_second| Pace { per_second, burst: burst.map_or(per_second.max(1.0), f64::from) })
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

fn environments(
    reader: &mut Reader<'_>,
    top: &Fields<'_>,
    has_secrets: bool,
) -> Option<(BTreeMap<String, Url>, String)> {
    let node = reader.need(top, "environments")?;
    let mut urls = BTreeMap::new();
    let mut default: Option<(String, Span)> = None;
    for entry in reader.entries(node, "`environments`") {
        let Some(fields) = reader.fields(&entry.value, "an environment", &["base_url", "default"]) else { continue };
        if reader.flag(&fields, "default") && default.replace((entry.key.text.clone(), entry.key.span)).is_some() {
            reader.error(codes::ENVIRONMENT, entry.key.span, "only one environment can be the default");
        }
        let Some(text) = reader.need_text(&fields, "base_url") else { continue };
        let span = fields.get("base_url").map_or(entry.key.span, |node| node.span);
        match base_url(text) {
            Ok(url) => {
                if has_secrets && url.scheme() == "http" && is_public(&url) {
                    reader.found.push(clear_text(reader.file, span, text));
                }
                urls.insert(entry.key.text.clone(), url);
            }
            Err(problem) => {
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

fn clear_text(file: &SourceFile, span: Span, text: &str) -> Diagnostic {
    let message = format!("whoever is on the way to `{text}` can read the connection's secrets");
    Diagnostic::warning(codes::CLEAR_TEXT, file.path(), span, message).hint("write `https://`")
}

/// Whether a host is one of the internet, as far as its name or address tells.
fn is_public(url: &Url) -> bool {
    const NEAR: [&str; 6] = ["localhost", "local", "internal", "test", "lan", "home.arpa"];
    match url.host() {
        Some(Host::Ipv4(ip)) => !(ip.is_loopback() || ip.is_private() || ip.is_link_local()),
        Some(Host::Ipv6(ip)) => !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()),
        Some(Host::Domain(name)) => name.contains('.') && !NEAR.iter().any(|near| name.ends_with(&format!(".{near}"))),
        None => false,
    }
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
        let Some(fields) = reader.fields(&entry.value, "a setting", &["type", "required", "note", "one_of"]) else {
            continue;
        };
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
            one_of: reader.each(&fields, "one_of", |reader, node| reader.text(node, "a value").map(str::to_string)),
        };
        let own = OWN_SETTINGS.iter().find(|(name, _)| *name == entry.key.text);
        if let Some((name, what)) = own {
            let message = format!("`{name}` is a setting of every provider: {what}");
            reader.error(codes::WRONG_VALUE, entry.key.span, message);
        } else if reader.name(&entry.key.text, entry.key.span).is_some() {
            settings.insert(entry.key.text.clone(), spec);
        }
    }
    settings
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
