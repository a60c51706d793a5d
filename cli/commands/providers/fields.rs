//! What a step takes and leaves, in words: a JSON Schema as lines that fit a terminal. It only writes; what a schema means is the
//! compiler's and the engine's matter.

use serde_json::{Map, Value};

/// The widest line, in columns.
const WIDTH: usize = 100;

/// Where text begins that has a label before it.
const INDENT: usize = 13;

/// How far below the fields themselves parts of parts are shown.
const DEPTH_MAX: usize = 3;

/// A text with its label, in as many lines as it takes.
pub fn labelled(text: &mut String, label: &str, words: &str) {
    wrapped(text, &format!("  {label:<10} "), INDENT, words);
}

/// A text without a label.
pub fn paragraph(text: &mut String, words: &str) {
    wrapped(text, "  ", 2, words);
}

/// The example of `with`: on one line if it fits, one entry a line otherwise. Either is YAML.
pub fn example(text: &mut String, with: &Value) {
    let indent = " ".repeat(INDENT);
    let short = format!("{indent}with: {with}\n");
    if short.chars().count() <= WIDTH + 1 {
        text.push_str(&short);
        return;
    }
    let long = serde_json::to_string_pretty(with).unwrap_or_default().replace('\n', &format!("\n{indent}"));
    text.push_str(&format!("{indent}with: {long}\n"));
}

/// The fields of an object's schema, each on a line of its own and its parts below it.
pub fn fields(text: &mut String, label: &str, schema: &Value) {
    let mut lines = Vec::new();
    parts(schema, 0, &mut lines);
    let mut label = label;
    for (depth, line) in lines {
        let indent = INDENT + 2 * depth;
        let first = format!("{:<indent$}", format!("  {label}"));
        wrapped(text, &first, indent + 2, &line);
        label = "";
    }
}

/// Writes words after `first`, and what does not fit on further lines.
fn wrapped(text: &mut String, first: &str, indent: usize, words: &str) {
    let mut line = first.to_string();
    let mut is_empty = true;
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        let width = line.chars().count() + usize::from(!is_empty) + word.chars().count();
        if !is_empty && width > WIDTH {
            text.push_str(line.trim_end());
            text.push('\n');
            line = " ".repeat(indent);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// The properties of a schema and their parts, each with its depth.
fn parts(schema: &Value, depth: usize, lines: &mut Vec<(usize, String)>) {
    let required = texts(schema.get("required"));
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        one(name, field, required.contains(&name.as_str()), depth, lines);
    }
    if let Some(any) =
        schema.get("additionalProperties").filter(|any| any.as_object().is_some_and(|map| !map.is_empty()))
    {
        one("<name>", any, false, depth, lines);
    }
    lines.extend(rules(schema).into_iter().map(|rule| (depth, rule)));
}

fn one(name: &str, field: &Value, is_required: bool, depth: usize, lines: &mut Vec<(usize, String)>) {
    let mut about = described(field);
    if is_required {
        about.push("required".to_string());
    }
    about.extend(field.get("default").map(|default| format!("default {}", shown(default))));
    let marks = [("x-sensitive", "lets in whoever has it: masked"), ("x-personal", "about a person")];
    about.extend(marks.iter().filter(|(key, _)| field[*key] == true).map(|(_, words)| (*words).to_string()));
    let words = field["description"].as_str().map(|words| format!(": {words}")).unwrap_or_default();
    lines.push((depth, format!("{name} ({}){words}", about.join(", "))));
    if depth >= DEPTH_MAX {
        return;
    }
    parts(field, depth + 1, lines);
    if let Some(items) = field.get("items") {
        parts(items, depth + 1, lines);
    }
    for alternative in ["oneOf", "anyOf"].iter().filter_map(|key| field.get(*key)?.as_array()).flatten() {
        parts(alternative, depth + 1, lines);
    }
}

/// What a value can be: its kind and its bounds.
fn described(schema: &Value) -> Vec<String> {
    let mut about = vec![kind(schema)];
    let number = |key: &str| schema.get(key).filter(|value| value.is_number()).map(Value::to_string);
    for (least, most, unit) in [
        ("minLength", "maxLength", "characters"),
        ("minItems", "maxItems", "items"),
        ("minProperties", "maxProperties", "entries"),
        ("minimum", "maximum", ""),
    ] {
        let words = match (number(least), number(most)) {
            (Some(from), Some(to)) if from == to => format!("exactly {from} {unit}"),
            (Some(from), Some(to)) => format!("{from} to {to} {unit}"),
            (Some(from), None) if from == "1" && !unit.is_empty() => "not empty".to_string(),
            (Some(from), None) => format!("at least {from} {unit}"),
            (None, Some(to)) => format!("at most {to} {unit}"),
            (None, None) => continue,
        };
        about.push(words.trim_end().to_string());
    }
    about.extend(number("exclusiveMinimum").map(|least| format!("above {least}")));
    about.extend(number("exclusiveMaximum").map(|most| format!("below {most}")));
    about.extend(number("multipleOf").map(|step| format!("a multiple of {step}")));
    about.extend((schema["uniqueItems"] == true).then(|| "no two alike".to_string()));
    about.extend(schema["pattern"].as_str().map(|pattern| format!("as {pattern}")));
    about.extend(schema["contentEncoding"].as_str().map(str::to_string));
    about.extend(schema["contentMediaType"].as_str().map(str::to_string));
    about
}

/// The kind of a value: `string`, `list of email`, `one of a, b`.
fn kind(schema: &Value) -> String {
    if let Some(only) = schema.get("const") {
        return format!("always {}", shown(only));
    }
    if let Some(all) = schema.get("enum").and_then(Value::as_array) {
        return format!("one of {}", all.iter().map(shown).collect::<Vec<_>>().join(", "));
    }
    let format = schema["format"].as_str();
    let named = |kind: &str| match (kind, format) {
        ("string", Some(format)) => format.to_string(),
        ("array", _) => match schema.get("items").map(kind_and_bounds) {
            Some(items) if items != "any" => format!("list of {items}"),
            _ => "list".to_string(),
        },
        (kind, _) => kind.to_string(),
    };
    let alternatives = |key: &str| {
        let all: Vec<String> = schema.get(key)?.as_array()?.iter().map(kind).filter(|kind| kind != "any").collect();
        (!all.is_empty()).then(|| all.join(" or "))
    };
    match &schema["type"] {
        Value::String(kind) => named(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).map(named).collect::<Vec<_>>().join(" or "),
        _ => alternatives("oneOf").or_else(|| alternatives("anyOf")).unwrap_or_else(|| "any".to_string()),
    }
}

/// The same with the bounds of what has no line of its own.
fn kind_and_bounds(schema: &Value) -> String {
    let about = described(schema);
    match about.as_slice() {
        [kind] => kind.clone(),
        [kind, bounds @ ..] => format!("{kind} ({})", bounds.join(", ")),
        [] => "any".to_string(),
    }
}

/// What must be given together, instead of each other, or in some cases.
fn rules(schema: &Value) -> Vec<String> {
    let mut rules = Vec::new();
    for (key, words) in [("oneOf", "exactly one of"), ("anyOf", "at least one of")] {
        let sets: Vec<String> = list(schema, key)
            .filter_map(|one| Some(texts(one.get("required"))).filter(|names| !names.is_empty()))
            .map(|names| names.join(" and "))
            .collect();
        if sets.len() > 1 {
            rules.push(format!("{words}: {}", sets.join(", ")));
        }
    }
    for case in std::iter::once(schema).chain(list(schema, "allOf")) {
        rules.extend(conditional(case));
        let (barred, only) = (texts(case.pointer("/not/required")), case.pointer("/not").and_then(Value::as_object));
        if !barred.is_empty() && only.is_some_and(|not| not.len() == 1) {
            rules.push(format!("not together: {}", barred.join(" and ")));
        }
    }
    rules
}

/// `if` and `then` as far as they name properties.
fn conditional(schema: &Value) -> Option<String> {
    let properties = schema.pointer("/if/properties").and_then(Value::as_object);
    let mut when: Vec<String> = properties
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name} is {}", kind(value).trim_start_matches("always ")))
        .collect();
    if when.is_empty() {
        when = texts(schema.pointer("/if/required")).iter().map(|name| format!("{name} is given")).collect();
    }
    let required = |key: &str| texts(schema.get(key).and_then(|then| then.get("required"))).join(" and ");
    let told = match (required("then"), required("else")) {
        (then, otherwise) if then.is_empty() && otherwise.is_empty() => return None,
        (then, otherwise) if otherwise.is_empty() => format!("{then} required"),
        (then, otherwise) if then.is_empty() => format!("nothing more required, otherwise {otherwise}"),
        (then, otherwise) => format!("{then} required, otherwise {otherwise}"),
    };
    (!when.is_empty()).then(|| format!("if {}: {told}", when.join(" and ")))
}

