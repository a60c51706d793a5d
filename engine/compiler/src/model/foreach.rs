//! `foreach` of a step as written, and how many of its items may end badly.
//!
//! What the items are and whether the key tells them apart is for the rules.

use super::keys::{check_keys, entries, require, scalar};
use crate::codes;
use crate::findings::Findings;
use crate::limits::ITEMS_PARALLEL_DEFAULT;
use engross_core::Tolerance;
use engross_core::limits::{ITEMS_MAX, ITEMS_PARALLEL_MAX};
use engross_source::{Node, Span};

/// The key under which a step says that it is done for each item of a list.
pub(crate) const FOREACH: &str = "foreach";

const KEYS: [&str; 4] = ["items", "key", "max_parallel", "tolerate"];

/// `foreach` as written.
pub(crate) struct Foreach<'a> {
    /// The list; nothing where it is missing, which has been said.
    pub(crate) items: Option<&'a Node>,
    /// What tells an item from the others.
    pub(crate) key: Option<&'a Node>,
    pub(crate) max_parallel: u32,
    pub(crate) tolerate: Tolerance,
    /// Where it says that some items may end badly, if it does.
    pub(crate) tolerates: Option<Span>,
}

/// Reads `foreach`. One that is no mapping has been reported, and the step is done for each item all the same.
pub(super) fn read<'a>(findings: &mut Findings<'a>, node: &'a Node, span: Span) -> Foreach<'a> {
    const WHAT: &str = "`foreach`";
    let mut read = Foreach {
        items: None,
        key: node.get("key"),
        max_parallel: ITEMS_PARALLEL_DEFAULT,
        tolerate: Tolerance::default(),
        tolerates: None,
    };
    if node.as_mapping().is_none() {
        entries(findings, node, WHAT);
        return read;
    }
    check_keys(findings, node, WHAT, &KEYS);
    read.items = require(findings, node, "items", WHAT, span, "items: \"{{ inputs.contracts }}\"");
    if let Some(given) = node.get("max_parallel") {
        let value = given.as_i64().and_then(|n| u32::try_from(n).ok());
        match value.filter(|n| (1..=ITEMS_PARALLEL_MAX).contains(n)) {
            Some(value) => read.max_parallel = value,
            None => {
                let message = format!("`max_parallel` is a whole number from 1 to {ITEMS_PARALLEL_MAX}");
                let hint = format!("it is {ITEMS_PARALLEL_DEFAULT} where it is not given");
                findings.report(codes::VALUE, given.span, message, Some(hint));
            }
        }
    }
    if let Some(given) = node.get("tolerate") {
        read.tolerate = tolerance(findings, given).unwrap_or_default();
        let none = matches!(read.tolerate, Tolerance::Count(0) | Tolerance::Percent(0));
        read.tolerates = (!none).then_some(given.span);
    }
    read
}

fn tolerance(findings: &mut Findings<'_>, node: &Node) -> Option<Tolerance> {
    let found = match (node.as_i64(), node.as_str()) {
        (Some(count), _) => u32::try_from(count)
            .ok()
            .filter(|n| usize::try_from(*n).is_ok_and(|n| n <= ITEMS_MAX))
            .map(Tolerance::Count),
        (None, Some(_)) => {
            let text = scalar(findings, node, "`tolerate`")?;
            let percent = text.strip_suffix('%').filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
            percent.and_then(|n| n.parse().ok()).filter(|n| *n <= 100).map(Tolerance::Percent)
        }
        (None, None) => None,
    };
    if found.is_none() {
        let message = format!("`tolerate` is a whole number from 0 to {ITEMS_MAX}, or `0%` to `100%`");
        let hint = "it is how many items may end badly without the whole doing so: `tolerate: 3` or `tolerate: 5%`";
        findings.report(codes::VALUE, node.span, message, Some(hint.to_owned()));
    }
    found
}
