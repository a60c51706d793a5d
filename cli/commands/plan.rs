//! `engross plan`: what a run would do, without doing any of it.

use crate::args::FormatArg;
use crate::commands::run::inputs;
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{beside, host, sources, ui};
use anyhow::Result;
use clap::Args;
use engross_compiler::TeraEvaluator;
use engross_core::{EffectClass, Evaluate, Expr, Foreach, Plan as Workflow, PlanStep, Template, Tolerance};
use engross_step_api::{Preview, Registry};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

/// Show what a run would do: the order, and each request as it would be sent.
///
/// Works offline. Secrets are masked; what is known only later stands in angle brackets: `<steps.create.outputs.contract_id>`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The workflow file
    pub file: PathBuf,

    /// The inputs as JSON, or @FILE, or @- for standard input [default: all of them stand in angle brackets]
    #[arg(long, value_name = "JSON")]
    pub input: Option<String>,

    #[command(flatten)]
    pub format: FormatArg,
}

/// One step as it would be.
#[derive(Debug, Serialize)]
struct Planned {
    step: String,
    uses: String,
    connection: Option<String>,
    needs: Vec<String>,
    condition: Option<String>,
    /// For what it is done, if it is for each item of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    foreach: Option<Each>,
    /// The workflow that it starts, and the steps of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    starts: Option<Child>,
    effect: EffectClass,
    after_a_crash: &'static str,
    outcomes: Vec<String>,
    input: Value,
    request: Option<Preview>,
    known_later: Vec<String>,
}

/// The list that a step is done for.
#[derive(Debug, Serialize)]
struct Each {
    items: Value,
    key: Option<Value>,
    max_parallel: u32,
    tolerate: String,
    item_outcomes: Vec<String>,
}

/// A workflow that is started.
#[derive(Debug, Serialize)]
struct Child {
    workflow: String,
    steps: Vec<String>,
}

/// Carries it out.
///
/// # Errors
/// The file or the inputs cannot be read.
pub fn run(args: &Plan, config: &Config) -> Result<Exit> {
    let file = sources::read_text(&args.file)?;
    let registry = host::registry(config)?;
    let folders = beside::folders(config);
    let catalog = beside::with(host::catalog(&registry, config), &folders);
    let compiled = match engross_compiler::compile(&file, &catalog) {
        Ok(compiled) => compiled,
        Err(found) => {
            ui::diagnostics(&found, std::slice::from_ref(&file));
            return Ok(exit::NOT_GOOD);
        }
    };
    ui::diagnostics(&compiled.warnings, std::slice::from_ref(&file));
    let known = match &args.input {
        None => None,
        Some(given) => match engross_compiler::validate_inputs(&compiled.plan, inputs(given)?) {
            Ok(inputs) => Some(inputs),
            Err(problems) => {
                for problem in problems {
                    ui::note(&format!("error: --input: {problem}"));
                }
                return Ok(exit::NOT_GOOD);
            }
        },
    };
    let planner =
        Planner { evaluator: TeraEvaluator::default(), scope: known.map(|inputs| json!({ "inputs": inputs })) };
    let steps: Vec<Planned> =
        planned(&compiled.plan).map(|step| planner.step(step, &compiled.plan, &registry, config)).collect();
    ui::print(args.format.format, &json!({ "workflow": compiled.plan.definition().name, "steps": steps }), || {
        text(&steps)
    });
    Ok(exit::OK)
}

/// What is shown: each step of the file, what is done for one item in place of the whole, and what undoes them.
fn planned(plan: &Workflow) -> impl Iterator<Item = &PlanStep> {
    plan.all().filter(|step| PlanStep::item_of(&step.id).is_none())
}

struct Planner {
    evaluator: TeraEvaluator,
    /// What is known already; none when no inputs were given.
    scope: Option<Value>,
}

impl Planner {
    fn step(&self, whole: &PlanStep, plan: &Workflow, registry: &Registry, config: &Config) -> Planned {
        let foreach = whole.foreach.as_deref();
        // What is done is done for an item.
        let step = foreach.map_or(whole, |foreach| &foreach.each);
        let input = self.value(&step.with);
        let connection = step.connection.as_ref().and_then(|name| Some((name, config.connections.get(name)?)));
        let connection = connection.map(|(name, config)| host::offline_connection(name, config));
        let request = registry.step(&step.uses).and_then(|s| s.preview(connection.as_ref(), &input));
        let mut known_later: Vec<String> = step
            .with
            .templates()
            .iter()
            .flat_map(|t| &t.references)
            .filter(|reference| !self.is_known(reference))
            .cloned()
            .collect();
        known_later.sort();
        known_later.dedup();
        Planned {
            step: whole.id.to_string(),
            uses: step.uses.clone(),
            connection: step.connection.clone(),
            needs: whole.needs.iter().map(ToString::to_string).collect(),
            condition: whole.condition.as_ref().map(|c| c.source.clone()),
            foreach: foreach.map(|foreach| self.each(foreach)),
            starts: step.child.as_deref().map(|child| Child {
                workflow: child.name.clone(),
                steps: child.steps.iter().map(|step| format!("{} ({})", step.id, step.uses)).collect(),
            }),
            effect: step.effect,
            after_a_crash: after_a_crash(step.effect),
            outcomes: whole
                .outcomes
                .iter()
                .map(|o| if plan.handles(&whole.id, &o.name) { format!("{}*", o.name) } else { o.name.to_string() })
                .collect(),
            input,
            request,
            known_later,
        }
    }