fn list<'v>(schema: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    schema.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn texts(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A value as people write it in a workflow.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains([' ', ',', ':']) => text.clone(),
        Value::Object(map) if *map == Map::new() => "{}".to_string(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn everything_that_a_schema_says_is_shown() {
        let schema = json!({
            "required": ["signers", "kind"],
            "properties": {
                "kind": {"enum": ["url", "email", "by hand"], "default": "url"},
                "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
                "title": {"type": ["string", "null"], "minLength": 1, "description": "What it is called."},
                "at": {"type": "string", "format": "date-time"},
                "share": {"type": "number", "exclusiveMinimum": 0},
                "ids": {"type": "array", "uniqueItems": true, "items": {"type": "string", "pattern": "^c"}},
                "image": {"type": "string", "contentEncoding": "base64", "maxLength": 10, "x-sensitive": true},
                "answers": {"type": "object", "additionalProperties": {"type": ["string", "number"]}},
                "approver": {"oneOf": [{"required": ["email"]}, {"required": ["username"]}],
                    "properties": {"email": {"type": "string", "format": "email"}, "username": {"type": "string"}}, "type": "object"},
                "signers": {"type": "array", "minItems": 1, "maxItems": 26, "description": "In the order in which they sign, each \
                    with what is needed to reach them and to let them sign the document.", "items": {
                    "type": "object", "required": ["access_kind"],
                    "properties": {"access_kind": {"enum": ["url", "email"]}, "email": {"type": "string", "format": "email", "x-personal": true}},
                    "if": {"properties": {"access_kind": {"const": "email"}}}, "then": {"required": ["email"]},
                }},
            },
            "anyOf": [{"required": ["title"]}, {"required": ["ids", "at"]}],
        });
        let mut text = String::new();
        fields(&mut text, "with", &schema);
        let expected = "  with       answers (object)
               <name> (string or number)
             approver (object)
               email (email)
               username (string)
               exactly one of: email, username
             at (date-time)
             ids (list of string (as ^c), no two alike)
             image (string, at most 10 characters, base64, lets in whoever has it: masked)
             kind (one of url, email, \"by hand\", required, default url)
             limit (integer, 1 to 200, default 50)
             share (number, above 0)
             signers (list of object, 1 to 26 items, required): In the order in which they sign,
               each with what is needed to reach them and to let them sign the document.
               access_kind (one of url, email, required)
               email (email, about a person)
               if access_kind is email: email required
             title (string or null, not empty): What it is called.
             at least one of: title, ids and at
";
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
    }
}
