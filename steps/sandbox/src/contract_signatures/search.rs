//! The grammar of the search: what is asked for, which contracts match, and in which order.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Value, json};

use super::state::{Contract, Status};
use crate::limits::{SEARCH_PAGE_DEFAULT, SEARCH_PAGE_MAX};
use crate::wire::{Call, Problem, Reply, clip};
use crate::world::World;

const NAMES: [&str; 10] = [
    "template-id",
    "statuses",
    "substring",
    "creator-id",
    "placement",
    "date-range",
    "time-zone",
    "order",
    "page",
    "page-size",
];

/// What a search asks for.
struct Query {
    template_id: Option<String>,
    statuses: Vec<Status>,
    /// In lower case.
    substring: Option<String>,
    creator: Option<String>,
    placement: Placement,
    /// The first and the last day.
    days: (Option<Date>, Option<Date>),
    zone: TimeZone,
    order: Order,
    page: usize,
    page_size: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Placement {
    Any,
    Stacked,
    Archived,
}

#[derive(Clone, Copy)]
enum Order {
    Random,
    By(Key),
    Backwards(Key),
}

#[derive(Clone, Copy)]
enum Key {
    Creation,
    Name,
    Creator,
}

/// Answers a search. `contracts` is absent when the page is empty.
pub(super) fn search(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let query = Query::read(call.uri().query().unwrap_or_default())?;
    let World { contract_signatures: account, names, .. } = world;
    let mut found: Vec<&Contract> = account.contracts.values().filter(|contract| query.matches(contract)).collect();
    match query.order {
        Order::Random => found.sort_by_cached_key(|_| names.token()),
        Order::By(key) => sort(&mut found, key),
        Order::Backwards(key) => {
            sort(&mut found, key);
            found.reverse();
        }
    }
    let start = (query.page - 1).saturating_mul(query.page_size);
    let page: Vec<Value> = found.iter().skip(start).take(query.page_size).map(|contract| contract.view()).collect();
    Ok(Reply::json(&if page.is_empty() {
        json!({"totalCount": found.len()})
    } else {
        json!({"totalCount": found.len(), "contracts": page})
    }))
}

/// The map they come from is in order of creation, which a stable sort keeps among equals.
fn sort(contracts: &mut [&Contract], key: Key) {
    match key {
        Key::Creation => contracts.sort_by_key(|contract| contract.created),
        Key::Name => contracts.sort_by_key(|contract| contract.name.to_lowercase()),
        Key::Creator => contracts.sort_by(|one, other| one.creator.cmp(&other.creator)),
    }
}

impl Query {
    fn read(query: &str) -> Result<Self, Problem> {
        let mut problems = Vec::new();
        let given: BTreeMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        for name in given.keys().filter(|name| !NAMES.contains(&name.as_str())) {
            problems.push(format!("{}: is no search parameter", clip(name)));
        }
        let text = |name: &str| given.get(name).map(String::as_str);
        let mut read = |name: &str, default: &str, problem: &str, ok: &mut dyn FnMut(&str) -> bool| {
            if !ok(text(name).unwrap_or(default)) {
                problems.push(format!("{name}: {problem}"));
            }
        };
        let mut query = Self {
            template_id: text("template-id").map(str::to_owned),
            statuses: Vec::new(),
            substring: text("substring").map(str::to_lowercase),
            creator: text("creator-id").map(str::to_owned),
            placement: Placement::Stacked,
            days: (None, None),
            zone: TimeZone::UTC,
            order: Order::Random,
            page: 1,
            page_size: SEARCH_PAGE_DEFAULT,
        };
        read("statuses", "any", "must be any, or of sent|ongoing|rejected|signed|expired", &mut |text| {
            read_statuses(text).map(|statuses| query.statuses = statuses).is_some()
        });
        read("substring", "x", "must not be empty", &mut |text| !text.is_empty());
        read("placement", "stacked", "must be any, stacked or archived", &mut |text| {
            read_placement(text).map(|placement| query.placement = placement).is_some()
        });
        read("date-range", "~", "must be as in 2022-10-01~2022-10-31", &mut |text| {
            read_days(text).map(|days| query.days = days).is_some()
        });
        read("time-zone", "UTC", "must be as in Europe/Paris, Z, UTC or UTC+01:00", &mut |text| {
            read_zone(text).map(|zone| query.zone = zone).is_some()
        });
        read("order", "random", "must be random or {creation-date,name,creator-id}-{asc,desc}", &mut |text| {
            read_order(text).map(|order| query.order = order).is_some()
        });
        read("page", "1", "must be a positive integer", &mut |text| {
            text.parse().ok().filter(|page| *page > 0).map(|page| query.page = page).is_some()
        });
        let size = format!("must be from 1 to {SEARCH_PAGE_MAX}");
        read("page-size", &SEARCH_PAGE_DEFAULT.to_string(), &size, &mut |text| {
            let size = text.parse().ok().filter(|size| (1..=SEARCH_PAGE_MAX).contains(size));
            size.map(|size| query.page_size = size).is_some()
        });
        Problem::all(&problems)?;
        Ok(query)
    }

