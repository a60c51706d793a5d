//! From a test file to a suite, or to everything that is wrong with it.
//!
//! Names are looked up in the compiled workflow, inputs and outputs are held against its schemas, so that a test that could never
//! mean anything is found before it passes. It runs nothing: that is `play`.

use crate::scenarios::known::{Known, Manner};
use crate::scenarios::limits::{PROBLEMS_MAX, SCENARIOS_MAX};
use crate::scenarios::model::{Scenario, Suite};
use crate::scenarios::reader::{Reader, listed, names_hint};
use crate::scenarios::{codes, expect, faults, made_up, timeline};
use engross_compiler::{Catalog, Compiled};
use engross_core::{Person, Plan};
use engross_providers::ProviderDescription;
use engross_source::diagnostic::quoted;
use engross_source::{Diagnostic, Limits, Node, SourceFile, nearest};
use engross_step_api::Registry;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const TOP: &[&str] = &["schema", "workflow", "people", "scenarios"];
const SCENARIO: &[&str] = &["name", "inputs", "requester", "outputs", "until", "timeline", "faults", "expect"];

/// The value of `schema`, which may be left out.
pub const LANGUAGE: &str = "engross/test/v1";

/// Who starts a run where a scenario does not say.
const REQUESTER: &str = "requester@people.example";

/// What a test file is checked against.
pub struct Around<'a> {
    /// The operations and connections.
    pub catalog: &'a dyn Catalog,
    /// The operations.
    pub registry: &'a Registry,
    /// The providers, with the events that they declare.
    pub providers: &'a [ProviderDescription],
    /// The workflow files beside the test file, by the names in them.
    pub beside: &'a BTreeMap<String, SourceFile>,
}

/// What a scenario is read against.
pub struct Scene<'a> {
    /// What the workflow has.
    pub known: &'a Known,
    /// The workflow.
    pub plan: &'a Plan,
    /// Everything else.
    pub around: &'a Around<'a>,
}

/// Reads a test file.
///
/// # Errors
/// Every mistake, sorted by place.
pub fn load(file: &SourceFile, around: &Around<'_>) -> Result<Suite, Vec<Diagnostic>> {
    let root = engross_source::load(file, &Limits::default())?;
    let mut reader = Reader::new(file);
    let suite = read(&mut reader, file, &root, around);
    match suite {
        Some(suite) if reader.count() == 0 => Ok(suite),
        _ => Err(reader.into_findings()),
    }
}

fn read(reader: &mut Reader<'_>, file: &SourceFile, root: &Node, around: &Around<'_>) -> Option<Suite> {
    let top = reader.mapping(root, "a test file", TOP);
    root.as_mapping()?;
    let first = top.first().map_or(root.span, |entry| entry.key.span);
    if let Some(schema) = root.get("schema").filter(|schema| schema.as_str() != Some(LANGUAGE)) {
        let hint = format!("write `schema: {LANGUAGE}`, or leave it out");
        reader.error(codes::WRONG_KIND, schema.span, "this version of test files is not known", hint);
    }
    let people = root.get("people").map(|node| people(reader, node)).unwrap_or_default();
    let workflow = reader.require(root, "workflow", "a test file", first, "workflow: mutual_nda");
    let (source, compiled) = workflow.and_then(|node| workflow_of(reader, node, around)).unzip();
    let scenarios = reader.require(
        root,
        "scenarios",
        "a test file",
        first,
        "scenarios: [{ name: …, expect: { outcome: succeeded } }]",
    );
    let items = scenarios.map(|node| reader.items(node, "`scenarios`", SCENARIOS_MAX)).unwrap_or_default();
    if let Some(node) = scenarios.filter(|node| node.as_sequence().is_some_and(<[Node]>::is_empty)) {
        reader.error(codes::MISSING_KEY, node.span, "there is no scenario", "add one, or remove the file");
    }
    // Without the workflow nothing that a scenario names could be looked up.
    let (source, compiled) = source.zip(compiled)?;
    let plan = compiled.plan;
    let known = Known::of(plan.definition(), around.registry);
    let scene = Scene { known: &known, plan: &plan, around };
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut read = Vec::new();
    for item in items {
        if let Some(node) = item.get("name")
            && let Some(name) = node.as_str()
            && !names.insert(name)
        {
            let message = format!("there is another scenario called {}", quoted(name));
            reader.error(codes::CANNOT_BE, node.span, message, "give each a name of its own");
        }
        read.extend(scenario(reader, item, &scene));
    }
    Some(Suite {
        path: file.path().to_string(),
        workflow: plan.definition().name.clone(),
        source,
        definition: plan.definition().clone(),
        known,
        people,
        scenarios: read,
    })
}

