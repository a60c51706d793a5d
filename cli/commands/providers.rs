//! `engross providers`: which providers there are, what their operations take and leave, and whether a manifest is right.

mod fields;

use crate::args::{Format, FormatArg, ServerArg};
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{host, offline, sources, ui};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use engross_providers::{OperationDescription, ProviderDescription, WebhooksDescription};
use engross_source::{Severity, SourceFile, diagnostic};
use engross_step_api::{EffectClass, StepKind};
use fields::{example, fields, labelled, paragraph};
use serde_json::{Value, json};
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
    /// Manifest files, or folders whose .yaml files are meant; the folder of the team's own providers where none is named
    pub paths: Vec<PathBuf>,

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
        Providers::Check(args) => check(args, config),
        Providers::Budget(args) => budget(args, config).await,
    }
}

/// The descriptions of all providers: those that come with Engross, and the team's own. What is wrong with a manifest is said,
/// and keeps nobody from reading about the others.
fn descriptions(config: &Config) -> Result<Vec<ProviderDescription>> {
    let mut all = engross_providers::describe_builtin();
    let files = host::own_manifests(&config.providers)?;
    let own = engross_providers::own(&files);
    if !own.findings.is_empty() {
        ui::diagnostics(&own.findings, &files);
    }
    all.extend(own.providers.into_iter().map(|(_, described)| described));
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
        labelled(&mut text, "docs", url);
    }
    for (name, url) in &provider.environments {
        let usual = if *name == provider.default_environment { ", unless `base_url` says otherwise" } else { "" };
        labelled(&mut text, "address", &format!("{name}: {url}{usual}"));
    }
    for (name, setting) in &provider.settings {
        let kind = match (setting.secret, setting.required) {
            (true, true) => "secret, required",
            (true, false) => "secret",
            (false, true) => "required",
            (false, false) => "optional",
        };
        let of = setting.one_of.join(", ");
        let kind = if of.is_empty() { kind.to_string() } else { format!("{kind}, one of {of}") };
        let note = setting.note.as_ref().map(|n| format!(": {n}")).unwrap_or_default();
        labelled(&mut text, "setting", &format!("{name} ({kind}){note}"));
    }
    if let Some(count) = provider.limits.per_month {
        labelled(&mut text, "limit", &format!("{count} requests a month, unless `requests_per_month` says otherwise"));
    }
    if let Some(webhooks) = &provider.webhooks {
        describe_webhooks(&mut text, webhooks);
    }
    text.push('\n');
    for operation in &provider.operations {
        text.push_str(&describe(operation));
        text.push('\n');
    }
    text
}

fn describe_webhooks(text: &mut String, webhooks: &WebhooksDescription) {
    let events: Vec<&str> = webhooks.events.keys().map(String::as_str).collect();
    labelled(text, "webhooks", &events.join(", "));
    if let Some(header) = &webhooks.verified_by {
        labelled(text, "signed", &format!("in {header}, when the connection has a `webhook.secret`"));
    }
    if let Some(retries) = &webhooks.sender_retries {
        labelled(text, "unanswered", &retries.words);
    }
    if let Some(provision) = &webhooks.provision {
        let by = provision.operation.as_ref().map(|name| format!(", by {name}")).unwrap_or_default();
        let about = provision.instructions.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
        labelled(text, "set up", &format!("per {}{by}{about}", provision.per));
    }
    if let Some(operation) = &webhooks.replay {
        labelled(text, "read again", &format!("by {operation}, at the start and on a timer"));
    }
}

fn describe(operation: &OperationDescription) -> String {
    let mut text = format!("{}\n", operation.uses);
    for words in std::iter::once(&operation.title).chain(&operation.note) {
        paragraph(&mut text, words);
    }
    labelled(&mut text, "sends", &operation.request);
    fields(&mut text, "with", &operation.input);
    fields(&mut text, "leaves", &operation.output);
    let outcomes: Vec<&str> = operation.outcomes.iter().map(|o| o.name.as_str()).collect();
    labelled(&mut text, "ends as", &outcomes.join(", "));
    let effect = match (operation.kind, operation.effect) {
        (StepKind::Wait, _) => "waits; nothing is changed",
        (StepKind::Action, EffectClass::Read) => "reads; nothing is changed",
        (StepKind::Action, EffectClass::Idempotent) => "changes something; repeated safely after a lost answer",
        (StepKind::Action, EffectClass::Reconcilable) => {
            "changes something; looked up after a lost answer, never repeated blindly"
        }
        (StepKind::Action, EffectClass::Unsafe) => "changes something; after a lost answer a person decides",
    };
    labelled(&mut text, "effect", effect);
    let mut label = "refusals";
    for error in &operation.errors {
        let status = if error.status.is_empty() { "any other".to_string() } else { error.status.join(", ") };
        let body = if error.depends_on_body { ", by its body" } else { "" };
        let hint = error.hint.as_ref().map(|h| format!(": {h}")).unwrap_or_default();
        labelled(&mut text, label, &format!("{status}{body} = {}{hint}", error.class.as_str()));
        label = "";
    }
    for warning in &operation.warnings {
        labelled(&mut text, "mind", warning);
    }
    labelled(&mut text, "example", &format!("uses: {}", operation.uses));
    example(&mut text, &operation.example);
    text
}

fn check(args: &Check, config: &Config) -> Result<Exit> {
    let folder = [config.providers.clone()];
    let paths = if args.paths.is_empty() { &folder[..] } else { &args.paths };
    if args.paths.is_empty() && !config.providers.exists() {
        let shown = config.providers.display();
        bail!("there is no folder {shown}\n  hint: name the files: `engross providers check FILE…`");
    }
    let found = sources::find(paths)?;
    if found.is_empty() {
        let named: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        bail!("there is no manifest in {}\n  hint: a manifest is a .yaml or .yml file", named.join(", "));
    }
    let (mut findings, mut files) = (Vec::new(), Vec::new());
    for path in &found {
        match sources::read(path)? {
            sources::Read::NotText(file, diagnostic) => {
                findings.push(*diagnostic);
                files.push(file);
            }
            sources::Read::Text(file) => files.push(file),
        }
    }
    // A file that is no text has been told, and is no manifest besides.
    let readable: Vec<SourceFile> =
        files.iter().filter(|file| !findings.iter().any(|told| *told.path == *file.path())).cloned().collect();
    findings.extend(engross_providers::own(&readable).findings);
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    match args.format.format {
        Format::Json => ui::json(&diagnostic::render_json(&findings, &files)),
        Format::Text if findings.is_empty() => {
            let many = if files.len() == 1 { "1 file".to_string() } else { format!("{} files", files.len()) };
            ui::note(&format!("{many}, no mistakes"));
        }
        Format::Text => ui::found(&findings, &files),
    }
    Ok(if errors == 0 { exit::OK } else { exit::NOT_GOOD })
}
