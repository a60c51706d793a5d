//! `webhooks.verify`: the ways in which a sender proves who it is. Checking a delivery by them is in
//! [`crate::interpret`].

use super::load::header_name;
use super::names::Names;
use super::reader::{Fields, Reader};
use crate::codes;
use crate::keys::{KeyKind, PublicKey};
use crate::limits::{TOLERANCE_S_DEFAULT, TOLERANCE_S_MAX};
use crate::template::{Expr, Part, Template};
use engross_source::Node;

/// One way in which a sender proves who it is.
#[derive(Clone, Debug)]
pub(crate) struct Verify {
    /// In lower case.
    pub(crate) header: String,
    pub(crate) scheme: Scheme,
    /// What stands before the signature in the header: `sha256=`.
    pub(crate) prefix: String,
    /// How the header is made up where it holds more than the signature.
    pub(crate) form: Vec<FormPiece>,
    /// What is signed.
    pub(crate) over: Vec<Piece>,
    /// The header that holds the time, where `form` does not.
    pub(crate) timestamp: Option<String>,
    /// How far the time that is signed may be from the receipt, in milliseconds; none where no time is signed.
    pub(crate) tolerance_ms: Option<u64>,
    /// The sender's key where everybody has the same one.
    pub(crate) public_key: Option<PublicKey>,
}

impl Verify {
    /// A signature over the raw body that stands in a header by itself.
    pub(crate) fn plain(header: String, scheme: Scheme, prefix: String) -> Self {
        Self {
            header,
            scheme,
            prefix,
            form: Vec::new(),
            over: vec![Piece::Body],
            timestamp: None,
            tolerance_ms: None,
            public_key: None,
        }
    }
}

/// A piece of a header's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FormPiece {
    Text(String),
    Timestamp,
    Signature,
}

/// A piece of what is signed.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Text(String),
    /// The time as it was sent.
    Timestamp,
    /// The raw bytes.
    Body,
    /// Something of the decoded body (`doc`) or of the headers (`headers`).
    Field(Expr),
}

/// How a webhook's secret is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Hmac(Hash, Encoding),
    /// With the sender's private key; what the connection holds is the public one.
    Signed(KeyKind, Encoding),
    /// The secret itself is sent.
    Plain,
    /// The secret is `user:password`, sent as browsers do.
    Basic,
}

/// The hash of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    /// Only for senders that have nothing better; as an HMAC it is not broken.
    Sha1,
    Sha256,
    Sha512,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Hex,
    Base64,
}

/// Every scheme by its name.
const SCHEMES: [(&str, Scheme); 16] = [
    ("basic", Scheme::Basic),
    ("ecdsa_p256_sha256_base64", Scheme::Signed(KeyKind::EcdsaP256, Encoding::Base64)),
    ("ecdsa_p256_sha256_hex", Scheme::Signed(KeyKind::EcdsaP256, Encoding::Hex)),
    ("ed25519_base64", Scheme::Signed(KeyKind::Ed25519, Encoding::Base64)),
    ("ed25519_hex", Scheme::Signed(KeyKind::Ed25519, Encoding::Hex)),
    ("hmac_sha1_base64", Scheme::Hmac(Hash::Sha1, Encoding::Base64)),
    ("hmac_sha1_hex", Scheme::Hmac(Hash::Sha1, Encoding::Hex)),
    ("hmac_sha256_base64", Scheme::Hmac(Hash::Sha256, Encoding::Base64)),
    ("hmac_sha256_hex", Scheme::Hmac(Hash::Sha256, Encoding::Hex)),
    ("hmac_sha512_base64", Scheme::Hmac(Hash::Sha512, Encoding::Base64)),
    ("hmac_sha512_hex", Scheme::Hmac(Hash::Sha512, Encoding::Hex)),
    ("plain", Scheme::Plain),
    ("rsa_pss_sha256_base64", Scheme::Signed(KeyKind::RsaPss, Encoding::Base64)),
    ("rsa_pss_sha256_hex", Scheme::Signed(KeyKind::RsaPss, Encoding::Hex)),
    ("rsa_sha256_base64", Scheme::Signed(KeyKind::Rsa, Encoding::Base64)),
    ("rsa_sha256_hex", Scheme::Signed(KeyKind::Rsa, Encoding::Hex)),
];

