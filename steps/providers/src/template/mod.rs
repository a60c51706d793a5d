//! The templates of manifests: `${input.name|trim}`.
//!
//! A text that is one whole `${…}` keeps the value's type; inside other text it becomes text. There are no conditions,
//! no loops and no arithmetic: what these cannot say is a named built-in. This is not the template language of
//! workflows, which knows nothing of manifests.

mod filter;
mod parse;
mod scope;

pub(crate) use filter::{FILTERS, Filter, fold, instant_ms, text_of};
pub(crate) use parse::Mistake;
pub(crate) use scope::{Scope, is_placeholder};

use serde_json::{Map, Value};
use std::ops::Range;

/// A text with templates in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template {
    pub(crate) parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Text(String),
    Expr(Expr),
}

/// What stands between `${` and `}`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expr {
    /// `input.name` as its segments; never empty.
    pub(crate) path: Vec<String>,
    /// What stands after `??`: the first that is there counts.
    pub(crate) otherwise: Vec<Vec<String>>,
    pub(crate) filters: Vec<Filter>,
    /// Its bytes in the text, for messages.
    pub(crate) at: Range<usize>,
}

impl From<&str> for Template {
    /// A text without templates.
    fn from(text: &str) -> Self {
        Self { parts: vec![Part::Text(text.to_string())] }
    }
}

impl Template {
    /// Reads a template.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        parse::parse(text)
    }

    /// It as people read it: names in angle brackets, filters left out.
    pub(crate) fn source(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Expr(expr) if expr.is_conditional() => format!("[<{}>]", expr.path.join(".")),
            Part::Expr(expr) => format!("<{}>", expr.path.join(".")),
        };
        self.parts.iter().map(part).collect()
    }

    /// Its expressions.
    pub(crate) fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.parts.iter().filter_map(|part| if let Part::Expr(expr) = part { Some(expr) } else { None })
    }

    /// Its value; nothing where all it is made of is absent.
    pub(crate) fn eval(&self, scope: &Scope<'_>) -> Result<Option<Value>, String> {
        if let [Part::Expr(expr)] = self.parts.as_slice() {
            return expr.eval(scope);
        }
        let mut text = String::new();
        let mut present = self.exprs().next().is_none();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Expr(expr) => {
                    if let Some(value) = expr.eval(scope)? {
                        present = true;
                        text.push_str(&text_of(&value));
                    }
                }
            }
        }
        Ok(present.then_some(Value::String(text)))
    }
}

impl Expr {
    /// All paths it may draw from, the first one first.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &[String]> {
        std::iter::once(&self.path).chain(&self.otherwise).map(Vec::as_slice)
    }

    /// Every path that its conditions ask for.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &[String]> {
        self.filters.iter().flat_map(|filter| match filter {
            Filter::If(condition) | Filter::Unless(condition) => condition.paths(),
            _ => Vec::new(),
        })
    }

    /// Whether a condition decides if it is there at all.
    pub(crate) fn is_conditional(&self) -> bool {
        self.filters.iter().any(|filter| matches!(filter, Filter::If(_) | Filter::Unless(_)))
    }

    /// Whether its list is spliced into the list it stands in.
    fn is_spread(&self) -> bool {
        self.filters.last() == Some(&Filter::Spread)
    }

    /// Its value; nothing where it is absent.
    pub(crate) fn eval(&self, scope: &Scope<'_>) -> Result<Option<Value>, String> {
        let mut value = self.paths().find_map(|path| scope.get(path)).cloned();
        for filter in &self.filters {
            let is_left_out = match filter {
                Filter::If(condition) => condition.holds(scope) != Some(true),
                Filter::Unless(condition) => condition.holds(scope) == Some(true),
                _ => false,
            };
            if is_left_out {
                return Ok(None);
            }
            // What is known only later goes through every filter as it is.
            if scope.is_preview() && value.as_ref().is_some_and(is_placeholder) {
                break;
            }
            value = filter.apply(value).map_err(|problem| format!("`{}`: {problem}", self.path.join(".")))?;
        }
        Ok(value)
    }
}

/// A tree of templates, as bodies, queries and inputs of calls are made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    Literal(Value),
    Text(Template),
    List(Vec<Tree>),
    /// Names are templates too; one that is absent or empty takes its value with it.
    Map(Vec<(Template, Tree)>),
    /// A list made of another one: `make` for each item, named `item`.
    Each {
        list: Template,
        make: Box<Tree>,
    },
}

