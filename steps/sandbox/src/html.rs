//! HTML pages that work without scripts and load nothing. Escaping is here, once, for every page.

use std::fmt::Write as _;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:38rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem;line-height:1.25;margin:.2rem 0 1rem;overflow-wrap:anywhere}\
dl{border-top:1px solid #8886;margin:1.5rem 0}\
dl div{border-bottom:1px solid #8886;padding:.5rem 0}\
dt{font-size:.875rem;opacity:.75}dd{margin:0;overflow-wrap:anywhere;white-space:pre-wrap}\
table{border-collapse:collapse;margin:1.5rem 0}td{border:1px solid #8886;padding:.25rem .6rem}\
label{display:block;font-weight:600}\
input{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;margin:.25rem 0 1rem}\
button{font:inherit;padding:.5rem 1.25rem;margin-right:.5rem;min-height:2.75rem}\
.note{border-left:4px solid #888;padding:.5rem .75rem}.error{border-color:#c00}";

/// A whole page around its main part.
pub(crate) fn shell(title: &str, main: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main>{main}</main></body></html>"
    )
}

/// Appends to a text.
pub(crate) fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).expect("writing to a String cannot fail");
}

/// Text for HTML content and for quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
