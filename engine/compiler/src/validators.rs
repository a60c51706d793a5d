//! Validators of what operations take, built once for many files: building one takes far longer than using it. They hold nothing
//! of any workflow, so that it makes no difference who asked first.

use crate::typing::validator;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The validators of one catalog's operations. Whoever compiles many files against a catalog keeps one of these beside it.
#[derive(Default)]
pub struct Validators(Mutex<BTreeMap<String, Arc<Validator>>>);

impl Validators {
    /// The validator of an operation whose schema this always is.
    pub(crate) fn of(&self, uses: &str, schema: &Value) -> Result<Arc<Validator>, ValidationError<'static>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uses).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        // Built without the lock: two who do so at once make the same.
        let built = Arc::new(validator(schema)?);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(uses.to_owned(), built.clone());
        Ok(built)
    }
}
