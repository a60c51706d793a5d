//! `approval`: asks people, and waits for their answer. Who is asked is fixed when the step is parked; who may answer, and
//! when that is enough, are the core's rules.

use crate::common::{invalid, parse, people, refuse_all};
use crate::limits::{NAMES_MAX, TEXT_CHARS_MAX, TITLE_CHARS_MAX};
use async_trait::async_trait;
use engross_step_api::{
    Approval, Deadline, EffectClass, OutcomeKind, OutcomeName, OutcomeSpec, SPAN_PATTERN, Stage, Step, StepContext,
    StepError, StepKind, StepResult, StepSpec, Wait, WaitKind, parse_span,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The step.
pub(crate) struct AskForApproval {
    spec: StepSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    title: String,
    body: Option<String>,
    // A subject of null is a subject: only a missing one has no digest.
    #[serde(default, deserialize_with = "present")]
    subject: Option<Value>,
    stages: Vec<StageInput>,
    #[serde(default)]
    forbid: Vec<Forbidden>,
    expires_in: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StageInput {
    from: Vec<String>,
    #[serde(default = "one")]
    quorum: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Forbidden {
    Requester,
}

fn one() -> u32 {
    1
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl AskForApproval {
    pub(crate) fn new() -> Self {
        Self {
            spec: StepSpec {
                uses: "approval".to_string(),
                title: "Ask people to approve".to_string(),
                input: input_schema(),
                output: output_schema(),
                outcomes: vec![
                    OutcomeSpec::new("approved", OutcomeKind::Good),
                    OutcomeSpec { outputs: true, ..OutcomeSpec::new("rejected", OutcomeKind::Bad) },
                    OutcomeSpec { outputs: true, ..OutcomeSpec::new("expired", OutcomeKind::Bad) },
                ],
                effect: EffectClass::Read,
                kind: StepKind::Wait,
                provider: None,
            },
        }
    }
}

fn input_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "title": {
                "type": "string", "minLength": 1, "maxLength": TITLE_CHARS_MAX,
                "description": "The question in one line."
            },
            "body": {
                "type": "string", "maxLength": TEXT_CHARS_MAX,
                "description": "More about it, for those who decide."
            },
            "subject": { "description": "What is approved; its SHA-256 is kept with the decision." },
            "stages": {
                "type": "array", "minItems": 1, "maxItems": 1,
                "description": "Who has to agree. Exactly one stage for now: approvals of several stages are not built yet, so use one approval step after the other.",
                "items": {
                    "type": "object",
                    "properties": {
                        "from": {
                            "type": "array", "minItems": 1, "maxItems": NAMES_MAX,
                            "items": { "type": "string", "minLength": 1 },
                            "description": "Groups of `people:` in the configuration, or e-mail addresses."
                        },
                        "quorum": {
                            "type": "integer", "minimum": 1, "maximum": NAMES_MAX, "default": 1,
                            "description": "How many of them must approve; 1 unless said otherwise."
                        }
                    },
                    "required": ["from"],
                    "additionalProperties": false
                }
            },
            "forbid": {
                "type": "array", "uniqueItems": true, "items": { "enum": ["requester"] },
                "description": "Who may not decide although they are asked: `requester` is whoever started the run."
            },
            "expires_in": {
                "type": "string", "pattern": SPAN_PATTERN,
                "description": "How long the answer may take; then the step ends as `expired`, never as a yes. Without it, the step waits for ever."
            }
        },
        "required": ["title", "stages"],
        "additionalProperties": false
    })
}

fn output_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "decision": { "enum": ["approved", "rejected", "expired"], "description": "The same as the outcome." },
            "decided_by": {
                "type": "array", "items": { "type": "string" },
                "description": "Who decided, in order. Empty when nobody did before it expired."
            },
            "decided_at": {
                "type": ["string", "null"], "format": "date-time",
                "description": "When the last decision was made; null when there was none."
            },
            "comment": { "type": ["string", "null"], "description": "The last decision's comment; null when there was none." },
            "subject_sha256": {
                "type": ["string", "null"],
                "description": "SHA-256 of the subject's canonical JSON, in hex; null when the step has no subject."
            }
        },
        "required": ["decision", "decided_by", "decided_at", "comment", "subject_sha256"],
        "additionalProperties": false
    })
}

