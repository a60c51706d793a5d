//! An engine and its server in this process, wired to the providers and the configuration.
//!
//! Webhook tokens that nobody named are made up here, by whoever holds the data directory; `read_tokens` only looks at them.

use crate::client::segment;
use crate::config::{Config, ConnectionConfig, Text};
use crate::upkeep::Upkeep;
use crate::{beside, sources, triggers, ui};
use anyhow::{Context, Result, anyhow, bail};
use engross_compiler::TeraEvaluator;
use engross_core::{IdempotencyKey, Person, RunId, StepId};
use engross_runtime::housekeeping::Housekeeping;
use engross_runtime::{
    Clock, Engine, Ids, Options, RegistryCatalog, SystemClock, SystemIds, TriggeredWorkflow, WorkflowFolders,
};
use engross_server::{Library, Server};
use engross_source::{Code, Diagnostic, Severity, SourceFile, nearest};
use engross_step_api::{Connection, Directory, Provider, Registry, Setting, StepContext, WebhookSettings};
use engross_store::archive::Archive;
use engross_store::{Committer, FileStore, Holder, SledStore, Store};
use secrecy::ExposeSecret;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long answers to requests under way are waited for before a word is said about it.
const DRAIN_SILENTLY: Duration = Duration::from_millis(300);

/// How long answers to requests under way are waited for at the end.
const DRAIN_AT_MOST: Duration = Duration::from_secs(30);

/// How a provider is told whose webhooks people set up in its own pages.
pub const BY_HAND: &str = "manual";

/// A running engine with its server.
pub struct Host {
    /// The engine.
    pub engine: Engine,
    /// Its API.
    pub server: Server,
    committer: Committer,
    public_url: Option<String>,
    /// Reads the workflows again when their files change.
    watch: tokio::task::JoinHandle<()>,
}

/// Every operation that this binary and the configuration bring.
///
/// # Errors
/// Two operations of one name.
pub fn registry(config: &Config) -> Result<Registry> {
    let mut registry = Registry::new();
    let policy = engross_builtin::HttpPolicy { allow: config.http_allow.clone() };
    engross_builtin::register(&mut registry, &policy)?;
    for provider in engross_providers::builtin() {
        registry.add_provider(provider)?;
    }
    for provider in own_providers(&config.providers)? {
        registry.add_provider(provider)?;
    }
    Ok(registry)
}

/// The team's own manifest files; none where there is no such folder.
///
/// # Errors
/// The folder or a file cannot be read.
pub fn own_manifests(folder: &Path) -> Result<Vec<SourceFile>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    sources::find(&[folder.to_path_buf()])?.iter().map(|path| sources::read_text(path)).collect()
}

/// The providers of a team's own manifests.
fn own_providers(folder: &Path) -> Result<Vec<Arc<dyn Provider>>> {
    let files = own_manifests(folder)?;
    let own = engross_providers::own(&files);
    // Warnings are for `providers check`.
    if own.findings.iter().all(|finding| finding.severity == Severity::Warning) {
        return Ok(own.providers.into_iter().map(|(provider, _)| provider).collect());
    }
    ui::diagnostics(&own.findings, &files);
    bail!("{} has manifests with mistakes", folder.display())
}

/// What workflows are checked against: with the configuration's connections, if there is one.
pub fn catalog<'a>(registry: &'a Registry, config: &Config) -> RegistryCatalog<'a> {
    let connections =
        config.is_file.then(|| config.connections.iter().map(|(name, c)| (name.clone(), c.provider.clone())).collect());
    RegistryCatalog { registry, connections }
}

