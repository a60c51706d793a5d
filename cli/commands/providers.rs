//! `engross providers`: which providers there are, what their operations take and leave, and whether a manifest is right.

use crate::args::{Format, FormatArg};
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{host, sources, ui};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use engross_source::diagnostic;
use engross_step_api::{EffectClass, Provider, Registry, StepKind, StepSpec};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

/// See the providers and their operations, and check manifests.
#[derive(Debug, Subcommand)]
pub enum Providers {
    /// List the providers, those of the team's own folder included
    List(List),
    /// Show a provider's operations: what each takes, leaves and may end as
    Show(Show),
    /// Check manifest files
    Check(Check),
}

/// How to list.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    pub format: FormatArg,
}

/// What to show.
#[derive(Debug, Args)]
pub struct Show {
    /// The provider, or one of its operations, such as juro or juro/create_contract
    pub name: String,

    #[command(flatten)]
    pub format: FormatArg,
}

/// What to check.
#[derive(Debug, Args)]
pub struct Check {
    /// Manifest files
    #[arg(required = true)]
    pub files: Vec<PathBuf>,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Carries it out.
///
/// # Errors
/// No such provider, or a file that cannot be read.
pub fn run(providers: &Providers, config: &Config) -> Result<Exit> {
    match providers {
        Providers::List(args) => list(args, config),
        Providers::Show(args) => show(args, config),
        Providers::Check(args) => check(args),
    }
}

fn operations<'a>(registry: &'a Registry, provider: &str) -> Vec<&'a StepSpec> {
    registry.specs().filter(|spec| spec.provider.as_deref() == Some(provider)).collect()
}

fn list(args: &List, config: &Config) -> Result<Exit> {
    let registry = host::registry(config)?;
    let providers: Vec<(String, usize)> = registry
        .providers()
        .map(|provider: &std::sync::Arc<dyn Provider>| {
            (provider.name().to_string(), operations(&registry, provider.name()).len())
        })
        .collect();
    let data: Vec<Value> = providers.iter().map(|(name, n)| json!({ "provider": name, "operations": n })).collect();
    ui::print(args.format.format, &json!({ "providers": data }), || {
        let rows: Vec<Vec<String>> = providers.iter().map(|(name, n)| vec![name.clone(), n.to_string()]).collect();
        ui::table(&["PROVIDER", "OPERATIONS"], &rows)
    });
    Ok(exit::OK)
}

fn show(args: &Show, config: &Config) -> Result<Exit> {
    let registry = host::registry(config)?;
    let specs: Vec<&StepSpec> = match registry.step(&args.name) {
        Some(step) => vec![step.spec()],
        None => operations(&registry, &args.name),
    };
    if specs.is_empty() {
        let names: Vec<&str> = registry.providers().map(|p| p.name()).collect();
        match engross_source::nearest(&args.name, names.iter().copied()) {
            Some(near) => bail!("there is no provider `{}`; did you mean `{near}`?", args.name),
            None => bail!("there is no provider `{}`; there are {}", args.name, names.join(", ")),
        }
    }
    let data: Vec<Value> = specs
        .iter()
        .map(|spec| {
            json!({
                "uses": spec.uses, "title": spec.title, "kind": spec.kind, "effect": spec.effect,
                "outcomes": spec.outcomes, "input": spec.input, "output": spec.output, "example": example(spec),
            })
        })
        .collect();
    ui::print(args.format.format, &json!({ "operations": data }), || {
        specs.iter().map(|spec| describe(spec)).collect::<Vec<_>>().join("\n")
    });
    Ok(exit::OK)
}

fn describe(spec: &StepSpec) -> String {
    let mut text = format!("{}\n  {}\n", spec.uses, spec.title);
    fields(&mut text, "with", &spec.input);
    fields(&mut text, "leaves", &spec.output);
    let outcomes: Vec<&str> = spec.outcomes.iter().map(|o| o.name.as_str()).collect();
    let _ = writeln!(text, "  {:<10} {}", "ends as", outcomes.join(", "));
    let effect = match (spec.kind, spec.effect) {
        (StepKind::Wait, _) => "waits; nothing is changed",
        (StepKind::Action, EffectClass::Read) => "reads; nothing is changed",
        (StepKind::Action, EffectClass::Idempotent) => "changes something; repeated safely after a lost answer",
        (StepKind::Action, EffectClass::Reconcilable) => {
            "changes something; looked up after a lost answer, never repeated blindly"
        }
        (StepKind::Action, EffectClass::Unsafe) => "changes something; after a lost answer a person decides",
    };
    let _ = writeln!(text, "  {:<10} {effect}", "effect");
    let example = serde_json::to_string(&example(spec)["with"]).unwrap_or_default();
    let _ = writeln!(text, "  {:<10} uses: {}\n  {:<10} with: {example}", "example", spec.uses, "");
    text
}

fn fields(text: &mut String, what: &str, schema: &Value) {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut label = what;
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let kind = match &field["type"] {
            Value::String(kind) => kind.clone(),
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
            _ => "any".to_string(),
        };
        let needed = if required.contains(&name.as_str()) { ", required" } else { "" };
        let about = field["description"].as_str().map(|d| format!(": {d}")).unwrap_or_default();
        let _ = writeln!(text, "  {label:<10} {name} ({kind}{needed}){about}");
        label = "";
    }
}

/// A step that passes the schema's `required`, with values that say what belongs there.
fn example(spec: &StepSpec) -> Value {
    let properties = &spec.input["properties"];
    let with: serde_json::Map<String, Value> = spec.input["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|name| (name.to_string(), sample(name, &properties[name])))
        .collect();
    json!({ "uses": spec.uses, "with": with })
}

fn sample(name: &str, schema: &Value) -> Value {
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("string");
    match kind {
        "integer" | "number" => schema["minimum"].as_i64().unwrap_or(1).into(),
        "boolean" => true.into(),
        "array" => json!([sample(name, &schema["items"])]),
        "object" => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            required.map(|key| (key.to_string(), sample(key, &schema["properties"][key]))).collect()
        }
        _ if schema["format"] == "email" => "anna@acme.example".into(),
        _ => format!("{{{{ inputs.{name} }}}}").into(),
    }
}

fn check(args: &Check) -> Result<Exit> {
    let (mut findings, mut files) = (Vec::new(), Vec::new());
    for path in &args.files {
        match sources::read(path)? {
            sources::Read::NotText(file, diagnostic) => {
                findings.push(*diagnostic);
                files.push(file);
            }
            sources::Read::Text(file) => {
                findings.extend(engross_providers::from_yaml(file.path(), file.text()).err().unwrap_or_default());
                files.push(file);
            }
        }
    }
    match args.format.format {
        Format::Json => ui::json(&diagnostic::render_json(&findings, &files)),
        Format::Text if findings.is_empty() => ui::note("no mistakes"),
        Format::Text => ui::found(&findings, &files),
    }
    Ok(if findings.is_empty() { exit::OK } else { exit::NOT_GOOD })
}
