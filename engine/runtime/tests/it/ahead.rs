//! What the inputs alone make wrong is refused before the run, and nothing that may be right is.

use crate::world::World;
use engross_runtime::Error;
use engross_store::{RunQuery, Store};
use serde_json::{Value, json};

const INPUTS: &str = r#"
inputs:
  name: { type: string }
  to: { type: string }
  skip: { type: boolean, default: false }
"#;

/// The problems of a start with these inputs; none when the run is there.
async fn check(steps: &str, inputs: Value, expected: &[&str]) {
    let world = World::new().await;
    let found = match world.try_start(&format!("{INPUTS}{steps}"), inputs, None).await {
        Ok(_) => Vec::new(),
        Err(Error::Inputs(problems)) => problems,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(found, expected, "{steps}");
    assert_eq!(
        world.store.runs(&RunQuery { limit: 1, ..RunQuery::default() }).unwrap().is_empty(),
        !expected.is_empty(),
        "nothing is kept of a start that is refused"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_with_later_steps_is_said_before_the_first() {
    let steps = r#"
steps:
  first: { uses: local }
  send:
    uses: acme/send
    needs: [first]
    with: { name: "{{ inputs.name }}", email: "{{ inputs.to }}", any: "{{ steps.first.outputs.id }}" }
  last: { uses: local, needs: [send], with: { name: "{{ inputs.name }} and more" } }
"#;
    let long = json!({ "name": "a name that is too long for it", "to": "nobody" });
    check(
        steps,
        long,
        &[
            "step `send`: `with.email`: value is not a \"email\"",
            "step `send`: `with.name`: value is longer than 20 characters",
            "step `last`: `with.name`: value is longer than 20 characters",
        ],
    )
    .await;
    check(steps, json!({ "name": "acme", "to": "lena@legal.example" }), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_may_never_come_refuses_nothing() {
    let wrong = json!({ "name": "a name that is too long for it", "to": "nobody", "skip": true });
    for when in [
        "if: \"{{ not inputs.skip }}\"",
        "if: \"{{ steps.first.outputs.id == 'x' }}\"",
        "needs: [first.failed]",
        "needs: [{ any: [first, other] }]",
    ] {
        let steps = format!(
            r#"
steps:
  first: {{ uses: local }}
  other: {{ uses: local }}
  send: {{ uses: acme/send, {when}, with: {{ name: "{{{{ inputs.name }}}}" }} }}
  then: {{ uses: acme/send, needs: [send], with: {{ email: "{{{{ inputs.to }}}}" }} }}
"#
        );
        check(&steps, wrong.clone(), &[]).await;
    }
}
