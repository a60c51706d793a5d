//! The template as Tera gets it.
//!
//! Tera knows one level of absence: `a.b | default(value=1)` fails when `a` is absent too. A workflow's `default` must hold for
//! the whole path, because a skipped step has no entry at all. So each reference becomes one variable, bound to the value the
//! path leads to or to nothing, and one without a default passes a filter that refuses nothing by the path's name.

use super::filters::{AS_JSON, AS_TEXT, DEFINED};
use super::text::{Expression, Reference, Text, path_text};

/// The name of the variable that stands for reference number `index`.
pub(super) fn variable(index: usize) -> String {
    format!("__r{index}")
}

/// `source` with every reference replaced by its variable, counted through all expressions in order.
pub(super) fn rewrite(source: &str, found: &Text) -> String {
    let mut out = String::with_capacity(source.len() * 2);
    let mut index = 0;
    let mut at = 0;
    let filter = if found.whole { AS_JSON } else { AS_TEXT };
    for expression in &found.expressions {
        if !found.whole {
            out.push_str(source.get(at..expression.outer.start).unwrap_or_default());
        }
        let open = source.get(expression.outer.start..expression.inner.start).unwrap_or_default();
        let close = source.get(expression.inner.end..expression.outer.end).unwrap_or_default();
        out.push_str(open);
        out.push('(');
        index = inner(&mut out, source, expression, index);
        out.push_str(") | ");
        out.push_str(filter);
        out.push_str(close);
        at = expression.outer.end;
    }
    if !found.whole {
        out.push_str(source.get(at..).unwrap_or_default());
    }
    out
}

/// An edit of the source: at this offset, drop so many bytes and write this.
struct Edit {
    at: usize,
    drop: usize,
    write: String,
}

/// Writes one expression and returns the index of the next reference.
fn inner(out: &mut String, source: &str, expression: &Expression, first: usize) -> usize {
    let mut edits = Vec::new();
    for (offset, reference) in expression.references.iter().enumerate() {
        edit(&mut edits, reference, first + offset);
    }
    // A computed index holds references of its own, so that edits of two references interleave. The sort is stable, and at one
    // place the end of an inner reference comes before that of the outer one.
    edits.sort_by_key(|edit| edit.at);
    let mut at = expression.inner.start;
    for edit in edits {
        out.push_str(source.get(at..edit.at).unwrap_or_default());
        out.push_str(&edit.write);
        at = edit.at + edit.drop;
    }
    out.push_str(source.get(at..expression.inner.end).unwrap_or_default());
    first + expression.references.len()
}

fn edit(edits: &mut Vec<Edit>, reference: &Reference, index: usize) {
    let range = reference.static_range();
    let open = if reference.guarded { "" } else { "(" };
    edits.push(Edit { at: range.start, drop: range.len(), write: format!("{open}{}", variable(index)) });
    edits.extend(reference.accesses.iter().map(|at| Edit { at: *at, drop: 0, write: "?".to_owned() }));
    if !reference.guarded {
        let mut path = path_text(reference.path());
        if reference.computed() {
            path.push_str("[…]");
        }
        let path = path.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r");
        edits.push(Edit { at: reference.end, drop: 0, write: format!(" | {DEFINED}(at=\"{path}\"))") });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::scan;

    fn check(source: &str, expected: &str) {
        assert_eq!(rewrite(source, &scan(source)), expected);
    }

    #[test]
    fn references_become_variables() {
        check("{{ a.b | default(value=1) }}", "{{ (__r0 | default(value=1)) | __json }}");
        check(
            "x {{- a.b ~ 'y' }} {{ c }}",
            "x {{- ((__r0 | __defined(at=\"a.b\")) ~ 'y') | __text }} {{ ((__r1 | __defined(at=\"c\"))) | __text }}",
        );
        check(
            " {{ a.b[c.d].e }}\n",
            "{{ ((__r0?[(__r1 | __defined(at=\"c.d\"))]?.e | __defined(at=\"a.b[…]\"))) | __json }}",
        );
    }
}
