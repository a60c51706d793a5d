//! A change of a contract's content, in one shape for both generations, and the check of everything a client sent.
//!
//! `v2` and `v3` parse their own bodies into a [`Change`]; here each uid and value is held against the template, and all
//! that is wrong is said at once. When a change is allowed is for `lifecycle` to say.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::state::{Contract, Person};
use super::templates::{FieldKind, Template};
use crate::limits::{CONTRACTS_MAX, ENTRIES_MAX, NAME_CHARS_MAX, TABLE_CELLS_MAX, VALUE_CHARS_MAX};
use crate::wire::{Problem, clip};

/// A field's new value, or the answer to a question. Values are texts in both generations.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct UidValue {
    pub(super) uid: String,
    pub(super) value: String,
}

/// One cell of a table.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Cell {
    pub(super) value: String,
}

/// A table's new rows; a table is replaced whole.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct TableRows {
    pub(super) uid: String,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// Who stands behind a signature. What is absent or null stays as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Signatory {
    pub(super) uid: String,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
    pub(super) username: Option<String>,
    pub(super) upper_text: Option<String>,
    pub(super) lower_text: Option<String>,
}

/// A party's new name or caption.
#[derive(Clone, Debug)]
pub(super) struct SideText {
    pub(super) uid: String,
    pub(super) name: Option<String>,
    pub(super) caption: Option<String>,
}

/// Everything one request wants changed.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    pub(super) name: Option<String>,
    pub(super) owner: Option<Person>,
    pub(super) answers: Vec<UidValue>,
    pub(super) fields: Vec<UidValue>,
    pub(super) tables: Vec<TableRows>,
    pub(super) sides: Vec<SideText>,
    /// Each with the side the client filed it under, if the generation says one.
    pub(super) signatories: Vec<(Option<String>, Signatory)>,
}

impl Change {
    /// Every uid and value against the template: one 400 that names all that is wrong.
    pub(super) fn check(&self, template: &Template) -> Result<(), Problem> {
        let mut problems = Vec::new();
        self.check_sizes(&mut problems);
        self.check_values(template, &mut problems);
        self.check_tables(template, &mut problems);
        self.check_sides(template, &mut problems);
        Problem::all(&problems)
    }

    /// As [`Change::check`], and every required question that our side must answer has to be answered. An empty answer is
    /// one; a live integration depends on that.
    pub(super) fn check_create(&self, template: &Template) -> Result<(), Problem> {
        let mut problems = Vec::new();
        let answered: BTreeSet<&str> = self.answers.iter().map(|answer| answer.uid.as_str()).collect();
        for question in template.questions {
            if question.required && template.asks_owner(question) && !answered.contains(question.uid) {
                problems
                    .push(format!("answers: required question {} ({}) has no answer", question.uid, question.title));
            }
        }
        if let Err(problem) = self.check(template) {
            problems.push(problem.message);
        }
        Problem::all(&problems)
    }

    fn check_sizes(&self, problems: &mut Vec<String>) {
        let lists = [
            ("answers", self.answers.len()),
            ("fields", self.fields.len()),
            ("tables", self.tables.len()),
            ("signing sides", self.sides.len()),
            ("signatures", self.signatories.len()),
        ];
        for (list, length) in lists {
            if length > ENTRIES_MAX {
                problems.push(format!("{list}: {length} entries, at most {ENTRIES_MAX} are taken"));
            }
        }
        if let Some(name) = &self.name {
            if name.trim().is_empty() {
                problems.push("name: must not be empty".to_owned());
            }
            check_name("name", name, problems);
        }
        if let Some(owner) = &self.owner {
            check_name("owner.name", &owner.name, problems);
            check_name("owner.username", &owner.username, problems);
        }
    }

    fn check_values(&self, template: &Template, problems: &mut Vec<String>) {
        for answer in self.answers.iter().take(ENTRIES_MAX) {
            match template.question(&answer.uid) {
                None => problems.push(format!("answers: unknown question uid {}", clip(&answer.uid))),
                Some(question) if !template.asks_owner(question) => {
                    problems.push(format!("answers: question {} is for the counterparty to answer", question.uid));
                }
                Some(question) => {
                    if let Some(field_uid) = question.field_uid {
                        check_value("answers", template, field_uid, answer, problems);
                    }
                }
            }
        }
        for field in self.fields.iter().take(ENTRIES_MAX) {
            check_value("fields", template, &field.uid, field, problems);
        }
    }

    fn check_tables(&self, template: &Template, problems: &mut Vec<String>) {
        for table in self.tables.iter().take(ENTRIES_MAX) {
            if template.table(&table.uid).is_none() {
                problems.push(format!("tables: unknown table uid {}", clip(&table.uid)));
            }
            let cells = table.rows.iter().map(Vec::len).sum::<usize>().max(table.rows.len());
            if cells > TABLE_CELLS_MAX {
                problems.push(format!("tables: {} has more than {TABLE_CELLS_MAX} cells", clip(&table.uid)));
            } else if table.rows.iter().flatten().any(|cell| is_too_long(&cell.value)) {
                problems.push(format!("tables: {} has a cell over {VALUE_CHARS_MAX} characters", clip(&table.uid)));
            }
        }
    }

