//! What a template means: the implementation of the core's [`Evaluate`].
//!
//! Pure and bounded: no clock, no random, no environment, no file, and a bound on what an expression may make. A template is
//! looked through again here although the compiler has done so, because a stored plan may be older than this binary.

use super::bounded::{check_length, text};
use super::filters::{no_value, tera};
use super::rewrite::{rewrite, variable};
use super::scan::scan;
use super::syntax::message_of;
use super::text::{Text, path_text};
use crate::limits::{TEMPLATES_CACHED_MAX, VALUE_BYTES_MAX};
use engross_core::{EvalError, Evaluate, Template};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tera::{Context, ErrorKind, Tera};

/// The name every template has inside its own Tera.
const NAME: &str = "t";

/// Evaluates templates with Tera, in the profile that workflows allow.
///
/// A whole template keeps the type of its value, other text becomes a string. A reference that leads nowhere is an error unless
/// `default` or `is defined` takes it; null in the middle of a text is an error; lists and maps there are written as JSON.
/// Cheap to share; keeps a bounded number of compiled templates.
pub struct TeraEvaluator {
    base: Tera,
    cache: Mutex<BTreeMap<String, Arc<Ready>>>,
}

/// A template that is ready to be rendered.
struct Ready {
    found: Text,
    /// Compiled, unless every expression is a plain reference, which is answered from the scope alone.
    tera: Option<Tera>,
}

impl Default for TeraEvaluator {
    fn default() -> Self {
        Self::new()
    }
}

impl TeraEvaluator {
    /// One with an empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self { base: tera(), cache: Mutex::new(BTreeMap::new()) }
    }

    fn ready(&self, source: &str) -> Result<Arc<Ready>, String> {
        // A panic while the lock is held leaves the cache whole: it only ever gains or loses complete entries.
        let cached = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(source).cloned();
        if let Some(ready) = cached {
            return Ok(ready);
        }
        let ready = Arc::new(self.prepare(source)?);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= TEMPLATES_CACHED_MAX {
            cache.clear();
        }
        cache.insert(source.to_owned(), Arc::clone(&ready));
        Ok(ready)
    }

    fn prepare(&self, source: &str) -> Result<Ready, String> {
        let found = scan(source);
        if let Some(fault) = found.faults.first() {
            return Err(fault.message.clone());
        }
        if found.expressions.iter().all(|e| e.plain().is_some() && !e.trims) {
            return Ok(Ready { found, tera: None });
        }
        let mut tera = self.base.clone();
        tera.add_raw_template(NAME, &rewrite(source, &found)).map_err(|error| message_of(&error))?;
        Ok(Ready { found, tera: Some(tera) })
    }

    fn compute(&self, source: &str, scope: &Value) -> Result<Value, String> {
        let ready = self.ready(source)?;
        match &ready.tera {
            None => ready.found.substitute(source, scope),
            Some(tera) => render(tera, &ready.found, scope),
        }
    }
}

impl Evaluate for TeraEvaluator {
    fn evaluate(&self, template: &Template, scope: &Value) -> Result<Value, EvalError> {
        self.compute(&template.source, scope)
            .map_err(|message| EvalError { template: engross_source::diagnostic::quoted(&template.source), message })
    }
}

impl Text {
    /// The value of a template whose expressions are all plain references.
    fn substitute(&self, source: &str, scope: &Value) -> Result<Value, String> {
        let mut out = String::new();
        let mut at = 0;
        for expression in &self.expressions {
            let Some(reference) = expression.plain() else { continue };
            let value = reference.value(scope);
            let value = value.ok_or_else(|| no_value(&path_text(reference.path())))?;
            if self.whole {
                return Ok(value.clone());
            }
            out.push_str(source.get(at..expression.outer.start).unwrap_or_default());
            out.push_str(&text(value).map_err(|message| format!("`{}`: {message}", path_text(reference.path())))?);
            check_length(out.len())?;
            at = expression.outer.end;
        }
        out.push_str(source.get(at..).unwrap_or_default());
        Ok(Value::String(out))
    }
}

fn render(tera: &Tera, found: &Text, scope: &Value) -> Result<Value, String> {
    let mut context = Context::new();
    for (index, reference) in found.expressions.iter().flat_map(|e| &e.references).enumerate() {
        if let Some(value) = reference.value(scope) {
            let value = tera::Value::try_from_serializable(value).map_err(|error| message_of(&error))?;
            context.insert_value(variable(index), value);
        }
    }
    let mut out = Bounded(Vec::new());
    if let Err(error) = tera.render_to(NAME, &context, &mut out) {
        let full = matches!(error.kind(), ErrorKind::Io(_));
        return Err(if full { format!("the text is longer than {VALUE_BYTES_MAX} bytes") } else { message_of(&error) });
    }
    let out = String::from_utf8(out.0).map_err(|error| error.to_string())?;
    if found.whole { serde_json::from_str(&out).map_err(|error| error.to_string()) } else { Ok(Value::String(out)) }
}

/// A buffer that takes so much and no more.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > VALUE_BYTES_MAX {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
