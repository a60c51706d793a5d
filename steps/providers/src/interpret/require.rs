//! What must be so before an effect leaves: read, and told in the manifest's words. What the document does not say is left to
//! the provider, which has the last word in any case.

use super::reply::status_of;
use super::session::Session;
use crate::manifest::Operation;
use crate::template::Scope;
use engross_step_api::StepError;
use serde_json::{Map, Value};

/// Checks the requirements of an operation. What was read for them comes back, for its look-ups.
///
/// # Errors
/// One does not hold: nothing has been sent but reads. Several are told in one message, under the first one's class.
pub(super) async fn check(
    session: &Session<'_>,
    operation: &Operation,
    scope: &Scope<'_>,
) -> Result<Map<String, Value>, StepError> {
    let mut reads = Map::new();
    let mut refused: Option<StepError> = None;
    for requirement in &operation.requires {
        let name = &requirement.read;
        if let Some(call) = operation.reads.get(name).filter(|_| !reads.contains_key(name))
            && let Some(reply) = session.made_if_possible(call, scope).await?
        {
            reads.insert(name.clone(), reply.document);
        }
        let mut names = Map::from_iter([("reads".to_string(), Value::Object(reads.clone()))]);
        let status = reads.get(name).and_then(|document| status_of(session.core, document));
        names.extend(status.map(|status| ("status".to_string(), Value::String(status))));
        if requirement.holds.holds(&scope.with(&names)) != Some(false) {
            continue;
        }
        match &mut refused {
            Some(error) => error.message = format!("{}; {}", error.message, requirement.message),
            None => {
                let message = format!("`{}` was not sent: {}", operation.name, requirement.message);
                let mut error = StepError::new(requirement.class, "precondition", message);
                error.hint.clone_from(&requirement.hint);
                refused = Some(error);
            }
        }
    }
    refused.map_or(Ok(reads), Err)
}