impl Tree {
    /// Its value. An absent value takes its key or list item with it, and a map or list that was written with entries
    /// and has lost them all is absent itself; one that was written empty stays.
    pub(crate) fn eval(&self, scope: &Scope<'_>) -> Result<Option<Value>, String> {
        match self {
            Self::Literal(value) => Ok(Some(value.clone())),
            Self::Text(template) => template.eval(scope),
            Self::List(items) => {
                let mut list = Vec::new();
                for item in items {
                    match (item.eval(scope)?, item.is_spread()) {
                        (Some(Value::Array(inner)), true) => list.extend(inner),
                        (value, _) => list.extend(value),
                    }
                }
                Ok((items.is_empty() || !list.is_empty()).then_some(Value::Array(list)))
            }
            Self::Map(entries) => {
                let mut map = Map::new();
                for (key, tree) in entries {
                    let name = key.eval(scope)?.as_ref().map(text_of).filter(|name| !name.is_empty());
                    if let Some((name, value)) = name.zip(tree.eval(scope)?) {
                        map.insert(name, value);
                    }
                }
                Ok((entries.is_empty() || !map.is_empty()).then_some(Value::Object(map)))
            }
            Self::Each { list, make } => match list.eval(scope)? {
                Some(Value::Array(items)) => {
                    let mut made = Vec::new();
                    for item in items {
                        let names = Map::from_iter([("item".to_string(), item)]);
                        made.extend(make.eval(&scope.with(&names))?);
                    }
                    Ok(Some(Value::Array(made)))
                }
                // What is absent, null or known only later stays so.
                other => Ok(other),
            },
        }
    }

    fn is_spread(&self) -> bool {
        if let Self::Each { list, .. } = self {
            return matches!(list.parts.as_slice(), [Part::Expr(expr)] if expr.is_spread());
        }
        matches!(self, Self::Text(Template { parts }) if matches!(parts.as_slice(), [Part::Expr(expr)] if expr.is_spread()))
    }

