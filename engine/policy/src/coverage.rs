//! What the rules leave over: whether a rule can match at all, and whether some rule always does.
//!
//! A rule is a box: for each input a set. What is left over is a list of boxes without overlap, and every rule cuts its own box
//! out of each. The list is bounded; beyond that nothing is claimed.

use crate::limits::PIECES_MAX;
use crate::set::Set;
use crate::table::PolicyInput;
use std::collections::BTreeMap;

/// For each input the values; an input that is not there may have all of its values.
pub(crate) type Box_ = BTreeMap<String, Set>;

/// What the rules leave over, as far as they were taken.
pub(crate) struct Rest<'a> {
    inputs: &'a BTreeMap<String, PolicyInput>,
    /// None once there are too many to say anything.
    pieces: Option<Vec<Box_>>,
}

impl<'a> Rest<'a> {
    /// Everything.
    pub(crate) fn new(inputs: &'a BTreeMap<String, PolicyInput>) -> Self {
        Self { inputs, pieces: Some(vec![Box_::new()]) }
    }

    /// Takes a rule's values out, and says whether any were left for it; nothing when that is not known.
    pub(crate) fn take(&mut self, rule: &Box_) -> Option<bool> {
        let pieces = self.pieces.take()?;
        let mut left = Vec::new();
        let mut any = false;
        for piece in pieces {
            if self.overlaps(&piece, rule) {
                any = true;
                self.cut(piece, rule, &mut left);
            } else {
                left.push(piece);
            }
            if left.len() > PIECES_MAX {
                return None;
            }
        }
        self.pieces = Some(left);
        Some(any)
    }

    /// Values that nothing was taken for, if there are any. None when it is not known.
    pub(crate) fn sample(&self) -> Option<Option<BTreeMap<String, serde_json::Value>>> {
        let pieces = self.pieces.as_ref()?;
        Some(pieces.first().map(|piece| {
            let value = |name: &String| self.values(piece, name).sample().unwrap_or_default();
            self.inputs.keys().map(|name| (name.clone(), value(name))).collect()
        }))
    }

    fn values(&self, piece: &Box_, input: &str) -> Set {
        let all = || self.inputs.get(input).map(|input| input.values.clone());
        piece.get(input).cloned().or_else(all).unwrap_or(Set::Texts(std::collections::BTreeSet::new()))
    }

    /// Whether two boxes have anything in common.
    pub(crate) fn overlaps(&self, a: &Box_, b: &Box_) -> bool {
        b.iter().all(|(input, values)| !self.values(a, input).intersect(values).is_empty())
    }

    /// What is left of `piece` without `rule`, as boxes that do not overlap: for each input what the rule does not accept there,
    /// while the inputs before it have values that the rule accepts.
    fn cut(&self, mut piece: Box_, rule: &Box_, left: &mut Vec<Box_>) {
        for (input, accepted) in rule {
            let values = self.values(&piece, input);
            let outside = values.minus(accepted);
            if !outside.is_empty() {
                let mut part = piece.clone();
                part.insert(input.clone(), outside);
                left.push(part);
            }
            piece.insert(input.clone(), values.intersect(accepted));
        }
    }
}
