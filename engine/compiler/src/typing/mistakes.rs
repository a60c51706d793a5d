//! What is wrong with a value, by its schema: one mistake for each thing to correct, in words for authors.

use engross_source::nearest;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{ValidationError, Validator};
use serde_json::Value;
use std::collections::BTreeSet;

/// One thing to correct.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mistake {
    /// JSON pointer to the value that is wrong, or to the object that has a key too many or too few.
    pub(crate) pointer: String,
    pub(crate) kind: MistakeKind,
    /// What follows the value's name in a sentence: "must be a string, and is a number".
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// What kind of mistake it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MistakeKind {
    /// The object lacks this key.
    Missing(String),
    /// The object has this key, which it may not have.
    Unknown(String),
    /// The value has a wrong type.
    Type,
    /// The value does not fit.
    Value,
}

/// Everything that is wrong with `instance`. Strings at `templates` (JSON pointers) hold templates: what they will be is not
/// known, so that nothing is said about them or about what depends on them.
pub(crate) fn mistakes(
    validator: &Validator,
    schema: &Value,
    instance: &Value,
    templates: &BTreeSet<String>,
) -> Vec<Mistake> {
    let judge = Judge { schema, templates };
    let mut found: Vec<Mistake> = validator.iter_errors(instance).flat_map(|error| judge.error(&error)).collect();
    found.sort();
    found.dedup();
    found
}

struct Judge<'a> {
    schema: &'a Value,
    templates: &'a BTreeSet<String>,
}

impl Judge<'_> {
    fn error(&self, error: &ValidationError<'_>) -> Vec<Mistake> {
        let pointer = error.instance_path().as_str();
        let one = |kind, message: String, hint| vec![Mistake { pointer: pointer.to_owned(), kind, message, hint }];
        match error.kind() {
            Kind::Required { property } => {
                let name = property.as_str().unwrap_or_default().to_owned();
                one(MistakeKind::Missing(name.clone()), format!("needs `{name}`"), None)
            }
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                unexpected.iter().flat_map(|key| self.unknown(pointer, error, key)).collect()
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => self.branches(pointer, error, context),
            _ if self.templates.contains(pointer) => Vec::new(),
            Kind::OneOfMultipleValid { .. } if !self.holds_template(pointer) => {
                one(MistakeKind::Value, self.several(error), None)
            }
            Kind::OneOfMultipleValid { .. } | Kind::Not { .. } | Kind::Contains | Kind::UniqueItems
                if self.holds_template(pointer) =>
            {
                Vec::new()
            }
            Kind::Type { kind } => {
                let wanted = types_text(kind);
                one(MistakeKind::Type, format!("must be {wanted}, and is {}", actual(error.instance())), None)
            }
            kind => {
                let (message, hint) = value_message(error, kind);
                one(MistakeKind::Value, message, hint)
            }
        }
    }

    fn unknown(&self, pointer: &str, error: &ValidationError<'_>, key: &str) -> Vec<Mistake> {
        let place = error.schema_path().as_str();
        let owner = place.rsplit_once('/').map_or("", |(owner, _)| owner);
        let properties =
            self.schema.pointer(owner).and_then(|schema| schema.get("properties")).and_then(Value::as_object);
        let known: Vec<&str> = properties.into_iter().flat_map(|p| p.keys().map(String::as_str)).collect();
        let kind = MistakeKind::Unknown(key.to_owned());
        let message = format!("has no `{}`", engross_source::diagnostic::escaped(key));
        vec![Mistake { pointer: pointer.to_owned(), kind, message, hint: names_hint(key, &known) }]
    }

    /// One finding for a choice of schemas: what is wrong with the branch that was meant, where that can be told.
    fn branches(
        &self,
        pointer: &str,
        error: &ValidationError<'_>,
        context: &[Vec<ValidationError<'static>>],
    ) -> Vec<Mistake> {
        if self.templates.contains(pointer) {
            return Vec::new();
        }
        let branches: Vec<Vec<Mistake>> =
            context.iter().map(|errors| errors.iter().flat_map(|error| self.error(error)).collect()).collect();
        if branches.iter().any(Vec::is_empty) {
            return Vec::new();
        }
        let missing = |mistakes: &Vec<Mistake>| match mistakes.as_slice() {
            [Mistake { pointer: at, kind: MistakeKind::Missing(name), .. }] if at == pointer => {
                Some(format!("`{name}`"))
            }
            _ => None,
        };
        if let Some(names) = branches.iter().map(missing).collect::<Option<Vec<String>>>() {
            let message = format!("needs one of {}", names.join(", "));
            return vec![Mistake { pointer: pointer.to_owned(), kind: MistakeKind::Value, message, hint: None }];
        }
        // A branch that already fails by the type of the whole was not meant.
        let meant: Vec<&Vec<Mistake>> = branches
            .iter()
            .filter(|b| !b.iter().any(|m| m.pointer == pointer && m.kind == MistakeKind::Type))
            .collect();
        match meant.as_slice() {
            [only] => (*only).clone(),
            [] => {
                let mut all: Vec<String> = branches.iter().flatten().map(|m| wanted(&m.message)).collect();
                all.dedup();
                let message = format!("must be {}, and is {}", all.join(" or "), actual(error.instance()));
                vec![Mistake { pointer: pointer.to_owned(), kind: MistakeKind::Type, message, hint: None }]
            }
            several => {
                let best = several.iter().min_by_key(|branch| branch.len());
                let hint = best.and_then(|branch| branch.first()).map(|first| {
                    let inside = first.pointer.strip_prefix(pointer).unwrap_or_default();
                    let name = inside.trim_start_matches('/').replace('/', ".");
                    if name.is_empty() {
                        format!("the nearest form {}", first.message)
                    } else {
                        format!("in the nearest form `{name}` {}", first.message)
                    }
                });
                let message = format!("fits none of its {} forms", branches.len());
                vec![Mistake { pointer: pointer.to_owned(), kind: MistakeKind::Value, message, hint }]
            }
        }
    }

    /// Whether a template stands at or below `pointer`.
    fn holds_template(&self, pointer: &str) -> bool {
        let below = format!("{pointer}/");
        self.templates.contains(pointer)
            || self.templates.range(below.clone()..).next().is_some_and(|t| t.starts_with(&below))
    }

    fn several(&self, error: &ValidationError<'_>) -> String {
        let branches = self.schema.pointer(error.schema_path().as_str()).and_then(Value::as_array);
        let demanded = branches.into_iter().flatten().map(|branch| branch.get("required").and_then(Value::as_array));
        let names: Option<Vec<String>> = demanded
            .map(|required| {
                required.map(|names| {
                    names.iter().filter_map(Value::as_str).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(" and ")
                })
            })
            .collect();
        match names.filter(|names| names.len() > 1) {
            Some(names) => format!("may have only one of {}", names.join(", ")),
            None => "fits more than one of its forms".to_owned(),
        }
    }
}