    fn each(&self, foreach: &Foreach) -> Each {
        Each {
            items: self.value(&foreach.items),
            key: foreach.key.as_ref().map(|key| self.value(key)),
            max_parallel: foreach.max_parallel,
            tolerate: match foreach.tolerate {
                Tolerance::Count(count) => count.to_string(),
                Tolerance::Percent(percent) => format!("{percent}%"),
            },
            item_outcomes: foreach.each.outcomes.iter().map(|outcome| outcome.name.to_string()).collect(),
        }
    }

    fn value(&self, expr: &Expr) -> Value {
        match expr {
            Expr::Literal(value) => value.clone(),
            Expr::Template(template) => self.template(template),
            Expr::List(items) => items.iter().map(|item| self.value(item)).collect(),
            Expr::Map(entries) => entries.iter().map(|(key, item)| (key.clone(), self.value(item))).collect(),
        }
    }

    /// The value, where everything in it is known; otherwise the text with what is not known in angle brackets.
    fn template(&self, template: &Template) -> Value {
        if let Some(scope) = &self.scope
            && template.references.iter().all(|r| self.is_known(r))
            && let Ok(value) = self.evaluator.evaluate(template, scope)
        {
            return value;
        }
        let mut text = String::new();
        let mut rest = template.source.as_str();
        while let Some((before, after)) = rest.split_once("{{") {
            let (inside, after) = after.split_once("}}").unwrap_or((after, ""));
            text.push_str(before);
            text.push_str(&self.part(inside, template));
            rest = after;
        }
        text.push_str(rest);
        Value::String(text)
    }

    /// One `{{ … }}` of a text.
    fn part(&self, inside: &str, template: &Template) -> String {
        let references: Vec<String> =
            template.references.iter().filter(|r| inside.contains(r.as_str())).cloned().collect();
        let source = format!("{{{{{inside}}}}}");
        if let Some(scope) = &self.scope
            && !references.is_empty()
            && references.iter().all(|r| self.is_known(r))
            && let Ok(value) = self.evaluator.evaluate(&Template { source, whole: true, references }, scope)
        {
            return value.as_str().map_or_else(|| value.to_string(), ToString::to_string);
        }
        format!("<{}>", inside.trim())
    }

    fn is_known(&self, reference: &str) -> bool {
        self.scope.is_some() && (reference == "inputs" || reference.starts_with("inputs."))
    }
}

fn after_a_crash(effect: EffectClass) -> &'static str {
    match effect {
        EffectClass::Read => "read again",
        EffectClass::Idempotent => "repeated under the same key",
        EffectClass::Reconcilable => "looked up first, repeated only if it did not happen",
        EffectClass::Unsafe => "stops as in_doubt for a person",
    }
}

fn text(steps: &[Planned]) -> String {
    let mut text = String::new();
    for (number, planned) in steps.iter().enumerate() {
        let _ = writeln!(text, "{}. {} ({})", number + 1, planned.step, planned.uses);
        if !planned.needs.is_empty() {
            let _ = writeln!(text, "   needs     {}", planned.needs.join(" and "));
        }
        if let Some(condition) = &planned.condition {
            let _ = writeln!(text, "   if        {condition}");
        }
        if let Some(each) = &planned.foreach {
            let items = each.items.as_str().map_or_else(|| each.items.to_string(), ToString::to_string);
            let key = each.key.as_ref().map_or_else(String::new, |key| {
                format!(", known by {}", key.as_str().map_or_else(|| key.to_string(), ToString::to_string))
            });
            let _ = writeln!(text, "   for each  {items}{key}");
            let _ = writeln!(text, "             {} at a time; {} may end badly", each.max_parallel, each.tolerate);
            let _ = writeln!(text, "   each ends as {}", each.item_outcomes.join(", "));
        }
        if let Some(child) = &planned.starts {
            let _ = writeln!(text, "   starts    {}: {}", child.workflow, child.steps.join(", "));
        }
        let _ = writeln!(text, "   ends as   {}", planned.outcomes.join(", "));
        if planned.effect != EffectClass::Read {
            let _ = writeln!(text, "   on crash  {}", planned.after_a_crash);
        }
        match &planned.request {
            Some(request) => {
                let _ = writeln!(text, "   sends     {} {}", request.method, request.url);
                for (name, value) in &request.headers {
                    let _ = writeln!(text, "             {name}: {value}");
                }
                for line in request.body.iter().flat_map(|body| body.lines()) {
                    let _ = writeln!(text, "             {line}");
                }
            }
            None => {
                let input = serde_json::to_string_pretty(&planned.input).unwrap_or_default();
                for (i, line) in input.lines().enumerate() {
                    let _ = writeln!(text, "   {}{line}", if i == 0 { "with      " } else { "          " });
                }
            }
        }
        if !planned.known_later.is_empty() {
            let _ = writeln!(text, "   known later: {}", planned.known_later.join(", "));
        }
        text.push('\n');
    }
    text.push_str("An outcome marked * is handled by another step.\n");
    text
}