    fn matches(&self, contract: &Contract) -> bool {
        let holds = |text: &str| self.substring.as_ref().is_none_or(|part| text.to_lowercase().contains(part));
        self.template_id.as_ref().is_none_or(|id| *id == contract.template_id)
            && self.statuses.contains(&contract.status())
            && (holds(&contract.name)
                || contract
                    .signers
                    .iter()
                    .any(|signer| holds(&signer.full_name) || signer.email.as_deref().is_some_and(holds)))
            && self.creator.as_ref().is_none_or(|creator| *creator == contract.creator)
            && match self.placement {
                Placement::Any => true,
                Placement::Stacked => contract.archived.is_none(),
                Placement::Archived => contract.archived.is_some(),
            }
            && self.is_in_days(contract.created)
    }

    fn is_in_days(&self, created: Timestamp) -> bool {
        let day = created.to_zoned(self.zone.clone()).date();
        self.days.0.is_none_or(|first| day >= first) && self.days.1.is_none_or(|last| day <= last)
    }
}

fn read_statuses(text: &str) -> Option<Vec<Status>> {
    if text == "any" {
        return Some(Status::ALL.to_vec());
    }
    text.split('|').map(|word| Status::ALL.into_iter().find(|status| status.word() == word)).collect()
}

fn read_placement(text: &str) -> Option<Placement> {
    Some(match text {
        "any" => Placement::Any,
        "stacked" => Placement::Stacked,
        "archived" => Placement::Archived,
        _ => return None,
    })
}

/// `d`, `d~`, `~d` or `d~d`; a lone `~` stands for no parameter at all.
fn read_days(text: &str) -> Option<(Option<Date>, Option<Date>)> {
    let day = |text: &str| if text.is_empty() { Some(None) } else { text.parse::<Date>().ok().map(Some) };
    match text.split_once('~') {
        Some((first, last)) => Some((day(first)?, day(last)?)),
        None => {
            let only = Some(text.parse::<Date>().ok()?);
            Some((only, only))
        }
    }
}

fn read_zone(text: &str) -> Option<TimeZone> {
    if matches!(text, "Z" | "UTC") {
        return Some(TimeZone::UTC);
    }
    // A plus sign that was not percent-encoded arrives as a space.
    let offset = text.strip_prefix("UTC").unwrap_or(text).replace(' ', "+");
    let sign = match offset.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return TimeZone::get(text).ok(),
    };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let (hours, minutes) = (hours.parse::<i32>().ok()?, minutes.parse::<i32>().ok()?);
    let is_real = (0..=18).contains(&hours) && (0..60).contains(&minutes);
    let seconds = sign * (hours * 3600 + minutes * 60);
    is_real.then(|| Offset::from_seconds(seconds).ok().map(TimeZone::fixed))?
}

fn read_order(text: &str) -> Option<Order> {
    Some(match text {
        "random" => Order::Random,
        "creation-date-asc" => Order::By(Key::Creation),
        "creation-date-desc" => Order::Backwards(Key::Creation),
        "name-asc" => Order::By(Key::Name),
        "name-desc" => Order::Backwards(Key::Name),
        "creator-id-asc" => Order::By(Key::Creator),
        "creator-id-desc" => Order::Backwards(Key::Creator),
        _ => return None,
    })
}
