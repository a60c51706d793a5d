//! What each connection's month has left: counted by its provider, kept by the store, shown to people.
//!
//! A count is a mark of the store, one for each connection and month, written in the background every few seconds while it
//! changes and once more at the end. A process that is killed forgets what it counted since the last mark, so that the count is
//! rather too low than a reason to write for every request.

use crate::Error;
use crate::engine::Engine;
use crate::limits::QUOTA_MARK_MS;
use engross_step_api::Budget;
use engross_store::Write;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// A connection and what its month has left.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectionView {
    /// Its name.
    pub connection: String,
    /// Its provider.
    pub provider: String,
    /// `2026-11`; None where nobody counts its requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<String>,
    /// Requests that have left in this month.
    #[serde(default)]
    pub used: u64,
    /// How many there are; None where no limit is known.
    #[serde(default)]
    pub limit: Option<u64>,
    /// When the count begins anew, as RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<String>,
    /// Waits that look by themselves.
    #[serde(default)]
    pub polling: u64,
    /// The shortest pause between two looks of one wait that the rest of the month has room for, in milliseconds.
    #[serde(default)]
    pub poll_pause_ms: u64,
}

/// The counts as they were last written: connection to month and number.
type Written = BTreeMap<String, (String, u64)>;

impl Engine {
    /// Every connection with what its month has left, by name.
    pub fn budgets(&self) -> Vec<ConnectionView> {
        let view = |connection: &str, provider: &str, budget: Option<Budget>| {
            let month = budget.as_ref().map(|budget| budget.month.clone());
            let resets_at = budget.as_ref().map(|budget| budget.resets_at.to_string());
            let (used, limit, polling, poll_pause_ms) =
                budget.map_or((0, None, 0, 0), |b| (b.used, b.limit, b.polling, b.poll_pause_ms));
            let (connection, provider) = (connection.to_string(), provider.to_string());
            ConnectionView { connection, provider, month, used, limit, resets_at, polling, poll_pause_ms }
        };
        let connections = self.connections().values();
        connections.map(|c| view(&c.name, &c.provider, self.budget(&c.name))).collect()
    }

    fn budget(&self, connection: &str) -> Option<Budget> {
        let connection = self.inner.connections.get(connection)?;
        let provider = self.inner.registry.provider(&connection.provider)?;
        provider.budget(connection, self.inner.clock.now())
    }

    /// Writes the counts that have changed since they were last written. Called once more when the engine has stopped.
    ///
    /// # Errors
    /// The store; the counts are only kept in memory then.
    pub async fn keep_budgets(&self) -> Result<(), Error> {
        let mut written = self.inner.quota.lock().await;
        for name in self.inner.connections.keys() {
            let Some(budget) = self.budget(name).filter(|budget| budget.used > 0) else { continue };
            let now = (budget.month.clone(), budget.used);
            if written.get(name) == Some(&now) {
                continue;
            }
            let write = Write::Mark { name: mark(name, &budget.month), value: Some(json!({ "used": budget.used })) };
            self.inner.committer.write(write).await.map_err(|error| Error::Store(error.to_string()))?;
            written.insert(name.clone(), now);
        }
        Ok(())
    }
}

/// The last counts, as [`Engine::keep_budgets`] knows them.
pub(crate) type Quota = tokio::sync::Mutex<Written>;

fn mark(connection: &str, month: &str) -> String {
    format!("quota/{connection}/{month}")
}

/// Tells the providers what earlier processes have counted in this month.
pub(crate) async fn restore(engine: &Engine) -> Result<(), Error> {
    for (name, connection) in &engine.inner.connections {
        let Some(budget) = engine.budget(name) else { continue };
        let wanted = mark(name, &budget.month);
        let kept = engine.inner.read(move |store| store.mark(&wanted)).await?;
        let Some(used) = kept.as_ref().and_then(|mark| mark.get("used")).and_then(serde_json::Value::as_u64) else {
            continue;
        };
        if let Some(provider) = engine.inner.registry.provider(&connection.provider) {
            provider.restore_budget(connection, &budget.month, used);
        }
        engine.inner.quota.lock().await.insert(name.clone(), (budget.month, used));
    }
    Ok(())
}

/// Writes the counts every few seconds until the engine stops.
pub(crate) async fn keep(engine: Engine) {
    while !engine.inner.is_stopping() {
        engine.pause(Duration::from_millis(QUOTA_MARK_MS)).await;
        if let Err(error) = engine.keep_budgets().await {
            tracing::warn!(%error, "the counts of requests could not be kept");
        }
    }
}
