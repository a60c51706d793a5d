//! Uploads of DocJuris: the arguments as one part each or all in one part named `input`, and the file.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::state::{CONTRACT_TYPES, ContractType, NamedValue, Tag};
use crate::limits::{ENTRIES_MAX, EXTENDED_VALUE_CHARS_MAX, NAME_CHARS_MAX, NAMED_VALUES_MAX, VALUE_CHARS_MAX};
use crate::multipart::File;
use crate::wire::{Call, Problem, clip, parse};

/// The start of a document that a password protects: not a zip, as an open one is, but a compound file.
const COMPOUND_FILE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// The arguments of one upload, and what is wrong with them so far.
pub(super) struct Input {
    values: BTreeMap<String, Value>,
    pub(super) file: Option<File>,
    pub(super) problems: Vec<String>,
}

impl Input {
    /// Reads an upload; arguments that are objects or lists are JSON texts when they have a part of their own.
    pub(super) fn read(call: &Call<'_>, allowed: &[&str]) -> Result<Self, Problem> {
        let form = call.multipart()?;
        let mut problems = Vec::new();
        let values: BTreeMap<String, Value> = match form.text("input") {
            Some(input) => {
                if form.texts().count() > 1 {
                    problems
                        .push("input: holds all arguments, so it must be the only part besides the file".to_owned());
                }
                parse(input.as_bytes()).map_err(|problem| Problem::bad(format!("input: {}", problem.message)))?
            }
            None => form.texts().map(|(name, text)| (name.to_owned(), argument(name, text, &mut problems))).collect(),
        };
        for name in values.keys().filter(|name| !allowed.contains(&name.as_str())) {
            problems.push(format!("{}: is no argument here, which are {}", clip(name), allowed.join(", ")));
        }
        let mut input = Self { values, file: form.file("file").cloned(), problems };
        input.check_file(call);
        Ok(input)
    }

    fn check_file(&mut self, call: &Call<'_>) {
        let password = call.headers().get("documentpassword");
        if password.is_some_and(|password| STANDARD.decode(password.as_bytes()).is_err()) {
            self.problems.push("documentPassword: is not base64".to_owned());
        }
        let Some(file) = &self.file else {
            self.problems.push("file: is required".to_owned());
            return;
        };
        match extension(&file.name).as_str() {
            "docx" if file.content.starts_with(COMPOUND_FILE) && password.is_none() => {
                self.problems
                    .push("file: is protected by a password, which goes into the header documentPassword".to_owned());
            }
            "docx" | "doc" | "pdf" => {}
            _ => self.problems.push("file: must be a .docx, .doc or .pdf".to_owned()),
        }
    }

    fn given(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|value| !value.is_null())
    }

    /// A text that says something; a number counts as one.
    pub(super) fn text(&mut self, name: &str, chars_max: usize) -> Option<String> {
        let text = match self.given(name)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => {
                self.problems.push(format!("{name}: must be a text"));
                return None;
            }
        };
        if text.chars().count() > chars_max {
            self.problems.push(format!("{name}: at most {chars_max} characters"));
        }
        Some(text).filter(|text| !text.is_empty())
    }

    pub(super) fn name(&mut self, name: &str) -> Option<String> {
        self.text(name, NAME_CHARS_MAX)
    }

    pub(super) fn description(&mut self) -> String {
        self.text("description", VALUE_CHARS_MAX).unwrap_or_default()
    }

    /// The contract type, by name or id. Names are held against each other without case, as the sample does (`nda`).
    pub(super) fn contract_type(&mut self) -> Option<&'static ContractType> {
        let (name, id) = (self.name("contractType"), self.name("contractTypeId"));
        let found = match (&name, &id) {
            (Some(name), _) => contract_type(name),
            (None, Some(id)) => CONTRACT_TYPES.iter().find(|known| known.id.to_string() == *id),
            (None, None) => {
                self.problems.push("contractType: or contractTypeId is required".to_owned());
                return None;
            }
        };
        if found.is_none() {
            let given = name.or(id).unwrap_or_default();
            self.problems.push(format!("contractType: there is no contract type {}", clip(&given)));
        }
        found
    }

    /// The values a client attaches, if it does.
    pub(super) fn extended(&mut self) -> Option<Vec<NamedValue>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Extended {
            named_values: Vec<NamedValue>,
        }
        let given = self.given("extendedData")?.clone();
        let values = match serde_json::from_value::<Extended>(given) {
            Ok(extended) => extended.named_values,
            Err(error) => {
                self.problems.push(format!("extendedData: {error}"));
                return None;
            }
        };
        if values.len() > NAMED_VALUES_MAX {
            self.problems.push(format!("extendedData: at most {NAMED_VALUES_MAX} values"));
        }
        for value in values.iter().take(NAMED_VALUES_MAX) {
            let name_chars = value.name.chars().count();
            if !(1..=NAME_CHARS_MAX).contains(&name_chars) {
                self.problems.push(format!("extendedData: a name has from 1 to {NAME_CHARS_MAX} characters"));
            }
            if value.value.chars().count() > EXTENDED_VALUE_CHARS_MAX {
                self.problems.push(format!("extendedData: a value has at most {EXTENDED_VALUE_CHARS_MAX} characters"));
            }
        }
        Some(values)
    }

    /// Tags by id or documented name, each as a text or as an object with an `id`.
    pub(super) fn tags(&mut self) -> Vec<Tag> {
        let Some(given) = self.given("tags").cloned() else {
            return Vec::new();
        };
        let Value::Array(given) = given else {
            self.problems.push("tags: must be a list".to_owned());
            return Vec::new();
        };
        let mut tags = Vec::new();
        for tag in given.iter().take(ENTRIES_MAX) {
            let named = tag.as_str().or_else(|| tag.get("id")?.as_str()).unwrap_or_default();
            match Tag::well_known(named) {
                Some(tag) if tags.contains(&tag) => {}
                Some(tag) => tags.push(tag),
                None => self.problems.push(format!("tags: there is no tag {}", clip(named))),
            }
        }
        tags
    }

    /// One 400 that names all that is wrong.
    pub(super) fn check(&self) -> Result<(), Problem> {
        Problem::all(&self.problems)
    }
}

fn argument(name: &str, text: &str, problems: &mut Vec<String>) -> Value {
    if text.trim().is_empty() {
        return Value::Null;
    }
    if !matches!(name, "extendedData" | "tags") {
        return Value::String(text.to_owned());
    }
    parse(text.as_bytes()).unwrap_or_else(|problem| {
        problems.push(format!("{name}: {}", problem.message));
        Value::Null
    })
}

/// A contract type by its name.
pub(super) fn contract_type(name: &str) -> Option<&'static ContractType> {
    CONTRACT_TYPES.iter().find(|known| known.name.eq_ignore_ascii_case(name))
}

/// The end of a file name, in lower case.
pub(super) fn extension(name: &str) -> String {
    name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

/// A file name without its end.
pub(super) fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}
