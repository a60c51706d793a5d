//! From a policy file to a table, or to everything that is wrong with it.
//!
//! The order of the work: keys and inputs, rules (`rules`), what they leave over (`coverage`), and the file's own tests
//! (`tests_of_file`), which run only on a table without mistakes.

use crate::codes;
use crate::limits::{INPUTS_MAX, INTEGER_MAX, VALUES_MAX};
use crate::reader::{Reader, listed, names_hint};
use crate::set::{Bound, Set, Span as Numbers};
use crate::table::{Decided, Kind, PolicyError, PolicyInput, PolicyTable};
use crate::{rules, tests_of_file};
use engross_source::diagnostic::quoted;
use engross_source::yaml::Entry;
use engross_source::{Diagnostic, Limits, Node, SourceFile, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The value of `schema` in a policy file.
pub const LANGUAGE: &str = "engross/policy/v1";

const TOP: &[&str] = &["schema", "name", "title", "inputs", "rules", "otherwise", "tests"];
const INPUT_KEYS: &[&str] =
    &["type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "title", "description"];
const KINDS: [(&str, Kind); 4] =
    [("number", Kind::Number), ("integer", Kind::Integer), ("string", Kind::String), ("boolean", Kind::Boolean)];

/// A policy that was read from a file, proved and tested.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    table: PolicyTable,
    tests: usize,
}

impl Policy {
    /// Reads a policy file and runs its tests.
    ///
    /// # Errors
    /// Every mistake, sorted by place.
    pub fn load(file: &SourceFile) -> Result<Self, Vec<Diagnostic>> {
        let root = engross_source::load(file, &Limits::default())?;
        let mut reader = Reader::new(file);
        let policy = read(&mut reader, &root);
        match policy {
            Some(policy) if reader.count() == 0 => Ok(policy),
            _ => Err(reader.into_findings()),
        }
    }

    /// The table, without the file.
    #[must_use]
    pub fn table(&self) -> &PolicyTable {
        &self.table
    }

    /// The table, without the file.
    #[must_use]
    pub fn into_table(self) -> PolicyTable {
        self.table
    }

    /// How many tests the file holds; all of them passed.
    #[must_use]
    pub fn tests(&self) -> usize {
        self.tests
    }

    /// Who must approve what these values describe.
    ///
    /// # Errors
    /// As [`PolicyTable::decide`].
    pub fn decide(&self, given: &serde_json::Value) -> Result<Decided, PolicyError> {
        self.table.decide(given)
    }
}

/// Everything that is wrong with a policy file, its failing tests included.
#[must_use]
pub fn check(file: &SourceFile) -> Vec<Diagnostic> {
    Policy::load(file).err().unwrap_or_default()
}

/// Whether a file is a policy by its name: `….policy.yaml` or `….policy.yml`.
#[must_use]
pub fn is_policy_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.ends_with(".policy.yaml") || name.ends_with(".policy.yml")
}

fn read(reader: &mut Reader<'_>, root: &Node) -> Option<Policy> {
    let top = reader.mapping(root, "a policy", TOP);
    root.as_mapping()?;
    let first = top.first().map_or(root.span, |entry| entry.key.span);
    if let Some(schema) = reader.require(root, "schema", "a policy", first, &format!("schema: {LANGUAGE}"))
        && schema.as_str() != Some(LANGUAGE)
    {
        let hint = format!("write `schema: {LANGUAGE}`");
        reader.error(codes::VERSION, schema.span, "this version of the policy language is not known", hint);
    }
    let name = reader.require(root, "name", "a policy", first, "name: order_approval");
    let name = name.and_then(|name| {
        let text = reader.text(name, "`name`")?;
        reader.check_name(text, name.span, "`name`");
        Some(text.to_owned())
    });
    let title = root.get("title").and_then(|title| reader.text(title, "`title`")).map(ToOwned::to_owned);
    let inputs = reader.require(root, "inputs", "a policy", first, "inputs: { value: { type: number } }");
    let declared: Vec<&str> =
        inputs.and_then(Node::as_mapping).map(|inputs| inputs.keys().collect()).unwrap_or_default();
    let inputs = inputs.map(|node| inputs_of(reader, node)).unwrap_or_default();
    let rules_node =
        reader.require(root, "rules", "a policy", first, "rules: [{ when: { … }, stages: [{ from: [legal] }] }]");
    let rules = rules_node.map(|node| rules::read(reader, node, &inputs, &declared)).unwrap_or_default();
    let otherwise = root.get("otherwise");
    let otherwise_answer = otherwise.and_then(|node| rules::answer(reader, node, "`otherwise`", &[]));
    let is_whole = reader.count() == 0;
    if is_whole && let Some(rules_entry) = root.as_mapping().and_then(|top| top.entry("rules")) {
        rules::prove(reader, &rules, &inputs, otherwise.is_some(), rules_entry.key.span);
    }
    let table = PolicyTable {
        name: name?,
        title,
        inputs,
        rules: rules.into_iter().map(|placed| placed.rule).collect(),
        otherwise: otherwise_answer,
    };
    let tests = root.get("tests").map_or(0, |node| tests_of_file::run(reader, node, &table, is_whole));
    Some(Policy { table, tests })
}