impl Scheme {
    /// All names, as manifests and configurations write them.
    pub(crate) fn names() -> Vec<&'static str> {
        SCHEMES.iter().map(|(name, _)| *name).collect()
    }

    /// The scheme of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        SCHEMES.iter().find(|(known, _)| *known == name).map(|(_, scheme)| *scheme)
    }

    /// The kind of the public key, for those that have one.
    pub(crate) fn key_kind(self) -> Option<KeyKind> {
        if let Self::Signed(kind, _) = self { Some(kind) } else { None }
    }

    fn signs(self) -> bool {
        matches!(self, Self::Hmac(..) | Self::Signed(..))
    }
}

const KEYS: [&str; 8] = ["header", "scheme", "prefix", "form", "over", "timestamp", "tolerance_s", "public_key"];

/// `verify:`, one way or a list of them of which any is enough.
pub(super) fn verify(reader: &mut Reader<'_>, node: &Node) -> Vec<Verify> {
    reader.one_or_more(node).into_iter().filter_map(|node| way(reader, node)).collect()
}

fn way(reader: &mut Reader<'_>, node: &Node) -> Option<Verify> {
    let fields = reader.fields(node, "`verify`", &KEYS)?;
    let scheme = reader.need(&fields, "scheme");
    let scheme = scheme.and_then(|node| reader.word(node, "a scheme", &Scheme::names(), Scheme::named));
    let header = match (fields.get("header"), scheme) {
        (None, Some(Scheme::Basic)) => Some("authorization".to_string()),
        _ => reader.need(&fields, "header").and_then(|node| header_name(reader, node)),
    };
    let prefix = reader.maybe_text(&fields, "prefix").unwrap_or_default();
    if let Some(scheme) = scheme {
        useless(reader, &fields, scheme);
    }
    let form = fields.get("form").map_or_else(Vec::new, |node| form(reader, node));
    let over = match fields.get("over") {
        Some(node) => over(reader, node),
        None => vec![Piece::Body],
    };
    let timestamp = fields.get("timestamp").and_then(|node| header_name(reader, node));
    let is_signed = over.iter().any(|piece| matches!(piece, Piece::Timestamp));
    let is_sent = timestamp.is_some() || form.contains(&FormPiece::Timestamp);
    match (is_signed, is_sent, fields.get("tolerance_s")) {
        (true, false, _) => {
            let message = "`over` has a time, and neither `form` nor `timestamp` says where it stands";
            let hint = "write `form: \"${timestamp}.${signature}\"`, or name the header: `timestamp: x-timestamp`";
            reader.error_with(codes::WRONG_VALUE, fields.span, message, hint);
        }
        (false, true, _) | (false, _, Some(_)) => {
            let message = "a time that is not signed proves nothing: name it in `over`, as in `${timestamp}.${body}`";
            reader.error(codes::WRONG_VALUE, fields.span, message);
        }
        (true, true, _) | (false, false, None) => {}
    }
    let tolerance_s = reader.integer(&fields, "tolerance_s", 1, TOLERANCE_S_MAX).unwrap_or(TOLERANCE_S_DEFAULT);
    let public_key = public_key(reader, &fields, scheme);
    Some(Verify {
        header: header?,
        scheme: scheme?,
        prefix,
        form,
        over,
        timestamp,
        tolerance_ms: is_signed.then(|| tolerance_s.unsigned_abs().saturating_mul(1000)),
        public_key,
    })
}

