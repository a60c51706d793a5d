//! What templates mean when they are evaluated.

use engross_compiler::TeraEvaluator;
use engross_core::{Evaluate, Template};
use proptest::prelude::*;
use serde_json::{Value, json};

fn evaluate(source: &str, scope: &Value) -> Result<Value, String> {
    let template = Template { source: source.to_owned(), whole: false, references: Vec::new() };
    TeraEvaluator::new().evaluate(&template, scope).map_err(|error| error.message)
}

fn scope() -> Value {
    json!({
        "inputs": {
            "name": "Acme & Söhne",
            "months": 24,
            "rate": 2.5,
            "big": 9_007_199_254_740_993_i64,
            "urgent": false,
            "nothing": null,
            "empty": "",
            "tags": ["b", "a", "b"],
            "person": {"first": "Lena", "odd key": 1, "nested": {"deep": [{"x": 1}, {"x": 2}]}},
        },
        "steps": {"create": {"outcome": "succeeded", "outputs": {"id": "c1"}}},
        "run": {"id": "r1", "key": null, "started_at": "2026-01-31T09:00:00.000Z", "requester": "lena@legal.example"},
    })
}

fn check(source: &str, expected: Value) {
    assert_eq!(evaluate(source, &scope()), Ok(expected), "{source}");
}

fn check_error(source: &str, expected: &str) {
    let found = evaluate(source, &scope()).expect_err(source);
    assert!(found.contains(expected), "{source}: {found:?} does not hold {expected:?}");
}

#[test]
fn a_whole_template_keeps_the_type_of_its_value() {
    check("{{ inputs.months }}", json!(24));
    check("{{ inputs.rate }}", json!(2.5));
    check("{{ inputs.big }}", json!(9_007_199_254_740_993_i64));
    check("{{ inputs.urgent }}", json!(false));
    check("{{ inputs.nothing }}", json!(null));
    check("{{ inputs.tags }}", json!(["b", "a", "b"]));
    check("{{ inputs.person }}", scope()["inputs"]["person"].clone());
    check(" {{ inputs.person.nested.deep[1].x }}\n", json!(2));
    check("{{ inputs.person['odd key'] }}", json!(1));
    check("{{ inputs.months + 1 }}", json!(25));
    check("{{ inputs.months / 5 }}", json!(4.8));
    check("{{ inputs.months > 12 and not inputs.urgent }}", json!(true));
    check("{{ inputs.months if inputs.urgent else inputs.rate }}", json!(2.5));
    check("{{ inputs.tags | sort | unique }}", json!(["a", "b"]));
    check("{{ inputs.tags | first }}", json!("b"));
    check("{{ {'a': inputs.months, 'b': [inputs.urgent]} }}", json!({"a": 24, "b": [false]}));
    check("{{ inputs.person | keys }}", json!(["first", "nested", "odd key"]));
    check("{{- inputs.months -}}", json!(24));
    check("{{ inputs.person.nested.deep[-1].x }}", json!(2));
    check("{{ inputs.person.nested.deep[0:1] }}", json!([{"x": 1}]));
}

#[test]
fn other_text_becomes_a_string() {
    check("no template", json!("no template"));
    check("x{{ inputs.months }}y", json!("x24y"));
    check("{{ inputs.name }}{{ inputs.months }}", json!("Acme & Söhne24"));
    check("{{ inputs.name | slugify }}/{{ run.id }}.pdf", json!("acme-sohne/r1.pdf"));
    check("{{ inputs.name ~ '!' }} ", json!("Acme & Söhne!"));
    check("is {{ inputs.urgent }}", json!("is false"));
    check(
        "{{ inputs.tags }} and {{ inputs.person.nested }}",
        json!("[\"b\",\"a\",\"b\"] and {\"deep\":[{\"x\":1},{\"x\":2}]}"),
    );
    check("{{ inputs.tags | join(sep=', ') }}.", json!("b, a, b."));
    check("a  {{- inputs.months -}}  b", json!("a24b"));
    check("<b>{{ '<i>' }}</b>", json!("<b><i></b>"));
    check("{{ '{{' }} stay", json!("{{ stay"));
    check("{{ inputs.rate }}%", json!("2.5%"));
}

