//! `engross run`: start a run and follow it.

use crate::args::{AsArg, Format, FormatArg, SandboxArg, ServerArg};
use crate::client::{Client, Refused};
use crate::config::{Config, DEFAULT_LISTEN};
use crate::exit::{self, Exit};
use crate::sandboxed::{self, LeftOut};
use crate::{beside, follow, host, offline, sources, ui};
use anyhow::{Context, Result, bail};
use clap::Args;
use engross_core::{RunStatus, Summary};
use engross_runtime::{RegistryCatalog, RunView};
use engross_server::wire;
use engross_source::SourceFile;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Start a run and follow it to its end.
///
/// When an engine already holds the data directory, the run is started there. Otherwise an engine runs in this process, with
/// its API, until the run is over; if it is stopped before, `engross serve` goes on with the run.
#[derive(Debug, Args)]
pub struct Run {
    /// The workflow file
    pub file: PathBuf,

    /// The inputs as JSON, or @FILE, or @- for standard input
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub input: String,

    /// A second start with this key attaches to the first run
    #[arg(long)]
    pub key: Option<String>,

    /// Where the API listens while the run is followed [default: 127.0.0.1:7878]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,

    /// Start it and return at once; needs an engine that runs already
    #[arg(long)]
    pub detach: bool,

    #[command(flatten)]
    pub sandbox: SandboxArg,

    #[command(flatten)]
    pub who: AsArg,

    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Carries it out.
///
/// # Errors
/// The file, its inputs or the engine.
pub async fn run(args: Run, config: &Config) -> Result<Exit> {
    let file = sources::read_text(&args.file)?;
    let inputs = inputs(&args.input)?;
    let client = offline::running(config, &args.server)?;
    if client.is_some() && args.sandbox.sandbox {
        bail!(
            "an engine runs on {} already, and --sandbox cannot change its connections\n  hint: stop it, or start it with \
             `engross serve --sandbox`",
            config.data.display()
        );
    }
    // Mistakes are said before an engine is started or asked.
    let world = World::of(&args, config, client.as_ref()).await?;
    if !world.takes(&file, &inputs, config)? {
        return Ok(exit::NOT_GOOD);
    }
    let request = wire::StartRun {
        workflow: None,
        source: Some(wire::Source { path: file.path().to_string(), text: file.text().to_string() }),
        beside: beside::files(&file, config),
        inputs,
        key: args.key.clone(),
        requester: args.who.or_account(),
    };
    match client {
        Some(client) => start_and_follow(&client, &request, args.detach, args.format.format).await,
        None if args.detach => {
            offline::must_run(config, &args.server)?;
            Ok(exit::COULD_NOT)
        }
        None => hosted(&args, config, &request).await,
    }
}

/// What a workflow is checked against before it is started: the connections of the engine that will run it.
struct World {
    /// Names and providers; none where nothing is known of them.
    connections: Option<Vec<(String, String)>>,
    /// Those among them that lead nowhere.
    left_out: LeftOut,
    /// Whether an engine decides that runs already, whose operations may be others than ours.
    is_elsewhere: bool,
}

impl World {
    async fn of(args: &Run, config: &Config, client: Option<&Client>) -> Result<Self> {
        let listed = |config: &Config| -> Vec<(String, String)> {
            config.connections.iter().map(|(name, connection)| (name.clone(), connection.provider.clone())).collect()
        };
        let (mut connections, left_out) = match client {
            Some(client) => {
                let theirs = client.connections().await?.connections;
                // The record beside the store is of the engine that holds it, which a named one need not be.
                let record = if args.server.server.is_none() { sandboxed::running(config) } else { None };
                let left_out = record.map(|record| record.left_out).unwrap_or_default();
                (Some(theirs.into_iter().map(|view| (view.connection, view.provider)).collect()), left_out)
            }
            None if args.sandbox.sandbox => {
                let mut led = config.clone();
                let left_out = sandboxed::lead(&mut led);
                (Some(listed(&led)), left_out)
            }
            None => (config.is_file.then(|| listed(config)), LeftOut::new()),
        };
        // What is left out is known all the same, so that a step that needs it can be told why it cannot have it.
        let known = left_out.iter().map(|(name, provider)| (name.clone(), provider.clone()));
        connections.iter_mut().for_each(|connections| connections.extend(known.clone()));
        Ok(Self { connections, left_out, is_elsewhere: client.is_some() })
    }

