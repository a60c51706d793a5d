//! Rules of a policy file: their conditions, what they say, and what can be proved of them together.

use crate::codes;
use crate::condition::condition;
use crate::coverage::{Box_, Rest};
use crate::limits::{FROM_MAX, QUORUM_MAX, RULES_MAX, STAGES_MAX};
use crate::reader::{Reader, names_hint};
use crate::table::{Answer, PolicyInput, PolicyRule, PolicyStage};
use engross_source::diagnostic::quoted;
use engross_source::{Node, Span};
use std::collections::BTreeMap;

const RULE_KEYS: &[&str] = &["name", "when"];
const ANSWER_KEYS: &[&str] = &["stages", "refuse", "because"];

/// Places named in one finding about several rules.
const PLACES_MAX: usize = 3;

/// A rule and where its conditions stand.
pub(crate) struct Placed {
    pub(crate) rule: PolicyRule,
    when: Span,
}

/// All rules. A rule with a mistake is left out.
///
/// `declared` are the names of all inputs, also of those with a mistake, which `inputs` does not hold.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    inputs: &BTreeMap<String, PolicyInput>,
    declared: &[&str],
) -> Vec<Placed> {
    let items = reader.items(node, "`rules`", RULES_MAX);
    if items.is_empty() && node.as_sequence().is_some() {
        let hint = "write `rules: [{ when: { … }, stages: [{ from: [legal] }] }]`";
        reader.error(codes::MISSING_KEY, node.span, "a policy needs at least one rule", hint);
    }
    let mut names: BTreeMap<&str, Span> = BTreeMap::new();
    let mut rules = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let what = format!("rule {}", index + 1);
        let name = item.get("name").and_then(|node| Some((reader.text(node, "the name of a rule")?, node.span)));
        if let Some((name, span)) = name {
            reader.check_name(name, span, "the rule");
            if name == "otherwise" {
                reader.error(codes::NAME, span, "a rule cannot be called `otherwise`", "give it another name");
            }
            if let Some(first) = names.insert(name, span) {
                let message = format!("two rules are called {}", quoted(name));
                let finding = reader.finding(codes::DUPLICATE, span, message).secondary(first, "the first one");
                reader.push(finding.hint("give one of them another name"));
            }
        }
        let answer = answer(reader, item, &what, RULE_KEYS);
        let when = reader.require(item, "when", &what, item.span, "when: { value: \"< 10000\" }");
        let Some(when) = when else { continue };
        let conditions = conditions(reader, when, &what, inputs, declared);
        if let (Some(answer), Some(conditions)) = (answer, conditions) {
            let name = name.map(|(name, _)| name.to_owned());
            rules.push(Placed { rule: PolicyRule { name, when: conditions, answer }, when: when.span });
        }
    }
    rules
}

fn conditions(
    reader: &mut Reader<'_>,
    node: &Node,
    what: &str,
    inputs: &BTreeMap<String, PolicyInput>,
    declared: &[&str],
) -> Option<Box_> {
    let before = reader.count();
    let mut conditions = Box_::new();
    for entry in reader.entries(node, &format!("`when` of {what}")) {
        let name = entry.key.text.as_str();
        let Some(input) = inputs.get(name) else {
            // The mistake of an input that is declared was told there.
            if !declared.contains(&name) {
                let hint = names_hint(name, declared, "inputs");
                let message = format!("there is no input {}", quoted(name));
                reader.error(codes::UNKNOWN_INPUT, entry.key.span, message, hint);
            }
            continue;
        };
        if let Some(set) = condition(reader, name, input, &entry.value) {
            conditions.insert(name.to_owned(), set);
        }
    }
    (reader.count() == before).then_some(conditions)
}

/// What a rule or `otherwise` says. `others` are the keys that it may have besides.
pub(crate) fn answer(reader: &mut Reader<'_>, node: &Node, what: &str, others: &[&str]) -> Option<Answer> {
    let known: Vec<&str> = others.iter().chain(ANSWER_KEYS).copied().collect();
    reader.mapping(node, what, &known);
    node.as_mapping()?;
    let because = node.get("because").map(|node| reader.text(node, "`because`").map(ToOwned::to_owned));
    match (node.get("stages"), node.get("refuse")) {
        (Some(stages), None) => {
            let stages = read_stages(reader, stages, what)?;
            // A text that is there and cannot be read was told already.
            because.is_none_or(|because| because.is_some()).then_some(())?;
            let because = node.get("because").and_then(Node::as_str).map(ToOwned::to_owned);
            Some(Answer::Ask { stages, because })
        }
        (None, Some(refuse)) => {
            if let Some(because) = node.as_mapping().and_then(|node| node.entry("because")) {
                let message = "`refuse` says why already";
                reader.error(codes::ANSWER, because.key.span, message, "move the words to `refuse`");
            }
            let because = reader.text(refuse, "`refuse`")?.to_owned();
            Some(Answer::Refuse { because })
        }
        (both, _) => {
            let message = if both.is_some() {
                format!("{what} asks people and refuses")
            } else {
                format!("{what} does not say who must approve")
            };
            let hint = "write either `stages: [{ from: [legal] }]` or `refuse: why`";
            reader.error(codes::ANSWER, node.span, message, hint);
            None
        }
    }
}

