//! Who is asked, what is refused, and what the schemas take.

use super::*;
use crate::testing::{self, check_output, check_schema};
use serde_json::json;

async fn check(with: Value, expected: &str) {
    let answer = match AskForApproval::new().execute(&testing::context(), &with).await {
        Ok(StepResult::Parked(Wait { kind: WaitKind::Approval(approval), deadline })) => {
            let stage = &approval.stages[0];
            format!(
                "{} people={:?} quorum={} forbid={:?} subject={} {}",
                approval.title,
                stage.people,
                stage.quorum,
                approval.forbid,
                approval.subject_sha256.map_or("none".to_string(), |digest| digest[..8].to_string()),
                deadline.map_or("no deadline".to_string(), |d| format!("{} at {}", d.outcome, d.at)),
            )
        }
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(answer, expected, "{with}");
}

#[tokio::test]
async fn it_parks_with_the_people_of_now() {
    check(
        json!({ "title": "NDA", "stages": [{ "from": ["legal"] }] }),
        r#"NDA people=["lena@x.example", "omar@x.example"] quorum=1 forbid=[] subject=none no deadline"#,
    )
    .await;
    check(
        json!({
            "title": "NDA", "body": "more", "subject": { "b": 1, "a": [2] }, "expires_in": "7d",
            "stages": [{ "from": ["legal", "leads"], "quorum": 2 }], "forbid": ["requester"]
        }),
        r#"NDA people=["lena@x.example", "omar@x.example", "gc@x.example"] quorum=2 forbid=["ada@x.example"] subject=63c9663d expired at 2023-11-21T22:13:20.000Z"#,
    )
    .await;
}

#[tokio::test]
async fn an_approval_that_nobody_can_give_is_refused() {
    check(
        json!({ "title": "NDA", "stages": [{ "from": ["leagl"] }] }),
        "`leagl` is neither a group in `people:` nor an e-mail address; the groups are leads, legal (invalid, approval)",
    )
    .await;
    check(
        json!({ "title": "NDA", "stages": [{ "from": ["legal", "lena@x.example"], "quorum": 3 }] }),
        "this approval can never be given: stage 1 needs 3 to approve, but only 2 of legal, lena@x.example may \
         (invalid, quorum)",
    )
    .await;
    check(
        json!({ "title": "NDA", "stages": [{ "from": ["ada@x.example"] }], "forbid": ["requester"] }),
        "this approval can never be given: stage 1 needs 1 to approve, but only 0 of ada@x.example may \
         (invalid, quorum)",
    )
    .await;
}

#[tokio::test]
async fn all_problems_are_told() {
    check(
        json!({ "title": " ", "stages": [{ "from": ["x"], "quorum": 0 }, { "from": [] }], "expires_in": "0s",
            "remind": { "every": "1s", "max": 0 }, "escalate": [{ "after": "2d", "to": ["legal"] }, { "after": "1d", "to": ["y"] }],
            "form": { "Cost Center": { "type": "string" }, "list": { "type": "array" }, "odd": { "type": "string", "pattern": "(" } } }),
        "`title` must not be empty; `quorum` must be at least 1: nobody's approval is none; \
         `x` is neither a group in `people:` nor an e-mail address; the groups are leads, legal; \
         `from` must name 1 to 100 groups or people; `remind.max` must be 1 to 100; \
         `remind.every` must be a minute at least; \
         `y` is neither a group in `people:` nor an e-mail address; the groups are leads, legal; \
         `escalate` must be in the order of time: the soonest `after` first; \
         `form`: a field is named in small letters, digits and `_`, and `Cost Center` is not; \
         `form.list` must say its type, one of string, number, integer, boolean; \
         `expires_in` must be more than nothing (invalid, approval)",
    )
    .await;
}

#[test]
fn the_digest_does_not_depend_on_the_order_of_keys() {
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let one = digest(parse(r#"{"b": {"d": 1, "c": 2}, "a": [1, 2]}"#));
    assert_eq!(one, digest(parse(r#"{ "a":[1,2], "b":{"c":2,"d":1} }"#)));
    assert_ne!(one, digest(parse(r#"{"a":[2,1],"b":{"c":2,"d":1}}"#)));
    assert_eq!(digest(json!(null)), "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b");
}

/// What the core leaves, decided and expired: all fields are there, so that references to them need no default.
#[test]
fn the_outputs_are_all_there_however_it_ended() {
    let step = AskForApproval::new();
    check_output(
        &step,
        &json!({
            "decision": "approved", "decided_by": ["lena@x.example"], "decided_at": "2023-11-14T22:13:20.000Z",
            "comment": "fine", "subject_sha256": "74234e98", "form": { "cost_center": "A1" },
        }),
    );
    check_output(
        &step,
        &json!({
            "decision": "expired", "decided_by": [], "decided_at": null, "comment": null, "subject_sha256": null,
            "form": {},
        }),
    );
    let spec = step.spec();
    let fields: Vec<&String> = spec.output["properties"].as_object().unwrap().keys().collect();
    let mut required: Vec<&str> =
        spec.output["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    required.sort_unstable();
    assert_eq!(fields, required);
}

#[test]
fn the_schema_takes_what_is_built() {
    let step = AskForApproval::new();
    let stages = json!([{ "from": ["legal"], "quorum": 1 }]);
    check_schema(&step, json!({ "title": "a", "stages": stages, "forbid": ["requester"] }), "fits");
    check_schema(&step, json!({ "title": "a", "stages": [] }), "refused at /stages");
    check_schema(&step, json!({ "title": "a", "stages": [stages[0], stages[0]] }), "fits");
    check_schema(&step, json!({ "title": "a", "stages": stages, "forbid": ["requester", "same_person"] }), "fits");
    check_schema(&step, json!({ "title": "a", "stages": stages, "remind": { "every": "1d", "max": 5 } }), "fits");
    check_schema(&step, json!({ "title": "a", "stages": stages, "remind": { "max": 5 } }), "refused at /remind");
    let escalate = json!([{ "after": "2d", "to": ["legal-leads"] }]);
    check_schema(&step, json!({ "title": "a", "stages": stages, "escalate": escalate }), "fits");
    let form = json!({ "amount": { "type": "number", "minimum": 0 }, "center": { "enum": ["A", "B"] } });
    check_schema(&step, json!({ "title": "a", "stages": stages, "form": form }), "fits");
    let by_policy = json!({ "policy": "orders", "given": { "value": 5 } });
    check_schema(&step, json!({ "title": "a", "stages": by_policy }), "fits");
    check_schema(&step, json!({ "title": "a", "stages": { "policy": "orders" } }), "refused at /stages");
    let form = json!({ "amount": { "type": "array" } });
    check_schema(&step, json!({ "title": "a", "stages": stages, "form": form }), "refused at /form/amount/type");
    check_schema(&step, json!({ "title": "a", "stages": [{ "from": [] }] }), "refused at /stages/0/from");
    check_schema(&step, json!({ "title": "a", "stages": stages, "forbid": ["ceo"] }), "refused at /forbid/0");
    check_schema(&step, json!({ "title": "a", "stages": stages, "expires_in": "soon" }), "refused at /expires_in");
}

#[tokio::test]
async fn reminders_escalations_and_the_form_are_kept_with_the_question() {
    let with = json!({
        "title": "NDA", "stages": [{ "from": ["omar@x.example"] }, { "from": ["leads"] }], "forbid": ["same_person"],
        "remind": { "every": "1d" }, "escalate": [{ "after": "2d", "to": ["leads"] }],
        "form": { "amount": { "type": "number" } }
    });
    let Ok(StepResult::Parked(Wait { kind: WaitKind::Approval(approval), .. })) =
        AskForApproval::new().execute(&testing::context(), &with).await
    else {
        panic!("it is parked")
    };
    assert_eq!(approval.stages.len(), 2);
    assert_eq!(approval.forbid, []);
    assert_eq!(approval.remind, Some(Remind { every_ms: 86_400_000, max: 5 }));
    assert_eq!(approval.escalate[0].after_ms, 2 * 86_400_000);
    assert_eq!(format!("{:?}", approval.escalate[0].people), r#"["gc@x.example", "lena@x.example"]"#);
    assert_eq!(approval.form["amount"], json!({ "type": "number" }));
}

#[tokio::test]
async fn one_person_cannot_approve_two_stages() {
    check(
        json!({ "title": "NDA", "stages": [{ "from": ["legal"], "quorum": 2 }, { "from": ["lena@x.example"] }] }),
        "this approval can never be given: stage 2 has too few people who are not needed for an earlier one, and nobody \
         may approve twice (invalid, quorum)",
    )
    .await;
}

/// A table that asks two people for large orders and refuses the largest.
fn by_policy(value: u64) -> (StepContext, Value) {
    let text = r#"
schema: engross/policy/v1
name: orders
inputs: { value: { type: number } }
rules:
  - { name: small, when: { value: "< 10" }, stages: [{ from: [leads] }] }
  - { when: { value: "< 100" }, stages: [{ from: [legal], quorum: 2 }], because: Large orders need two. }
otherwise: { refuse: The board signs these. }
tests:
  - { given: { value: 1 }, expect: { rule: small, from: [leads] } }
"#;
    let table = engross_policy::Policy::load(&engross_source::SourceFile::new("orders.policy.yaml", text)).unwrap();
    let table = serde_json::to_value(table.table()).unwrap();
    let context = StepContext { policy: Some(std::sync::Arc::new(table)), ..testing::context() };
    let with = json!({ "title": "Order", "subject": 1, "stages": { "policy": "orders", "given": { "value": value } } });
    (context, with)
}

async fn check_policy(value: u64, expected: &str) {
    let (context, with) = by_policy(value);
    let answer = match AskForApproval::new().execute(&context, &with).await.unwrap() {
        StepResult::Parked(Wait { kind: WaitKind::Approval(approval), .. }) => {
            let stages: Vec<String> =
                approval.stages.iter().map(|s| format!("{} of {}", s.quorum, s.from.join(", "))).collect();
            format!("{} because {}", stages.join("; "), approval.because.unwrap())
        }
        StepResult::Done(done) => {
            check_output(&AskForApproval::new(), &done.outputs);
            format!("{}: {}", done.outcome, done.outputs["comment"])
        }
        other => format!("{other:?}"),
    };
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn a_policy_says_who_is_asked_and_what_it_refuses_is_a_no() {
    check_policy(5, "1 of leads because policy `orders`, rule 1 (`small`)").await;
    check_policy(50, "2 of legal because policy `orders`, rule 2: Large orders need two.").await;
    check_policy(100, "rejected: \"policy `orders`, `otherwise`: The board signs these.\"").await;
    let (context, mut with) = by_policy(5);
    with["stages"]["given"] = json!({ "value": "much" });
    let refused = AskForApproval::new().execute(&context, &with).await.unwrap_err();
    assert_eq!((refused.class, refused.code.as_str()), (engross_step_api::ErrorClass::Invalid, "policy"), "{refused}");
    let lost = AskForApproval::new().execute(&testing::context(), &with).await.unwrap_err();
    assert_eq!(lost.code, "no_policy");
}
