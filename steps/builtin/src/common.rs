//! What several steps share: reading their input, refusing it, finding people, and the schema of a file. No step's own
//! rules are here.

use engross_step_api::{Directory, ErrorClass, Fault, FilesError, OutcomeKind, OutcomeSpec, Person, StepError};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The outcomes of a step that acts: it did, or it could not.
pub(crate) fn acted() -> Vec<OutcomeSpec> {
    vec![OutcomeSpec::new("succeeded", OutcomeKind::Good), OutcomeSpec::new("failed", OutcomeKind::Failure)]
}

/// The schema of a file in outputs, as [`engross_step_api::FileRef`] is written.
pub(crate) fn file_properties() -> Value {
    json!({
        "sha256": { "type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of the content, in hex." },
        "size": { "type": "integer", "minimum": 0, "description": "The content's length in bytes." },
        "media_type": { "type": "string", "description": "What kind of content it is, such as `application/pdf`." },
        "name": { "type": "string", "description": "What it was called where it came from." }
    })
}

/// Reads an input that fits the step's schema. The engine checks that before; what does not fit here never acts.
pub(crate) fn parse<T: DeserializeOwned>(input: &Value) -> Result<T, StepError> {
    T::deserialize(input).map_err(|error| invalid("schema", format!("the step's input does not fit: {error}")))
}

/// A refusal of the step's input: the author has to act, and nothing has happened.
pub(crate) fn invalid(code: &str, message: impl Into<String>) -> StepError {
    StepError::new(ErrorClass::Invalid, code, message)
}

/// All problems of an input in one refusal; none where there are none.
pub(crate) fn refuse_all(code: &str, problems: &[String]) -> Result<(), StepError> {
    if problems.is_empty() { Ok(()) } else { Err(invalid(code, problems.join("; "))) }
}

/// The people that names of groups and addresses stand for, each once, in the order they are named. A problem for every
/// name that stands for nobody.
pub(crate) fn people(directory: &Directory, names: &[String], problems: &mut Vec<String>) -> Vec<Person> {
    let mut found: Vec<Person> = Vec::new();
    for name in names {
        match directory.resolve(name) {
            Ok(people) => {
                for person in people {
                    if !found.contains(&person) {
                        found.push(person);
                    }
                }
            }
            Err(unknown) => {
                let groups: Vec<&str> = directory.groups().collect();
                problems.push(match groups.is_empty() {
                    true => format!("{unknown}; there are no groups"),
                    false => format!("{unknown}; the groups are {}", groups.join(", ")),
                });
            }
        }
    }
    found
}

/// What a refusal of the file store means to a step.
pub(crate) fn files_error(error: &FilesError) -> StepError {
    let message = error.to_string();
    match error {
        FilesError::NotFound(_) => StepError::new(ErrorClass::NotFound, "file_not_found", message),
        FilesError::Damaged { .. } => StepError::new(ErrorClass::Internal, "file_damaged", message)
            .hint("restore the file store from a backup; the digest tells the right file"),
        FilesError::Path { .. } => invalid("file_path", message),
        FilesError::TooLarge { .. } => invalid("file_too_large", message),
        FilesError::Taken { .. } => StepError::new(ErrorClass::Conflict, "file_taken", message)
            .hint("put something unique into `path`, such as {{ run.id }}, or remove the other file"),
        FilesError::Unavailable(_) => {
            StepError::new(ErrorClass::Transient, "files_unavailable", message).fault(Fault::Engross)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn people_are_found_once_and_all_unknown_names_are_told() {
        let directory = testing::directory();
        let check = |names: &[&str], expected: &str| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let mut problems = Vec::new();
            let found = people(&directory, &names, &mut problems);
            let found: Vec<&str> = found.iter().map(Person::as_str).collect();
            assert_eq!(format!("{} | {}", found.join(" "), problems.join("; ")), expected);
        };
        check(&["legal", "leads", "omar@x.example"], "lena@x.example omar@x.example gc@x.example | ");
        check(&["new@x.example"], "new@x.example | ");
        check(
            &["leagl", "x"],
            " | `leagl` is neither a group in `people:` nor an e-mail address; the groups are leads, legal; \
             `x` is neither a group in `people:` nor an e-mail address; the groups are leads, legal",
        );
    }
}
