//! The verbs, one file each. Each has its arguments and a `run` that answers with an exit code.

pub mod approvals;
pub mod demo;
pub mod events;
pub mod explain;
pub mod graph;
pub mod hooks;
pub mod in_doubt;
pub mod incidents;
pub mod plan;
pub mod providers;
pub mod run;
pub mod runs;
pub mod sandbox;
pub mod schema;
pub mod serve;
pub mod store;
pub mod test;
pub mod triggers;
pub mod validate;
pub mod who_approves;

use crate::args::{Args, Command};
use crate::exit::{self, Exit};
use crate::{config, ui};

/// Carries a command out.
pub async fn run(args: Args) -> Exit {
    let result = async {
        let config = match &args.command {
            // These need no configuration, and must work beside a broken one.
            Command::Demo(_) | Command::Sandbox(_) | Command::Explain(_) => config::Config::default(),
            // An editor needs the schema most where the file is wrong.
            Command::Schema(_) => config::load(args.config.as_deref()).unwrap_or_else(|error| {
                ui::note(&format!("{error:#}\nthe schema is that without a configuration"));
                config::Config::default()
            }),
            _ => config::load(args.config.as_deref())?,
        };
        match args.command {
            Command::Demo(demo) => demo::run(demo).await,
            Command::Validate(validate) => validate::run(&validate, &config),
            Command::Test(test) => test::run(&test, &config),
            Command::Explain(explain) => explain::run(&explain),
            Command::Plan(plan) => plan::run(&plan, &config),
            Command::Graph(graph) => graph::run(&graph, &config),
            Command::Providers(providers) => providers::run(&providers, &config).await,
            Command::WhoApproves(who) => who_approves::run(&who, &config),
            Command::Run(run) => run::run(run, &config).await,
            Command::Serve(serve) => serve::run(serve, &config).await,
            Command::Runs(runs) => runs::run(runs, &config).await,
            Command::Approvals(approvals) => approvals::run(approvals, &config).await,
            Command::Incidents(incidents) => incidents::run(incidents, &config).await,
            Command::InDoubt(in_doubt) => in_doubt::run(in_doubt, &config).await,
            Command::Events(events) => events::run(events, &config).await,
            Command::Triggers(triggers) => triggers::run(triggers, &config).await,
            Command::Hooks(hooks) => hooks::run(&hooks, &config).await,
            Command::Store(store) => store::run(store, &config).await,
            Command::Fsck(fsck) => store::fsck::run(fsck, &config).await,
            Command::Schema(schema) => schema::run(&schema, &config),
            Command::Sandbox(sandbox) => sandbox::run(sandbox).await,
        }
    };
    match result.await {
        Ok(exit) => exit,
        Err(error) => {
            ui::error(&error);
            exit::COULD_NOT
        }
    }
}
