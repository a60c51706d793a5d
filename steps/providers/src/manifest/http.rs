//! What a request is made of: credentials, headers, the query and the body.

use super::load::{Shared, header_name};
use super::names::Names;
use super::reader::{Fields, Reader};
use super::{Body, Credential, HeaderSpec, Nulls, PartContent, PartSpec, Query};
use crate::codes;
use crate::template::Tree;
use engross_source::{Node, Span};
use reqwest::Method;
use std::collections::BTreeMap;

pub(super) const METHODS: [&str; 5] = ["DELETE", "GET", "PATCH", "POST", "PUT"];
const PLACES: [&str; 5] = ["basic", "bearer", "body", "header", "query"];
const ENCODINGS: [&str; 3] = ["form", "json", "multipart"];

/// One credential of a way to authenticate, and the methods that it is for; none for all.
#[derive(Clone, Debug)]
pub(super) struct Way {
    credential: Credential,
    methods: Vec<Method>,
}

/// How bodies are written where an operation does not say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BodyDefaults {
    encoding: Encoding,
    nulls: Nulls,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Encoding {
    #[default]
    Json,
    Form,
    Multipart,
}

/// A method by its name.
pub(super) fn method(reader: &mut Reader<'_>, node: &Node) -> Option<Method> {
    reader.word(node, "a method", &METHODS, |word| {
        METHODS.contains(&word).then(|| Method::from_bytes(word.as_bytes()).ok()).flatten()
    })
}

/// `auth:`, all ways by their names.
pub(super) fn auth(reader: &mut Reader<'_>, node: Option<&Node>, shared: &Shared<'_>) -> BTreeMap<String, Vec<Way>> {
    let mut ways = BTreeMap::from([("none".to_string(), Vec::new()), ("default".to_string(), Vec::new())]);
    let names = shared.names();
    for entry in node.map_or(&[][..], |node| reader.entries(node, "`auth`")) {
        let mut way = Vec::new();
        for item in reader.list(&entry.value, "a way to authenticate") {
            let keys = ["in", "name", "value", "username", "password", "methods"];
            let Some(fields) = reader.fields(item, "a credential", &keys) else { continue };
            let methods = reader.each(&fields, "methods", method);
            way.extend(credential(reader, &fields, &names).map(|credential| Way { credential, methods }));
        }
        ways.insert(entry.key.text.clone(), way);
    }
    ways
}

fn credential(reader: &mut Reader<'_>, fields: &Fields<'_>, names: &Names) -> Option<Credential> {
    let place = reader.need(fields, "in")?;
    let place = reader
        .word(place, "the place of a credential", &PLACES, |word| PLACES.iter().copied().find(|place| *place == word));
    match place? {
        "header" => {
            let name = reader.need(fields, "name").and_then(|node| header_name(reader, node));
            let value = reader.need_template(fields, "value", names);
            name.zip(value).map(|(name, value)| Credential::Header { name, value })
        }
        "bearer" => reader.need_template(fields, "value", names).map(Credential::Bearer),
        "basic" => {
            let username = reader.need_template(fields, "username", names);
            let password = reader.need_template(fields, "password", names);
            username.zip(password).map(|(username, password)| Credential::Basic { username, password })
        }
        place => {
            let name = reader.need_text(fields, "name").map(str::to_string);
            let (name, value) = name.zip(reader.need_template(fields, "value", names))?;
            Some(if place == "query" { Credential::Query { name, value } } else { Credential::Body { name, value } })
        }
    }
}

/// The credentials of an operation: those of its way that are for its method.
pub(super) fn credentials(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    shared: &Shared<'_>,
    method: Option<&Method>,
) -> Vec<Credential> {
    let known: Vec<&str> = shared.auth.keys().map(String::as_str).collect();
    let chosen = match fields.get("auth") {
        Some(node) => reader.word(node, "a way to authenticate", &known, |word| shared.auth.get(word).cloned()),
        None => shared.auth.get("default").cloned(),
    };
    let (Some(ways), Some(method)) = (chosen, method) else { return Vec::new() };
    let count = ways.len();
    let fits = |way: &Way| way.methods.is_empty() || way.methods.contains(method);
    let credentials: Vec<Credential> = ways.into_iter().filter(fits).map(|way| way.credential).collect();
    if count > 0 && credentials.is_empty() {
        let message = format!("the way to authenticate has no credential for {method}");
        reader.error_with(codes::BODY, fields.span, message, "name the method under `methods`, or say `auth: none`");
    }
    credentials
}

/// `headers:`, each a template, or `{ value, credential }`.
pub(super) fn headers(reader: &mut Reader<'_>, fields: &Fields<'_>, names: &Names) -> Vec<HeaderSpec> {
    let mut headers = Vec::new();
    for entry in fields.get("headers").map_or(&[][..], |node| reader.entries(node, "`headers`")) {
        let name = reqwest::header::HeaderName::from_bytes(entry.key.text.to_ascii_lowercase().as_bytes());
        let Ok(name) = name else {
            reader.error(codes::WRONG_VALUE, entry.key.span, format!("`{}` is no name of a header", entry.key.text));
            continue;
        };
        let (value, credential) = if entry.value.as_mapping().is_some() {
            let Some(fields) = reader.fields(&entry.value, "a header", &["value", "credential"]) else { continue };
            (reader.need_template(&fields, "value", names), reader.flag(&fields, "credential"))
        } else {
            (reader.template(&entry.value, "a header", names), false)
        };
        headers.extend(value.map(|value| HeaderSpec { name: name.as_str().to_string(), value, credential }));
    }
    headers
}

