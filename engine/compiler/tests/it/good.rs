//! What right workflows become.

use crate::common::catalog;
use engross_compiler::{Compiled, TeraEvaluator, compile, validate_inputs, workflow_schema};
use engross_core::{EffectClass, On, StepId};
use engross_source::diagnostic::render_text;
use engross_source::{Limits, SourceFile, load};
use proptest::prelude::*;
use serde_json::{Value, json};

const NDA: &str = include_str!("../../../../workflows/mutual_nda.yaml");

fn compiled(text: &str) -> Compiled {
    let file = SourceFile::new("workflow.yaml", text);
    compile(&file, &catalog())
        .map_err(|found| render_text(&found, std::slice::from_ref(&file), false))
        .expect("the workflow compiles")
}

/// A workflow of these steps (and whatever else stands in `rest`) that must compile without a warning.
fn quiet(rest: &str) -> Compiled {
    let compiled = compiled(&format!("schema: engross/v1\nname: example\n{rest}"));
    assert_eq!(compiled.warnings, [], "{rest}");
    compiled
}

fn needs(compiled: &Compiled, step: &str) -> Vec<String> {
    let step = compiled.plan.step(&StepId::new(step)).expect("the step is there");
    step.needs.iter().map(ToString::to_string).collect()
}

#[test]
fn the_example_of_the_language_compiles_without_a_warning() {
    let compiled = compiled(NDA);
    assert_eq!(compiled.warnings, []);
    insta::assert_json_snapshot!("mutual_nda", compiled.plan.definition());
    let again = compile(&SourceFile::new("elsewhere.yaml", NDA), &catalog()).expect("it compiles again");
    assert_eq!(again.plan.digest(), compiled.plan.digest(), "the plan does not depend on where the file is");
}

#[test]
fn edges_come_from_needs_and_from_references() {
    let compiled = quiet(
        r#"
steps:
  a: { uses: juro/create_contract, with: { template_id: t, name: NDA } }
  b: { uses: juro/create_contract, with: { template_id: t, name: NDA } }
  outputs_imply_the_good_outcome: { uses: set, with: { v: "{{ steps.a.outputs.contract_id }}" } }
  the_outcome_implies_done: { uses: set, with: { v: "{{ steps.a.outcome }}" } }
  both_imply_the_good_outcome:
    uses: set
    if: "{{ steps.a.outcome == 'succeeded' }}"
    with: { v: "{{ steps.a.outputs.contract_id }} {{ steps.b.outcome }}" }
  what_is_written_wins:
    uses: set
    needs: [{ done: [a] }, b.failed]
    with: { v: "{{ steps.a.outputs.contract_id | default(value='none') }} {{ steps.b.outcome }}" }
  any_of_one_is_one: { uses: set, needs: [{ any: [a.failed] }], with: {} }
  all_are_named: { uses: set, needs: [a, { any: [a.succeeded, b.failed] }, { done: [a, b] }], with: {} }
outputs:
  id: "{{ steps.a.outputs.contract_id }}"
"#,
    );
    let check = |step: &str, expected: &[&str]| assert_eq!(needs(&compiled, step), expected, "{step}");
    check("a", &[]);
    check("outputs_imply_the_good_outcome", &["a.succeeded"]);
    check("the_outcome_implies_done", &["a done"]);
    check("both_imply_the_good_outcome", &["a.succeeded", "b done"]);
    check("what_is_written_wins", &["a done", "b.failed"]);
    check("any_of_one_is_one", &["a.failed"]);
    check("all_are_named", &["a.succeeded", "any of a.succeeded, b.failed", "a done", "b done"]);
    let step = compiled.plan.step(&StepId::new("what_is_written_wins")).expect("the step is there");
    assert_eq!(step.needs[0].refs()[0].on, On::Done);
}