fn read_stages(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Vec<PolicyStage>> {
    let items = reader.items(node, &format!("`stages` of {what}"), STAGES_MAX);
    if items.is_empty() {
        if node.as_sequence().is_some() {
            let hint = "name who must approve, or write `refuse: why`: silence is never a yes";
            reader.error(codes::STAGES, node.span, format!("{what} asks nobody"), hint);
        }
        return None;
    }
    let stages: Vec<Option<PolicyStage>> = items.iter().map(|item| stage(reader, item)).collect();
    stages.into_iter().collect()
}

/// One stage; nothing where it has a mistake.
pub(crate) fn stage(reader: &mut Reader<'_>, node: &Node) -> Option<PolicyStage> {
    let before = reader.count();
    reader.mapping(node, "a stage", &["from", "quorum"]);
    node.as_mapping()?;
    let from = reader.require(node, "from", "a stage", node.span, "from: [legal]")?;
    let names = names(reader, from);
    let quorum = match node.get("quorum") {
        None => 1,
        Some(quorum) => match quorum.as_i64().and_then(|n| u32::try_from(n).ok()) {
            Some(n) if (1..=QUORUM_MAX).contains(&n) => n,
            _ => {
                let message = format!("a quorum is a whole number from 1 to {QUORUM_MAX}");
                reader.error(codes::STAGES, quorum.span, message, "write how many must approve");
                1
            }
        },
    };
    let people = names.iter().all(|name| name.contains('@')).then_some(names.len());
    if let Some(people) = people.filter(|people| *people > 0 && (*people as u64) < u64::from(quorum)) {
        let place = node.get("quorum").map_or(node.span, |quorum| quorum.span);
        let message = format!("{quorum} must approve, and only {people} may");
        reader.error(codes::STAGES, place, message, "lower the quorum, or name more people");
    }
    (reader.count() == before).then_some(PolicyStage { from: names, quorum })
}

/// Groups and people, each once.
pub(crate) fn names(reader: &mut Reader<'_>, node: &Node) -> Vec<String> {
    let items = reader.items(node, "`from`", FROM_MAX);
    if items.is_empty() && node.as_sequence().is_some() {
        let hint = "name groups of `people:` or e-mail addresses: silence is never a yes";
        reader.error(codes::STAGES, node.span, "`from` asks nobody", hint);
    }
    let mut names: Vec<String> = Vec::new();
    for item in items {
        let Some(name) = reader.text(item, "a name in `from`") else { continue };
        if names.iter().any(|known| known == name) {
            let message = format!("{} is asked twice in one stage", quoted(name));
            reader.error(codes::DUPLICATE, item.span, message, "remove one");
        } else {
            names.push(name.to_owned());
        }
    }
    names
}

/// Says which rules can never match, and what no rule matches. The rules have no other mistakes.
pub(crate) fn prove(
    reader: &mut Reader<'_>,
    rules: &[Placed],
    inputs: &BTreeMap<String, PolicyInput>,
    has_otherwise: bool,
    place: Span,
) {
    let mut rest = Rest::new(inputs);
    for (index, placed) in rules.iter().enumerate() {
        if rest.take(&placed.rule.when) == Some(false) {
            let message = format!("rule {} can never match: the rules before it cover it", index + 1);
            let mut finding = reader.finding(codes::COVERED, placed.when, message);
            let earlier =
                rules.iter().take(index).filter(|earlier| rest.overlaps(&earlier.rule.when, &placed.rule.when));
            for earlier in earlier.take(PLACES_MAX) {
                finding = finding.secondary(earlier.when, "this matches first");
            }
            reader.push(finding.hint("remove it, or move it before them"));
        }
    }
    if has_otherwise {
        return;
    }
    let hint = "add `otherwise: { refuse: why }` or `otherwise: { stages: … }`: silence is never a yes";
    match rest.sample() {
        None => {
            let message = "the rules are too many to prove that one of them always matches";
            reader.error(codes::GAP, place, message, hint);
        }
        Some(Some(sample)) => {
            let given: Vec<String> = sample.iter().map(|(name, value)| format!("`{name}` is {value}")).collect();
            reader.error(codes::GAP, place, format!("no rule matches when {}", given.join(" and ")), hint);
        }
        Some(None) => {}
    }
}