/// Starts an engine and its server. `program` is how the holder of the data directory is called to others.
///
/// # Errors
/// The data directory is held, the address is taken, a secret is missing, a connection cannot be used.
pub async fn start(config: &Config, listen: SocketAddr, program: &str) -> Result<Host> {
    let registry = Arc::new(registry(config)?);
    let options = engross_server::Options {
        listen,
        token: config.api_token()?,
        library: Library { folder: config.workflows.clone() },
    };
    let store = open(&config.data, program).await?;
    let tokens = Tokens::of(config);
    let mut connections = connections(config, &registry, &tokens)?;
    let listener = Server::bind(&options).await?;
    let here = listener.local_addr().context("the server has no address")?;
    let base = config.public_url.clone().unwrap_or_else(|| format!("http://{here}"));
    connections.values_mut().for_each(|connection| address(connection, &base, config.public_url.is_some()));
    let files = FileStore::local(&config.files).with_context(|| format!("cannot use {}", config.files.display()))?;
    let committer = Committer::start(store.clone() as Arc<dyn Store>);
    // What is seen of the folder comes first, so that a change while it is read is noticed.
    let folder = triggers::Folder::new(&config.workflows);
    let workflows = workflows(config, &registry)?;
    let options_of_engine = Options {
        store: store.clone(),
        committer: committer.clone(),
        files: Arc::new(files),
        registry,
        connections,
        directory: Arc::new(Directory::new(config.people.clone())),
        evaluator: Arc::new(TeraEvaluator::default()),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
    };
    let engine = Engine::start_with(options_of_engine, workflows).await?;
    let watch = tokio::spawn(folder.watch(engine.clone()));
    engine.keep_house(Housekeeping {
        archive: Some(Archive::local(&config.files)?),
        maintenance: Some(Arc::new(Upkeep(store.clone()))),
        retention: config.retention,
        product: format!("engross {}", env!("CARGO_PKG_VERSION")),
    });
    let server = Server::start(listener, options, engine.clone()).context("cannot serve")?;
    store.announce_api(&server.url()).context("cannot say where the API is")?;
    Ok(Host { engine, server, committer, public_url: config.public_url.clone(), watch })
}

/// The workflows whose triggers are kept. A file that cannot be compiled is told and keeps no other from starting its runs.
fn workflows(config: &Config, registry: &Registry) -> Result<Vec<TriggeredWorkflow>> {
    let connections = config.connections.iter().map(|(name, c)| (name.clone(), c.provider.clone())).collect();
    let loaded = {
        let catalog = RegistryCatalog { registry, connections: Some(connections) };
        triggers::load(&config.workflows, &beside::with(catalog, &WorkflowFolders::only(&config.workflows)))?
    };
    triggers::tell(&loaded.broken);
    Ok(loaded.workflows)
}

async fn open(data: &Path, program: &str) -> Result<Arc<SledStore>> {
    let (data, program) = (data.to_path_buf(), program.to_string());
    let opened =
        tokio::task::spawn_blocking(move || SledStore::open(&data, Holder::this_process(program, SystemClock.now())))
            .await;
    match opened? {
        Ok(store) if engross_store::backup::unfinished_import(&store)?.is_some() => Err(anyhow!(
            "an import into this store was interrupted\n  hint: start `engross store import` again with the same file"
        )),
        Ok(store) => Ok(Arc::new(store)),
        Err(error @ engross_store::Error::Held { .. }) => {
            Err(anyhow!("{error}\n  hint: commands that need it use its API by themselves; or stop it first"))
        }
        Err(error) => Err(error.into()),
    }
}

/// A connection as far as it is known without its secrets.
pub fn offline_connection(name: &str, config: &ConnectionConfig) -> Connection {
    let setting = |text: &Text| match text {
        Text::Plain(text) => Setting::Plain(text.clone()),
        Text::Env(_) | Text::File(_) => Setting::Secret("***".to_string().into()),
    };
    Connection {
        name: name.to_string(),
        provider: config.provider.clone(),
        base_url: config.base_url.clone(),
        settings: config.settings.iter().map(|(key, text)| (key.clone(), setting(text))).collect(),
        webhook: WebhookSettings::default(),
        concurrency: config.concurrency,
        settle_ms: config.settle_ms,
    }
}