fn people(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, Vec<Person>> {
    let mut people = BTreeMap::new();
    for entry in reader.entries(node, "`people`") {
        let what = format!("the group {}", quoted(&entry.key.text));
        let items = reader.items(&entry.value, &what, SCENARIOS_MAX);
        let persons = items.iter().filter_map(|item| reader.person(item, "a person")).collect();
        people.insert(entry.key.text.clone(), persons);
    }
    people
}

/// The workflow that is tested, compiled.
fn workflow_of(reader: &mut Reader<'_>, node: &Node, around: &Around<'_>) -> Option<(SourceFile, Compiled)> {
    let name = reader.text(node, "`workflow`")?;
    let Some(source) = around.beside.get(name) else {
        let names: Vec<&str> = around.beside.keys().map(String::as_str).collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "a test file lies in the folder of its workflow".to_string(),
            None => format!("the workflows beside this file are {}", listed(&names)),
        };
        reader.error(
            codes::WORKFLOW,
            node.span,
            format!("no workflow beside this file is called {}", quoted(name)),
            hint,
        );
        return None;
    };
    match engross_compiler::compile(source, around.catalog) {
        Ok(compiled) => Some((source.clone(), compiled)),
        Err(found) => {
            let errors = found.iter().filter(|found| found.severity == engross_source::Severity::Error).count();
            let count = if errors == 1 { "a mistake".to_string() } else { format!("{errors} mistakes") };
            let message = format!("the workflow {} has {count}", quoted(name));
            reader.error(
                codes::WORKFLOW,
                node.span,
                message,
                format!("`engross validate {}` shows them", source.path()),
            );
            None
        }
    }
}

fn scenario(reader: &mut Reader<'_>, node: &Node, scene: &Scene<'_>) -> Option<Scenario> {
    reader.mapping(node, "a scenario", SCENARIO);
    node.as_mapping()?;
    let name = reader.require(node, "name", "a scenario", node.span, "name: nobody answers");
    let name = name.and_then(|name| reader.text(name, "`name`")).unwrap_or_default().to_string();
    let requester = node.get("requester").and_then(|who| reader.person(who, "`requester`"));
    let inputs = inputs(reader, node, scene);
    let outputs = node.get("outputs").map(|outputs| outputs_of(reader, outputs, scene)).unwrap_or_default();
    let until_ms = node.get("until").and_then(|until| reader.span(until, "`until`"));
    let timeline = node.get("timeline").map(|timeline| timeline::read(reader, timeline, scene)).unwrap_or_default();
    let faults = node.get("faults").map(|faults| faults::read(reader, faults, scene)).unwrap_or_default();
    let example = "expect: { outcome: succeeded }";
    let expect = reader.require(node, "expect", "a scenario", node.span, example);
    let expect = expect.map(|expect| expect::read(reader, expect, scene)).unwrap_or_default();
    Some(Scenario {
        name,
        line: reader.line(node.span),
        inputs,
        requester: requester.unwrap_or_else(|| Person::new(REQUESTER)),
        outputs,
        until_ms,
        timeline,
        faults,
        expect,
    })
}

fn inputs(reader: &mut Reader<'_>, scenario: &Node, scene: &Scene<'_>) -> Value {
    let node = scenario.get("inputs");
    let given = node.map_or_else(|| json!({}), Node::to_json);
    let problems = match engross_compiler::validate_inputs(scene.plan, given) {
        Ok(inputs) => return inputs,
        Err(problems) => problems,
    };
    for problem in problems {
        let place = node.and_then(|node| node.at_pointer(&problem.pointer).or(Some(node))).unwrap_or(scenario);
        let hint = format!("the inputs are those of `{}`", scene.plan.definition().name);
        reader.error(codes::CANNOT_BE, place.span, format!("inputs: {}", problem.message), hint);
    }
    json!({})
}

fn outputs_of(reader: &mut Reader<'_>, node: &Node, scene: &Scene<'_>) -> BTreeMap<String, Value> {
    let mut outputs = BTreeMap::new();
    for entry in reader.entries(node, "`outputs`") {
        let name = entry.key.text.as_str();
        let Some(fact) = scene.known.get(name) else {
            unknown_step(reader, &entry.key.text, entry.key.span, scene);
            continue;
        };
        if fact.manner == Manner::Real {
            let message = format!("{} uses `{}`, which works here as in a real run", quoted(name), fact.uses);
            let hint = "what it leaves comes from its inputs and from the timeline";
            reader.error(codes::CANNOT_BE, entry.key.span, message, hint);
            continue;
        }
        let over = entry.value.to_json();
        if entry.value.as_mapping().is_none() {
            reader.wrong_kind(&entry.value, &format!("the outputs of {}", quoted(name)), "a mapping");
            continue;
        }
        let mut made = made_up::outputs(&fact.output, name, &json!({}));
        made_up::laid_over(&mut made, &over);
        let validator = jsonschema::options().should_validate_formats(true).build(&fact.output);
        // A schema that cannot be used is the provider's mistake, and is told when its operation is used.
        let problems = validator.iter().flat_map(|validator| validator.iter_errors(&made)).take(PROBLEMS_MAX);
        for problem in problems {
            let pointer = problem.instance_path().to_string();
            let place = entry.value.at_pointer(&pointer).unwrap_or(&entry.value);
            let message = format!("{} leaves no such outputs: {}", quoted(name), problem.masked());
            let hint = format!("`engross schema {}` shows what it leaves", fact.uses);
            reader.error(codes::CANNOT_BE, place.span, message, hint);
        }
        outputs.insert(entry.key.text.clone(), over);
    }
    outputs
}

/// Says that the workflow has no such step.
pub fn unknown_step(reader: &mut Reader<'_>, name: &str, span: engross_source::Span, scene: &Scene<'_>) {
    let names = scene.known.names();
    let message = format!("`{}` has no step {}", scene.plan.definition().name, quoted(name));
    reader.error(codes::UNKNOWN_NAME, span, message, names_hint(name, &names, "steps"));
}