#[test]
fn what_is_not_there_is_an_error_unless_there_is_a_default() {
    check_error("{{ inputs.nmae }}", "`inputs.nmae` has no value");
    check_error("x {{ steps.send.outputs.id }}", "`steps.send.outputs.id` has no value");
    check_error("{{ steps.send.outputs.id ~ 'x' }}", "`steps.send.outputs.id` has no value");
    check_error("{{ steps.send.outputs.id == 'x' }}", "`steps.send.outputs.id` has no value");
    check_error("{{ not steps.send.outputs.id }}", "`steps.send.outputs.id` has no value");
    check_error("{{ inputs.tags[9] }}", "`inputs.tags[9]` has no value");
    check_error("{{ inputs.tags[inputs.months] }}", "`inputs.tags[…]` has no value");
    check_error("{{ inputs.tags[inputs.x] }}", "`inputs.x` has no value");
    check_error("{{ [inputs.x] }}", "`inputs.x` has no value");
    check_error("{{ inputs?.x?.y }}", "`inputs.x.y` has no value");
    check_error("{{ steps.a['it\\'s \"odd\"'].x ~ 1 }}", "it's \"odd\"");
    check("{{ steps.send.outputs.id | default(value='none') }}", json!("none"));
    check("{{ (steps.send.outputs.id) | default(value=inputs.months) }}", json!(24));
    check("{{ steps.send.outputs.id is defined }}", json!(false));
    check("{{ steps.send.outputs.id is not defined and inputs.name is defined }}", json!(true));
    check("{{ inputs.tags[inputs.months] | default(value='x') }}", json!("x"));
    // What is not taken is not evaluated.
    check("{{ steps.send.outputs.id if steps.send is defined else 'none' }}", json!("none"));
    check("{{ inputs.urgent and steps.send.outputs.id }}", json!(false));
    check("{{ inputs.nothing | default(value='x', boolean=true) }}", json!("x"));
}

#[test]
fn null_is_no_text() {
    check_error("Key {{ run.key }}", "`run.key`: the value is null");
    check_error("Key {{ run.key }} {{ 1 + 1 }}", "the value is null");
    check("{{ run.key }}", json!(null));
    check("{{ run.key is none }}", json!(true));
}

#[test]
fn wrong_values_are_refused() {
    check_error("{{ inputs.name + 1 }}", "requires both operands to be numbers");
    check_error("{{ inputs.months | upper }}", "expected `string`");
    check_error("{{ inputs.name | int }}", "cannot be converted to an int");
    check_error("{{ 1 / 0 }}", "divide by 0");
    check_error("{{ 10.0 ** 400 }}", "too large");
    check_error("{{ 2 ** 100 }}", "too large");
}

#[test]
fn what_workflows_do_not_allow_is_refused_here_too() {
    check_error("{% if x %}y{% endif %}", "blocks are not part of workflows");
    check_error("{{ range(end=3) }}", "cannot be called");
    check_error("{{ inputs.name | safe }}", "there is no filter `safe`");
    check_error("{{ inputs.name", "is not closed");
    check_error("{{ inputs.name + }}", "where a value should stand");
    check_error("{{ __tera_context }}", "has no value");
}

#[test]
fn what_a_template_makes_is_bounded() {
    let scope = json!({"inputs": {"long": "x".repeat(1_000_000), "list": (0..20_000).collect::<Vec<_>>(), "quotes": "\"".repeat(900_000)}});
    for (source, expected) in [
        ("{{ inputs.long ~ inputs.long }}", "longer than 1048576 bytes"),
        ("{{ inputs.long }}{{ inputs.long }}", "longer than 1048576 bytes"),
        ("{{ inputs.long }}{{ inputs.long | lower }}", "longer than 1048576 bytes"),
        ("{{ [inputs.long, inputs.long] }}", "longer than 1048576 bytes"),
        ("{{ inputs.long | replace(from='x', to='yy') }}", "longer than 1048576 bytes"),
        ("{{ inputs.long | replace(from='', to='y') }}", "longer than 1048576 bytes"),
        ("{{ inputs.list | join(sep=inputs.long) }}", "longer than 1048576 bytes"),
        ("{{ inputs.quotes | json_encode }}", "longer than 1048576 bytes"),
        ("{{ inputs.list | unique }}", "`unique` takes lists of up to 5000 items"),
        ("{{ inputs.long | split(pat='') }}", "more than 200000 items"),
    ] {
        let found = evaluate(source, &scope).expect_err(source);
        assert!(found.contains(expected), "{source}: {found}");
    }
    assert_eq!(evaluate("{{ inputs.long | length }}", &scope), Ok(json!(1_000_000)));
}

#[test]
fn an_evaluator_outlives_more_templates_than_it_keeps() {
    let evaluator = TeraEvaluator::new();
    for number in 0..=engross_compiler::limits::TEMPLATES_CACHED_MAX {
        let template = Template { source: format!("{{{{ {number} + 1 }}}}"), whole: true, references: Vec::new() };
        assert_eq!(evaluator.evaluate(&template, &json!({})), Ok(json!(number + 1)));
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e12..1e12).prop_map(Value::from),
        ".{0,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    /// A plain reference is answered without Tera; brackets around it send it through Tera.
    #[test]
    fn the_short_way_and_tera_agree(value in json_value(), path in "(\\.[a-c]|\\[[0-3]\\]|\\['[a-c]'\\]){0,3}") {
        let scope = json!({"inputs": value});
        let short = evaluate(&format!("{{{{ inputs{path} }}}}"), &scope);
        let long = evaluate(&format!("{{{{ (inputs{path}) }}}}"), &scope);
        prop_assert_eq!(&short, &long);
        let short = evaluate(&format!("a {{{{ inputs{path} }}}} b"), &scope);
        let long = evaluate(&format!("a {{{{ (inputs{path}) }}}} b"), &scope);
        prop_assert_eq!(short.is_ok(), long.is_ok());
        if let (Ok(short), Ok(long)) = (short, long) {
            prop_assert_eq!(short, long);
        }
    }
}
