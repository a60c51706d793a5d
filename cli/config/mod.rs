//! `engross.yaml`: connections, people, where things are kept, and where the server listens.
//!
//! `parse` reads the file with every mistake at once and no secret; `secrets` reads the environment and the files that it
//! names, when an engine is really started. A workflow never sees any of it.

mod parse;
mod schema;
mod secrets;

pub use parse::parse;
pub use schema::schema;

use crate::sources;
use anyhow::{Result, bail};
use engross_core::Person;
use engross_providers::ProviderDescription;
use engross_runtime::housekeeping::Retention;
use engross_source::{Diagnostic, SourceFile, Span};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The file that is read when no other is named.
pub const DEFAULT_FILE: &str = "engross.yaml";

/// Where the server listens when nothing else is said.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7878);

/// How many requests a connection may have under way at once when nothing else is said.
pub const DEFAULT_CONCURRENCY: usize = 4;

/// A configuration, its secrets still unread.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file itself, so that what is found out later can be told at its place.
    pub file: Option<SourceFile>,
    /// Whether there is a file at all; without one, workflows are checked without connections.
    pub is_file: bool,
    /// The named connections.
    pub connections: BTreeMap<String, ConnectionConfig>,
    /// Groups and the people in them.
    pub people: BTreeMap<String, Vec<Person>>,
    /// The store's folder.
    pub data: PathBuf,
    /// The files' folder.
    pub files: PathBuf,
    /// The workflows' folder.
    pub workflows: PathBuf,
    /// The folder of the team's own provider manifests.
    pub providers: PathBuf,
    /// Where the server listens; none when the file does not say.
    pub listen: Option<SocketAddr>,
    /// Where the outside reaches the server, without a slash at the end, as in `https://engross.example`; none when the file
    /// does not say.
    pub public_url: Option<String>,
    /// The API's token.
    pub token: Option<Text>,
    /// Hosts in private networks that `http` and `notify` may reach.
    pub http_allow: Vec<String>,
    /// How long things stay in the store.
    pub retention: Retention,
}

/// One connection, its secrets still unread.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    /// Where its name stands in the file.
    pub span: Span,
    /// The provider.
    pub provider: String,
    /// Where requests go instead of where the manifest says.
    pub base_url: Option<url::Url>,
    /// How many requests may be under way at once.
    pub concurrency: usize,
    /// How long a request whose answer was lost may still be on its way, in milliseconds.
    pub settle_ms: u64,
    /// Everything the manifest asks for.
    pub settings: BTreeMap<String, Text>,
    /// `token`, `secret`, `header` and `scheme` of `webhook`.
    pub webhook: BTreeMap<String, Text>,
}

/// A value that is in the file, or where the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// In the file.
    Plain(String),
    /// In this variable of the environment.
    Env(String),
    /// In this file.
    File(PathBuf),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            file: None,
            is_file: false,
            connections: BTreeMap::new(),
            people: BTreeMap::new(),
            data: PathBuf::from("data"),
            files: PathBuf::from("files"),
            workflows: PathBuf::from("workflows"),
            providers: PathBuf::from("providers"),
            listen: None,
            public_url: None,
            token: None,
            http_allow: Vec::new(),
            retention: Retention::default(),
        }
    }
}

impl Config {
    /// The same with folders that are meant from where the file is.
    fn beside(mut self, file: &Path) -> Self {
        let Some(base) = file.parent().filter(|base| !base.as_os_str().is_empty()) else { return self };
        for folder in [&mut self.data, &mut self.files, &mut self.workflows, &mut self.providers] {
            *folder = base.join(&*folder);
        }
        self
    }
}

/// The configuration that is meant: the named file, or `engross.yaml` if it is there, or nothing.
///
/// # Errors
/// A named file that is not there, or a file with mistakes, all of them shown.
pub fn load(named: Option<&Path>) -> Result<Config> {
    let path = match named {
        Some(path) => path.to_path_buf(),
        None if Path::new(DEFAULT_FILE).exists() => PathBuf::from(DEFAULT_FILE),
        None => return Ok(Config::default()),
    };
    let (file, parsed) = match sources::read(&path)? {
        sources::Read::Text(file) => {
            let base = path.parent().map(Path::to_path_buf).unwrap_or_default();
            let parsed = parse(&file, |folder| declared(&base.join(folder)));
            (file, parsed)
        }
        sources::Read::NotText(file, diagnostic) => (file, Err(vec![*diagnostic])),
    };
    parsed.map(|config| config.beside(&path)).or_else(|diagnostics: Vec<Diagnostic>| {
        crate::ui::diagnostics(&diagnostics, std::slice::from_ref::<SourceFile>(&file));
        bail!("{} has mistakes", path.display())
    })
}

/// What a team's own manifests declare. A folder or a manifest that cannot be read declares nothing here: whoever uses it is told
/// why.
fn declared(folder: &Path) -> Vec<ProviderDescription> {
    let files = crate::host::own_manifests(folder).unwrap_or_default();
    files.iter().filter_map(|file| engross_providers::describe_yaml(file.path(), file.text()).ok()).collect()
}
