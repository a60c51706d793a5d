//! What a table decides, from the file and from its JSON.

use crate::{EXAMPLE, policy};
use engross_policy::{PolicyError, PolicyTable};
use serde_json::{Value, json};

/// The answer in one line.
fn told(table: &PolicyTable, given: &Value) -> String {
    match table.decide(given) {
        Ok(decided) => {
            assert!(decided.stages.iter().all(|stage| !stage.from.is_empty() && stage.quorum > 0));
            assert!(!decided.stages.is_empty());
            let stages: Vec<String> =
                decided.stages.iter().map(|stage| format!("{} of {}", stage.quorum, stage.from.join("+"))).collect();
            format!("{}: {}", decided.rule, stages.join(", "))
        }
        Err(error) => error.to_string(),
    }
}

fn check(text: &str, given: Value, expected: &str) {
    let table = policy(text).into_table();
    assert_eq!(told(&table, &given), expected, "{given}");
    let embedded: PolicyTable = serde_json::from_str(&serde_json::to_string(&table).unwrap()).unwrap();
    assert_eq!(embedded, table);
    assert_eq!(told(&embedded, &given), expected, "{given}, from JSON");
}

fn order(value: Value, region: &str, standard_terms: bool) -> Value {
    json!({ "value": value, "region": region, "standard_terms": standard_terms })
}

#[test]
fn the_first_rule_that_matches_wins() {
    check(EXAMPLE, order(json!(0), "US", true), "rule 1 (`small`): 1 of sales-leads");
    check(EXAMPLE, order(json!(9_999.999), "EU", true), "rule 1 (`small`): 1 of sales-leads");
    check(EXAMPLE, order(json!(10_000), "EU", true), "rule 2 (`europe`): 1 of legal, 1 of sales-leads");
    check(EXAMPLE, order(json!(49_999), "US", true), "rule 3 (`overseas`): 1 of legal");
    check(EXAMPLE, order(json!(50_000.0), "US", true), "rule 4 (`large`): 2 of legal, 1 of finance");
    check(
        EXAMPLE,
        order(json!(250_000), "US", true),
        "`otherwise` of policy `order_approval` refuses this: Orders from 250000 on are signed by the board, not here.",
    );
    assert_eq!(policy(EXAMPLE).tests(), 5);
}

#[test]
fn every_input_must_be_given_and_fit() {
    let given = json!({ "value": "12000", "regoin": "EU", "standard_terms": null });
    let PolicyError::Given { problems, .. } = policy(EXAMPLE).decide(&given).unwrap_err() else { panic!("it fits") };
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "there is no input `regoin`; did you mean `region`?",
            "`standard_terms` must be true or false, and is nothing",
            "`value` must be a number, and is a text",
        ]
    );
    let PolicyError::Given { problems, .. } = policy(EXAMPLE).decide(&json!({ "x": 1 })).unwrap_err() else { panic!() };
    assert_eq!(problems.len(), 4);
    let of = |given: Value| policy(EXAMPLE).decide(&given).unwrap_err().to_string();
    let prefix = "what policy `order_approval` is given does not fit: ";
    assert_eq!(of(json!([])), format!("{prefix}it must be an object with a value for each input"));
    assert_eq!(
        of(order(json!(-1), "Eu", true)),
        format!(
            "{prefix}`region` must be one of `EU`, `UK`, `US`, and is `Eu`; did you mean `EU`?; `value` must be within its bounds, and is `-1`"
        )
    );
    assert_eq!(of(order(json!(1e300), "EU", true)), format!("{prefix}`value` is beyond 2^53 and would be rounded"));
}

/// A policy with one rule on `x`, and everyone else refused.
fn rule(input: &str, when: &str) -> String {
    format!(
        "schema: engross/policy/v1\nname: p\ninputs: {{ x: {input} }}\nrules: [{{ when: {{ x: {when} }}, stages: [{{ from: [yes] }}] }}]\n\
         otherwise: {{ refuse: no }}\n"
    )
    .replace("[yes]", "[\"yes\"]")
    .replace("refuse: no", "refuse: \"no\"")
}

/// Which of the values match.
fn matching(input: &str, when: &str, values: &[Value], expected: &[Value]) {
    let policy = policy(&rule(input, when));
    let found: Vec<Value> = values.iter().filter(|x| policy.decide(&json!({ "x": x })).is_ok()).cloned().collect();
    assert_eq!(found, expected, "{when}");
}

#[test]
fn conditions_on_numbers() {
    let values: Vec<Value> = [-1, 0, 1, 4, 5, 6, 10].map(Value::from).to_vec();
    let of = |when: &str, expected: &[i64]| {
        let expected: Vec<Value> = expected.iter().map(|n| Value::from(*n)).collect();
        matching("{ type: number }", when, &values, &expected);
        matching("{ type: integer }", when, &values, &expected);
    };
    of("5", &[5]);
    of("\"5\"", &[5]);
    of("[0, 5]", &[0, 5]);
    of("\"> 4 and <= 6\"", &[5, 6]);
    of("\">4 and<=6\"", &[5, 6]);
    of("\"< 0 or > 6\"", &[-1, 10]);
    of("\"!= 5\"", &[-1, 0, 1, 4, 6, 10]);
    of("{ not: 5 }", &[-1, 0, 1, 4, 6, 10]);
    of("{ not: [\"< 1\", \">= 6\"] }", &[1, 4, 5]);
    of("\">= 0 and < 1 or == 10\"", &[0, 10]);
    of("\"== 5.0\"", &[5]);
}

#[test]
fn conditions_on_fractions_and_words() {
    matching("{ type: number }", "\"> 4 and < 5\"", &[json!(4), json!(4.5), json!(5)], &[json!(4.5)]);
    matching("{ type: string }", "{ not: [a, b] }", &[json!("a"), json!("c"), json!("")], &[json!("c"), json!("")]);
    matching("{ type: string }", "\">= 5\"", &[json!(">= 5"), json!("6")], &[json!(">= 5")]);
    matching("{ enum: [a, b, c] }", "{ not: b }", &[json!("a"), json!("b"), json!("c")], &[json!("a"), json!("c")]);
    matching("{ type: boolean }", "true", &[json!(true), json!(false)], &[json!(true)]);
    matching("{ type: boolean }", "{ not: true }", &[json!(true), json!(false)], &[json!(false)]);
}

#[test]
fn a_table_that_no_file_gave_never_says_yes_by_silence() {
    let mut table = policy(EXAMPLE).into_table();
    table.otherwise = None;
    assert_eq!(
        told(&table, &order(json!(1_000_000), "US", true)),
        "no rule of policy `order_approval` matches, and it has no `otherwise`"
    );
    let json = json!({
        "name": "p", "inputs": { "x": { "type": "boolean", "values": { "booleans": [true, true] } } },
        "rules": [{ "when": {}, "answer": { "ask": { "stages": [] } } }],
    });
    let table: PolicyTable = serde_json::from_value(json).unwrap();
    assert_eq!(
        told(&table, &json!({ "x": true })),
        "rule 1 of policy `p` refuses this: it asks nobody, and silence is never a yes"
    );
}
