//! How an operation's answer is told from a refusal and read, and how a list is paged through.

use super::load::Shared;
use super::lookup;
use super::names::Names;
use super::reader::{Fields, Reader};
use super::{Algorithm, Decode, DigestSpec, FileCheck, NullIs, Paging, PagingStyle, Response, StatusRange};
use crate::codes;
use crate::limits::PAGE_SIZE_MAX;
use engross_source::Node;

const KEYS: [&str; 11] = [
    "expect",
    "decode",
    "media_type",
    "check",
    "file_name",
    "digest",
    "ok_when",
    "done_when",
    "refused_when",
    "status_at",
    "null_is",
];
/// What can be said of all operations at once.
const DEFAULT_KEYS: [&str; 3] = ["expect", "status_at", "null_is"];

/// What an answer is where neither the operation nor the manifest says.
pub(super) fn plain() -> Response {
    Response {
        expect: vec![StatusRange { from: 200, to: 299 }],
        decode: Decode::Json,
        ok_when: Vec::new(),
        done_when: Vec::new(),
        refused_when: Vec::new(),
        status_at: None,
        null_is: NullIs::Value,
        digests: Vec::new(),
    }
}

/// `defaults.response`.
pub(super) fn defaults(reader: &mut Reader<'_>, node: Option<&Node>) -> Response {
    let mut response = plain();
    if let Some(fields) = node.and_then(|node| reader.fields(node, "`response`", &DEFAULT_KEYS)) {
        common(reader, &fields, &mut response);
    }
    response
}

fn common(reader: &mut Reader<'_>, fields: &Fields<'_>, response: &mut Response) {
    if let Some(node) = fields.get("expect") {
        response.expect = reader.statuses(node);
    }
    if let Some(node) = fields.get("status_at") {
        response.status_at = reader.pointer(node, "`status_at`");
    }
    if let Some(node) = fields.get("null_is") {
        let null_is = reader.word(node, "what null is", &["done", "not_found", "value"], |word| match word {
            "done" => Some(NullIs::Done),
            "not_found" => Some(NullIs::NotFound),
            "value" => Some(NullIs::Value),
            _ => None,
        });
        response.null_is = null_is.unwrap_or_default();
    }
}

/// `response:` of an operation.
pub(super) fn response(reader: &mut Reader<'_>, node: Option<&Node>, shared: &Shared<'_>, names: &Names) -> Response {
    let mut response = shared.response.clone();
    let Some(fields) = node.and_then(|node| reader.fields(node, "`response`", &KEYS)) else { return response };
    common(reader, &fields, &mut response);
    if let Some(node) = fields.get("done_when") {
        response.done_when = reader.statuses(node);
    }
    if let Some(node) = fields.get("ok_when") {
        response.ok_when = lookup::tests(reader, node, shared, &Names::default());
    }
    if let Some(node) = fields.get("refused_when") {
        response.refused_when = lookup::tests(reader, node, shared, &Names::default());
    }
    response.digests = reader.each(&fields, "digest", |reader, node| digest(reader, node, names));
    let media_type = reader.maybe_text(&fields, "media_type");
    let name = fields.get("file_name").and_then(|node| reader.template(node, "`file_name`", names));
    let check = fields
        .get("check")
        .and_then(|node| reader.word(node, "a check", &["pdf"], |word| (word == "pdf").then_some(FileCheck::Pdf)));
    if let Some(node) = fields.get("decode") {
        let decode = reader.word(node, "what a body is", &["file", "ignore", "json"], |word| match word {
            "json" => Some(Decode::Json),
            "ignore" => Some(Decode::Ignore),
            "file" => Some(Decode::File { media_type: media_type.clone(), check, name: name.clone() }),
            _ => None,
        });
        response.decode = decode.unwrap_or(response.decode);
    }
    response
}

fn digest(reader: &mut Reader<'_>, node: &Node, names: &Names) -> Option<DigestSpec> {
    let fields = reader.fields(node, "a digest", &["algorithm", "expected"])?;
    let algorithm = reader.need(&fields, "algorithm").and_then(|node| {
        reader.word(node, "an algorithm", &["sha256", "sha3_512"], |word| match word {
            "sha256" => Some(Algorithm::Sha256),
            "sha3_512" => Some(Algorithm::Sha3_512),
            _ => None,
        })
    });
    let expected = reader.need_template(&fields, "expected", names);
    algorithm.zip(expected).map(|(algorithm, expected)| DigestSpec { algorithm, expected })
}

/// `paging:`.
pub(super) fn paging(reader: &mut Reader<'_>, node: &Node, names: &Names) -> Option<Paging> {
    let keys = ["style", "size", "items", "items_absent", "id", "total", "next", "most"];
    let fields = reader.fields(node, "`paging`", &keys)?;
    let word = reader.need(&fields, "style").and_then(|node| {
        let known = ["cursor", "offset", "page"];
        reader.word(node, "a style of paging", &known, |word| known.into_iter().find(|known| *known == word))
    });
    let style = match word {
        Some("cursor") => {
            reader.need(&fields, "next").and_then(|node| reader.pointer(node, "`next`")).map(PagingStyle::Cursor)
        }
        Some("page") => Some(PagingStyle::Number),
        Some(_) => Some(PagingStyle::Offset),
        None => None,
    };
    if let (Some(node), Some("offset" | "page")) = (fields.get("next"), word) {
        reader.error(codes::WRONG_VALUE, node.span, "`next` is for the style `cursor`");
    }
    reader.need(&fields, "size");
    let size = reader.integer(&fields, "size", 1, PAGE_SIZE_MAX).and_then(|size| u64::try_from(size).ok());
    let items = reader.need(&fields, "items").and_then(|node| reader.pointer(node, "`items`"));
    let absent_is_empty = fields.get("items_absent").and_then(|node| {
        reader.word(node, "what absent items are", &["empty"], |word| (word == "empty").then_some(true))
    });
    let id = reader.need(&fields, "id").and_then(|node| reader.pointer(node, "`id`"));
    let total = fields.get("total").and_then(|node| reader.pointer(node, "`total`"));
    let most = fields.get("most").and_then(|node| reader.template(node, "`most`", names));
    Some(Paging {
        style: style?,
        size: size?,
        items: items?,
        absent_is_empty: absent_is_empty.unwrap_or_default(),
        id: id?,
        total,
        most,
    })
}
