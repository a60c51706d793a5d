//! The filters that templates may use: those of Tera that are pure and bounded, and ours.
//!
//! Ours replace Tera's where Tera's could make a text of any size (`join`, `replace`, `str`), take quadratic time (`unique`) or
//! answer in an order that changes from run to run (`keys`); `json_encode` and `slugify` Tera itself does not have. Filters
//! that escape for HTML, and `safe`, are left out: workflows make no HTML.

use super::bounded::{check_length, text, to_json};
use super::scan::Callable;
use crate::limits::UNIQUE_ITEMS_MAX;
use sha2::{Digest, Sha256};
use tera::{Error, Kwargs, State, Tera, TeraResult, Value};

/// Every filter with its arguments.
pub(super) const FILTERS: &[Callable] = &[
    Callable { name: "abs", arguments: &[] },
    Callable { name: "capitalize", arguments: &[] },
    Callable { name: "default", arguments: &[("value", true), ("boolean", false)] },
    Callable { name: "first", arguments: &[] },
    Callable { name: "float", arguments: &[] },
    Callable { name: "get", arguments: &[("key", true), ("default", false)] },
    Callable { name: "int", arguments: &[("base", false)] },
    Callable { name: "join", arguments: &[("sep", false)] },
    Callable { name: "json_encode", arguments: &[] },
    Callable { name: "keys", arguments: &[] },
    Callable { name: "last", arguments: &[] },
    Callable { name: "length", arguments: &[] },
    Callable { name: "lower", arguments: &[] },
    Callable { name: "nth", arguments: &[("n", true)] },
    Callable { name: "replace", arguments: &[("from", true), ("to", true)] },
    Callable { name: "reverse", arguments: &[] },
    Callable { name: "round", arguments: &[("method", false), ("precision", false)] },
    Callable { name: "slugify", arguments: &[] },
    Callable { name: "sort", arguments: &[("attribute", false)] },
    Callable { name: "split", arguments: &[("pat", true)] },
    Callable { name: "str", arguments: &[] },
    Callable { name: "title", arguments: &[] },
    Callable { name: "trim", arguments: &[("pat", false)] },
    Callable { name: "trim_end", arguments: &[("pat", false)] },
    Callable { name: "trim_start", arguments: &[("pat", false)] },
    Callable { name: "truncate", arguments: &[("length", true), ("end", false)] },
    Callable { name: "unique", arguments: &[] },
    Callable { name: "upper", arguments: &[] },
];

/// The filter that the rewritten template ends a whole expression with: the value as JSON text.
pub(super) const AS_JSON: &str = "__json";

/// The filter that the rewritten template ends every other expression with: the value as text.
pub(super) const AS_TEXT: &str = "__text";

/// The filter that the rewritten template puts behind every reference without a default: refuses what is not there.
pub(super) const DEFINED: &str = "__defined";

/// A Tera with our filters and no template.
pub(super) fn tera() -> Tera {
    let mut tera = Tera::new();
    tera.register_filter("join", join);
    tera.register_filter("json_encode", json_encode);
    tera.register_filter("keys", keys);
    tera.register_filter("replace", replace);
    tera.register_filter("slugify", |value: &str, _: Kwargs, _: &State| slugify(value));
    tera.register_filter("str", as_text);
    tera.register_filter("unique", unique);
    tera.register_filter(AS_JSON, json_encode);
    tera.register_filter(AS_TEXT, as_text);
    tera.register_filter(DEFINED, defined);
    tera
}

fn refuse(message: String) -> Error {
    Error::message(message)
}

fn json_encode(value: Value, _: Kwargs, _: &State) -> TeraResult<String> {
    let encoded = to_json(&value).map_err(refuse)?.to_string();
    check_length(encoded.len()).map_err(refuse)?;
    Ok(encoded)
}

fn as_text(value: Value, _: Kwargs, _: &State) -> TeraResult<String> {
    to_json(&value).and_then(|json| text(&json)).map_err(refuse)
}

fn defined(value: Value, kwargs: Kwargs, _: &State) -> TeraResult<Value> {
    if value.is_undefined() {
        let path: &str = kwargs.must_get("at")?;
        return Err(refuse(no_value(path)));
    }
    Ok(value)
}

/// What is said of a reference that leads nowhere.
pub(super) fn no_value(path: &str) -> String {
    format!("`{path}` has no value; where it may be absent, write `| default(value=…)` behind it")
}