    fn check_sides(&self, template: &Template, problems: &mut Vec<String>) {
        for side in self.sides.iter().take(ENTRIES_MAX) {
            if template.side(&side.uid).is_none() {
                problems.push(format!("signingSides: unknown signing side uid {}", clip(&side.uid)));
            }
            for text in [&side.name, &side.caption].into_iter().flatten() {
                check_name("signingSides", text, problems);
            }
        }
        for (side, signatory) in self.signatories.iter().take(ENTRIES_MAX) {
            let known = template.side_of(&signatory.uid);
            let misfiled = |known_uid: &str| side.as_deref().is_some_and(|uid| uid != known_uid);
            if known.is_none_or(|known| misfiled(known.uid)) {
                problems.push(format!("signingSides: unknown signature uid {}", clip(&signatory.uid)));
            }
            let Signatory { uid: _, email, name, username, upper_text, lower_text } = signatory;
            for text in [email, name, username, upper_text, lower_text].into_iter().flatten() {
                check_name("signatures", text, problems);
            }
        }
    }

    /// Puts a checked change into a contract.
    pub(super) fn apply(self, contract: &mut Contract) {
        let template = contract.template;
        if let Some(name) = self.name {
            contract.name = name;
        }
        if let Some(owner) = self.owner {
            contract.owner = owner;
        }
        for answer in self.answers {
            if let Some(field_uid) = template.question(&answer.uid).and_then(|question| question.field_uid) {
                contract.values.insert(field_uid, answer.value);
            }
        }
        for field in self.fields {
            if let Some(seed) = template.field(&field.uid) {
                contract.values.insert(seed.uid, field.value);
            }
        }
        for table in self.tables {
            if let Some(seed) = template.table(&table.uid) {
                let rows = table.rows.into_iter().map(|row| row.into_iter().map(|cell| cell.value).collect());
                contract.tables.insert(seed.uid, rows.collect());
            }
        }
        for text in self.sides {
            if let Some(side) = contract.sides.iter_mut().find(|side| side.seed.uid == text.uid) {
                replace(&mut side.name, text.name);
                replace(&mut side.caption, text.caption);
            }
        }
        for (_, signatory) in self.signatories {
            if let Some(signature) = contract.signature_mut(&signatory.uid) {
                signature.email = signatory.email.or(signature.email.take());
                signature.name = signatory.name.or(signature.name.take());
                signature.username = signatory.username.or(signature.username.take());
                replace(&mut signature.upper_text, signatory.upper_text);
                replace(&mut signature.lower_text, signatory.lower_text);
            }
        }
    }
}

fn replace(text: &mut String, new: Option<String>) {
    if let Some(new) = new {
        *text = new;
    }
}

fn check_value(list: &str, template: &Template, field_uid: &str, entry: &UidValue, problems: &mut Vec<String>) {
    let uid = clip(&entry.uid);
    let Some(field) = template.field(field_uid) else {
        problems.push(format!("{list}: unknown field uid {uid}"));
        return;
    };
    if is_too_long(&entry.value) {
        problems.push(format!("{list}: the value of {uid} has more than {VALUE_CHARS_MAX} characters"));
        return;
    }
    // An empty value clears a field of any type.
    if entry.value.is_empty() {
        return;
    }
    match field.kind {
        FieldKind::Choice if !field.choices.contains(&entry.value.as_str()) => {
            problems.push(format!("{list}: the value of {uid} must be one of: {}", field.choices.join(", ")));
        }
        FieldKind::Number if !entry.value.trim().parse::<f64>().is_ok_and(f64::is_finite) => {
            problems.push(format!("{list}: the value of {uid} must be a number"));
        }
        FieldKind::Choice | FieldKind::Number | FieldKind::Text | FieldKind::Calendar => {}
    }
}

fn check_name(what: &str, text: &str, problems: &mut Vec<String>) {
    if text.chars().count() > NAME_CHARS_MAX {
        problems.push(format!("{what}: at most {NAME_CHARS_MAX} characters"));
    }
}

fn is_too_long(text: &str) -> bool {
    text.chars().count() > VALUE_CHARS_MAX
}

/// A message to the people who are asked to sign or approve: it must be there and say something.
pub(super) fn check_message(message: Option<&str>) -> Result<(), Problem> {
    match message {
        None => Err(Problem::bad("message: is required")),
        Some(text) if text.trim().is_empty() => Err(Problem::bad("message: must not be empty")),
        Some(text) if is_too_long(text) => Err(Problem::bad(format!("message: at most {VALUE_CHARS_MAX} characters"))),
        Some(_) => Ok(()),
    }
}

/// Whether one more contract fits into memory.
pub(super) fn check_room(contracts: usize) -> Result<(), Problem> {
    if contracts < CONTRACTS_MAX {
        return Ok(());
    }
    Err(Problem::state(format!("the sandbox keeps at most {CONTRACTS_MAX} contracts: delete some or start it again")))
}
