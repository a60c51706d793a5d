//! `engross graph`: a workflow as Mermaid or DOT.

use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{beside, host, sources, ui};
use anyhow::Result;
use clap::{Args, ValueEnum};
use engross_core::{Need, OutcomeKind, Plan, PlanStep, StepKind};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

/// Draw a workflow.
#[derive(Debug, Args)]
pub struct Graph {
    /// The workflow file
    pub file: PathBuf,

    /// In which language
    #[arg(long, value_enum, default_value_t)]
    pub format: Language,
}

/// The language of a drawing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Mermaid, which pull requests and wikis draw.
    #[default]
    Mermaid,
    /// DOT, for Graphviz.
    Dot,
}

/// Carries it out.
///
/// # Errors
/// The file cannot be read.
pub fn run(args: &Graph, config: &Config) -> Result<Exit> {
    let file = sources::read_text(&args.file)?;
    let registry = host::registry(config)?;
    let folders = beside::folders(config);
    let catalog = beside::with(host::catalog(&registry, config), &folders);
    match engross_compiler::compile(&file, &catalog) {
        Ok(compiled) => {
            ui::data(&match args.format {
                Language::Mermaid => mermaid(&compiled.plan),
                Language::Dot => dot(&compiled.plan),
            });
            Ok(exit::OK)
        }
        Err(found) => {
            ui::diagnostics(&found, std::slice::from_ref(&file));
            Ok(exit::NOT_GOOD)
        }
    }
}

/// An edge to be drawn: from, to, what it carries, and whether one of several is enough.
struct Edge {
    from: String,
    to: String,
    label: String,
    any: bool,
}

fn edges(plan: &Plan) -> Vec<Edge> {
    let mut edges = Vec::new();
    for step in plan.ordered() {
        for need in &step.needs {
            for one in need.refs() {
                let good = plan.step(&one.step).is_some_and(|s| carries_good(s, &one.on));
                let label = match &one.on {
                    engross_core::On::Done => "done".to_string(),
                    engross_core::On::Outcome(_) if good => String::new(),
                    engross_core::On::Outcome(outcome) => outcome.to_string(),
                };
                let any = matches!(need, Need::Any(_));
                edges.push(Edge { from: one.step.to_string(), to: step.id.to_string(), label, any });
            }
        }
    }
    without_implied(edges)
}

/// Leaves out what another way says already: `create --> send` beside `create --> prefill --> send`.
fn without_implied(edges: Vec<Edge>) -> Vec<Edge> {
    let mut next: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for edge in edges.iter().filter(|e| !e.any) {
        next.entry(edge.from.clone()).or_default().push(edge.to.clone());
    }
    let implied = |edge: &Edge| {
        if edge.any || !edge.label.is_empty() {
            return false;
        }
        let mut seen = BTreeSet::new();
        let mut open: Vec<&String> = next.get(&edge.from).into_iter().flatten().filter(|to| **to != edge.to).collect();
        while let Some(step) = open.pop() {
            if *step == edge.to {
                return true;
            }
            if seen.insert(step) {
                open.extend(next.get(step).into_iter().flatten());
            }
        }
        false
    };
    edges.into_iter().filter(|edge| !implied(edge)).collect()
}

fn carries_good(step: &PlanStep, on: &engross_core::On) -> bool {
    let engross_core::On::Outcome(name) = on else { return false };
    let plain = step.outcomes.first().is_some_and(|o| o.name == *name && o.kind == OutcomeKind::Good);
    // An approval's yes is worth its label.
    plain && name.as_str() == "succeeded"
}

enum Shape {
    Each,
    Wait,
    Action,
}

fn shape(step: &PlanStep) -> Shape {
    match step.kind {
        _ if step.foreach.is_some() => Shape::Each,
        StepKind::Wait => Shape::Wait,
        StepKind::Action => Shape::Action,
    }
}

/// What a step uses, with the workflow that it starts and with whether it does so for each item of a list.
fn uses(step: &PlanStep) -> String {
    let each = step.foreach.as_deref().map_or(step, |foreach| &foreach.each);
    let child = each.child.as_deref().map_or_else(String::new, |child| format!(" {}", child.name));
    let times = if step.foreach.is_some() { ", for each item" } else { "" };
    format!("{}{child}{times}", step.uses)
}

fn mermaid(plan: &Plan) -> String {
    let mut text = String::from("flowchart TD\n");
    for step in plan.ordered() {
        // What is done for each item has a box with two walls.
        let (open, close) = match shape(step) {
            Shape::Each => ("[[", "]]"),
            Shape::Wait => ("([", "])"),
            Shape::Action => ("[", "]"),
        };
        let uses = uses(step);
        let _ = writeln!(text, "  {id}{open}\"{id}<br/><small>{uses}</small>\"{close}", id = step.id);
    }
    for Edge { from, to, label, any } in edges(plan) {
        let arrow = if any { "-.->" } else { "-->" };
        let label = if label.is_empty() { String::new() } else { format!("|{label}|") };
        let _ = writeln!(text, "  {from} {arrow}{label} {to}");
    }
    text
}

fn dot(plan: &Plan) -> String {
    let mut text = format!("digraph {} {{\n  node [shape=box, style=rounded];\n", plan.definition().name);
    for step in plan.ordered() {
        let shape = match shape(step) {
            Shape::Each => ", shape=box3d",
            Shape::Wait => ", shape=ellipse",
            Shape::Action => "",
        };
        let _ = writeln!(text, "  \"{id}\" [label=\"{id}\\n{uses}\"{shape}];", id = step.id, uses = uses(step));
    }
    for Edge { from, to, label, any } in edges(plan) {
        let mut options = Vec::new();
        if !label.is_empty() {
            options.push(format!("label=\"{label}\""));
        }
        if any {
            options.push("style=dashed".to_string());
        }
        let options = if options.is_empty() { String::new() } else { format!(" [{}]", options.join(", ")) };
        let _ = writeln!(text, "  \"{from}\" -> \"{to}\"{options};");
    }
    text.push_str("}\n");
    text
}
