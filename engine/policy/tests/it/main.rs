//! Policies: what they decide, what is refused and how it is told, and proofs checked against trying every value.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

mod decide;
mod mistakes;
mod proofs;
mod schema;

use engross_policy::Policy;
use engross_source::{SourceFile, diagnostic};

/// The policy, which has no mistakes.
fn policy(text: &str) -> Policy {
    let file = SourceFile::new("order.policy.yaml", text);
    Policy::load(&file).unwrap_or_else(|found| panic!("{}", diagnostic::render_text(&found, &[file], false)))
}

/// The example that comes with Engross.
const EXAMPLE: &str = include_str!("../../../../policies/order_approval.policy.yaml");