/// What a provider sees when it is asked for something outside of any run.
///
/// # Errors
/// The files' folder cannot be used.
pub fn context_of(connection: Arc<Connection>, config: &Config) -> Result<StepContext> {
    let (run, step) = (RunId::new("hooks"), StepId::new(connection.name.clone()));
    let files = FileStore::local(&config.files).with_context(|| format!("cannot use {}", config.files.display()))?;
    let now = SystemClock.now();
    Ok(StepContext {
        key: IdempotencyKey::of(&run, &step, 0),
        run,
        step,
        attempt: 1,
        run_started_at: now,
        now,
        requester: Person::new("hooks"),
        connection: Some(connection),
        files: Arc::new(files),
        directory: Arc::new(Directory::default()),
        child: None,
        policy: None,
    })
}

/// What is wrong with the connections as far as it is known without their secrets, each at its place in the configuration.
pub fn connection_findings(config: &Config, registry: &Registry) -> Vec<Diagnostic> {
    let Some(file) = &config.file else { return Vec::new() };
    let mut found = Vec::new();
    for (name, connection) in &config.connections {
        let error = |code, message| Diagnostic::error(Code(code), file.path(), connection.span, message);
        match registry.provider(&connection.provider) {
            Some(provider) => {
                let problems = provider.check_connection(&offline_connection(name, connection));
                found.extend(
                    problems.into_iter().map(|problem| error("E0406", format!("connection `{name}`: {problem}"))),
                );
            }
            None => {
                let known: Vec<&str> = registry.providers().map(|p| p.name()).collect();
                let hint = match nearest(&connection.provider, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", known.join(", ")),
                };
                let message = format!("connection `{name}`: there is no provider `{}`", connection.provider);
                found.push(error("E0405", message).hint(hint));
            }
        }
    }
    found
}

fn connections(config: &Config, registry: &Registry, tokens: &Tokens) -> Result<BTreeMap<String, Arc<Connection>>> {
    let made_up = tokens.for_connections(config.connections.keys())?;
    let connections = config.connections(|name| made_up.get(name).cloned().unwrap_or_default())?;
    let mut problems = Vec::new();
    for connection in connections.values() {
        match registry.provider(&connection.provider) {
            Some(provider) => problems.extend(
                provider
                    .check_connection(connection)
                    .into_iter()
                    .map(|p| format!("connection `{}`: {p}", connection.name)),
            ),
            None => {
                let known: Vec<&str> = registry.providers().map(|p| p.name()).collect();
                let (name, provider) = (&connection.name, &connection.provider);
                problems.push(format!(
                    "connection `{name}`: there is no provider `{provider}`; there are {}",
                    known.join(", ")
                ));
            }
        }
    }
    if problems.is_empty() { Ok(connections) } else { bail!("{}", problems.join("\n       ")) }
}

impl Host {
    /// Where a connection's webhooks go. Holds the token: for the operator's eyes only.
    pub fn hook_url(&self, connection: &Connection) -> Option<String> {
        let token = connection.webhook.token.as_ref()?;
        Some(hook_url(&self.base(), &connection.name, token.expose_secret()))
    }

    /// The same without the token, for logs.
    pub fn masked_hook_url(&self, connection: &Connection) -> Option<String> {
        connection.webhook.token.as_ref()?;
        Some(format!("{}/hooks/{}/***", self.base(), segment(&connection.name)))
    }

    fn base(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| self.server.url())
    }

    /// Ends when the store has failed for good: the process must end then, since nothing can be kept any more.
    pub async fn failed(&self) -> String {
        self.committer.failed().await
    }

    /// Stops taking work, and waits a while for the answers to requests that are under way, so that they are kept and nothing
    /// has to be looked up by the next start. What is still under way then is recovered by it.
    /// Ctrl-C or SIGTERM ends the waiting.
    pub async fn stop(self) {
        self.watch.abort();
        self.engine.stop();
        self.server.stop();
        tokio::select! {
            () = drain(&self.engine) => {}
            () = interrupted() => ui::note("ending at once; the next start finds out what became of what was on its way"),
        }
        if let Err(error) = self.engine.keep_budgets().await {
            ui::note(&format!("the counts of requests could not be kept: {error}"));
        }
        // A store that has failed has nothing to end; whoever watches it has said so.
        self.committer.shutdown().await.ok();
    }
}

