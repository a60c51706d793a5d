//! The table itself: what a plan embeds, and the only place that decides.
//!
//! It is plain data with a JSON form of its own, without the file it came from. Reading that file is `load`'s work.

use crate::set::Set;
use engross_source::diagnostic::quoted;
use engross_source::nearest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A decision table: the first rule that matches says who must approve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyTable {
    /// Its name, as the file gives it.
    pub name: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What is decided by, and which values each may have.
    pub inputs: BTreeMap<String, PolicyInput>,
    /// The rules in the order in which they are tried.
    pub rules: Vec<PolicyRule>,
    /// What holds when no rule matches; none only where the rules were proved to match everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Answer>,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyInput {
    /// Its type in words of JSON Schema: `number`, `integer`, `string` or `boolean`.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The values it may have.
    pub values: Set,
}

/// The type of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Any number.
    Number,
    /// A whole number.
    Integer,
    /// A text.
    String,
    /// True or false.
    Boolean,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRule {
    /// Its name, where the author gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For each input that matters the values that match; all of them must.
    pub when: BTreeMap<String, Set>,
    /// What it says.
    pub answer: Answer,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// These must approve.
    Ask {
        /// One stage after the other; never empty.
        stages: Vec<PolicyStage>,
        /// Why, in the author's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<String>,
    },
    /// Nobody may: this must not go on.
    Refuse {
        /// Why, in the author's words.
        because: String,
    },
}

/// One stage of an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyStage {
    /// Groups and people; never empty.
    pub from: Vec<String>,
    /// How many of them must approve; never 0.
    pub quorum: u32,
}

/// Which rule decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matched {
    /// A rule.
    Rule {
        /// Its place in the file, from 1.
        number: usize,
        /// Its name, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// `otherwise`.
    Otherwise,
}

impl std::fmt::Display for Matched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rule { number, name: Some(name) } => write!(f, "rule {number} (`{name}`)"),
            Self::Rule { number, name: None } => write!(f, "rule {number}"),
            Self::Otherwise => f.write_str("`otherwise`"),
        }
    }
}

/// Who must approve, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The rule that decided.
    pub rule: Matched,
    /// One stage after the other; never empty.
    pub stages: Vec<PolicyStage>,
    /// Why, in the author's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// Why nobody can approve. None of these is ever a yes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// What was given does not fit the inputs; every problem.
    #[error("what policy `{policy}` is given does not fit: {}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Given {
        /// The policy.
        policy: String,
        /// Never empty.
        problems: Vec<GivenProblem>,
    },
    /// The table says that this must not go on.
    #[error("{rule} of policy `{policy}` refuses this: {because}")]
    Refused {
        /// The policy.
        policy: String,
        /// The rule that refuses.
        rule: Matched,
        /// Why, in the author's words.
        because: String,
    },
    /// No rule matches and there is no `otherwise`. A table that was loaded from a file never comes here.
    #[error("no rule of policy `{policy}` matches, and it has no `otherwise`")]
    NoRule {
        /// The policy.
        policy: String,
    },
}

/// One value that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenProblem {
    /// The input; none when the whole is no object.
    pub input: Option<String>,
    /// What is wrong, with what to do.
    pub message: String,
}

impl std::fmt::Display for GivenProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl PolicyTable {
    /// Every stage that a rule asks for.
    pub fn stages(&self) -> impl Iterator<Item = &PolicyStage> {
        let answers = self.rules.iter().map(|rule| &rule.answer).chain(&self.otherwise);
        answers.flat_map(|answer| match answer {
            Answer::Ask { stages, .. } => stages.as_slice(),
            Answer::Refuse { .. } => &[],
        })
    }

