//! PaperlexML as far as it is documented: `{{key}}`, `{% n '#.#' %}`, and the `**bold**` of the samples. Rendering only.

use std::collections::{BTreeMap, BTreeSet};

use crate::html::escape;

/// The deepest section number the documents know: `#.#.#`.
const LEVELS: usize = 3;

/// A body cut at its tags.
enum Piece<'a> {
    Text(&'a str),
    Response(&'a str),
    Tag(&'a str),
}

/// One pass over the body; a tag that is not closed is text, and so is all that follows it.
fn pieces(body: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut text_start, mut at) = (0, 0);
    while let Some(found) = body.get(at..).and_then(|rest| rest.find('{')) {
        let start = at + found;
        let tail = body.get(start..).unwrap_or_default();
        let end = match tail.get(..2) {
            Some("{{") => "}}",
            Some("{%") => "%}",
            _ => {
                at = start + 1;
                continue;
            }
        };
        let Some((inner, _)) = tail.get(2..).and_then(|inner| inner.split_once(end)) else {
            break;
        };
        pieces.push(Piece::Text(body.get(text_start..start).unwrap_or_default()));
        pieces.push(if end == "}}" { Piece::Response(inner.trim()) } else { Piece::Tag(inner.trim()) });
        at = start + 4 + inner.len();
        text_start = at;
    }
    pieces.push(Piece::Text(body.get(text_start..).unwrap_or_default()));
    pieces
}

/// The keys a body asks for, each once, in order of appearance.
pub(super) fn response_keys(body: &str) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    let keys = pieces(body).into_iter().filter_map(|piece| match piece {
        Piece::Response(key) => Some(key),
        Piece::Text(_) | Piece::Tag(_) => None,
    });
    keys.filter(|key| seen.insert(*key)).collect()
}

/// The text as HTML, in which everything a client chose is escaped. `enhanced` puts a response's name where it is empty.
pub(super) fn render(body: &str, responses: &BTreeMap<String, String>, enhanced: bool) -> String {
    let mut flat = String::new();
    let mut numbers = [0_usize; LEVELS];
    for piece in pieces(body) {
        match piece {
            Piece::Text(text) => flat.push_str(&escape(text)),
            Piece::Response(key) => {
                let value = responses.get(key).map(String::as_str).filter(|value| !value.is_empty());
                flat.push_str(&escape(value.unwrap_or(if enhanced { key } else { "" })));
            }
            Piece::Tag(tag) => {
                flat.push_str(&number(tag, &mut numbers).unwrap_or_else(|| escape(&format!("{{% {tag} %}}"))))
            }
        }
    }
    let paragraphs = flat.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    paragraphs.map(|paragraph| format!("<p>{}</p>", bold(paragraph.trim()).replace('\n', "<br>"))).collect()
}

/// The next section number for `n '#.#'`; `None` for any other tag.
fn number(tag: &str, numbers: &mut [usize; LEVELS]) -> Option<String> {
    let format = tag.strip_prefix('n')?.trim();
    let format = format.trim_matches(['\'', '"']);
    let level = match format {
        "#" => 0,
        "#.#" => 1,
        "#.#.#" => 2,
        _ => return None,
    };
    for (index, number) in numbers.iter_mut().enumerate() {
        match index.cmp(&level) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => *number += 1,
            std::cmp::Ordering::Greater => *number = 0,
        }
    }
    let parts: Vec<String> = numbers.iter().take(level + 1).map(usize::to_string).collect();
    Some(format!("{}.", parts.join(".")))
}

/// Pairs of `**` become `<strong>`; a lone one stays.
fn bold(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some((before, (inner, after))) =
        rest.split_once("**").and_then(|(before, rest)| Some((before, rest.split_once("**")?)))
    {
        html.push_str(before);
        html.push_str("<strong>");
        html.push_str(inner);
        html.push_str("</strong>");
        rest = after;
    }
    html.push_str(rest);
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, enhanced: bool, expected: &str) {
        let responses = BTreeMap::from([("party_a".to_owned(), "Ann <& Co>".to_owned())]);
        assert_eq!(render(body, &responses, enhanced), expected, "{body}");
    }

    #[test]
    fn the_numbers_are_those_of_the_documents() {
        let body = "{% n '#' %} a\n{% n '#.#' %} b\n{% n '#.#' %} c\n{% n '#' %} d\n{% n '#.#' %} e\n{% n '#.#.#' %} f\n{% n '#.#.#' %} g";
        check(body, false, "<p>1. a<br>1.1. b<br>1.2. c<br>2. d<br>2.1. e<br>2.1.1. f<br>2.1.2. g</p>");
    }

    #[test]
    fn responses_are_put_in_escaped() {
        check("By **{{ party_a }}** and {{party_b}}.", false, "<p>By <strong>Ann &lt;&amp; Co&gt;</strong> and .</p>");
        check("By {{party_b}}", true, "<p>By party_b</p>");
        check("one\n\ntwo <b> {{open ** {% if %}", false, "<p>one</p><p>two &lt;b&gt; {{open ** {% if %}</p>");
        check("{{{party_a}}} {x} {", false, "<p>} {x} {</p>");
        check("{% if x %}", false, "<p>{% if x %}</p>");
        assert_eq!(response_keys("{{b}} {{ a }} {{b}}"), ["b", "a"]);
    }
}