fn inputs_of(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, PolicyInput> {
    let entries = reader.entries(node, "`inputs`");
    if entries.is_empty() && node.as_mapping().is_some() {
        let hint = "name what is decided by: `inputs: { value: { type: number } }`";
        reader.error(codes::MISSING_KEY, node.span, "a policy needs at least one input", hint);
    }
    reader.fits(entries.len(), INPUTS_MAX, node.span, "`inputs`");
    let mut inputs = BTreeMap::new();
    for entry in entries.iter().take(INPUTS_MAX) {
        reader.check_name(&entry.key.text, entry.key.span, "the input");
        if let Some(input) = input(reader, entry) {
            inputs.insert(entry.key.text.clone(), input);
        }
    }
    inputs
}

fn input(reader: &mut Reader<'_>, entry: &Entry) -> Option<PolicyInput> {
    let (name, node) = (entry.key.text.as_str(), &entry.value);
    let what = format!("input `{name}`");
    reader.mapping(node, &what, INPUT_KEYS);
    node.as_mapping()?;
    for key in ["title", "description"] {
        if let Some(text) = node.get(key) {
            reader.text(text, &format!("`{key}` of {what}"));
        }
    }
    let kind = match (node.get("type"), node.get("enum")) {
        (Some(kind), _) => kind_of(reader, kind, &what)?,
        (None, Some(_)) => Kind::String,
        (None, None) => {
            let hint = "add `type: number`, or `enum: [EU, UK]` for texts";
            reader.error(codes::MISSING_KEY, entry.key.span, format!("{what} needs a type"), hint);
            return None;
        }
    };
    let values = match kind {
        Kind::Number | Kind::Integer => {
            let numbers = bounds(reader, node, &what)?;
            if kind == Kind::Integer { numbers.to_integers() } else { numbers }
        }
        Kind::String => match node.get("enum") {
            Some(list) => Set::Texts(texts(reader, list, &what)?),
            None => Set::TextsBut(BTreeSet::new()),
        },
        Kind::Boolean => Set::Booleans(true, true),
    };
    let is_number = matches!(kind, Kind::Number | Kind::Integer);
    for other in node.as_mapping().into_iter().flatten() {
        let key = other.key.text.as_str();
        let fits = match key {
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => is_number,
            "enum" => kind == Kind::String,
            _ => true,
        };
        if !fits {
            let message = format!("{what} is {}, which has no `{key}`", kind.article());
            let hint = if key == "enum" { "compare it in the rules instead" } else { "remove it" };
            reader.error(codes::INPUT, other.key.span, message, hint);
        }
    }
    if is_number && values.is_empty() {
        reader.error(codes::INPUT, node.span, format!("{what} can have no value at all"), "correct its bounds");
        return None;
    }
    Some(PolicyInput { kind, values })
}

fn kind_of(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Kind> {
    let known = KINDS.map(|(name, _)| name);
    let found = node.as_str().and_then(|text| KINDS.iter().find(|(name, _)| *name == text));
    if found.is_none() {
        let (message, hint) = match node.as_str() {
            Some("object" | "array" | "null") => {
                (format!("{what} is not a single value"), format!("the types are {}", listed(&known)))
            }
            Some(text) => (format!("{what} cannot be a {}", quoted(text)), names_hint(text, &known, "types")),
            None => (format!("the type of {what} must be one word"), format!("the types are {}", listed(&known))),
        };
        reader.error(codes::INPUT, node.span, message, hint);
    }
    found.map(|(_, kind)| *kind)
}

/// The numbers between an input's bounds.
fn bounds(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Set> {
    let mut numbers = Set::Numbers(vec![Numbers::ALL]);
    let before = reader.count();
    for (key, included, is_lower) in [
        ("minimum", true, true),
        ("exclusiveMinimum", false, true),
        ("maximum", true, false),
        ("exclusiveMaximum", false, false),
    ] {
        let Some(value) = node.get(key) else { continue };
        let Some(at) = value.as_f64().filter(|at| at.abs() <= INTEGER_MAX) else {
            reader.wrong_kind(value, &format!("`{key}` of {what}"), "a number");
            continue;
        };
        let bound = Some(Bound { at, included });
        let span = if is_lower { Numbers { from: bound, to: None } } else { Numbers { from: None, to: bound } };
        numbers = numbers.intersect(&Set::Numbers(vec![span]));
    }
    (reader.count() == before).then_some(numbers)
}

fn texts(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<BTreeSet<String>> {
    let items = reader.items(node, &format!("`enum` of {what}"), VALUES_MAX);
    if items.is_empty() && node.as_sequence().is_some() {
        reader.error(codes::INPUT, node.span, format!("`enum` of {what} is empty"), "name the values it may have");
    }
    let mut texts = BTreeSet::new();
    for item in items {
        match &item.value {
            Value::String(text) => {
                if !texts.insert(text.clone()) {
                    let message = format!("{} is there twice", quoted(text));
                    reader.error(codes::DUPLICATE, item.span, message, "remove one");
                }
            }
            _ => reader.wrong_kind(item, &format!("a value of {what}"), "a text in quotes"),
        }
    }
    (!texts.is_empty()).then_some(texts)
}