    /// Whether a workflow can be started with these inputs, as far as is known here; what is wrong is said.
    fn takes(&self, file: &SourceFile, inputs: &Value, config: &Config) -> Result<bool> {
        let registry = host::registry(config)?;
        let folders = beside::folders(config);
        let catalog =
            beside::with(RegistryCatalog { registry: &registry, connections: self.connections.clone() }, &folders);
        let compiled = match engross_compiler::compile(file, &catalog) {
            Ok(compiled) => compiled,
            // The engine that runs decides, and says what is wrong in its own words.
            Err(_) if self.is_elsewhere => return Ok(true),
            Err(found) => {
                ui::diagnostics(&found, std::slice::from_ref(file));
                return Ok(false);
            }
        };
        ui::diagnostics(&compiled.warnings, std::slice::from_ref(file));
        let mut problems: Vec<String> = match engross_compiler::validate_inputs(&compiled.plan, inputs.clone()) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.into_iter().map(|problem| format!("--input: {problem}")).collect(),
        };
        problems.extend(sandboxed::refusals(compiled.plan.definition(), &self.left_out));
        for problem in &problems {
            ui::note(&format!("error: {problem}"));
        }
        Ok(problems.is_empty())
    }
}

async fn hosted(args: &Run, config: &Config, request: &wire::StartRun) -> Result<Exit> {
    let listen = args.listen.or(config.listen).unwrap_or(DEFAULT_LISTEN);
    let mut config = config.clone();
    let sandbox = args.sandbox.start(&mut config).await?;
    let host = host::start(&config, listen, &args.sandbox.program("engross run")).await?;
    if let Some(sandbox) = &sandbox {
        sandbox.connect(&host, &config).await?;
    }
    ui::note(&format!("engine on {}; approvals and webhooks are taken while this runs", host.server.url()));
    let client = Client::new(&host.server.url())?.with_token(api_token(&config)?);
    let exit = tokio::select! {
        exit = start_and_follow(&client, request, false, args.format.format) => exit,
        reason = host.failed() => Err(anyhow::anyhow!("the store has failed: {reason}")),
        () = host::interrupted() => {
            ui::note("stopped following; `engross serve` goes on with the run");
            Ok(exit::INTERRUPTED)
        }
    };
    host.stop().await;
    if let Some(sandbox) = sandbox {
        sandbox.stop(&config).await;
    }
    exit
}

fn api_token(config: &Config) -> Result<Option<String>> {
    use secrecy::ExposeSecret;
    Ok(config.api_token()?.map(|token| token.expose_secret().to_string()))
}

async fn start_and_follow(client: &Client, request: &wire::StartRun, detach: bool, format: Format) -> Result<Exit> {
    let started = match client.start(request).await {
        Ok(started) => started,
        Err(error) => {
            if let Some(Refused { details, .. }) = error.downcast_ref()
                && let Some(text) = details["text"].as_str()
            {
                ui::note(text);
                return Ok(exit::NOT_GOOD);
            }
            return Err(error);
        }
    };
    if started.attached {
        ui::note(&format!("run {} holds this key already; following it", started.run));
    }
    if detach {
        ui::print(format, &started, || started.run.to_string());
        return Ok(exit::OK);
    }
    let view = follow::to_the_end(client, &started.run).await?;
    ui::print(format, &view, || summary(&view));
    Ok(exit_of(&view))
}

/// How a run that is over, or that waits for a person's help, is told in a few lines.
pub fn summary(view: &RunView) -> String {
    let status = match view.summary {
        Summary::InDoubt if follow::stands_still(view) => "in doubt",
        Summary::Incident if follow::stands_still(view) => "has an incident",
        _ => view.status.as_str(),
    };
    let mut text = format!("run {} {status}", view.id);
    if let Some(problem) = &view.problem {
        text.push_str(&format!(": {}", ui::escaped(&problem.message)));
    }
    text.push('\n');
    for (name, value) in view.outputs.as_object().into_iter().flatten() {
        let shown = value.as_str().map_or_else(|| value.to_string(), ToString::to_string);
        text.push_str(&format!("  {}: {}\n", ui::escaped(name), ui::escaped(&shown)));
    }
    text
}

/// The exit code that says how a run ended.
pub fn exit_of(view: &RunView) -> Exit {
    match view.status {
        RunStatus::Succeeded => exit::OK,
        RunStatus::Running
        | RunStatus::Cancelling
        | RunStatus::Compensating
        | RunStatus::Stopped
        | RunStatus::Failed
        | RunStatus::Cancelled => exit::NOT_GOOD,
    }
}

/// Inputs as they were given: JSON, or a file's, or standard input's.
///
/// # Errors
/// It cannot be read, or is no JSON object.
pub fn inputs(given: &str) -> Result<Value> {
    let text = match given.strip_prefix('@') {
        Some("-") => std::io::read_to_string(std::io::stdin()).context("cannot read standard input")?,
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?,
        None => given.to_string(),
    };
    let value: Value = serde_json::from_str(&text).context("--input is not JSON")?;
    match value {
        Value::Object(_) => Ok(value),
        Value::Null => Ok(json!({})),
        _ => anyhow::bail!("--input must be a JSON object, such as {{\"name\": \"Acme\"}}"),
    }
}
