//! Reading a list to its end, page by page.
//!
//! While it is read, the list may change, and an item may slip from a page that comes into one that was. So a list counts as read only
//! when it is as long as it says, or when two readings saw the same items. Who looks for an effect must miss nothing at all: a list of
//! several pages is then read twice in any case, what either reading saw counts, and no page that could have one after it is the last.

use super::reply::{Reply, garbage};
use super::session::{Session, bad_input};
use crate::limits::{LIST_READS_MAX, PAGES_MAX};
use crate::manifest::{Operation, Paging, PagingStyle};
use crate::template::{Scope, text_of};
use engross_step_api::{ErrorClass, StepError};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How far a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// As far as the workflow wants.
    Wanted,
    /// To its end.
    All,
    /// To its end, so that what is not seen is not there.
    Certain,
}

/// One reading of a list.
struct Reading {
    /// The last page, for what stands beside the items.
    document: Value,
    items: Vec<Value>,
    /// The ids that were seen, with their places in `items`.
    ids: BTreeMap<String, usize>,
    /// Whether it is as long as the list says it is.
    whole: bool,
    /// Whether there was more than one page with something on it.
    several: bool,
}

/// Reads a list. The items of all pages stand in the place of the last page's.
pub(super) async fn read(
    session: &Session<'_>,
    operation: &Operation,
    paging: &Paging,
    scope: &Scope<'_>,
    reach: Reach,
) -> Result<Reply, StepError> {
    let most = most(operation, paging, scope, reach)?;
    let mut before: Option<Reading> = None;
    for _ in 0..LIST_READS_MAX {
        let mut reading = pages(session, operation, paging, scope, most, reach).await?;
        let again = reach == Reach::Certain && reading.several && before.is_none();
        let is_same = before.as_ref().is_some_and(|before| before.ids.keys().eq(reading.ids.keys()));
        if (reading.whole || is_same) && !again {
            if let Some(before) = before.filter(|_| reach == Reach::Certain) {
                reading.add(before);
            }
            reading.items.truncate(most);
            paging.items.put(&mut reading.document, Value::Array(reading.items));
            return Ok(Reply { document: reading.document, file: None });
        }
        before = Some(reading);
    }
    let message = format!("`{}`: the list changed each time it was read", operation.name);
    Err(StepError::new(ErrorClass::Transient, "list_changed", message))
}

impl Reading {
    /// Takes what another reading saw and this one did not.
    fn add(&mut self, other: Self) {
        let missing = other.ids.into_iter().filter(|(id, _)| !self.ids.contains_key(id));
        self.items.extend(missing.filter_map(|(_, place)| other.items.get(place).cloned()));
    }
}

fn most(operation: &Operation, paging: &Paging, scope: &Scope<'_>, reach: Reach) -> Result<usize, StepError> {
    let Some(template) = paging.most.as_ref().filter(|_| reach == Reach::Wanted) else { return Ok(usize::MAX) };
    let most = template.eval(scope).map_err(|problem| bad_input(operation, &problem))?;
    Ok(most.and_then(|most| most.as_u64()).and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX))
}

/// Whether a page of this length is the last. Where the list says how long it is, `told` has that, how far it was asked for and how much
/// was seen. A server may give less than was asked for, so that a short page alone is no end to who must be certain.
fn is_last(paging: &Paging, reach: Reach, length: u64, told: Option<(u64, u64, u64)>) -> bool {
    let is_short = length < paging.size;
    match (told, reach) {
        (Some((total, asked, seen)), Reach::Certain) => asked >= total && seen >= total && is_short,
        (Some((total, asked, seen)), _) => asked >= total && (seen >= total || paging.style == PagingStyle::Offset),
        (None, Reach::Certain) => false,
        (None, _) => is_short,
    }
}

async fn pages(
    session: &Session<'_>,
    operation: &Operation,
    paging: &Paging,
    scope: &Scope<'_>,
    most: usize,
    reach: Reach,
) -> Result<Reading, StepError> {
    let mut items = Vec::new();
    let mut ids = BTreeMap::new();
    let mut total: Option<u64> = None;
    let mut steady = true;
    let mut skip: u64 = 0;
    let mut cursor = None;
    let mut first = 0;
    for number in 1..=PAGES_MAX {
        let mut page = json!({"skip": skip, "limit": paging.size, "number": number});
        if let (Some(page), Some(cursor)) = (page.as_object_mut(), cursor.take()) {
            page.insert("cursor".to_string(), cursor);
        }
        let names = Map::from_iter([("page".to_string(), page)]);
        let reply = session.once(operation, &scope.with(&names)).await?;
        let page = match paging.items.first(&reply.document) {
            Some(Value::Array(page)) => page.as_slice(),
            None if paging.absent_is_empty => &[],
            _ => return Err(garbage(session.core, operation, "the answer has no list of items")),
        };
        let length = u64::try_from(page.len()).unwrap_or(u64::MAX);
        let says = paging.total.as_ref().and_then(|pointer| pointer.first(&reply.document)).and_then(Value::as_u64);
        steady &= skip == 0 || says == total;
        total = says;
        let known = items.len();
        for item in page {
            let id = paging.id.first(item).map(text_of).unwrap_or_else(|| item.to_string());
            ids.entry(id).or_insert_with(|| {
                items.push(item.clone());
                items.len() - 1
            });
        }
        if number == 1 {
            first = items.len();
        }
        // Pages that are asked for by number have their places whatever is on them.
        skip = match paging.style {
            PagingStyle::Offset | PagingStyle::Cursor(_) => skip.saturating_add(length),
            PagingStyle::Number => number.saturating_mul(paging.size),
        };
        let ended = match &paging.style {
            PagingStyle::Cursor(next) => {
                cursor = next.first(&reply.document).cloned();
                length == 0 || cursor.is_none()
            }
            _ => {
                let seen = u64::try_from(items.len()).unwrap_or(u64::MAX);
                known == items.len() || is_last(paging, reach, length, total.map(|total| (total, skip, seen)))
            }
        };
        if ended || items.len() >= most {
            let seen = u64::try_from(ids.len()).unwrap_or(u64::MAX);
            let whole = !ended || (steady && total.is_none_or(|total| seen == total));
            let several = number > 1 && items.len() > first;
            return Ok(Reading { document: reply.document, items, ids, whole, several });
        }
    }
    let message = format!("`{}`: the list has more than {PAGES_MAX} pages of {}", operation.name, paging.size);
    Err(StepError::new(ErrorClass::Invalid, "list_too_long", message).hint("ask for less of it"))
}
