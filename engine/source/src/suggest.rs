//! "Did you mean": the real name nearest to a mistyped one.
//!
//! It only picks; wording the hint is the caller's.

use crate::limits::SUGGESTION_BYTES_MAX;

/// The candidate nearest to `name`, when it is near enough to be what was meant: at most one edit in three characters
/// (an edit is a letter added, left out, replaced, or swapped with its neighbour), letter case aside. Of equally near
/// candidates the alphabetically first wins, so that the answer does not depend on their order. `name` itself and
/// names above [`SUGGESTION_BYTES_MAX`] are never suggested.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.is_empty() || name.len() > SUGGESTION_BYTES_MAX {
        return None;
    }
    let folded = name.to_lowercase();
    let edits_max = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name && candidate.len() <= SUGGESTION_BYTES_MAX)
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(edits, candidate)| *edits <= edits_max && *edits < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, candidates: &[&str], expected: Option<&str>) {
        assert_eq!(nearest(name, candidates.iter().copied()), expected, "{name}");
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        check("contrct_id", &["contract", "contract_id", "name"], Some("contract_id"));
        check("steps", &["inputs", "outputs"], None);
        check("tiemout", &["timeout", "title"], Some("timeout"));
        check("Needs", &["needs", "uses"], Some("needs"));
        check("if", &["on", "in"], Some("in"));
        check("x", &["y", "z"], None);
        check("bat", &["cat", "bar", "hat"], Some("bar"));
        check("same", &["same"], None);
        check("", &["a"], None);
        check(&"a".repeat(10_000), &[&"a".repeat(9_999)], None);
    }
}
