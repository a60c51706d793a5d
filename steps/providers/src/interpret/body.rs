//! Bodies on the wire: JSON, forms with brackets, multipart. Pure: files come as bytes.

use super::request::encode;
use crate::limits::{FORM_DEPTH_MAX, FORM_PAIRS_MAX};
use crate::manifest::Nulls;
use crate::template::text_of;
use bytes::Bytes;
use engross_step_api::FileRef;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What is sent, before it is bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    Json(Value),
    Form(Vec<Pair>),
    Multipart(Vec<Part>),
}

/// `a[b]=c` as `["a", "b"]` and `c`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) key: Vec<String>,
    pub(super) value: String,
}

/// One part of a multipart body.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) content: Content,
}

/// What a part holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Text(String),
    /// A kept file, by its digest.
    File(FileRef),
}

impl Body {
    pub(super) fn media_type(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/json",
            Self::Form(_) => "application/x-www-form-urlencoded",
            Self::Multipart(_) => "multipart/form-data",
        }
    }

    /// The body as people are shown it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Json(value) => serde_json::to_string_pretty(value).unwrap_or_default(),
            Self::Form(pairs) => form(pairs, true),
            Self::Multipart(parts) => parts.iter().map(shown).collect::<Vec<_>>().join("\n"),
        }
    }
}

fn shown(part: &Part) -> String {
    match &part.content {
        Content::Text(text) => format!("{}: {text}", part.name),
        Content::File(file) => {
            let name = file.name.as_deref().unwrap_or("file");
            format!("{}: <{name}, {}, {} bytes>", part.name, file.media_type, file.size)
        }
    }
}

/// The pairs of a form. What a form cannot say is an error, because leaving it out would say something else.
pub(super) fn pairs(value: &Value, nulls: Nulls) -> Result<Vec<Pair>, String> {
    let mut pairs = Vec::new();
    if let Value::Object(map) = value {
        for (name, value) in map {
            add(&mut pairs, vec![name.clone()], value, nulls)?;
        }
    }
    Ok(pairs)
}