#[test]
fn settings_are_taken_over() {
    let compiled = quiet(
        r#"
run: { timeout: 2w, key: constant }
defaults: { retry: { attempts: 3, max: 1h, jitter: none } }
steps:
  a:
    uses: juro/create_contract
    with: { template_id: t, name: NDA }
    retry: { initial: 10s, factor: 1.5 }
    timeout: 5m
    on_error: continue
  get: { uses: http, with: { method: GET, url: "https://example.com/{{ run.id }}" } }
  computed: { uses: http, with: { method: "{{ 'GET' }}", url: "https://example.com" } }
"#,
    );
    let plan = compiled.plan.definition();
    assert_eq!(plan.timeout_ms, Some(14 * 24 * 3_600_000));
    let shown: Vec<String> = plan
        .steps
        .iter()
        .map(|s| {
            format!("{} {:?} {:?} {:?} {:?} {:?}", s.id, s.connection, s.effect, s.retry, s.timeout_ms, s.on_error)
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    a Some("juro") Reconcilable RetryPolicy { attempts: 3, initial_ms: 10000, factor: 1.5, max_ms: 3600000, jitter: None } Some(300000) Continue
    get None Read RetryPolicy { attempts: 3, initial_ms: 2000, factor: 2.0, max_ms: 3600000, jitter: None } None Incident
    computed None Unsafe RetryPolicy { attempts: 3, initial_ms: 2000, factor: 2.0, max_ms: 3600000, jitter: None } None Incident
    "#);
    assert_eq!(plan.steps[1].effect, EffectClass::Read);
}

#[test]
fn outputs_of_set_are_what_it_is_given() {
    quiet(
        r#"
inputs: { person: { type: object, required: [name], properties: { name: { type: string } } } }
steps:
  vars: { uses: set, with: { count: 3, who: "{{ inputs.person }}", deep: { list: [1], text: "x {{ run.id }}" } } }
  tell:
    uses: notify
    with:
      text: "{{ steps.vars.outputs.deep.text }}"
      subject: "{{ steps.vars.outputs.count }} {{ steps.vars.outputs.who.anything }} {{ steps.vars.outputs.deep.list[0] }}"
"#,
    );
}

#[test]
fn connections_are_found_or_taken_as_named() {
    let steps = "steps: { a: { uses: docjuris/create_contract, connection: docjuris_us, with: { title: x } }, b: { uses: juro/create_contract, with: { template_id: t, name: NDA } } }";
    let file = SourceFile::new("w", &format!("schema: engross/v1\nname: example\n{steps}"));
    for (connections, expected) in [
        (Some(vec![("docjuris_us", "docjuris"), ("legal", "juro")]), [Some("docjuris_us"), Some("legal")]),
        (
            Some(vec![("docjuris_us", "docjuris"), ("legal", "juro"), ("juro", "juro")]),
            [Some("docjuris_us"), Some("juro")],
        ),
        (None, [Some("docjuris_us"), Some("juro")]),
    ] {
        let mut catalog = catalog();
        catalog.connections =
            connections.map(|all| all.iter().map(|(name, of)| ((*name).to_owned(), (*of).to_owned())).collect());
        let compiled = compile(&file, &catalog).expect("it compiles");
        let found: Vec<Option<&str>> =
            compiled.plan.definition().steps.iter().map(|step| step.connection.as_deref()).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn inputs_of_a_run_are_filled_in_or_refused_by_name() {
    let plan = compiled(NDA).plan;
    let check = |inputs: Value, expected: Result<Value, &[&str]>| {
        let found = validate_inputs(&plan, inputs).map_err(|problems| {
            problems.iter().map(|problem| format!("{} {problem}", problem.pointer)).collect::<Vec<_>>()
        });
        assert_eq!(found, expected.map_err(|e| e.iter().map(|s| (*s).to_owned()).collect()));
    };
    let person = json!({"name": "Acme", "email": "a@acme.example"});
    check(
        json!({"template_id": "t1", "counterparty": person}),
        Ok(json!({"template_id": "t1", "counterparty": person, "term_months": 24})),
    );
    check(Value::Null, Err(&["/counterparty `counterparty` is missing", "/template_id `template_id` is missing"]));
    check(json!([1]), Err(&[" what the run is started with must be a mapping, and is a list"]));
    let long = "secret".repeat(10_000);
    check(
        json!({"template_id": 7, "counterparty": {"name": "", "email": long}, "term_months": 61, "tempalte_id": "x"}),
        Err(&[
            "/tempalte_id there is no `tempalte_id` (did you mean `template_id`?)",
            "/counterparty/email `counterparty.email` must be an e-mail address",
            "/counterparty/name `counterparty.name` must not be empty",
            "/template_id `template_id` must be a string, and is a number",
            "/term_months `term_months` must be at most 60",
        ]),
    );
}

#[test]
fn defaults_are_filled_in_at_every_depth() {
    let plan = quiet(
        r#"
inputs:
  note: { type: string, optional: true }
  person: { type: object, properties: { language: { type: string, default: en } }, default: {} }
  people: { type: array, items: { type: object, properties: { role: { type: string, default: signer } } }, optional: true }
steps:
  tell: { uses: notify, with: { text: "{{ inputs.person.language }}" } }
"#,
    )
    .plan;
    assert_eq!(validate_inputs(&plan, json!({})), Ok(json!({"person": {"language": "en"}})));
    assert_eq!(
        validate_inputs(&plan, json!({"people": [{}, {"role": "cc"}], "person": {"language": "de"}})),
        Ok(json!({"people": [{"role": "signer"}, {"role": "cc"}], "person": {"language": "de"}}))
    );
}

#[test]
fn the_schema_for_editors_takes_the_example_and_refuses_mistakes() {
    let schema = workflow_schema(&catalog());
    let validator = jsonschema::options().offline().build(&schema).expect("the schema is one");
    let tree = |text: &str| load(&SourceFile::new("w", text), &Limits::default()).expect("it is YAML").to_json();
    let errors = |text: &str| -> Vec<String> {
        validator.iter_errors(&tree(text)).map(|error| format!("{}: {error}", error.instance_path())).collect()
    };
    assert_eq!(errors(NDA), Vec::<String>::new());
    let head = "schema: engross/v1\nname: example\n";
    assert_eq!(
        errors(&format!(
            "{head}steps: {{ a: {{ uses: notify, with: {{ text: '{{{{ run.id }}}}', to: '{{{{ inputs.to }}}}' }} }} }}"
        )),
        Vec::<String>::new()
    );
    for mistake in [
        "steps: { a: { uses: notiffy } }",
        "steps: { a: { uses: notify } }",
        "steps: { a: { uses: notify, with: { text: 5 } } }",
        "steps: { a: { uses: notify, with: { txt: x } } }",
        "steps: { a: { uses: notify, with: { text: x }, needs: [a.b.c] } }",
        "steps: { a: { uses: notify, with: { text: x }, timeout: 5 } }",
        "steps: { a: { uses: approval, with: { title: x, stages: [{ quorum: 1 }] } } }",
        "steps: { A: { uses: notify, with: { text: x } } }",
        "steps: {}",
    ] {
        assert_ne!(errors(&format!("{head}{mistake}")), Vec::<String>::new(), "{mistake}");
    }
}

fn operand() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "inputs.text",
        "inputs.number",
        "inputs.list",
        "inputs.list[0]",
        "inputs.object",
        "inputs.object.field",
        "inputs.maybe",
        "inputs.object['field']",
        "inputs?.object?.field",
        "run.id",
        "run.key",
        "steps.a.outputs.contract_id",
        "steps.a.outcome",
        "steps.a.outputs.contract",
        "'text'",
        "5",
        "true",
        "inputs.wrong",
        "steps.b.outputs.x",
        "inputs.list[inputs.number]",
    ])
    .prop_map(str::to_owned)
}

fn expression() -> impl Strategy<Value = String> {
    let filter = prop::sample::select(vec![
        "upper",
        "default(value='x')",
        "length",
        "first",
        "json_encode",
        "str",
        "join(sep=',')",
        "replace(from='a', to=inputs.text)",
        "nope",
    ]);
    let operator = prop::sample::select(vec!["+", "~", "==", "and", "or", "in", "<", "is defined and", "!=", "}}"]);
    operand().prop_recursive(3, 12, 2, move |inner| {
        prop_oneof![
            (inner.clone(), filter.clone()).prop_map(|(a, f)| format!("{a} | {f}")),
            (inner.clone(), operator.clone(), inner.clone()).prop_map(|(a, o, b)| format!("({a} {o} {b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} if {b} else {c})")),
            inner.clone().prop_map(|a| format!("not {a}")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("[{a}, {b}]")),
        ]
    })
}

/// A workflow with one template, over inputs of every type and a step with outputs.
fn around(template: &str) -> String {
    format!(
        "schema: engross/v1\nname: example\ninputs:\n  text: {{ type: string }}\n  number: {{ type: integer }}\n  \
         list: {{ type: array, items: {{ type: string }} }}\n  \
         object: {{ type: object, required: [field], properties: {{ field: {{ type: string }} }} }}\n  \
         maybe: {{ type: string, default: x }}\nsteps:\n  \
         a: {{ uses: juro/create_contract, with: {{ template_id: t, name: NDA }} }}\n  \
         v: {{ uses: set, with: {{ v: {} }} }}\n",
        json!(template)
    )
}

/// The value of the template in a workflow, when it compiles.
fn rendered(template: &str) -> Option<Result<Value, String>> {
    let compiled = compile(&SourceFile::new("w", &around(template)), &catalog()).ok()?;
    let step = compiled.plan.step(&StepId::new("v")).expect("the step is there");
    let scope = json!({
        "inputs": {"text": "abc", "number": 1, "list": ["a", "b"], "object": {"field": "f"}, "maybe": "m"},
        "steps": {"a": {"outcome": "succeeded", "outputs": {"contract_id": "c1", "contract": {"id": "c1"}}}},
        "run": {"id": "r1", "key": "k", "started_at": "2026-01-31T09:00:00.000Z", "requester": "lena@legal.example"},
    });
    Some(step.with.value(&TeraEvaluator::new(), &scope).map(|v| v["v"].clone()).map_err(|error| error.message))
}

#[test]
fn the_sample_workflow_compiles() {
    assert_eq!(rendered("{{ inputs.text | upper }} {{ steps.a.outputs.contract_id }}"), Some(Ok(json!("ABC c1"))));
    assert_eq!(rendered("{{ inputs.wrong }}"), None);
}

proptest! {
    /// A template that compiles may still meet a value of the wrong type, but never a name that is not there, and never a
    /// grammar that the compiler has not seen.
    #[test]
    fn what_compiles_renders_on_sample_values(expression in expression(), mixed in any::<bool>()) {
        let template = if mixed { format!("a {{{{ {expression} }}}} b") } else { format!("{{{{ {expression} }}}}") };
        if let Some(Err(message)) = rendered(&template) {
            for words in ["should stand", "unknown", "there is no", "not defined"] {
                prop_assert!(!message.to_lowercase().contains(words), "{}: {}", template, message);
            }
            // An index may be out of the list's range; a name may not be missing.
            prop_assert!(!message.contains("has no value") || message.contains("[…]"), "{}: {}", template, message);
        }
    }
}
