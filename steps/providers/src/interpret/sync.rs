//! Reading a list as far as it has changed.
//!
//! An item may come again: the next reading goes back behind the latest change of this one, because two changes can have one
//! time and clocks differ. Whoever takes the items keys them by their ids.

use super::reply::Reply;
use super::session::{Session, bad_input};
use crate::limits::HYDRATE_MAX;
use crate::manifest::{Compare, Operation, Sync};
use crate::template::{Scope, instant_ms};
use engross_step_api::{StepError, Timestamp};
use serde_json::{Map, Value};

/// `items` and `next_since` of a list that was read to its end.
pub(super) async fn synced(
    session: &Session<'_>,
    operation: &Operation,
    sync: &Sync,
    reply: &Reply,
    input: &Value,
    scope: &Scope<'_>,
) -> Result<Map<String, Value>, StepError> {
    let since = input.get(&sync.since).and_then(instant_ms);
    let items = sync.items.first(&reply.document).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let changed = |item: &Value| sync.at.first(item).and_then(instant_ms);
    let latest = items.iter().filter_map(changed).max();
    // An item that does not say when it changed may have changed.
    let is_new = |item: &&Value| match (sync.compare, since, changed(item)) {
        (Compare::Engine, Some(since), Some(at)) => at >= since,
        _ => true,
    };
    let mut items: Vec<Value> = items.iter().filter(is_new).cloned().collect();
    if let Some(call) = sync.hydrate.as_ref().filter(|_| input.get("hydrate") == Some(&Value::Bool(true))) {
        if items.len() > HYDRATE_MAX {
            let problem = format!("{} items are more than the {HYDRATE_MAX} that are read one by one", items.len());
            return Err(bad_input(operation, &problem).hint("leave `hydrate` out, or give a later time"));
        }
        for item in &mut items {
            let names = Map::from_iter([("item".to_string(), item.take())]);
            *item = session.made(call, &scope.with(&names)).await?.document;
        }
    }
    let overlap = i64::try_from(sync.overlap_ms).unwrap_or(i64::MAX);
    let next = latest.map(|latest| latest.saturating_sub(overlap)).max(since).unwrap_or_default();
    Ok(Map::from_iter([
        ("items".to_string(), Value::Array(items)),
        ("next_since".to_string(), Value::from(Timestamp::from_millis(next).to_string())),
    ]))
}