async fn drain(engine: &Engine) {
    if engine.drain(DRAIN_SILENTLY).await {
        return;
    }
    ui::note(&format!(
        "waiting for the answers to requests that are under way, for {} s at most; a second signal ends it at once",
        DRAIN_AT_MOST.as_secs()
    ));
    if !engine.drain(DRAIN_AT_MOST).await {
        ui::note("not all of them were answered; the next start finds out what became of the rest");
    }
}

/// Ends when this process is asked to end, by Ctrl-C or SIGTERM. From the first call on, neither ends it by itself any more.
pub async fn interrupted() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => signals.recv().await,
            // Then the signal still does what it does by itself.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}

/// Tells a connection where its webhooks go. Without a public address only stand-ins on this machine can reach it, and no
/// other provider is given an address that leads nowhere.
pub fn address(connection: &mut Arc<Connection>, base: &str, is_public: bool) {
    let is_near = connection.base_url.as_ref().is_some_and(|url| match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    });
    if !is_public && !is_near {
        return;
    }
    let Some(token) = connection.webhook.token.as_ref().map(|token| token.expose_secret().to_string()) else { return };
    let url = hook_url(base, &connection.name, &token);
    Arc::make_mut(connection).webhook.url = Some(url.into());
}

/// Where a connection's webhooks go, behind the address of a server.
pub fn hook_url(base: &str, connection: &str, token: &str) -> String {
    format!("{base}/hooks/{}/{}", segment(connection), segment(token))
}

/// Where a connection's webhooks will go when a server listens there. Makes its token up and keeps it, where it has none.
///
/// # Errors
/// The tokens' file cannot be read or written.
pub fn hook_url_of(config: &Config, listen: SocketAddr, connection: &str) -> Result<String> {
    std::fs::create_dir_all(&config.data).with_context(|| format!("cannot make {}", config.data.display()))?;
    let name = connection.to_string();
    let tokens = Tokens::of(config).for_connections(std::iter::once(&name))?;
    let base = config.public_url.clone().unwrap_or_else(|| format!("http://{listen}"));
    Ok(hook_url(&base, connection, tokens.get(connection).map_or("", String::as_str)))
}

/// The webhook tokens that were made up for connections that name none.
///
/// # Errors
/// Their file cannot be read.
pub fn read_tokens(config: &Config) -> Result<BTreeMap<String, String>> {
    Tokens::of(config).read()
}

/// Webhook tokens that the engine made up, kept beside the store so that a URL given to a provider stays good.
struct Tokens {
    file: PathBuf,
}

impl Tokens {
    fn of(config: &Config) -> Self {
        Self { file: config.data.join("webhook-tokens.json") }
    }

    fn read(&self) -> Result<BTreeMap<String, String>> {
        let shown = self.file.display();
        match std::fs::read(&self.file) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{shown} is damaged")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(error).with_context(|| format!("cannot read {shown}")),
        }
    }

    fn for_connections<'a>(&self, names: impl Iterator<Item = &'a String>) -> Result<BTreeMap<String, String>> {
        let shown = self.file.display();
        let mut tokens = self.read()?;
        let known = tokens.len();
        for name in names {
            tokens.entry(name.clone()).or_insert_with(|| SystemIds.token());
        }
        if tokens.len() > known {
            self.write(&tokens).with_context(|| format!("cannot write {shown}"))?;
        }
        Ok(tokens)
    }

    /// Written beside and renamed, so that a crash leaves the old tokens or the new ones.
    fn write(&self, tokens: &BTreeMap<String, String>) -> Result<()> {
        let beside = self.file.with_extension("json.new");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(tokens)?)?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.file)?;
        // The new name has to survive a power cut as well: providers have been told the tokens by then.
        match self.file.parent() {
            Some(folder) => Ok(std::fs::File::open(folder)?.sync_all()?),
            None => Ok(()),
        }
    }
}
