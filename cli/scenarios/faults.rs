//! `faults:` of a scenario: what goes wrong, and when.

use crate::scenarios::codes;
use crate::scenarios::limits::{FAULTS_MAX, TIMES_MAX};
use crate::scenarios::load::{Scene, unknown_step};
use crate::scenarios::model::{Fault, Trouble};
use crate::scenarios::reader::{Reader, names_hint};
use engross_core::ErrorClass;
use engross_source::Node;
use engross_source::diagnostic::quoted;

const KEYS: &[&str] = &["at", "crash", "error", "when", "times"];

/// When a fault comes.
pub const MOMENTS: [&str; 2] = ["before_effect", "after_effect"];

/// Every class that an error can have.
pub const CLASSES: [ErrorClass; 10] = [
    ErrorClass::Transient,
    ErrorClass::RateLimited,
    ErrorClass::Invalid,
    ErrorClass::Auth,
    ErrorClass::State,
    ErrorClass::NotFound,
    ErrorClass::Conflict,
    ErrorClass::Ambiguous,
    ErrorClass::Internal,
    ErrorClass::Unknown,
];

/// Reads all faults.
pub fn read(reader: &mut Reader<'_>, node: &Node, scene: &Scene<'_>) -> Vec<Fault> {
    let items = reader.items(node, "`faults`", FAULTS_MAX);
    items.iter().filter_map(|item| fault(reader, item, scene)).collect()
}

fn fault(reader: &mut Reader<'_>, node: &Node, scene: &Scene<'_>) -> Option<Fault> {
    reader.mapping(node, "a fault", KEYS);
    node.as_mapping()?;
    let at = reader.require(node, "at", "a fault", node.span, "at: send");
    let at = at.and_then(|at| {
        let name = reader.text(at, "`at`")?;
        if scene.known.get(name).is_none() {
            unknown_step(reader, name, at.span, scene);
        }
        Some(name.to_string())
    });
    let times = node.get("times").and_then(|times| reader.number(times, "`times`", 1, TIMES_MAX)).unwrap_or(1);
    let (trouble, after_effect) = match (node.get("crash"), node.get("error")) {
        (Some(moment), None) => {
            if let Some(when) = node.get("when") {
                let hint = "`crash` itself says when: `crash: after_effect`";
                reader.error(codes::CANNOT_BE, when.span, "`when` belongs to `error`", hint);
            }
            (Trouble::Crash, after_effect(reader, moment, "`crash`")?)
        }
        (None, Some(class)) => {
            let when = node.get("when").and_then(|when| after_effect(reader, when, "`when`"));
            (Trouble::Error(error_class(reader, class)?), when.unwrap_or(false))
        }
        (Some(_), Some(error)) => {
            let message = "a fault is either a `crash` or an `error`";
            reader.error(codes::CANNOT_BE, error.span, message, "make two faults of it");
            return None;
        }
        (None, None) => {
            let hint = "add `crash: after_effect`, `crash: before_effect` or `error: transient`";
            reader.error(codes::MISSING_KEY, node.span, "this fault does not say what goes wrong", hint);
            return None;
        }
    };
    Some(Fault { at: at?, times: u32::try_from(times).unwrap_or(1), after_effect, trouble })
}

fn after_effect(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<bool> {
    let text = reader.text(node, what)?;
    let position = MOMENTS.iter().position(|moment| *moment == text);
    if position.is_none() {
        let message = format!("{what} cannot be {}", quoted(text));
        reader.error(codes::UNKNOWN_NAME, node.span, message, names_hint(text, &MOMENTS, "moments"));
    }
    position.map(|position| position == 1)
}

fn error_class(reader: &mut Reader<'_>, node: &Node) -> Option<ErrorClass> {
    let text = reader.text(node, "`error`")?;
    let class = CLASSES.into_iter().find(|class| class.as_str() == text);
    if class.is_none() {
        let names = CLASSES.map(ErrorClass::as_str);
        let message = format!("there is no class of errors called {}", quoted(text));
        reader.error(codes::UNKNOWN_NAME, node.span, message, names_hint(text, &names, "classes"));
    }
    class
}