#[async_trait]
impl Step for AskForApproval {
    fn spec(&self) -> &StepSpec {
        &self.spec
    }

    async fn execute(&self, context: &StepContext, input: &Value) -> Result<StepResult, StepError> {
        let wait = wait(context, parse(input)?)?;
        Ok(StepResult::Parked(wait))
    }
}

fn wait(context: &StepContext, input: Input) -> Result<Wait, StepError> {
    let mut problems = Vec::new();
    if input.title.trim().is_empty() {
        problems.push("`title` must not be empty".to_string());
    }
    if input.stages.len() != 1 {
        problems.push(format!("`stages` must be exactly one for now, and is {}", input.stages.len()));
    }
    let stages: Vec<Stage> = input.stages.into_iter().map(|stage| resolve(context, stage, &mut problems)).collect();
    let deadline = input.expires_in.as_deref().and_then(|span| deadline(context, span, &mut problems));
    refuse_all("approval", &problems)?;
    let approval = Approval {
        title: input.title,
        body: input.body,
        subject_sha256: input.subject.map(digest),
        stages,
        forbid: input.forbid.iter().map(|Forbidden::Requester| context.requester.clone()).take(1).collect(),
    };
    approval.can_be_reached().map_err(|reason| {
        invalid("quorum", format!("this approval can never be given: {reason}")).hint(
            "ask more people, or lower the quorum; with `forbid: [requester]`, whoever starts the run does not count",
        )
    })?;
    Ok(Wait { kind: WaitKind::Approval(approval), deadline })
}

fn resolve(context: &StepContext, stage: StageInput, problems: &mut Vec<String>) -> Stage {
    if stage.from.is_empty() || stage.from.len() > NAMES_MAX {
        problems.push(format!("`from` must name 1 to {NAMES_MAX} groups or people"));
    }
    if stage.quorum == 0 {
        problems.push("`quorum` must be at least 1: nobody's approval is none".to_string());
    }
    // Each person once: somebody in two groups has one vote, and must count once when the quorum is checked.
    let people = people(&context.directory, &stage.from, problems);
    Stage { from: stage.from, people, quorum: stage.quorum }
}

fn deadline(context: &StepContext, span: &str, problems: &mut Vec<String>) -> Option<Deadline> {
    match parse_span(span) {
        Ok(0) => problems.push("`expires_in` must be more than nothing".to_string()),
        Ok(ms) => return Some(Deadline { at: context.now.plus_ms(ms), outcome: OutcomeName::new("expired") }),
        Err(error) => problems.push(format!("`expires_in`: {error}")),
    }
    None
}

/// SHA-256 of the canonical JSON: keys sorted, no white space. Sorting is done here, since whether maps of serde_json are
/// sorted depends on the features of whatever else is in the binary.
fn digest(mut subject: Value) -> String {
    subject.sort_all_objects();
    hex::encode(Sha256::digest(subject.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, check_output, check_schema};

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
            json!({ "title": " ", "stages": [{ "from": ["x"], "quorum": 0 }, { "from": [] }], "expires_in": "0s" }),
            "`title` must not be empty; `stages` must be exactly one for now, and is 2; \
             `quorum` must be at least 1: nobody's approval is none; \
             `x` is neither a group in `people:` nor an e-mail address; the groups are leads, legal; \
             `from` must name 1 to 100 groups or people; `expires_in` must be more than nothing (invalid, approval)",
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
                "comment": "fine", "subject_sha256": "74234e98",
            }),
        );
        check_output(
            &step,
            &json!({
                "decision": "expired", "decided_by": [], "decided_at": null, "comment": null, "subject_sha256": null,
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
        check_schema(&step, json!({ "title": "a", "stages": [stages[0], stages[0]] }), "refused at /stages");
        check_schema(&step, json!({ "title": "a", "stages": [{ "from": [] }] }), "refused at /stages/0/from");
        check_schema(&step, json!({ "title": "a", "stages": stages, "forbid": ["ceo"] }), "refused at /forbid/0");
        check_schema(&step, json!({ "title": "a", "stages": stages, "expires_in": "soon" }), "refused at /expires_in");
        for later in ["form", "remind", "escalate"] {
            check_schema(&step, json!({ "title": "a", "stages": stages, later: {} }), "refused at /");
        }
    }
}
