//! No false alarm and no missed one, against Tera itself: expressions that nothing is said about render on every value that their
//! schemas allow, and expressions with an error fail on each.
//!
//! Schemas, expressions and values come from one seed; proptest chooses the seeds and a failure prints its workflow.

mod drive;
mod values;
mod workflows;

use crate::common::catalog;
use engross_compiler::{TeraEvaluator, compile};
use engross_core::{Evaluate, Template};
use engross_source::{Severity, SourceFile};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Expressions of one workflow.
const EXPRESSIONS: usize = 16;
/// Sets of inputs that each is rendered with.
const SAMPLES: usize = 6;

/// A small generator of pseudo-random numbers (xorshift), so that a seed gives the same case everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).expect("small")).expect("small")
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.roll(of.len())]
    }
}

fn schema(dice: &mut Dice, levels: usize) -> Value {
    let leaf = ["string", "integer", "number", "boolean"];
    match dice.roll(if levels == 0 { 6 } else { 10 }) {
        0..=2 => json!({"type": dice.pick(&leaf)}),
        3 | 4 => json!({"type": [dice.pick(&leaf), "null"]}),
        5 => json!({"enum": ["a", "b c"]}),
        6 | 7 => json!({"type": "array", "items": schema(dice, levels - 1), "minItems": dice.roll(2)}),
        _ => {
            let properties: Map<String, Value> =
                ["a", "b", "c"].iter().map(|name| ((*name).to_owned(), schema(dice, levels - 1))).collect();
            let required: Vec<&str> = ["a", "b", "c"].into_iter().filter(|_| dice.roll(2) == 0).collect();
            json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
        }
    }
}

/// A value that the schema allows.
fn value(dice: &mut Dice, schema: &Value) -> Value {
    if let Some(options) = schema["enum"].as_array() {
        return options[dice.roll(options.len())].clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds[dice.roll(kinds.len())].as_str().expect("a name"),
        kind => kind.as_str().expect("a name"),
    };
    match kind {
        "string" => json!(dice.pick(&["", "x", "Acme & Söhne", "a, b"])),
        "integer" => json!([0, 1, -7, 500][dice.roll(4)]),
        "number" => [json!(0), json!(2.5), json!(-1), json!(3.0)][dice.roll(4)].clone(),
        "boolean" => json!(dice.roll(2) == 0),
        "null" => Value::Null,
        "array" => {
            let least = usize::try_from(schema["minItems"].as_u64().expect("given")).expect("small");
            (0..least + dice.roll(3)).map(|_| value(dice, &schema["items"])).collect()
        }
        _ => {
            let required = schema["required"].as_array().expect("given");
            let properties = schema["properties"].as_object().expect("given");
            let there = properties.iter().filter(|(name, _)| required.contains(&json!(name)) || dice.roll(2) == 0);
            let there: Vec<(&String, &Value)> = there.collect();
            Value::Object(there.into_iter().map(|(name, schema)| (name.clone(), value(dice, schema))).collect())
        }
    }
}

/// Every path into a value of the schema.
fn paths(path: &str, schema: &Value, into: &mut Vec<String>) {
    into.push(path.to_owned());
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        paths(&format!("{path}.{name}"), property, into);
    }
    if schema["items"].is_object() {
        paths(&format!("{path}[0]"), &schema["items"], into);
    }
}

/// What may fail on a value alone, such as a division by zero or `int` of a text, is left out: no schema tells it.
fn expression(dice: &mut Dice, paths: &[String], levels: usize, strict: bool) -> String {
    let literal =
        |dice: &mut Dice| dice.pick(&["1", "2.5", "'x'", "true", "none", "['x', 'y']", "{'k': 1}"]).to_owned();
    if levels == 0 {
        return match dice.roll(12) {
            0 => literal(dice),
            1 if dice.roll(4) == 0 => format!("{}.zzz", paths[dice.roll(paths.len())]),
            _ => paths[dice.roll(paths.len())].clone(),
        };
    }
    let one = expression(dice, paths, levels - 1, strict);
    let filters = [
        "upper",
        "lower",
        "title",
        "capitalize",
        "slugify",
        "trim",
        "length",
        "reverse",
        "first",
        "last",
        "abs",
        "str",
        "json_encode",
        "keys",
        "unique",
        "join(sep=', ')",
        "truncate(length=2)",
        "split(pat=',')",
        "nth(n=1)",
        "round",
        "replace(from='a', to='b')",
        "trim(pat=1)",
        "truncate(length='x')",
    ];
    let tests =
        ["string", "number", "none", "odd", "containing(pat='x')", "starting_with(pat='A')", "divisible_by(divisor=2)"];
    match dice.roll(if strict { 7 } else { 11 }) {
        0..=2 => format!("({one}) | {}", dice.pick(&filters)),
        3 => format!("({one}) {} ({})", dice.pick(&["+", "-", "*"]), expression(dice, paths, levels - 1, strict)),
        4 => format!("({one}) ~ ({})", expression(dice, paths, levels - 1, strict)),
        5 => format!(
            "({one}) {} ({})",
            dice.pick(&["==", "!=", "<", ">=", "in"]),
            expression(dice, paths, levels - 1, strict)
        ),
        6 => format!("({one}) is {}", dice.pick(&tests)),
        7 => {
            let path = &paths[dice.roll(paths.len())];
            let end = dice.pick(&["", ", boolean=true"]);
            format!("{path} | default(value={}{end})", literal(dice))
        }
        8 => {
            let path = &paths[dice.roll(paths.len())];
            let test = dice.pick(&["", " is defined", " is not none", " is string"]);
            format!("({path} ~ '') if {path}{test} else ({one})")
        }
        9 => format!("({one}) {} ({})", dice.pick(&["and", "or"]), expression(dice, paths, levels - 1, strict)),
        _ => format!("not ({one})"),
    }
}