/// Keys that mean nothing for a scheme.
fn useless(reader: &mut Reader<'_>, fields: &Fields<'_>, scheme: Scheme) {
    let signing = ["form", "over", "timestamp", "tolerance_s"].map(|key| (key, scheme.signs()));
    for (key, has_use) in signing.into_iter().chain([("public_key", scheme.key_kind().is_some())]) {
        if let Some(node) = fields.get(key).filter(|_| !has_use) {
            reader.error(codes::WRONG_VALUE, node.span, format!("`{key}` has no use with this scheme"));
        }
    }
}

fn public_key(reader: &mut Reader<'_>, fields: &Fields<'_>, scheme: Option<Scheme>) -> Option<PublicKey> {
    let (node, kind) = fields.get("public_key").zip(scheme.and_then(Scheme::key_kind))?;
    let text = reader.text(node, "`public_key`")?;
    PublicKey::parse(kind, text)
        .map_err(|problem| reader.error(codes::WRONG_VALUE, node.span, format!("`public_key` {problem}")))
        .ok()
}

/// `form:`, which has a signature and may have a time.
fn form(reader: &mut Reader<'_>, node: &Node) -> Vec<FormPiece> {
    let names = Names::default().with("signature").with("timestamp");
    let Some(Template { parts }) = reader.template(node, "`form`", &names) else { return Vec::new() };
    let mut pieces = Vec::new();
    for part in parts {
        pieces.push(match part {
            // Spaces are left out on both sides: senders put them where they like.
            Part::Text(text) => FormPiece::Text(text.split_whitespace().collect()),
            Part::Expr(expr) => match simple(reader, node, &expr) {
                Some("signature") => FormPiece::Signature,
                _ => FormPiece::Timestamp,
            },
        });
    }
    let count = |piece: &FormPiece| pieces.iter().filter(|one| *one == piece).count();
    let is_name = |piece: &FormPiece| !matches!(piece, FormPiece::Text(_));
    let touching = pieces.windows(2).any(|two| two.iter().all(is_name));
    if count(&FormPiece::Signature) != 1 || count(&FormPiece::Timestamp) > 1 || touching {
        let message = "`form` has `${signature}` once and `${timestamp}` at most once, with text between them";
        reader.error(codes::WRONG_VALUE, node.span, message);
    }
    pieces
}

/// `over:`, which has the body or something of it.
fn over(reader: &mut Reader<'_>, node: &Node) -> Vec<Piece> {
    let names = Names::default().with("timestamp").with("body").with("doc").with("headers");
    let Some(Template { parts }) = reader.template(node, "`over`", &names) else { return Vec::new() };
    let mut pieces = Vec::new();
    for part in parts {
        let root =
            if let Part::Expr(expr) = &part { expr.path.first().cloned().unwrap_or_default() } else { String::new() };
        pieces.push(match (part, root.as_str()) {
            (Part::Text(text), _) => Piece::Text(text),
            (Part::Expr(expr), "timestamp" | "body") => match simple(reader, node, &expr) {
                Some("timestamp") => Piece::Timestamp,
                _ => Piece::Body,
            },
            (Part::Expr(expr), _) => Piece::Field(expr),
        });
    }
    let is_about = |piece: &Piece| match piece {
        Piece::Body => true,
        Piece::Field(expr) => expr.path.first().is_some_and(|root| root == "doc"),
        Piece::Text(_) | Piece::Timestamp => false,
    };
    if !pieces.iter().any(is_about) {
        let message = "a signature is over `${body}`, or over fields of it such as `${doc.id}`";
        reader.error(codes::WRONG_VALUE, node.span, message);
    }
    pieces
}

/// The name that an expression is, if it is nothing more.
fn simple<'e>(reader: &mut Reader<'_>, node: &Node, expr: &'e Expr) -> Option<&'e str> {
    match (expr.path.as_slice(), expr.otherwise.is_empty() && expr.filters.is_empty()) {
        ([name], true) => Some(name),
        _ => {
            let message = "this is taken as it is sent: it has no parts, no filters and no `??`";
            reader.error(codes::WRONG_VALUE, node.map_range(reader.file, expr.at.start, expr.at.end), message);
            None
        }
    }
}
