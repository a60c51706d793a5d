//! What can be asked. The doc comments are the manual.

use crate::commands;
use crate::config::Config;
use crate::sandboxed::{self, Sandboxed};
use anyhow::Result;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A durable workflow engine for contracts.
///
/// A workflow file says what must happen to a contract; Engross makes it happen once.
#[derive(Debug, Parser)]
#[command(
    name = "engross",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done and good; 1 done and not good (mistakes in a workflow, a run that did not succeed); \
                  2 could not be done; 130 interrupted.\nData is printed to stdout, everything else to stderr."
)]
pub struct Args {
    /// The configuration file [default: engross.yaml, if it is there]
    #[arg(long, global = true, value_name = "FILE", env = "ENGROSS_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,

    /// What is logged to stderr, as in `info` or `engross_runtime=debug`; what `notify` tells always is [default: warn]
    #[arg(long, global = true, value_name = "FILTER", env = "ENGROSS_LOG", hide_env_values = true)]
    pub log: Option<String>,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(commands::demo::Demo),
    Validate(commands::validate::Validate),
    Test(commands::test::Test),
    Explain(commands::explain::Explain),
    Plan(commands::plan::Plan),
    Graph(commands::graph::Graph),
    WhoApproves(commands::who_approves::WhoApproves),
    Run(commands::run::Run),
    Serve(commands::serve::Serve),
    #[command(subcommand)]
    Runs(commands::runs::Runs),
    #[command(subcommand)]
    Approvals(commands::approvals::Approvals),
    #[command(subcommand)]
    Incidents(commands::incidents::Incidents),
    #[command(subcommand)]
    InDoubt(commands::in_doubt::InDoubt),
    #[command(subcommand)]
    Store(commands::store::Store),
    Fsck(commands::store::fsck::Fsck),
    #[command(subcommand)]
    Events(commands::events::Events),
    #[command(subcommand)]
    Triggers(commands::triggers::Triggers),
    Hooks(commands::hooks::Hooks),
    #[command(subcommand)]
    Providers(commands::providers::Providers),
    Schema(commands::schema::Schema),
    Sandbox(commands::sandbox::SandboxArgs),
}

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// How data is printed, as an option.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub struct FormatArg {
    /// How data is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Which engine is asked.
#[derive(Clone, Debug, ClapArgs)]
pub struct ServerArg {
    /// The API of the engine [default: whichever process holds the data directory]
    #[arg(long, value_name = "URL", env = "ENGROSS_SERVER", hide_env_values = true)]
    pub server: Option<String>,
}

/// Stand-ins instead of the real providers.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub struct SandboxArg {
    /// Lead every connection to stand-ins in this process: no account is needed, and nothing real is reached
    #[arg(long)]
    pub sandbox: bool,

    /// With --sandbox: sign by itself so many milliseconds after a contract was sent [default: people sign on its pages]
    #[arg(long, value_name = "MS", requires = "sandbox")]
    pub auto_sign: Option<u64>,
}

impl SandboxArg {
    /// The stand-ins, if they are wanted.
    ///
    /// # Errors
    /// They cannot start.
    pub async fn start(&self, config: &mut Config) -> Result<Option<Sandboxed>> {
        if !self.sandbox {
            return Ok(None);
        }
        Ok(Some(sandboxed::start(config, self.auto_sign).await?))
    }

    /// How a command is called to others, with the flag that others have to know of.
    pub fn program(&self, command: &str) -> String {
        if self.sandbox { format!("{command} {}", sandboxed::FLAG) } else { command.to_string() }
    }
}

/// Who acts.
#[derive(Clone, Debug, ClapArgs)]
pub struct AsArg {
    /// Who acts: an e-mail address, as in `people:` of engross.yaml
    #[arg(long = "as", value_name = "WHO", env = "ENGROSS_USER", hide_env_values = true)]
    pub who: Option<String>,
}

impl AsArg {
    /// Whoever was named, or the user of this machine's account.
    pub fn or_account(&self) -> String {
        let account = || std::env::var("USER").ok().filter(|user| !user.is_empty());
        self.who.clone().or_else(account).unwrap_or_else(|| "unknown".to_string())
    }
}
