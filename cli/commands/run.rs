//! `engross run`: start a run and follow it.

use crate::args::{AsArg, Format, FormatArg, SandboxArg, ServerArg};
use crate::client::{Client, Refused};
use crate::config::{Config, DEFAULT_LISTEN};
use crate::exit::{self, Exit};
use crate::{beside, follow, host, offline, sources, ui};
use anyhow::{Context, Result, bail};
use clap::Args;
use engross_core::{RunStatus, Summary};
use engross_runtime::RunView;
use engross_server::wire;
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
    // Mistakes are said before an engine is started or asked.
    let registry = host::registry(config)?;
    let mut catalog = host::catalog(&registry, config);
    if args.sandbox.sandbox {
        // The sandbox brings the connections; the engine checks against them.
        catalog.connections = None;
    }
    match engross_compiler::compile(&file, &beside::with(catalog, &beside::folders(config))) {
        Ok(compiled) => {
            ui::diagnostics(&compiled.warnings, std::slice::from_ref(&file));
            if let Err(problems) = engross_compiler::validate_inputs(&compiled.plan, inputs.clone()) {
                for problem in problems {
                    ui::note(&format!("error: --input: {problem}"));
                }
                return Ok(exit::NOT_GOOD);
            }
        }
        Err(found) => {
            ui::diagnostics(&found, std::slice::from_ref(&file));
            return Ok(exit::NOT_GOOD);
        }
    }
    let request = wire::StartRun {
        workflow: None,
        source: Some(wire::Source { path: file.path().to_string(), text: file.text().to_string() }),
        beside: beside::files(&file, config),
        inputs,
        key: args.key.clone(),
        requester: args.who.or_account(),
    };
    match offline::running(config, &args.server)? {
        Some(_) if args.sandbox.sandbox => bail!(
            "an engine runs on {} already, and --sandbox cannot change its connections\n  hint: stop it, or start it with \
             `engross serve --sandbox`",
            config.data.display()
        ),
        Some(client) => start_and_follow(&client, &request, args.detach, args.format.format).await,
        None if args.detach => {
            offline::must_run(config, &args.server)?;
            Ok(exit::COULD_NOT)
        }
        None => hosted(&args, config, &request).await,
    }
}

async fn hosted(args: &Run, config: &Config, request: &wire::StartRun) -> Result<Exit> {
    let listen = args.listen.or(config.listen).unwrap_or(DEFAULT_LISTEN);
    let mut config = config.clone();
    let sandbox = args.sandbox.start(&mut config, listen).await?;
    let host = host::start(&config, listen, "engross run").await?;
    if let Some(sandbox) = &sandbox {
        sandbox.connect_webhooks(&host)?;
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
        sandbox.stop().await;
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