/// `query:`.
pub(super) fn query(reader: &mut Reader<'_>, node: Option<&Node>, names: &Names) -> Query {
    let Some(fields) = node.and_then(|node| reader.fields(node, "`query`", &["style", "tree"])) else {
        return Query::default();
    };
    let style = fields.get("style").and_then(|node| {
        reader.word(node, "a style of queries", &["brackets", "plain"], |word| match word {
            "brackets" => Some(true),
            "plain" => Some(false),
            _ => None,
        })
    });
    let entries = match reader.need(&fields, "tree").map(|node| (node, reader.tree(node, names))) {
        Some((_, Some(Tree::Map(entries)))) => entries,
        Some((node, Some(_))) => {
            reader.wrong_kind(node, "the tree of `query`", "a mapping");
            Vec::new()
        }
        Some((_, None)) | None => Vec::new(),
    };
    Query { entries, brackets: style.unwrap_or_default() }
}

/// `defaults.body`.
pub(super) fn body_defaults(reader: &mut Reader<'_>, node: Option<&Node>) -> BodyDefaults {
    let Some(fields) = node.and_then(|node| reader.fields(node, "`body`", &["encoding", "nulls"])) else {
        return BodyDefaults::default();
    };
    overridden(reader, &fields, BodyDefaults::default())
}

fn overridden(reader: &mut Reader<'_>, fields: &Fields<'_>, defaults: BodyDefaults) -> BodyDefaults {
    let encoding = fields.get("encoding").and_then(|node| {
        reader.word(node, "an encoding", &ENCODINGS, |word| match word {
            "json" => Some(Encoding::Json),
            "form" => Some(Encoding::Form),
            "multipart" => Some(Encoding::Multipart),
            _ => None,
        })
    });
    let nulls = fields.get("nulls").and_then(|node| {
        reader.word(node, "what becomes of null", &["empty", "omit", "refuse"], |word| match word {
            "empty" => Some(Nulls::Empty),
            "omit" => Some(Nulls::Omit),
            "refuse" => Some(Nulls::Refuse),
            _ => None,
        })
    });
    BodyDefaults { encoding: encoding.unwrap_or(defaults.encoding), nulls: nulls.unwrap_or(defaults.nulls) }
}

/// `body:`. Without it there is one only where a credential stands in it.
pub(super) fn body(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    shared: &Shared<'_>,
    names: &Names,
    credentials: &[Credential],
) -> Option<Body> {
    let Some(node) = node else {
        let in_body = credentials.iter().any(|credential| matches!(credential, Credential::Body { .. }));
        return in_body.then(|| empty_body(shared.body));
    };
    let fields = reader.fields(node, "`body`", &["encoding", "nulls", "tree", "parts"])?;
    let how = overridden(reader, &fields, shared.body);
    if how.encoding != Encoding::Form && fields.get("nulls").is_some() {
        reader.error(codes::BODY, fields.span, "`nulls` is about forms: JSON has a null of its own");
    }
    if how.encoding == Encoding::Multipart {
        misplaced(reader, &fields, "tree", "a multipart body has `parts`, a list, and no `tree`");
        let nodes = reader.need(&fields, "parts").map_or(&[][..], |node| reader.list(node, "`parts`"));
        return Some(Body::Multipart(nodes.iter().filter_map(|node| part(reader, node, names)).collect()));
    }
    misplaced(reader, &fields, "parts", "only a multipart body has `parts`");
    let node = reader.need(&fields, "tree")?;
    let tree = reader.tree(node, names)?;
    if how.encoding == Encoding::Json {
        return Some(Body::Json(tree));
    }
    if !matches!(tree, Tree::Map(_)) {
        reader.wrong_kind(node, "the tree of a form", "a mapping");
    }
    Some(Body::Form { tree, nulls: how.nulls })
}

fn empty_body(how: BodyDefaults) -> Body {
    let tree = Tree::Map(Vec::new());
    match how.encoding {
        Encoding::Json => Body::Json(tree),
        Encoding::Form => Body::Form { tree, nulls: how.nulls },
        Encoding::Multipart => Body::Multipart(Vec::new()),
    }
}

fn misplaced(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, message: &str) {
    if let Some(node) = fields.get(key) {
        reader.error(codes::BODY, Span::at(node.span.start), message);
    }
}

fn part(reader: &mut Reader<'_>, node: &Node, names: &Names) -> Option<PartSpec> {
    let fields = reader.fields(node, "a part", &["name", "value", "file"])?;
    let name = reader.need_template(&fields, "name", names);
    let content = match (fields.get("value"), fields.get("file")) {
        (Some(node), None) => reader.tree(node, names).map(PartContent::Value),
        (None, Some(node)) => reader.template(node, "`file`", names).map(PartContent::File),
        _ => {
            reader.error(codes::MISSING_KEY, fields.span, "a part has either `value` or `file`");
            None
        }
    };
    name.zip(content).map(|(name, content)| PartSpec { name, content })
}
