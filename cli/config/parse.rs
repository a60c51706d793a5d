//! `engross.yaml` into a [`Config`], with every mistake at its place.

use super::{Config, ConnectionConfig, DEFAULT_CONCURRENCY, Text};
use engross_core::{Person, parse_span};
use engross_providers::{ProviderDescription, SettingDescription};
use engross_runtime::housekeeping::Retention;
use engross_source::yaml::Entry;
use engross_source::{Code, Diagnostic, Diagnostics, Limits, Node, SourceFile, Span, load, nearest};
use engross_step_api::Connection;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

const UNKNOWN_KEY: Code = Code("E0401");
const WRONG_VALUE: Code = Code("E0402");
const NOT_BUILT: Code = Code("E0403");
const SECRET_IN_FILE: Code = Code("E0404");

/// The longest settle time: a request that is still on its way after this is not waited for.
const SETTLE_MS_MAX: u64 = 600_000;

/// The shortest retention: what is gone sooner would be gone before anybody looks.
const RETENTION_MS_MIN: u64 = 24 * 3600 * 1000;

/// A retention without an end.
pub(super) const FOR_EVER: &str = "forever";

/// Names that topics of other events begin with.
const RESERVED: &[&str] = &["event", "approvals"];

pub(super) const TOP: &[&str] =
    &["connections", "store", "files", "people", "workflows", "providers", "server", "http", "retention"];
pub(super) const WEBHOOK: &[&str] = &["token", "secret", "header", "scheme"];

/// Words in the name of a setting that make it a secret where no manifest says what it is.
const SECRET_WORDS: &[&str] = &["key", "token", "secret", "password"];

/// Parses a configuration. `own` gives what the manifests in a folder offer, the folder as the file names it.
///
/// # Errors
/// Every mistake in it.
pub fn parse(
    file: &SourceFile,
    own: impl FnOnce(&Path) -> Vec<ProviderDescription>,
) -> Result<Config, Vec<Diagnostic>> {
    let root = load(file, &Limits::default())?;
    let mut described = Vec::new();
    if root.get("connections").is_some() {
        described = own(&manifests(&root));
        described.extend(engross_providers::describe_builtin());
    }
    let settings = described.into_iter().map(|provider| (provider.name, provider.settings)).collect();
    let mut parser = Parser { file, settings, found: Diagnostics::new() };
    let config = parser.config(&root);
    if parser.found.has_errors() { Err(parser.found.into_vec()) } else { Ok(config) }
}

/// The folder of the team's own manifests: what they declare has to be known before the connections are read.
fn manifests(root: &Node) -> PathBuf {
    root.get("providers").and_then(Node::as_str).map_or_else(|| Config::default().providers, PathBuf::from)
}

struct Parser<'a> {
    file: &'a SourceFile,
    /// What each provider's connections set, by its name.
    settings: BTreeMap<String, BTreeMap<String, SettingDescription>>,
    found: Diagnostics,
}

