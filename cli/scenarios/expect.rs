//! `expect:` of a scenario. A name that could never be reached would make a test that cannot fail, so all of them are looked up.

use crate::scenarios::codes;
use crate::scenarios::known::STANDINGS;
use crate::scenarios::limits::SCENARIOS_MAX;
use crate::scenarios::load::{Scene, unknown_step};
use crate::scenarios::model::Expect;
use crate::scenarios::reader::{Reader, listed, names_hint};
use engross_core::RunStatus;
use engross_source::diagnostic::quoted;
use engross_source::{Node, nearest};

const KEYS: &[&str] = &["outcome", "steps", "calls", "never_called", "outputs"];

/// How a run can stand in the end.
pub const STATUSES: [RunStatus; 5] =
    [RunStatus::Succeeded, RunStatus::Stopped, RunStatus::Failed, RunStatus::Cancelled, RunStatus::Running];

/// How often an operation can be expected to take effect.
const CALLS_MAX: i64 = 1_000_000;

/// Reads what is expected.
pub fn read(reader: &mut Reader<'_>, node: &Node, scene: &Scene<'_>) -> Expect {
    let entries = reader.mapping(node, "`expect`", KEYS);
    if entries.is_empty() && node.as_mapping().is_some() {
        let hint = "write `outcome: succeeded`, `steps: { … }` or `calls: { … }`";
        reader.error(codes::MISSING_KEY, node.span, "this scenario expects nothing", hint);
    }
    let mut expect = Expect { outcome: node.get("outcome").and_then(|node| status(reader, node)), ..Expect::default() };
    for entry in node.get("steps").map(|steps| reader.entries(steps, "`steps`")).unwrap_or_default() {
        let name = entry.key.text.as_str();
        let Some(fact) = scene.known.get(name) else {
            unknown_step(reader, name, entry.key.span, scene);
            continue;
        };
        let Some(outcome) = reader.text(&entry.value, "how a step ends") else { continue };
        if !fact.outcomes.iter().any(|known| known == outcome) && !STANDINGS.contains(&outcome) {
            let known: Vec<&str> = fact.outcomes.iter().map(String::as_str).chain(STANDINGS).collect();
            let message = format!("{} cannot end as {}", quoted(name), quoted(outcome));
            let near = nearest(outcome, known.iter().copied());
            let hint =
                near.map_or_else(|| format!("it ends as {}", listed(&known)), |near| format!("did you mean `{near}`?"));
            reader.error(codes::UNKNOWN_NAME, entry.value.span, message, hint);
            continue;
        }
        expect.steps.insert(name.to_string(), outcome.to_string());
    }
    for entry in node.get("calls").map(|calls| reader.entries(calls, "`calls`")).unwrap_or_default() {
        if is_used(reader, &entry.key.text, entry.key.span, scene)
            && let Some(count) = reader.number(&entry.value, "how often", 0, CALLS_MAX)
        {
            expect.calls.insert(entry.key.text.clone(), count.unsigned_abs());
        }
    }
    for item in
        node.get("never_called").map(|node| reader.items(node, "`never_called`", SCENARIOS_MAX)).unwrap_or_default()
    {
        if let Some(name) = reader.text(item, "an operation")
            && is_used(reader, name, item.span, scene)
        {
            expect.never_called.push(name.to_string());
        }
    }
    expect.outputs = node.get("outputs").and_then(|outputs| outputs_of(reader, outputs, scene));
    expect
}

fn status(reader: &mut Reader<'_>, node: &Node) -> Option<RunStatus> {
    let text = reader.text(node, "`outcome`")?;
    let status = STATUSES.into_iter().find(|status| status.as_str() == text);
    if status.is_none() {
        let names = STATUSES.map(RunStatus::as_str);
        let message = format!("a run cannot end as {}", quoted(text));
        reader.error(codes::UNKNOWN_NAME, node.span, message, names_hint(text, &names, "ends of a run"));
    }
    status
}

/// Whether a step of the workflow uses an operation; of one that none uses, nothing could ever be told.
fn is_used(reader: &mut Reader<'_>, name: &str, span: engross_source::Span, scene: &Scene<'_>) -> bool {
    let used = scene.known.uses();
    if used.contains(name) {
        return true;
    }
    let used: Vec<&str> = used.into_iter().collect();
    let message = format!("no step of `{}` uses {}", scene.plan.definition().name, quoted(name));
    reader.error(codes::UNKNOWN_NAME, span, message, names_hint(name, &used, "operations that it uses"));
    false
}

fn outputs_of(reader: &mut Reader<'_>, node: &Node, scene: &Scene<'_>) -> Option<serde_json::Value> {
    let known: Vec<&str> = scene.plan.definition().outputs.keys().map(String::as_str).collect();
    for entry in reader.entries(node, "`outputs`") {
        let name = entry.key.text.as_str();
        if !known.contains(&name) {
            let message = format!("`{}` has no output {}", scene.plan.definition().name, quoted(name));
            reader.error(codes::UNKNOWN_NAME, entry.key.span, message, names_hint(name, &known, "outputs"));
        }
    }
    node.as_mapping().map(|_| node.to_json())
}
