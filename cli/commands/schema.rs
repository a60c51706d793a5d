//! `engross schema`: JSON Schemas, for editors and programs.

use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{host, ui};
use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

/// Print JSON Schemas, for editors and programs.
///
/// Without a name: the schema of workflow files, for yaml-language-server; with `policy` that of policy files, with `test` that of
/// test files, with `config` that of `engross.yaml`, with `manifest` that of a team's own providers. With the name of a step, such
/// as `approval` or `juro/create_contract`: what it takes, what it leaves, how it ends.
#[derive(Debug, Args)]
pub struct Schema {
    /// `workflow`, `policy`, `test`, `config`, `manifest`, or the name of a step
    #[arg(default_value = "workflow")]
    pub name: String,
}

/// Carries it out.
///
/// # Errors
/// There is no such step.
pub fn run(args: &Schema, config: &Config) -> Result<Exit> {
    if args.name == "manifest" {
        ui::json(&engross_providers::manifest_schema());
        return Ok(exit::OK);
    }
    let registry = host::registry(config)?;
    if args.name == "workflow" {
        let catalog = host::catalog(&registry, config);
        ui::json(&engross_compiler::workflow_schema(&catalog));
        return Ok(exit::OK);
    }
    if args.name == "policy" {
        ui::json(&engross_policy::policy_schema());
        return Ok(exit::OK);
    }
    if args.name == "test" {
        ui::json(&crate::scenarios::schema());
        return Ok(exit::OK);
    }
    if args.name == "config" {
        let mut providers = engross_providers::describe_builtin();
        let own = engross_providers::own(&host::own_manifests(&config.providers)?);
        providers.extend(own.providers.into_iter().map(|(_, described)| described));
        ui::json(&crate::config::schema(&providers));
        return Ok(exit::OK);
    }
    let Some(step) = registry.step(&args.name) else {
        let names: Vec<&str> = registry.specs().map(|s| s.uses.as_str()).collect();
        match engross_source::nearest(&args.name, names.iter().copied()) {
            Some(near) => bail!("there is no step `{}`; did you mean `{near}`?", args.name),
            None => {
                let built_in: Vec<&str> = names.into_iter().filter(|name| !name.contains('/')).collect();
                bail!(
                    "there is no step `{}`; the built-in ones are {}\n  hint: `engross providers list` shows the providers, and \
                     `engross providers show NAME` what each can do",
                    args.name,
                    built_in.join(", ")
                )
            }
        }
    };
    let spec = step.spec();
    ui::json(&json!({
        "uses": spec.uses,
        "title": spec.title,
        "kind": spec.kind,
        "effect": spec.effect,
        "outcomes": spec.outcomes,
        "input": spec.input,
        "output": spec.output,
    }));
    Ok(exit::OK)
}
