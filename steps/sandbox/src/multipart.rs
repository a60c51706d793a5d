//! A `multipart/form-data` body, read whole before the world is locked: its text parts and its file.
//!
//! axum parses; this module bounds the number of parts and keeps the first of each name. What the parts mean is for the
//! providers.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart as Reader, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use bytes::Bytes;

use crate::limits::{FORM_FIELDS_MAX, NAME_CHARS_MAX};

/// The parts of a form, by name.
#[derive(Debug, Default)]
pub(crate) struct Multipart {
    texts: BTreeMap<String, String>,
    files: BTreeMap<String, File>,
}

/// A part that came with a file name.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) content: Bytes,
}

impl Multipart {
    /// The text of a part that is no file.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// The names of the text parts.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// A file, whose name and content are not empty.
    pub(crate) fn file(&self, name: &str) -> Option<&File> {
        self.files.get(name).filter(|file| !file.name.is_empty() && !file.content.is_empty())
    }
}

/// The parts of a body whose content type says it has some; `None` for any other body.
pub(crate) async fn read(parts: &Parts, body: &Bytes) -> Option<Result<Multipart, String>> {
    let media_type = parts.headers.get(CONTENT_TYPE)?.to_str().ok()?;
    if !media_type.trim_start().to_ascii_lowercase().starts_with("multipart/form-data") {
        return None;
    }
    let mut request = Request::from_parts(parts.clone(), Body::from(body.clone()));
    // The body is here already and within its bound; axum's own, which is lower, must not cut it again.
    DefaultBodyLimit::disable().apply(&mut request);
    Some(collect(request).await)
}

async fn collect(request: Request) -> Result<Multipart, String> {
    let mut reader = Reader::from_request(request, &()).await.map_err(|rejection| rejection.body_text())?;
    let mut multipart = Multipart::default();
    let mut count = 0_usize;
    while let Some(field) = reader.next_field().await.map_err(|error| error.body_text())? {
        count += 1;
        if count > FORM_FIELDS_MAX {
            return Err(format!("more than {FORM_FIELDS_MAX} parts"));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.file_name().map(str::to_owned);
        if [Some(&name), file_name.as_ref()].into_iter().flatten().any(|text| text.chars().count() > NAME_CHARS_MAX) {
            return Err(format!("a part's name or file name has more than {NAME_CHARS_MAX} characters"));
        }
        let content = field.bytes().await.map_err(|error| error.body_text())?;
        if let Some(file_name) = file_name {
            multipart.files.entry(name).or_insert(File { name: file_name, content });
            continue;
        }
        let text = String::from_utf8(content.to_vec()).map_err(|_| format!("part {name} is not UTF-8 text"))?;
        multipart.texts.entry(name).or_insert(text);
    }
    Ok(multipart)
}
