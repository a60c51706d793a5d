//! `engross providers`: which providers there are, what their operations take and leave, and whether a manifest is right.

use crate::args::{Format, FormatArg, ServerArg};
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{host, offline, sources, ui};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use engross_providers::{OperationDescription, ProviderDescription};
use engross_source::diagnostic;
use engross_step_api::{EffectClass, StepKind};
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
    /// Show what each connection's month has left
    ///
    /// Every request counts. Waits look less often when there are more of them than the rest of the month has room for, and
    /// not at all when nothing is left; webhooks and what runs do go on.
    Budget(Budget),
}

/// Which engine is asked.
#[derive(Debug, Args)]
pub struct Budget {
    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
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
pub async fn run(providers: &Providers, config: &Config) -> Result<Exit> {
    match providers {
        Providers::List(args) => list(args, config),
        Providers::Show(args) => show(args, config),
        Providers::Check(args) => check(args),
        Providers::Budget(args) => budget(args, config).await,
    }
}

/// The descriptions of all providers: those that come with Engross, and the team's own.
fn descriptions(config: &Config) -> Result<Vec<ProviderDescription>> {
    let mut all = engross_providers::describe_builtin();
    for file in host::own_manifests(&config.providers)? {
        // A manifest with mistakes is told by the registry, which reads the same files.
        all.extend(engross_providers::describe_yaml(file.path(), file.text()).ok());
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

async fn budget(args: &Budget, config: &Config) -> Result<Exit> {
    let told = offline::must_run(config, &args.server)?.connections().await?;
    ui::print(args.format.format, &told, || {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_string());
        let row = |c: &engross_runtime::ConnectionView| {
            let pause = c.limit.map(|_| format!("{} s", c.poll_pause_ms.div_ceil(1000)));
            vec![
                c.connection.clone(),
                or_dash(c.month.clone()),
                c.used.to_string(),
                or_dash(c.limit.map(|limit| limit.to_string())),
                c.polling.to_string(),
                or_dash(pause),
                or_dash(c.resets_at.clone()),
            ]
        };
        let rows: Vec<Vec<String>> = told.connections.iter().map(row).collect();
        ui::table(&["CONNECTION", "MONTH", "USED", "LIMIT", "WAITS", "LOOKS EVERY", "RESETS AT"], &rows)
    });
    Ok(exit::OK)
}

fn list(args: &List, config: &Config) -> Result<Exit> {
    host::registry(config)?;
    let all = descriptions(config)?;
    let data: Vec<Value> = all
        .iter()
        .map(|p| json!({ "provider": p.name, "title": p.title, "operations": p.operations.len(), "docs": p.docs }))
        .collect();
    ui::print(args.format.format, &json!({ "providers": data }), || {
        let rows: Vec<Vec<String>> =
            all.iter().map(|p| vec![p.name.clone(), p.operations.len().to_string(), p.title.clone()]).collect();
        ui::table(&["PROVIDER", "OPERATIONS", "TITLE"], &rows)
    });
    Ok(exit::OK)
}

fn show(args: &Show, config: &Config) -> Result<Exit> {
    host::registry(config)?;
    let all = descriptions(config)?;
    let provider_name = args.name.split('/').next().unwrap_or(&args.name);
    let Some(provider) = all.iter().find(|p| p.name == provider_name) else {
        let names: Vec<&str> = all.iter().map(|p| p.name.as_str()).collect();
        match engross_source::nearest(provider_name, names.iter().copied()) {
            Some(near) => bail!("there is no provider `{provider_name}`; did you mean `{near}`?"),
            None => bail!("there is no provider `{provider_name}`; there are {}", names.join(", ")),
        }
    };
    if args.name == provider.name {
        ui::print(args.format.format, provider, || describe_provider(provider));
        return Ok(exit::OK);
    }
    let Some(operation) = provider.operations.iter().find(|o| o.uses == args.name) else {
        let names: Vec<&str> = provider.operations.iter().map(|o| o.uses.as_str()).collect();
        match engross_source::nearest(&args.name, names.iter().copied()) {
            Some(near) => bail!("there is no operation `{}`; did you mean `{near}`?", args.name),
            None => bail!("there is no operation `{}`; there are {}", args.name, names.join(", ")),
        }
    };
    ui::print(args.format.format, operation, || describe(operation));
    Ok(exit::OK)
}

fn describe_provider(provider: &ProviderDescription) -> String {
    let mut text = format!("{}: {}\n", provider.name, provider.title);
    for url in &provider.docs {
        let _ = writeln!(text, "  {:<10} {url}", "docs");
    }
    for (name, url) in &provider.environments {
        let usual = if *name == provider.default_environment { ", unless `base_url` says otherwise" } else { "" };
        let _ = writeln!(text, "  {:<10} {name}: {url}{usual}", "address");
    }
    for (name, setting) in &provider.settings {
        let kind = match (setting.secret, setting.required) {
            (true, true) => "secret, required",
            (true, false) => "secret",
            (false, true) => "required",
            (false, false) => "optional",
        };
        let note = setting.note.as_ref().map(|n| format!(": {n}")).unwrap_or_default();
        let _ = writeln!(text, "  {:<10} {name} ({kind}){note}", "setting");
    }
    if let Some(count) = provider.limits.per_month {
        let _ =
            writeln!(text, "  {:<10} {count} requests a month, unless `requests_per_month` says otherwise", "limit");
    }
    if let Some(webhooks) = &provider.webhooks {
        let events: Vec<&str> = webhooks.events.keys().map(String::as_str).collect();
        let _ = writeln!(text, "  {:<10} {}", "webhooks", events.join(", "));
        if let Some(retries) = &webhooks.sender_retries {
            let _ = writeln!(text, "  {:<10} {}", "unanswered", retries.words);
        }
        if let Some(provision) = &webhooks.provision {
            let by = provision.operation.as_ref().map(|name| format!(", by {name}")).unwrap_or_default();
            let about = provision.instructions.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
            let _ = writeln!(text, "  {:<10} per {}{by}{about}", "set up", provision.per);
        }
        if let Some(operation) = &webhooks.replay {
            let _ = writeln!(text, "  {:<10} by {operation}, at the start and on a timer", "read again");
        }
    }
    text.push('\n');
    for operation in &provider.operations {
        text.push_str(&describe(operation));
        text.push('\n');
    }
    text
}

fn describe(operation: &OperationDescription) -> String {
    let mut text = format!("{}\n  {}\n", operation.uses, operation.title);
    if let Some(note) = &operation.note {
        let _ = writeln!(text, "  {note}");
    }
    let _ = writeln!(text, "  {:<10} {}", "sends", operation.request);
    fields(&mut text, "with", &operation.input);
    fields(&mut text, "leaves", &operation.output);
    let outcomes: Vec<&str> = operation.outcomes.iter().map(|o| o.name.as_str()).collect();
    let _ = writeln!(text, "  {:<10} {}", "ends as", outcomes.join(", "));
    let effect = match (operation.kind, operation.effect) {
        (StepKind::Wait, _) => "waits; nothing is changed",
        (StepKind::Action, EffectClass::Read) => "reads; nothing is changed",
        (StepKind::Action, EffectClass::Idempotent) => "changes something; repeated safely after a lost answer",
        (StepKind::Action, EffectClass::Reconcilable) => {
            "changes something; looked up after a lost answer, never repeated blindly"
        }
        (StepKind::Action, EffectClass::Unsafe) => "changes something; after a lost answer a person decides",
    };
    let _ = writeln!(text, "  {:<10} {effect}", "effect");
    let mut label = "refusals";
    for error in &operation.errors {
        let status = if error.status.is_empty() { "any other".to_string() } else { error.status.join(", ") };
        let body = if error.depends_on_body { ", by its body" } else { "" };
        let hint = error.hint.as_ref().map(|h| format!(": {h}")).unwrap_or_default();
        let _ = writeln!(text, "  {label:<10} {status}{body} = {}{hint}", error.class.as_str());
        label = "";
    }
    for warning in &operation.warnings {
        let _ = writeln!(text, "  {:<10} {warning}", "mind");
    }
    let example = serde_json::to_string(&operation.example).unwrap_or_default();
    let _ = writeln!(text, "  {:<10} uses: {}\n  {:<10} with: {example}", "example", operation.uses, "");
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
