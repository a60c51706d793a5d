//! What a step's own `if` says of the values that its `with` refers to. It reports nothing; other rules ask it.

use crate::expr::tree::tree;
use crate::expr::{Reference, Segment};
use crate::templates::{Place, Site};
use crate::typing::assured;
use crate::unit::Unit;
use std::collections::BTreeMap;

/// The paths that are there, and those that are not null, where a step's `if` is true.
#[derive(Default)]
pub(super) struct Tested<'u>(BTreeMap<usize, Vec<(Vec<&'u Segment>, bool)>>);

impl<'u> Tested<'u> {
    pub(super) fn new(unit: &'u Unit<'_>) -> Self {
        let mut by_step: BTreeMap<usize, Vec<(Vec<&Segment>, bool)>> = BTreeMap::new();
        for site in &unit.templates.sites {
            let (Place::Condition(step), [expression]) = (site.place, site.text.expressions.as_slice()) else {
                continue;
            };
            let Some(tree) = tree(site.node.as_str().unwrap_or_default(), expression) else { continue };
            let mut found = Vec::new();
            assured(&tree, true, &mut found);
            let paths =
                found.iter().filter_map(|one| Some((expression.references.get(one.reference)?.path(), one.not_null)));
            by_step.entry(step).or_default().extend(paths);
        }
        Self(by_step)
    }

    /// The paths that are there wherever this site is computed, and whether they are not null either.
    pub(super) fn there(&self, site: &Site<'_>) -> Vec<(Vec<&'u Segment>, bool)> {
        let Some(step) = behind_condition(site) else { return Vec::new() };
        self.0.get(&step).cloned().unwrap_or_default()
    }

    /// Whether the reference is there wherever this site is computed; with `not_null`, whether it is not null either.
    pub(super) fn assures(&self, site: &Site<'_>, reference: &Reference, not_null: bool) -> bool {
        let Some(step) = behind_condition(site) else { return false };
        let path = reference.path();
        self.0.get(&step).is_some_and(|tested| {
            // What has a part that is there is not null.
            tested.iter().any(|(other, other_not_null)| {
                other.starts_with(&path) && (*other_not_null || !not_null || other.len() > path.len())
            })
        })
    }
}

/// The step whose `if` was true before this site is computed.
fn behind_condition(site: &Site<'_>) -> Option<usize> {
    site.place.step().filter(|_| !matches!(site.place, Place::Condition(_)))
}