    /// As [`Tree::eval`], but a map that lost all its entries is the empty one.
    pub(crate) fn eval_object(&self, scope: &Scope<'_>) -> Result<Value, String> {
        Ok(self.eval(scope)?.unwrap_or_else(|| Value::Object(Map::new())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names() -> Map<String, Value> {
        let names = json!({
            "input": {"id": "c1", "n": 5, "list": ["a", "b"], "phone": "+49 (172) 997-3185", "null": null, "empty": "", "later": "<steps.x.outputs.y>"},
            "run": {"started_at": "2023-11-14T22:13:20.123Z"},
        });
        names.as_object().cloned().unwrap_or_default()
    }

    fn check(template: &str, expected: Result<Option<Value>, &str>) {
        let names = names();
        let found = Template::parse(template).expect(template).eval(&Scope::new(&names, false));
        assert_eq!(found, expected.map_err(str::to_string), "{template}");
    }

    #[test]
    fn a_whole_template_keeps_its_type_and_mixed_text_is_text() {
        check("${input.n}", Ok(Some(json!(5))));
        check("${ input.list }", Ok(Some(json!(["a", "b"]))));
        check("${input.list.1}", Ok(Some(json!("b"))));
        check("${input.null}", Ok(Some(Value::Null)));
        check("${input.empty}", Ok(Some(json!(""))));
        check("n=${input.n}", Ok(Some(json!("n=5"))));
        check("plain $ {x} $", Ok(Some(json!("plain $ {x} $"))));
        check("$${input.n}", Ok(Some(json!("${input.n}"))));
    }

    #[test]
    fn absent_is_not_null_and_not_empty() {
        check("${input.missing}", Ok(None));
        check("${input.missing.deeper}", Ok(None));
        check("${input.missing}~${input.gone}", Ok(None));
        check("${input.missing}~${input.id}", Ok(Some(json!("~c1"))));
        check("${input.missing|default('x')}", Ok(Some(json!("x"))));
        check("${input.empty|default('x')}", Ok(Some(json!(""))));
        check("${input.missing|trim|upper}", Ok(None));
        check("${input.missing ?? input.id|upper}", Ok(Some(json!("C1"))));
        check("${input.null ?? input.id}", Ok(Some(Value::Null)));
        check("${input.missing??input.gone}", Ok(None));
    }

    #[test]
    fn filters_do_what_they_say() {
        check("${input.n|string}", Ok(Some(json!("5"))));
        check("${input.list|join(', ')}", Ok(Some(json!("a, b"))));
        check("${input.id|upper|base64}", Ok(Some(json!("QzE="))));
        check("${run.started_at|unix}", Ok(Some(json!(1_700_000_000))));
        check("${run.started_at|minus(300)}", Ok(Some(json!("2023-11-14T22:08:20.123Z"))));
        check("${run.started_at|minus(300)|unix}", Ok(Some(json!(1_699_999_700))));
        check("${input.n|iso8601}", Ok(Some(json!("1970-01-01T00:00:05.000Z"))));
        check("${input.phone|phone}", Ok(Some(json!("+491729973185"))));
        check("${input.list|json}", Ok(Some(json!("[\"a\",\"b\"]"))));
        check("${input.id|if(input.n == 5)|upper}", Ok(Some(json!("C1"))));
        check("${input.id|if(input.n == 6)}", Ok(None));
        check("${input.id|if(input.missing == 5)}", Ok(None));
        check("${input.id|unless(input.n == 5)}", Ok(None));
        check("${input.id|unless(input.missing == 'a}b|c')}", Ok(Some(json!("c1"))));
        check("${input.id|unless(input.n == 5)}${input.n|if(has(input.id))}", Ok(Some(json!("5"))));
        check("${input.id|unix}", Err("`input.id`: `c1` is no time"));
        check("${input.list|trim}", Err("`input.list`: a list is no text"));
    }

    #[test]
    fn a_tree_drops_what_is_absent() {
        let text = |text: &str| Tree::Text(Template::parse(text).expect(text));
        let each = |list: &str| Tree::Each {
            list: Template::parse(list).expect(list),
            make: Box::new(Tree::Map(vec![("n".into(), text("${item|upper}"))])),
        };
        let tree = Tree::Map(vec![
            ("gone".into(), text("${input.missing}")),
            ("all_gone".into(), Tree::Map(vec![("x".into(), text("${input.missing}"))])),
            ("list".into(), Tree::List(vec![text("${input.missing}"), text("${input.n}")])),
            ("null".into(), text("${input.null}")),
            ("empty".into(), Tree::Map(Vec::new())),
            ("more".into(), Tree::List(vec![text("${input.list|spread}"), text("${input.missing|spread}"), text("c")])),
            ("one".into(), Tree::Literal(json!(1))),
            ("each".into(), each("${input.list}")),
            ("spread".into(), Tree::List(vec![each("${input.list|spread}"), each("${input.gone|spread}"), text("c")])),
            ("no_each".into(), each("${input.missing}")),
            (Template::parse("x-${input.id}").expect("a name"), text("${input.n}")),
            (Template::parse("${input.missing}").expect("a name"), text("${input.n}")),
        ]);
        let names = names();
        let found = tree.eval(&Scope::new(&names, false));
        assert_eq!(
            found,
            Ok(Some(json!({
                "list": [5], "null": null, "empty": {}, "more": ["a", "b", "c"], "one": 1,
                "each": [{"n": "A"}, {"n": "B"}], "x-c1": 5,
                "spread": [{"n": "A"}, {"n": "B"}, "c"],
            })))
        );
    }

    #[test]
    fn previews_let_what_is_known_later_through() {
        let names = names();
        let scope = Scope::new(&names, true);
        for (template, expected) in [
            ("${input.later|unix}", "<steps.x.outputs.y>"),
            ("${input.later.deeper}", "<steps.x.outputs.y>"),
            ("a/${input.later|trim}", "a/<steps.x.outputs.y>"),
        ] {
            let found = Template::parse(template).expect(template).eval(&scope);
            assert_eq!(found, Ok(Some(json!(expected))), "{template}");
        }
    }

    #[test]
    fn mistakes_are_told_all_at_once_with_their_places() {
        let text = "${} ${a b} ${a|nope} ${a|minus} ${a|minus('x')} ${a|trim(1)} ${a|join('x)} ${a";
        let mistakes = Template::parse(text).expect_err("mistakes");
        let told: Vec<String> = mistakes.into_iter().map(|m| format!("{:?} {}", m.at, m.message)).collect();
        assert_eq!(
            told,
            [
                "0..3 a template starts with a name such as `input.contract_id`",
                "4..10 a template starts with a name such as `input.contract_id`",
                "15..19 there is no filter `nope`",
                "25..30 `minus` needs a number of seconds in brackets",
                "36..46 `minus` needs a number of seconds in brackets",
                "52..59 `trim` takes no argument",
                "61..78 `${` is not closed by `}`",
            ]
        );
    }
}