fn join(items: &[Value], kwargs: Kwargs, _: &State) -> TeraResult<String> {
    let separator: &str = kwargs.get("sep")?.unwrap_or("");
    let mut joined = String::new();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&to_json(item).and_then(|json| text(&json)).map_err(refuse)?);
        check_length(joined.len()).map_err(refuse)?;
    }
    Ok(joined)
}

fn replace(value: &str, kwargs: Kwargs, _: &State) -> TeraResult<String> {
    let from: &str = kwargs.must_get("from")?;
    let to: &str = kwargs.must_get("to")?;
    let grown = value.matches(from).count().saturating_mul(to.len().saturating_sub(from.len()));
    check_length(value.len().saturating_add(grown)).map_err(refuse)?;
    Ok(value.replace(from, to))
}

fn unique(items: &[Value], _: Kwargs, _: &State) -> TeraResult<Vec<Value>> {
    if items.len() > UNIQUE_ITEMS_MAX {
        return Err(refuse(format!(
            "`unique` takes lists of up to {UNIQUE_ITEMS_MAX} items, this one has {}",
            items.len()
        )));
    }
    let mut kept: Vec<Value> = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(item) {
            kept.push(item.clone());
        }
    }
    Ok(kept)
}

fn keys(value: Value, _: Kwargs, _: &State) -> TeraResult<Vec<String>> {
    let map = value.as_map().ok_or_else(|| refuse(format!("`keys` takes a map, not {}", value.name())))?;
    let mut keys: Vec<String> = map.keys().map(ToString::to_string).collect();
    keys.sort();
    Ok(keys)
}

/// A name for a path or an address: lower-case ASCII letters and digits with single dashes between. The Latin letters of European
/// names are spelled without their marks; a text that holds nothing to keep is named by its hash, so that no two of
/// them share a path.
fn slugify(value: &str) -> String {
    let mut slug = String::with_capacity(value.len());
    for c in value.chars().flat_map(char::to_lowercase) {
        let spelled: &str = match c {
            'a'..='z' | '0'..='9' => {
                slug.push(c);
                continue;
            }
            'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => "a",
            'ç' | 'ć' | 'č' => "c",
            'ď' | 'đ' | 'ð' => "d",
            'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
            'ğ' | 'ģ' => "g",
            'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => "i",
            'ķ' => "k",
            'ł' | 'ľ' | 'ļ' => "l",
            'ñ' | 'ń' | 'ň' | 'ņ' => "n",
            'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ő' => "o",
            'ŕ' | 'ř' => "r",
            'ś' | 'š' | 'ş' | 'ș' => "s",
            'ť' | 'ţ' | 'ț' => "t",
            'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => "u",
            'ý' | 'ÿ' => "y",
            'ź' | 'ż' | 'ž' => "z",
            'æ' => "ae",
            'œ' => "oe",
            'ß' => "ss",
            'þ' => "th",
            // What is left of a letter whose lower case is a letter and a mark.
            '\u{300}'..='\u{36f}' | '\'' | '’' => continue,
            _ if slug.is_empty() || slug.ends_with('-') => continue,
            _ => "-",
        };
        slug.push_str(spelled);
    }
    slug.truncate(slug.trim_end_matches('-').len());
    if slug.is_empty() && !value.is_empty() {
        slug = hex::encode(Sha256::digest(value)).chars().take(12).collect();
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_safe_in_a_path_and_never_empty() {
        for (value, expected) in [
            ("Acme Ltd.", "acme-ltd"),
            ("  Müller & Söhne GmbH ", "muller-sohne-gmbh"),
            ("O'Neil’s / Straße", "oneils-strasse"),
            ("../../etc/passwd", "etc-passwd"),
            ("İstanbul", "istanbul"),
            ("株式会社", "e6843c6eb529"),
            ("", ""),
        ] {
            assert_eq!(slugify(value), expected);
        }
    }

    #[test]
    fn every_filter_of_the_list_exists() {
        for callable in FILTERS {
            let needed =
                callable.arguments.iter().filter(|(_, required)| *required).map(|(name, _)| format!("{name}='x'"));
            let template = format!("{{{{ 'x' | {}({}) }}}}", callable.name, needed.collect::<Vec<_>>().join(", "));
            let result = tera().add_raw_template("t", &template);
            assert!(result.is_ok(), "{template}: {result:?}");
        }
        for callable in super::super::predicates::TESTS {
            let template = format!("{{{{ x is {} }}}}", callable.name);
            let result = tera().add_raw_template("t", &template);
            assert!(result.is_ok(), "{template}: {result:?}");
        }
    }
}