/// "a string" out of "must be a string, and is a number".
fn wanted(message: &str) -> String {
    message.strip_prefix("must be ").and_then(|rest| rest.split(", and is").next()).unwrap_or(message).to_owned()
}

/// "did you mean", or the names there are.
pub(crate) fn names_hint(name: &str, known: &[&str]) -> Option<String> {
    match nearest(name, known.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if known.is_empty() || known.len() > crate::limits::NAMES_LISTED_MAX => None,
        None => Some(format!("known are {}", known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", "))),
    }
}

fn actual(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn types_text(kind: &TypeKind) -> String {
    let names: Vec<String> = match kind {
        TypeKind::Single(one) => vec![one.to_string()],
        TypeKind::Multiple(many) => many.iter().map(|one| one.to_string()).collect(),
    };
    let words: Vec<&str> = names.iter().map(|name| type_words(name)).collect();
    words.join(" or ")
}

/// A JSON type in the words of this language's messages.
pub(crate) fn type_words(name: &str) -> &str {
    match name {
        "null" => "null",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a string",
        "array" => "a list",
        "object" => "a mapping",
        other => other,
    }
}

/// What the validator says of a schema that it cannot use.
pub(crate) fn schema_message(error: &ValidationError<'_>) -> String {
    value_message(error, error.kind()).0
}

fn value_message(error: &ValidationError<'_>, kind: &Kind) -> (String, Option<String>) {
    let message = match kind {
        Kind::Enum { options } => {
            let options: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let hint = error.instance().as_str().and_then(|value| nearest(value, options.iter().copied()));
            let hint = hint.map(|near| format!("did you mean `{near}`?"));
            let shown: Vec<String> = options.iter().map(|option| format!("`{option}`")).collect();
            return (format!("must be one of {}", shown.join(", ")), hint);
        }
        Kind::Constant { expected_value } => format!("must be `{expected_value}`"),
        Kind::Format { format } => match format.as_str() {
            "email" | "idn-email" => "must be an e-mail address".to_owned(),
            "uri" | "iri" => "must be an absolute URL".to_owned(),
            "date" => "must be a date such as 2026-01-31".to_owned(),
            "date-time" => "must be a time such as 2026-01-31T09:00:00Z".to_owned(),
            "regex" => "must be a regular expression without look-around".to_owned(),
            other => format!("must have the format `{other}`"),
        },
        Kind::Pattern { pattern } => format!("must match `{pattern}`"),
        Kind::MinLength { limit: 1 } => "must not be empty".to_owned(),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MinItems { limit: 1 } | Kind::MinProperties { limit: 1 } => "must hold at least one item".to_owned(),
        Kind::MinItems { limit } | Kind::MinProperties { limit } => format!("must hold at least {limit} items"),
        Kind::MaxItems { limit } | Kind::MaxProperties { limit } => format!("must hold at most {limit} items"),
        Kind::AdditionalItems { limit } => format!("must hold at most {limit} items"),
        Kind::UniqueItems => "must not hold the same item twice".to_owned(),
        Kind::FalseSchema => "must not be given".to_owned(),
        Kind::PropertyNames { .. } => "has a key of a form that is not allowed".to_owned(),
        _ => {
            let words = error.masked_with("it").to_string();
            words.strip_prefix("it ").map_or_else(|| format!("does not fit: {words}"), str::to_owned)
        }
    };
    (message, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(schema: &Value, instance: &Value, templates: &[&str], expected: &[&str]) {
        let templates = templates.iter().map(|t| (*t).to_owned()).collect();
        let validator = super::super::validator(schema).expect("the schema of a test is valid");
        let found: Vec<String> = mistakes(&validator, schema, instance, &templates)
            .into_iter()
            .map(|m| format!("{} {}{}", m.pointer, m.message, m.hint.map(|h| format!(" ({h})")).unwrap_or_default()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_mistake_is_said_once_and_values_are_never_printed() {
        let schema = json!({
            "type": "object",
            "required": ["id", "to"],
            "additionalProperties": false,
            "properties": {
                "id": {"type": "string", "minLength": 1},
                "to": {"type": "array", "items": {"type": "string", "format": "email"}, "minItems": 1},
                "mode": {"enum": ["fast", "slow"]},
                "body": {"oneOf": [
                    {"type": "string"},
                    {"type": "object", "required": ["html"], "additionalProperties": false, "properties": {"html": {"type": "string"}}},
                ]},
                "count": {"type": ["integer", "null"], "maximum": 5},
            },
        });
        check(&schema, &json!({"id": "a", "to": ["a@b.example"], "body": {"html": "x"}, "count": null}), &[], &[]);
        check(
            &schema,
            &json!({"id": 5, "mode": "fats", "count": 9, "boddy": 1}),
            &[],
            &[
                " needs `to`",
                " has no `boddy` (did you mean `body`?)",
                "/count must be at most 5",
                "/id must be a string, and is a number",
                "/mode must be one of `fast`, `slow` (did you mean `fast`?)",
            ],
        );
        check(
            &schema,
            &json!({"id": "", "to": ["secret"]}),
            &[],
            &["/id must not be empty", "/to/0 must be an e-mail address"],
        );
        check(&schema, &json!({"id": "", "to": ["secret"]}), &["/id", "/to/0"], &[]);
        check(
            &schema,
            &json!({"id": "a", "to": "{{ x }}", "body": {"htm": "x"}}),
            &["/to"],
            &["/body needs `html`", "/body has no `htm` (did you mean `html`?)"],
        );
        check(
            &schema,
            &json!({"id": "a", "to": "{{ x }}", "body": 5}),
            &["/to"],
            &["/body must be a string or a mapping, and is a number"],
        );
        check(&schema, &json!({"id": "a", "to": "{{ x }}", "body": "{{ x }}"}), &["/to", "/body"], &[]);
    }

    #[test]
    fn a_choice_of_keys_is_one_finding() {
        let schema = json!({
            "properties": {"for": {"type": "string"}, "until": {"type": "string"}},
            "oneOf": [{"required": ["for"]}, {"required": ["until"]}],
        });
        check(&schema, &json!({}), &[], &[" needs one of `for`, `until`"]);
        check(&schema, &json!({"for": "1d", "until": "x"}), &[], &[" may have only one of `for`, `until`"]);
        check(&schema, &json!({"for": "{{ x }}"}), &["/for"], &[]);
    }
}