/// The pairs that one value becomes under a key.
pub(super) fn add(pairs: &mut Vec<Pair>, key: Vec<String>, value: &Value, nulls: Nulls) -> Result<(), String> {
    let name = || bracketed(&key, "[", "]", str::to_string);
    if key.len() > FORM_DEPTH_MAX || pairs.len() >= FORM_PAIRS_MAX {
        return Err(format!("`{}` makes the form too deep or too long", name()));
    }
    match value {
        Value::Null => match nulls {
            Nulls::Refuse => return Err(format!("`{}` is null, which a form cannot say", name())),
            Nulls::Omit => {}
            Nulls::Empty => pairs.push(Pair { key, value: String::new() }),
        },
        Value::Object(map) if map.is_empty() => {
            return Err(format!("`{}` is an empty mapping, which a form cannot say: leave it out", name()));
        }
        Value::Array(items) if items.is_empty() => {
            return Err(format!("`{}` is an empty list, which a form cannot say: leave it out", name()));
        }
        Value::Object(map) => {
            for (inner, value) in map {
                let key = key.iter().cloned().chain([inner.clone()]).collect();
                add(pairs, key, value, nulls)?;
            }
        }
        Value::Array(items) => {
            for item in items {
                if item.is_array() || item.is_object() {
                    return Err(format!("`{}` is a list of more than texts, which a form cannot say", name()));
                }
                let key = key.iter().cloned().chain([String::new()]).collect();
                add(pairs, key, item, nulls)?;
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => pairs.push(Pair { key, value: text_of(value) }),
    }
    Ok(())
}

/// `a=b&c[d]=e`, values percent-encoded with `%20` for a space, brackets as they are.
pub(super) fn form(pairs: &[Pair], preview: bool) -> String {
    joined(pairs, "[", "]", preview)
}

/// The same for an address, in which brackets are percent-encoded too.
pub(super) fn query(pairs: &[Pair], preview: bool) -> String {
    joined(pairs, "%5B", "%5D", preview)
}

fn joined(pairs: &[Pair], open: &str, close: &str, preview: bool) -> String {
    let pair = |pair: &Pair| {
        let key = bracketed(&pair.key, open, close, |segment| encode(segment, preview));
        format!("{key}={}", encode(&pair.value, preview))
    };
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

pub(super) fn bracketed(key: &[String], open: &str, close: &str, write: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    for (at, segment) in key.iter().enumerate() {
        let segment = write(segment);
        if at == 0 {
            text.push_str(&segment);
        } else {
            text.extend([open, segment.as_str(), close]);
        }
    }
    text
}

/// The bytes of a multipart body and its media type with the boundary. The boundary is a digest of what stands between
/// the boundaries, so the same parts are the same bytes, and no part can hold it.
pub(super) fn multipart(parts: &[(Part, Bytes)]) -> (Bytes, String) {
    let mut digest = Sha256::new();
    for (part, content) in parts {
        digest.update(part.name.len().to_be_bytes());
        digest.update(part.name.as_bytes());
        digest.update(content.len().to_be_bytes());
        digest.update(content);
    }
    let boundary = format!("engross-{}", hex::encode(digest.finalize()).get(..32).unwrap_or_default());
    let mut body = Vec::new();
    for (part, content) in parts {
        let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(&part.name));
        if let Content::File(file) = &part.content {
            let name = file.name.as_deref().unwrap_or("file");
            let media_type: String = file.media_type.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect();
            head.push_str(&format!("; filename=\"{}\"\r\nContent-Type: {media_type}", quoted(name)));
        }
        head.push_str("\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (body.into(), format!("multipart/form-data; boundary={boundary}"))
}

/// A name inside of quotes as the HTML standard writes it.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// A page with a form that a person's browser sends. It has no script: the person presses the button.
pub(super) fn page(title: &str, method: &str, url: &str, pairs: &[Pair]) -> String {
    let field = |pair: &Pair| {
        let name = bracketed(&pair.key, "[", "]", str::to_string);
        format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", escaped(&name), escaped(&pair.value))
    };
    let fields: String = pairs.iter().map(field).collect();
    let (title, method, url) = (escaped(title), escaped(&method.to_lowercase()), escaped(url));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n</head>\n<body>\n\
         <h1>{title}</h1>\n<form method=\"{method}\" action=\"{url}\">\n{fields}<button type=\"submit\">Continue</button>\n\
         </form>\n</body>\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: Value, nulls: Nulls, expected: Result<&str, &str>) {
        let found = pairs(&value, nulls).map(|pairs| form(&pairs, false));
        assert_eq!(found, expected.map(str::to_string).map_err(str::to_string), "{value}");
    }

    #[test]
    fn forms_have_brackets_and_percent_twenty() {
        let contract = json!({"contract": {"subject": "My First NDA", "responses": {"party_a": "John Smith & Söhne"}}});
        let text = "contract[responses][party_a]=John%20Smith%20%26%20S%C3%B6hne&contract[subject]=My%20First%20NDA";
        check(contract, Nulls::Refuse, Ok(text));
        check(json!({"a": [1, "b c", true]}), Nulls::Refuse, Ok("a[]=1&a[]=b%20c&a[]=true"));
        check(json!({"a[b]": {"c=&": "+"}}), Nulls::Refuse, Ok("a%5Bb%5D[c%3D%26]=%2B"));
        check(json!({"a": ""}), Nulls::Refuse, Ok("a="));
    }

    #[test]
    fn what_a_form_cannot_say_is_refused() {
        check(
            json!({"a": {"b": {}}}),
            Nulls::Empty,
            Err("`a[b]` is an empty mapping, which a form cannot say: leave it out"),
        );
        check(json!({"a": []}), Nulls::Empty, Err("`a` is an empty list, which a form cannot say: leave it out"));
        check(json!({"a": [[1]]}), Nulls::Empty, Err("`a` is a list of more than texts, which a form cannot say"));
        check(json!({"a": {"b": null}}), Nulls::Refuse, Err("`a[b]` is null, which a form cannot say"));
        check(json!({"a": {"b": null}, "c": 1}), Nulls::Empty, Ok("a[b]=&c=1"));
        check(json!({"a": {"b": null}, "c": 1}), Nulls::Omit, Ok("c=1"));
        let deep = (0..40).fold(json!(1), |inner, _| json!({"a": inner}));
        assert!(pairs(&deep, Nulls::Refuse).is_err_and(|problem| problem.ends_with("too deep or too long")));
    }

    #[test]
    fn names_of_parts_cannot_break_out() {
        let file = FileRef {
            sha256: String::new(),
            size: 1,
            media_type: "text/plain\r\nx: y".to_string(),
            name: Some("a\"\r\nb.docx".to_string()),
        };
        let part = Part { name: "fi\"le".to_string(), content: Content::File(file) };
        let (body, kind) = multipart(&[(part, Bytes::from_static(b"x"))]);
        let boundary = kind.split_once("boundary=").expect("a boundary").1;
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"fi%22le\"; filename=\"a%22%0D%0Ab.docx\"\r\n\
             Content-Type: text/plainx: y\r\n\r\nx\r\n--{boundary}--\r\n"
        );
        assert_eq!(String::from_utf8_lossy(&body), expected);
    }

    #[test]
    fn pages_are_escaped() {
        let pairs = pairs(&json!({"responses": {"a": "\"><script>'&"}}), Nulls::Refuse).expect("pairs");
        let page = page("<T>", "POST", "https://x.example/?a=1&b=\"", &pairs);
        assert!(page.contains("name=\"responses[a]\" value=\"&quot;&gt;&lt;script&gt;&#39;&amp;\""), "{page}");
        assert!(page.contains("action=\"https://x.example/?a=1&amp;b=&quot;\""), "{page}");
        assert!(!page.contains("<script"), "{page}");
    }
}