fn check(seed: u64) -> Result<(usize, usize), TestCaseError> {
    let mut dice = Dice(seed | 1);
    let strict = dice.roll(2) == 0;
    let schemas: Map<String, Value> =
        ["p", "q", "r", "s"].iter().map(|name| ((*name).to_owned(), schema(&mut dice, 2))).collect();
    // The same values are inputs, or what each item of a list has.
    let of_item = dice.roll(3) == 0;
    let root = if of_item { "item" } else { "inputs" };
    let mut all = Vec::new();
    for (name, schema) in &schemas {
        paths(&format!("{root}.{name}"), schema, &mut all);
    }
    let names: Vec<&String> = schemas.keys().collect();
    let inputs = if of_item {
        json!({ "list": { "type": "array", "items": { "type": "object", "properties": schemas, "required": names } } })
    } else {
        Value::Object(schemas.clone())
    };
    let foreach = if of_item { "foreach: { items: \"{{ inputs.list }}\" }, " } else { "" };
    let mut text = format!("schema: engross/v1\nname: example\ninputs: {inputs}\nsteps:\n");
    let mut templates = Vec::new();
    for at in 0..EXPRESSIONS {
        let levels = 1 + dice.roll(3);
        let source = expression(&mut dice, &all, levels, strict);
        let source = if dice.roll(3) == 0 { format!("a {{{{ {source} }}}}") } else { format!("{{{{ {source} }}}}") };
        let quoted = Value::String(source.clone());
        writeln!(text, "  s{at}: {{ uses: set, {foreach}with: {{ x: {quoted} }} }}").expect("a string");
        templates.push(source);
    }
    let file = SourceFile::new("w.yaml", &text);
    let findings = match compile(&file, &catalog()) {
        Ok(compiled) => compiled.warnings,
        Err(findings) => findings,
    };
    let evaluator = TeraEvaluator::new();
    let (mut clean, mut wrong) = (0, 0);
    // A file shows so many findings of a code; behind the first that is left out, silence means nothing.
    let cut = findings
        .iter()
        .filter(|f| f.message.contains("more findings of"))
        .map(|f| file.line_col(f.primary.span.start).0);
    let cut = cut.min().unwrap_or(usize::MAX);
    for (at, source) in templates.iter().enumerate() {
        let line = at + 5;
        let here: Vec<_> = findings.iter().filter(|f| file.line_col(f.primary.span.start).0 == line).collect();
        let error = here.iter().any(|finding| finding.severity == Severity::Error);
        if line > cut || !(here.is_empty() || error && strict) {
            continue;
        }
        *(if error { &mut wrong } else { &mut clean }) += 1;
        for _ in 0..SAMPLES {
            let inputs: Map<String, Value> =
                schemas.iter().map(|(name, schema)| (name.clone(), value(&mut dice, schema))).collect();
            let template = Template { source: source.clone(), whole: false, references: Vec::new() };
            let scope = json!({ root: inputs });
            let rendered = evaluator.evaluate(&template, &scope);
            let told: Vec<&str> = here.iter().map(|finding| finding.message.as_str()).collect();
            prop_assert_eq!(
                rendered.is_err(),
                error,
                "seed {}: {}\n{:?}\n{}\n{:?}",
                seed,
                source,
                rendered,
                scope,
                told
            );
        }
    }
    Ok((clean, wrong))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 320, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn what_is_not_called_wrong_renders_and_what_is_fails(seed in any::<u64>()) {
        check(seed)?;
    }
}

/// The property above would hold of a compiler that calls everything doubtful.
#[test]
fn the_generator_makes_enough_of_both() {
    let (mut clean, mut wrong) = (0, 0);
    for seed in 1..64_u64 {
        let (more_clean, more_wrong) = check(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)).expect("no alarm is false");
        clean += more_clean;
        wrong += more_wrong;
    }
    assert!(clean > 100 && wrong > 50, "{clean} expressions without a finding, {wrong} with an error");
}
