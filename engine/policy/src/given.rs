//! What a table is given, as a JSON Schema: what compilers check before the run what a table itself checks in it.

use crate::set::{Set, Span};
use crate::table::{Kind, PolicyInput, PolicyTable};
use serde_json::{Map, Value, json};

impl PolicyTable {
    /// The JSON Schema (2020-12) of what [`PolicyTable::decide`] takes: an object with a value for each input and nothing else.
    #[must_use]
    pub fn given_schema(&self) -> Value {
        let properties: Map<String, Value> =
            self.inputs.iter().map(|(name, input)| (name.clone(), schema(input))).collect();
        let names: Vec<&str> = self.inputs.keys().map(String::as_str).collect();
        json!({
            "type": "object",
            "properties": properties,
            "required": names,
            "additionalProperties": false,
            "description": format!("The inputs of the policy `{}`: {}.", self.name, names.join(", ")),
        })
    }
}

fn schema(input: &PolicyInput) -> Value {
    let kind = match input.kind {
        Kind::Number => "number",
        Kind::Integer => "integer",
        Kind::String => "string",
        Kind::Boolean => "boolean",
    };
    let mut schema = Map::from_iter([("type".to_string(), json!(kind))]);
    match &input.values {
        Set::Texts(texts) => {
            schema.insert("enum".to_string(), json!(texts));
        }
        Set::Numbers(spans) | Set::Integers(spans) => {
            if let [span] = spans.as_slice() {
                bounds(*span, &mut schema);
            }
        }
        Set::TextsBut(_) | Set::Booleans(..) => {}
    }
    Value::Object(schema)
}

fn bounds(span: Span, schema: &mut Map<String, Value>) {
    let mut set = |bound: Option<crate::Bound>, included: &str, excluded: &str| {
        if let Some(bound) = bound {
            schema.insert((if bound.included { included } else { excluded }).to_string(), json!(bound.at));
        }
    };
    set(span.from, "minimum", "exclusiveMinimum");
    set(span.to, "maximum", "exclusiveMaximum");
}

#[cfg(test)]
mod tests {
    use crate::Policy;
    use engross_source::SourceFile;
    use serde_json::{Value, json};

    #[test]
    fn the_schema_takes_what_the_table_takes() {
        let text = r#"
schema: engross/policy/v1
name: p
inputs:
  value: { type: number, minimum: 0 }
  count: { type: integer, exclusiveMaximum: 10 }
  region: { enum: [EU, US] }
  note: { type: string }
  ours: { type: boolean }
rules: [{ when: { ours: true }, stages: [{ from: [legal] }] }]
otherwise: { refuse: No. }
"#;
        let policy = Policy::load(&SourceFile::new("p.policy.yaml", text)).unwrap();
        let validator = jsonschema::draft202012::new(&policy.table().given_schema()).unwrap();
        let fits = json!({ "value": 0, "count": 9, "region": "EU", "note": "", "ours": true });
        let check = |change: fn(&mut Value), expected: bool| {
            let mut given = fits.clone();
            change(&mut given);
            assert_eq!(validator.is_valid(&given), expected, "{given}");
            assert_eq!(policy.decide(&given).is_ok(), expected, "{given}");
        };
        check(|_| {}, true);
        check(|given| given["value"] = json!(-1), false);
        check(|given| given["count"] = json!(10), false);
        check(|given| given["count"] = json!(1.5), false);
        check(|given| given["region"] = json!("UK"), false);
        check(|given| given["more"] = json!(1), false);
        check(|given| drop(given.as_object_mut().unwrap().remove("note")), false);
        check(|given| given["ours"] = json!("yes"), false);
    }
}