impl Parser<'_> {
    fn config(&mut self, root: &Node) -> Config {
        let mut config = Config { file: Some(self.file.clone()), is_file: true, ..Config::default() };
        for entry in self.entries(root, "the configuration", Some(TOP)) {
            match entry.key.text.as_str() {
                "connections" => {
                    for connection in self.entries(&entry.value, "`connections`", None) {
                        if let Some(parsed) = self.connection(connection) {
                            config.connections.insert(connection.key.text.clone(), parsed);
                        }
                    }
                }
                "people" => config.people = self.people(&entry.value),
                "store" => self.folder(&entry.value, "sled", &["postgres"], &mut config.data),
                "files" => self.folder(&entry.value, "local", &["s3", "gcs", "azure"], &mut config.files),
                "workflows" => config.workflows = PathBuf::from(self.string(&entry.value).unwrap_or_default()),
                "providers" => config.providers = PathBuf::from(self.string(&entry.value).unwrap_or_default()),
                "server" => self.server(&entry.value, &mut config),
                "http" => {
                    for option in self.entries(&entry.value, "`http`", Some(&["allow"])) {
                        config.http_allow = self.strings(&option.value);
                    }
                }
                "retention" => self.retention(&entry.value, &mut config.retention),
                _ => {}
            }
        }
        config
    }

    fn retention(&mut self, node: &Node, retention: &mut Retention) {
        for entry in self.entries(node, "`retention`", Some(&["runs", "events"])) {
            let kept = match entry.value.as_str() {
                Some(FOR_EVER) => None,
                text => match text.map(parse_span) {
                    Some(Ok(ms)) if ms >= RETENTION_MS_MIN => Some(ms),
                    _ => {
                        let message = format!("`{}` must be a span of at least a day, or `{FOR_EVER}`", entry.key.text);
                        self.error(WRONG_VALUE, entry.value.span, message, "write it as 90d");
                        continue;
                    }
                },
            };
            match entry.key.text.as_str() {
                "runs" => retention.runs_ms = kept,
                "events" => retention.events_ms = kept,
                // Found and said already.
                _ => {}
            }
        }
    }

    fn connection(&mut self, entry: &Entry) -> Option<ConnectionConfig> {
        let mut parsed = ConnectionConfig {
            span: entry.key.span,
            provider: String::new(),
            base_url: None,
            concurrency: DEFAULT_CONCURRENCY,
            settle_ms: Connection::SETTLE_MS,
            settings: BTreeMap::new(),
            webhook: BTreeMap::new(),
        };
        let provider = entry.value.get("provider").and_then(Node::as_str);
        for setting in self.entries(&entry.value, "a connection", None) {
            match setting.key.text.as_str() {
                "provider" => parsed.provider = self.string(&setting.value)?,
                "base_url" => parsed.base_url = self.url(&setting.value),
                "concurrency" => parsed.concurrency = self.concurrency(&setting.value),
                "settle" => parsed.settle_ms = self.settle(&setting.value),
                "webhook" => {
                    for option in self.entries(&setting.value, "`webhook`", Some(WEBHOOK)) {
                        let secret = matches!(option.key.text.as_str(), "token" | "secret");
                        if let Some(text) = self.text(&option.key.text, &option.value, secret) {
                            parsed.webhook.insert(option.key.text.clone(), text);
                        }
                    }
                }
                name => {
                    let secret = self.is_secret(provider, name);
                    if let Some(text) = self.text(name, &setting.value, secret) {
                        parsed.settings.insert(name.to_string(), text);
                    }
                }
            }
        }
        if RESERVED.contains(&entry.key.text.as_str()) {
            let message = format!("a connection cannot be called `{}`", entry.key.text);
            self.error(WRONG_VALUE, entry.key.span, message, "give it another name");
        }
        if parsed.provider.is_empty() {
            let message = format!("connection `{}` does not name its provider", entry.key.text);
            self.error(WRONG_VALUE, entry.key.span, message, "add `provider: juro`");
            return None;
        }
        Some(parsed)
    }

    /// Whether a setting may not stand in the file: as its manifest says, and where none does, as its name sounds.
    fn is_secret(&self, provider: Option<&str>, name: &str) -> bool {
        let declared = provider.and_then(|provider| self.settings.get(provider)).and_then(|all| all.get(name));
        match declared {
            Some(setting) => setting.secret,
            None => SECRET_WORDS.iter().any(|word| name.contains(word)),
        }
    }

    fn people(&mut self, node: &Node) -> BTreeMap<String, Vec<Person>> {
        let mut people = BTreeMap::new();
        for group in self.entries(node, "`people`", None) {
            let members: Vec<Person> = self.strings(&group.value).into_iter().map(Person::new).collect();
            if members.is_empty() {
                let message =
                    format!("group `{}` has nobody in it: an approval by it could never be given", group.key.text);
                self.error(WRONG_VALUE, group.key.span, message, "name at least one e-mail address");
            }
            people.insert(group.key.text.clone(), members);
        }
        people
    }

    fn folder(&mut self, node: &Node, kind: &str, later: &[&str], folder: &mut PathBuf) {
        for entry in self.entries(node, "this", None) {
            let key = entry.key.text.as_str();
            if key == kind {
                *folder = PathBuf::from(self.string(&entry.value).unwrap_or_default());
            } else if later.contains(&key) {
                let message = format!("`{key}` is not built yet");
                self.error(NOT_BUILT, entry.key.span, message, &format!("use `{kind}: ./folder`"));
            } else {
                self.error(UNKNOWN_KEY, entry.key.span, format!("`{key}` is no such place"), &format!("use `{kind}`"));
            }
        }
    }

    fn server(&mut self, node: &Node, config: &mut Config) {
        for entry in self.entries(node, "`server`", Some(&["listen", "public_url", "token"])) {
            match entry.key.text.as_str() {
                "token" => config.token = self.text("token", &entry.value, true),
                "public_url" => config.public_url = self.public_url(&entry.value),
                "listen" => config.listen = self.listen(&entry.value),
                _ => {}
            }
        }
    }

    fn listen(&mut self, node: &Node) -> Option<SocketAddr> {
        let listen = self.string(node)?;
        let address = listen.parse().ok();
        if address.is_none() {
            let message = format!("`{listen}` is no address to listen on");
            self.error(WRONG_VALUE, node.span, message, "write it as 127.0.0.1:7878");
        }
        address
    }

    /// A base that paths are put behind, so it has neither a query nor anybody's password.
    fn public_url(&mut self, node: &Node) -> Option<String> {
        let url = self.url(node)?;
        let bare = url.query().is_none() && url.fragment().is_none();
        if bare && url.username().is_empty() && url.password().is_none() {
            return Some(url.as_str().trim_end_matches('/').to_string());
        }
        let message = "`public_url` must have neither a query, a fragment nor a password".to_string();
        self.error(WRONG_VALUE, node.span, message, "write it as https://engross.example");
        None
    }

    /// A value, or where it is. A secret may not stand in the file itself.
    fn text(&mut self, name: &str, node: &Node, secret: bool) -> Option<Text> {
        let plain = match (node.as_str(), node.as_i64()) {
            (Some(text), _) => Some(text.to_string()),
            (None, Some(number)) => Some(number.to_string()),
            (None, None) => None,
        };
        let is_scalar = plain.is_some() || node.as_f64().is_some() || node.as_bool().is_some();
        if secret && is_scalar {
            let message = format!("`{name}` is a secret, and stands in the file");
            self.error(SECRET_IN_FILE, node.span, message, "write `{ env: NAME }` or `{ file: /path }` instead");
            return None;
        }
        if let Some(plain) = plain {
            return Some(Text::Plain(plain));
        }
        if node.as_mapping().is_some() {
            return self.place(name, node);
        }
        let message = format!("`{name}` must be a text or where it is, and is {}", node.kind_name());
        self.error(WRONG_VALUE, node.span, message, "write `{ env: NAME }` or `{ file: /path }`");
        None
    }

    /// Exactly one place. None or two would leave open what is meant, and a secret that nobody meant protects nothing.
    fn place(&mut self, name: &str, node: &Node) -> Option<Text> {
        let what = format!("`{name}`");
        match self.entries(node, &what, Some(&["env", "file"])) {
            [entry] => {
                let value = self.string(&entry.value)?;
                match entry.key.text.as_str() {
                    "env" => Some(Text::Env(value)),
                    "file" => Some(Text::File(PathBuf::from(value))),
                    // Found and said already.
                    _ => None,
                }
            }
            entries => {
                let message = match entries.len() {
                    0 => format!("{what} does not say where it is"),
                    _ => format!("{what} must have exactly one of `env` and `file`"),
                };
                self.error(WRONG_VALUE, node.span, message, "write `{ env: NAME }` or `{ file: /path }`");
                None
            }
        }
    }

    fn url(&mut self, node: &Node) -> Option<url::Url> {
        let text = self.string(node)?;
        match url::Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Some(url),
            _ => {
                let message = format!("`{text}` is no http or https URL");
                self.error(WRONG_VALUE, node.span, message, "write it as https://api.example.com/v3");
                None
            }
        }
    }

    fn concurrency(&mut self, node: &Node) -> usize {
        match node.as_i64().and_then(|n| usize::try_from(n).ok()) {
            Some(n) if (1..=256).contains(&n) => n,
            _ => {
                self.error(WRONG_VALUE, node.span, "`concurrency` must be 1 to 256".to_string(), "4 is a good start");
                DEFAULT_CONCURRENCY
            }
        }
    }

    fn settle(&mut self, node: &Node) -> u64 {
        match node.as_str().map(parse_span) {
            Some(Ok(ms)) if ms <= SETTLE_MS_MAX => ms,
            _ => {
                let message = "`settle` must be a span of at most ten minutes".to_string();
                self.error(WRONG_VALUE, node.span, message, "30s is what it is when nothing is said");
                Connection::SETTLE_MS
            }
        }
    }

    fn strings(&mut self, node: &Node) -> Vec<String> {
        let Some(items) = node.as_sequence() else {
            self.error(
                WRONG_VALUE,
                node.span,
                format!("this must be a list, and is {}", node.kind_name()),
                "write [a, b]",
            );
            return Vec::new();
        };
        items.iter().filter_map(|item| self.string(item)).collect()
    }

    fn string(&mut self, node: &Node) -> Option<String> {
        match node.as_str() {
            Some(text) if !text.is_empty() => Some(text.to_string()),
            _ => {
                let message = format!("this must be a text, and is {}", node.kind_name());
                self.error(WRONG_VALUE, node.span, message, "put it in quotes");
                None
            }
        }
    }

    fn entries<'n>(&mut self, node: &'n Node, what: &str, known: Option<&[&str]>) -> &'n [Entry] {
        let Some(mapping) = node.as_mapping() else {
            let message = format!("{what} must be a mapping, and is {}", node.kind_name());
            self.error(WRONG_VALUE, node.span, message, "write it as `name: value` lines");
            return &[];
        };
        if let Some(known) = known {
            for entry in mapping.entries().iter().filter(|e| !known.contains(&e.key.text.as_str())) {
                let hint = match nearest(&entry.key.text, known.iter().copied()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("known are {}", known.join(", ")),
                };
                self.error(UNKNOWN_KEY, entry.key.span, format!("{what} has no `{}`", entry.key.text), &hint);
            }
        }
        mapping.entries()
    }

    fn error(&mut self, code: Code, span: Span, message: String, hint: &str) {
        self.found.push(Diagnostic::error(code, self.file.path(), span, message).hint(hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engross_source::diagnostic::render_text;

    fn check(text: &str, expected: &[&str]) {
        let file = SourceFile::new("engross.yaml", text);
        let rendered = match parse(&file, |_| Vec::new()) {
            Ok(_) => String::new(),
            Err(found) => render_text(&found, std::slice::from_ref(&file), false),
        };
        let heads: Vec<&str> = rendered.lines().filter(|l| l.starts_with("engross.yaml:")).collect();
        assert_eq!(heads, expected, "{rendered}");
    }

    #[test]
    fn the_example_in_the_repository_is_right() {
        check(include_str!("../../engross.example.yaml"), &[]);
    }

    #[test]
    fn every_mistake_is_said_at_its_place() {
        check("connections:\n  juro: { provider: juro, api_key: { env: KEY } }\n", &[]);
        check(
            "conections: {}\nstore: { postgres: x }\nserver: { listen: nowhere }\n",
            &[
                "engross.yaml:1:1: error[E0401] the configuration has no `conections`",
                "engross.yaml:2:10: error[E0403] `postgres` is not built yet",
                "engross.yaml:3:19: error[E0402] `nowhere` is no address to listen on",
            ],
        );
        check(
            "connections:\n  a: { api_key: abc, provider: juro }\n  b: { base_url: \"ftp://x\", provider: juro }\n  c: { x: z }\n",
            &[
                "engross.yaml:2:17: error[E0404] `api_key` is a secret, and stands in the file",
                "engross.yaml:3:18: error[E0402] `ftp://x` is no http or https URL",
                "engross.yaml:4:3: error[E0402] connection `c` does not name its provider",
            ],
        );
        check("connections:\n  a: { provider: juro, settle: 0s }\n", &[]);
        check("connections:\n  a: { provider: paperlex, token: { env: TOKEN }, public_token: pk-acme }\n", &[]);
        check(
            "connections:\n  a: { provider: paperlex, callback_url: \"https://x.example\", token: abc }\n  b: { provider: own, public_token: x }\n",
            &[
                "engross.yaml:2:42: error[E0404] `callback_url` is a secret, and stands in the file",
                "engross.yaml:2:70: error[E0404] `token` is a secret, and stands in the file",
                "engross.yaml:3:37: error[E0404] `public_token` is a secret, and stands in the file",
            ],
        );
        check("retention: { runs: 90d, events: forever }\n", &[]);
        check(
            "retention: { runs: 90, events: 1h, files: 1d }\n",
            &[
                "engross.yaml:1:20: error[E0402] `runs` must be a span of at least a day, or `forever`",
                "engross.yaml:1:32: error[E0402] `events` must be a span of at least a day, or `forever`",
                "engross.yaml:1:36: error[E0401] `retention` has no `files`",
            ],
        );
        check(
            "connections:\n  event: { provider: juro }\n",
            &["engross.yaml:2:3: error[E0402] a connection cannot be called `event`"],
        );
        check(
            "connections:\n  a: { provider: juro, settle: 2h }\n  b: { provider: juro, settle: soon }\n",
            &[
                "engross.yaml:2:32: error[E0402] `settle` must be a span of at most ten minutes",
                "engross.yaml:3:32: error[E0402] `settle` must be a span of at most ten minutes",
            ],
        );
        check("server: { public_url: \"https://engross.example/sub/\", token: { file: /run/token } }\n", &[]);
        check(
            "server: { public_url: \"https://me:pw@engross.example\" }\n",
            &["engross.yaml:1:23: error[E0402] `public_url` must have neither a query, a fragment nor a password"],
        );
        check(
            "people: { legal: [] }\n",
            &["engross.yaml:1:11: error[E0402] group `legal` has nobody in it: an approval by it could never be given"],
        );
    }

    #[test]
    fn a_teams_own_manifest_says_what_is_a_secret() {
        let manifest = include_str!("../../steps/providers/tests/it/fifth/docuseal.yaml");
        let manifest =
            manifest.replacen("config:\n", "config:\n  public_key: { type: string }\n  pin: { type: secret }\n", 1);
        let check = |folder: &str, expected: &str| {
            let text = "providers: ours\nconnections:\n  a: { provider: docuseal, public_key: pk, pin: 1 }\n";
            let file = SourceFile::new("engross.yaml", text);
            let described = |named: &Path| match named == Path::new(folder) {
                true => vec![engross_providers::describe_yaml("docuseal.yaml", &manifest).unwrap()],
                false => Vec::new(),
            };
            let found: Vec<String> =
                parse(&file, described).unwrap_err().into_iter().map(|found| found.message).collect();
            assert_eq!(found, [format!("`{expected}` is a secret, and stands in the file")]);
        };
        check("ours", "pin");
        check("elsewhere", "public_key");
    }

    /// Each of these once meant that there is no secret, which is the one thing that it does not say.
    #[test]
    fn a_secret_is_at_exactly_one_place() {
        let connection = |webhook: &str| {
            format!("connections:\n  juro:\n    provider: juro\n    webhook:\n      secret: {webhook}\n")
        };
        for (secret, expected) in [
            ("{}", "error[E0402] `secret` does not say where it is"),
            ("{ env: A, file: B }", "error[E0402] `secret` must have exactly one of `env` and `file`"),
            ("~", "error[E0402] `secret` must be a text or where it is, and is nothing"),
            ("[A]", "error[E0402] `secret` must be a text or where it is, and is a list"),
            ("12345678", "error[E0404] `secret` is a secret, and stands in the file"),
            ("1.5", "error[E0404] `secret` is a secret, and stands in the file"),
            ("true", "error[E0404] `secret` is a secret, and stands in the file"),
            ("abc", "error[E0404] `secret` is a secret, and stands in the file"),
        ] {
            check(&connection(secret), &[&format!("engross.yaml:5:15: {expected}")]);
        }
        check(&connection("{ enw: A }"), &["engross.yaml:5:17: error[E0401] `secret` has no `enw`"]);
        check("server: { token: {} }\n", &["engross.yaml:1:18: error[E0402] `token` does not say where it is"]);
    }
}
