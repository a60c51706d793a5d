//! `engross.yaml` into a [`Config`], with every mistake at its place.

use super::{Config, ConnectionConfig, DEFAULT_CONCURRENCY, Text};
use engross_core::Person;
use engross_source::yaml::Entry;
use engross_source::{Code, Diagnostic, Diagnostics, Limits, Node, SourceFile, Span, load, nearest};
use std::collections::BTreeMap;
use std::path::PathBuf;

const UNKNOWN_KEY: Code = Code("E0401");
const WRONG_VALUE: Code = Code("E0402");
const NOT_BUILT: Code = Code("E0403");
const SECRET_IN_FILE: Code = Code("E0404");

const TOP: &[&str] = &["connections", "store", "files", "people", "workflows", "providers", "server", "http"];
const WEBHOOK: &[&str] = &["token", "secret", "header", "scheme"];

/// Parses a configuration.
///
/// # Errors
/// Every mistake in it.
pub fn parse(file: &SourceFile) -> Result<Config, Vec<Diagnostic>> {
    let root = load(file, &Limits::default())?;
    let mut parser = Parser { file, found: Diagnostics::new() };
    let config = parser.config(&root);
    if parser.found.has_errors() { Err(parser.found.into_vec()) } else { Ok(config) }
}

struct Parser<'a> {
    file: &'a SourceFile,
    found: Diagnostics,
}

impl Parser<'_> {
    fn config(&mut self, root: &Node) -> Config {
        let mut config = Config { is_file: true, ..Config::default() };
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
                _ => {}
            }
        }
        config
    }

    fn connection(&mut self, entry: &Entry) -> Option<ConnectionConfig> {
        let mut parsed = ConnectionConfig {
            provider: String::new(),
            base_url: None,
            concurrency: DEFAULT_CONCURRENCY,
            settings: BTreeMap::new(),
            webhook: BTreeMap::new(),
        };
        for setting in self.entries(&entry.value, "a connection", None) {
            match setting.key.text.as_str() {
                "provider" => parsed.provider = self.string(&setting.value)?,
                "base_url" => parsed.base_url = self.url(&setting.value),
                "concurrency" => parsed.concurrency = self.concurrency(&setting.value),
                "webhook" => {
                    for option in self.entries(&setting.value, "`webhook`", Some(WEBHOOK)) {
                        let secret = matches!(option.key.text.as_str(), "token" | "secret");
                        if let Some(text) = self.text(&option.key.text, &option.value, secret) {
                            parsed.webhook.insert(option.key.text.clone(), text);
                        }
                    }
                }
                name => {
                    let secret = ["key", "token", "secret", "password"].iter().any(|word| name.contains(word));
                    if let Some(text) = self.text(name, &setting.value, secret) {
                        parsed.settings.insert(name.to_string(), text);
                    }
                }
            }
        }
        if parsed.provider.is_empty() {
            let message = format!("connection `{}` does not name its provider", entry.key.text);
            self.error(WRONG_VALUE, entry.key.span, message, "add `provider: juro`");
            return None;
        }
        Some(parsed)
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
        for entry in self.entries(node, "`server`", Some(&["listen", "token"])) {
            if entry.key.text == "token" {
                config.token = self.text("token", &entry.value, true);
                continue;
            }
            let listen = self.string(&entry.value).unwrap_or_default();
            match listen.parse() {
                Ok(address) => config.listen = Some(address),
                Err(_) => {
                    let message = format!("`{listen}` is no address to listen on");
                    self.error(WRONG_VALUE, entry.value.span, message, "write it as 127.0.0.1:7878");
                }
            }
        }
    }

    /// A value, or where it is. A secret may not stand in the file itself.
    fn text(&mut self, name: &str, node: &Node, secret: bool) -> Option<Text> {
        if let Some(plain) = node.as_str() {
            if secret {
                let message = format!("`{name}` is a secret, and stands in the file");
                self.error(SECRET_IN_FILE, node.span, message, "write `{ env: NAME }` or `{ file: /path }` instead");
                return None;
            }
            return Some(Text::Plain(plain.to_string()));
        }
        if let Some(number) = node.as_i64() {
            return Some(Text::Plain(number.to_string()));
        }
        let entries = self.entries(node, &format!("`{name}`"), Some(&["env", "file"]));
        let entry = entries.first()?;
        let value = self.string(&entry.value)?;
        Some(if entry.key.text == "env" { Text::Env(value) } else { Text::File(PathBuf::from(value)) })
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
        let rendered = match parse(&file) {
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
                "engross.yaml:3:21: error[E0402] `nowhere` is no address to listen on",
            ],
        );
        check(
            "connections:\n  a: { api_key: abc, provider: juro }\n  b: { base_url: \"ftp://x\", provider: juro }\n  c: { x: y }\n",
            &[
                "engross.yaml:2:17: error[E0404] `api_key` is a secret, and stands in the file",
                "engross.yaml:3:18: error[E0402] `ftp://x` is no http or https URL",
                "engross.yaml:4:3: error[E0402] connection `c` does not name its provider",
            ],
        );
        check(
            "people: { legal: [] }\n",
            &["engross.yaml:1:11: error[E0402] group `legal` has nobody in it: an approval by it could never be given"],
        );
    }
}
