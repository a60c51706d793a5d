//! A manifest as a provider: its steps, the check of a connection's settings, and its webhooks.

use super::action::Action;
use super::budget::{self, Ledger};
use super::compose::{Progress, Sequence};
use super::pace::Pacer;
use super::scrub::Scrubber;
use super::waiting::Waiting;
use super::{Core, feed, provision, webhook};
use crate::client::Client;
use crate::describe::{ProviderDescription, describe};
use crate::keys::PublicKey;
use crate::manifest::{Manifest, Scheme, base_url};
use async_trait::async_trait;
use engross_source::nearest;
use engross_step_api::{
    Acknowledgement, Budget, Connection, IncomingEvent, Provider, ProvisionAct, Provisioned, RawWebhook, Replayed,
    Step, StepContext, StepError, Timestamp, WebhookError,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The setting that every provider has: which of the manifest's environments.
const ENVIRONMENT: &str = "environment";

/// A provider that is a manifest.
pub(crate) struct ManifestProvider {
    core: Arc<Core>,
}

impl ManifestProvider {
    pub(crate) fn new(manifest: Manifest, client: Client) -> Self {
        Self {
            core: Arc::new(Core {
                manifest,
                client,
                pacer: Pacer::default(),
                ledger: Ledger::default(),
                progress: Progress::default(),
            }),
        }
    }
}

impl ManifestProvider {
    /// What it offers.
    pub(crate) fn describe(&self) -> ProviderDescription {
        let specs: Vec<_> = self.steps().iter().map(|step| step.spec().clone()).collect();
        describe(&self.core.manifest, &specs)
    }
}

#[async_trait]
impl Provider for ManifestProvider {
    fn name(&self) -> &str {
        &self.core.manifest.name
    }

    fn steps(&self) -> Vec<Arc<dyn Step>> {
        let manifest = &self.core.manifest;
        let actions = manifest
            .operations
            .values()
            .map(|operation| -> Arc<dyn Step> { Arc::new(Action::new(Arc::clone(&self.core), Arc::clone(operation))) });
        let waits = manifest
            .awaits
            .iter()
            .map(|wait| -> Arc<dyn Step> { Arc::new(Waiting::new(Arc::clone(&self.core), Arc::clone(wait))) });
        let composed = manifest
            .composed
            .iter()
            .map(|composed| -> Arc<dyn Step> { Arc::new(Sequence::new(Arc::clone(&self.core), Arc::clone(composed))) });
        actions.chain(composed).chain(waits).collect()
    }

    fn check_connection(&self, connection: &Connection) -> Vec<String> {
        let manifest = &self.core.manifest;
        let mut problems = Vec::new();
        for (name, spec) in &manifest.settings {
            let given = connection.setting(name).map(str::trim);
            if spec.required && given.is_none_or(str::is_empty) {
                let note = spec.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
                problems.push(format!("the setting `{name}` is missing{note}"));
            }
            if given.is_some_and(|given| !spec.one_of.is_empty() && !spec.one_of.iter().any(|known| known == given)) {
                problems.push(format!("the setting `{name}` is one of {}", spec.one_of.join(", ")));
            }
        }
        for (name, setting) in &connection.settings {
            if name == ENVIRONMENT {
                problems.extend(unknown_environment(manifest, setting.expose()));
            } else if name == budget::PER_MONTH {
                let is_count = setting.expose().trim().parse::<u64>().is_ok_and(|count| count > 0);
                let problem = format!("`{name}` is a whole number of requests above 0");
                problems.extend((!is_count).then_some(problem));
            } else if !manifest.settings.contains_key(name) {
                let known = manifest.settings.keys().map(String::as_str).chain([ENVIRONMENT, budget::PER_MONTH]);
                let near = nearest(name, known).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
                problems.push(format!("`{}` has no setting `{name}`{near}", manifest.name));
            }
        }
        if let Some(url) = &connection.base_url {
            problems.extend(base_url(url.as_str()).err().map(|problem| format!("`base_url`: {problem}")));
        }
        problems.extend(webhook_problems(manifest, connection));
        problems
    }

    fn receive(&self, connection: &Connection, webhook: &RawWebhook<'_>) -> Result<Vec<IncomingEvent>, WebhookError> {
        let manifest = &self.core.manifest;
        let Some(spec) = &manifest.webhooks else {
            return Err(WebhookError::Malformed(format!("`{}` sends no webhooks", manifest.name)));
        };
        let events = webhook::receive(spec, &connection.webhook, webhook)?;
        let scrubber = Scrubber::of(connection, manifest);
        let scrubbed = |event: IncomingEvent| IncomingEvent { data: scrubber.value(event.data.clone()), ..event };
        Ok(events.into_iter().map(scrubbed).collect())
    }

    fn acknowledgement(&self) -> Acknowledgement {
        Acknowledgement { status: self.core.manifest.webhooks.as_ref().map_or(200, |webhooks| webhooks.ack) }
    }

    fn budget(&self, connection: &Connection, now: Timestamp) -> Option<Budget> {
        let limit = budget::limit(&self.core.manifest, connection);
        Some(self.core.ledger.budget(&connection.name, limit, now))
    }

    fn restore_budget(&self, connection: &Connection, month: &str, used: u64) {
        self.core.ledger.restore(&connection.name, month, used);
    }

    fn feed_every_ms(&self) -> Option<u64> {
        Some(self.core.manifest.webhooks.as_ref()?.replay.as_ref()?.every_ms)
    }

    async fn replay(&self, context: &StepContext, since: Option<Timestamp>) -> Result<Replayed, StepError> {
        feed::replay(&self.core, context, since).await
    }

    async fn provision(
        &self,
        context: &StepContext,
        act: ProvisionAct,
        known: &BTreeMap<String, String>,
    ) -> Result<Provisioned, StepError> {
        provision::provision(&self.core, context, act, known).await
    }
}

fn unknown_environment(manifest: &Manifest, name: &str) -> Option<String> {
    let known: Vec<&str> = manifest.environments.keys().map(String::as_str).collect();
    (!known.contains(&name)).then(|| format!("there is no environment `{name}`: one of {}", known.join(", ")))
}

fn webhook_problems(manifest: &Manifest, connection: &Connection) -> Vec<String> {
    let mut problems = Vec::new();
    let webhook = &connection.webhook;
    let documented = manifest.webhooks.as_ref().is_some_and(|webhooks| !webhooks.verify.is_empty());
    if webhook.secret.is_some() && !documented && (webhook.header.is_none() || webhook.scheme.is_none()) {
        problems.push(format!(
            "`webhook.secret` is set, and how `{}` proves that it knows it is not documented: \
             set `webhook.header` and `webhook.scheme` too, or leave the secret out",
            manifest.name
        ));
    }
    if let Some(scheme) = webhook.scheme.as_deref().filter(|scheme| Scheme::named(scheme).is_none()) {
        problems.push(format!("`webhook.scheme` cannot be `{scheme}`: one of {}", Scheme::names().join(", ")));
    }
    let kind = match webhook.scheme.as_deref() {
        Some(scheme) => Scheme::named(scheme).and_then(Scheme::key_kind),
        None => manifest.webhooks.as_ref().and_then(|spec| spec.verify.first()?.scheme.key_kind()),
    };
    // A look without the secrets has asterisks in their place.
    let secret = webhook.secret.as_ref().map(secrecy::ExposeSecret::expose_secret).filter(|secret| *secret != "***");
    if let Some(problem) = kind.zip(secret).and_then(|(kind, secret)| PublicKey::parse(kind, secret).err()) {
        problems.push(format!("`webhook.secret` {problem}: with this scheme it holds the sender's public key"));
    }
    if let Some(header) = &webhook.header
        && reqwest::header::HeaderName::from_bytes(header.to_ascii_lowercase().as_bytes()).is_err()
    {
        problems.push(format!("`webhook.header` cannot be `{header}`: that is no name of a header"));
    }
    if webhook.secret.as_ref().is_some_and(|secret| secrecy::ExposeSecret::expose_secret(secret).is_empty()) {
        problems.push("`webhook.secret` is empty".to_string());
    }
    problems
}