    /// Who must approve what these values describe. Every input must be given.
    ///
    /// # Errors
    /// Values that do not fit, or a table that refuses them.
    pub fn decide(&self, given: &Value) -> Result<Decided, PolicyError> {
        let policy = || self.name.clone();
        let given = self.check(given).map_err(|problems| PolicyError::Given { policy: policy(), problems })?;
        let matches = |rule: &&PolicyRule| {
            rule.when.iter().all(|(input, set)| given.get(input).is_some_and(|value| set.contains(value)))
        };
        let rules = self.rules.iter().enumerate();
        let rule = rules.map(|(index, rule)| (index + 1, rule)).find(|(_, rule)| matches(rule));
        let (rule, answer) = match (rule, &self.otherwise) {
            (Some((number, rule)), _) => (Matched::Rule { number, name: rule.name.clone() }, &rule.answer),
            (None, Some(otherwise)) => (Matched::Otherwise, otherwise),
            (None, None) => return Err(PolicyError::NoRule { policy: policy() }),
        };
        match answer {
            // A table that was not loaded from a file may hold a stage that asks nobody: that is no approval.
            Answer::Ask { stages, .. } if !asks_somebody(stages) => Err(PolicyError::Refused {
                policy: policy(),
                rule,
                because: "it asks nobody, and silence is never a yes".to_owned(),
            }),
            Answer::Ask { stages, because } => Ok(Decided { rule, stages: stages.clone(), because: because.clone() }),
            Answer::Refuse { because } => {
                Err(PolicyError::Refused { policy: policy(), rule, because: because.clone() })
            }
        }
    }

    /// The values, or every one that does not fit.
    pub(crate) fn check<'a>(&self, given: &'a Value) -> Result<&'a Map<String, Value>, Vec<GivenProblem>> {
        let Some(given) = given.as_object() else {
            let message = "it must be an object with a value for each input".to_owned();
            return Err(vec![GivenProblem { input: None, message }]);
        };
        let mut problems = Vec::new();
        let mut misspelt = Vec::new();
        for name in given.keys().filter(|name| !self.inputs.contains_key(*name)) {
            let near = nearest(name, self.inputs.keys().map(String::as_str));
            misspelt.extend(near);
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let message = format!("there is no input {}{hint}", quoted(name));
            problems.push(GivenProblem { input: Some(name.clone()), message });
        }
        for (name, input) in &self.inputs {
            let problem = match given.get(name) {
                // A name that is nearly right is one mistake, not two.
                None if misspelt.contains(&name.as_str()) => None,
                None => Some(format!("`{name}` is missing")),
                Some(value) => input.problem(value).map(|problem| format!("`{name}` {problem}")),
            };
            problems.extend(problem.map(|message| GivenProblem { input: Some(name.clone()), message }));
        }
        if problems.is_empty() { Ok(given) } else { Err(problems) }
    }
}

fn asks_somebody(stages: &[PolicyStage]) -> bool {
    !stages.is_empty() && stages.iter().all(|stage| !stage.from.is_empty() && stage.quorum > 0)
}

impl PolicyInput {
    /// Why a value does not fit.
    pub(crate) fn problem(&self, value: &Value) -> Option<String> {
        let fits = match self.kind {
            Kind::Number => value.is_number(),
            Kind::Integer => value.as_f64().is_some_and(|n| n.fract() == 0.0),
            Kind::String => value.is_string(),
            Kind::Boolean => value.is_boolean(),
        };
        if !fits {
            return Some(format!("must be {}, and is {}", self.kind.article(), kind_of(value)));
        }
        if value.as_f64().is_some_and(|n| n.abs() > crate::limits::INTEGER_MAX) {
            return Some("is beyond 2^53 and would be rounded".to_owned());
        }
        if self.values.contains(value) {
            return None;
        }
        let shown = quoted(&text_of(value));
        Some(match (&self.values, value) {
            (Set::Texts(texts), Value::String(text)) => {
                let near = nearest(text, texts.iter().map(String::as_str));
                let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                let all: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
                format!("must be one of {}, and is {shown}{hint}", all.join(", "))
            }
            _ => format!("must be within its bounds, and is {shown}"),
        })
    }
}

impl Kind {
    pub(crate) fn article(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Integer => "a whole number",
            Self::String => "a text",
            Self::Boolean => "true or false",
        }
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(n) if n.as_f64().is_some_and(|n| n.fract() == 0.0) => "a whole number",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
