//! The tests that a policy file brings: each gives values and says what they lead to.
//!
//! Their form is always checked; they run only on a table without mistakes.

use crate::codes;
use crate::limits::TESTS_MAX;
use crate::reader::{Reader, names_hint};
use crate::rules;
use crate::table::{Decided, Matched, PolicyError, PolicyStage, PolicyTable};
use engross_source::Node;
use engross_source::diagnostic::quoted;

const TEST_KEYS: &[&str] = &["name", "given", "expect"];
const EXPECT_KEYS: &[&str] = &["rule", "from", "stages", "refuse"];

/// Runs them, and says how many there are. A table that `is_whole` has all rules of the file.
pub(crate) fn run(reader: &mut Reader<'_>, node: &Node, table: &PolicyTable, is_whole: bool) -> usize {
    let items = reader.items(node, "`tests`", TESTS_MAX);
    for (index, item) in items.iter().enumerate() {
        let what = format!("test {}", index + 1);
        reader.mapping(item, &what, TEST_KEYS);
        if let Some(name) = item.get("name") {
            reader.text(name, "the name of a test");
        }
        let given = reader.require(item, "given", &what, item.span, "given: { value: 5000 }");
        let expect = reader.require(item, "expect", &what, item.span, "expect: { rule: 1 }");
        let Some(expect) = expect.and_then(|expect| read_expect(reader, expect, &what, is_whole.then_some(table)))
        else {
            continue;
        };
        if let (Some(given), true) = (given, is_whole) {
            run_one(reader, given, &expect, table);
        }
    }
    items.len()
}

/// What a test expects, each with its place.
struct Expect<'n> {
    rule: Option<(Matched, &'n Node)>,
    from: Option<(Vec<String>, &'n Node)>,
    stages: Option<(Vec<PolicyStage>, &'n Node)>,
    refuse: Option<(bool, &'n Node)>,
}

/// Reads it; the rule that it names is looked up only in a whole table.
fn read_expect<'n>(
    reader: &mut Reader<'_>,
    node: &'n Node,
    what: &str,
    table: Option<&PolicyTable>,
) -> Option<Expect<'n>> {
    let before = reader.count();
    let entries = reader.mapping(node, &format!("`expect` of {what}"), EXPECT_KEYS);
    if entries.is_empty() && node.as_mapping().is_some() {
        let hint = "write `rule: 1`, `from: [legal]`, `stages: […]` or `refuse: true`";
        reader.error(codes::TEST_EXPECT, node.span, format!("{what} expects nothing"), hint);
    }
    let rule = node.get("rule").and_then(|node| Some((which(reader, node, table?)?, node)));
    let from = node.get("from").map(|node| (rules::names(reader, node), node));
    let stages = node.get("stages").map(|node| {
        let items = reader.items(node, "`stages`", crate::limits::STAGES_MAX);
        (items.iter().filter_map(|item| rules::stage(reader, item)).collect(), node)
    });
    let refuse = node.get("refuse").and_then(|node| {
        if node.as_bool().is_none() {
            reader.wrong_kind(node, "`refuse` of a test", "`true` or `false`");
        }
        Some((node.as_bool()?, node))
    });
    (reader.count() == before).then_some(Expect { rule, from, stages, refuse })
}

/// The rule that a test names: by its place from 1, by its name, or `otherwise`.
fn which(reader: &mut Reader<'_>, node: &Node, table: &PolicyTable) -> Option<Matched> {
    let numbered = |number: usize| {
        let rule = table.rules.get(number.checked_sub(1)?)?;
        Some(Matched::Rule { number, name: rule.name.clone() })
    };
    if let Some(number) = node.as_i64() {
        let found = usize::try_from(number).ok().and_then(numbered);
        if found.is_none() {
            let message = format!("there is no rule {number}");
            let hint = format!("the rules are numbered from 1 to {}", table.rules.len());
            reader.error(codes::TEST_EXPECT, node.span, message, hint);
        }
        return found;
    }
    let name = reader.text(node, "`rule` of a test")?;
    if name == "otherwise" {
        if table.otherwise.is_none() {
            let hint = "expect a rule, by its name or number";
            reader.error(codes::TEST_EXPECT, node.span, "this policy has no `otherwise`", hint);
            return None;
        }
        return Some(Matched::Otherwise);
    }
    let found = table.rules.iter().position(|rule| rule.name.as_deref() == Some(name));
    if found.is_none() {
        let known: Vec<&str> = table.rules.iter().filter_map(|rule| rule.name.as_deref()).collect();
        let hint = if known.is_empty() {
            "give the rule a `name`, or expect it by its number".to_owned()
        } else {
            names_hint(name, &known, "names")
        };
        reader.error(codes::TEST_EXPECT, node.span, format!("no rule is called {}", quoted(name)), hint);
    }
    numbered(found? + 1)
}

fn run_one(reader: &mut Reader<'_>, given: &Node, expect: &Expect<'_>, table: &PolicyTable) {
    let decided = match table.decide(&given.to_json()) {
        Err(PolicyError::Given { problems, .. }) => {
            for problem in problems {
                let entry = problem.input.as_deref().and_then(|input| given.as_mapping()?.entry(input));
                let place = entry.map_or(given.span, |entry| entry.value.span);
                reader.error(codes::TEST_GIVEN, place, problem.message, "give every input a value that it may have");
            }
            return;
        }
        decided => decided,
    };
    let (rule, stages, refused) = match &decided {
        Ok(Decided { rule, stages, .. }) => (rule.clone(), stages.clone(), None),
        Err(PolicyError::Refused { rule, because, .. }) => (rule.clone(), Vec::new(), Some(because.clone())),
        // Values are checked above, and a gap in the rules was told at the rules.
        Err(PolicyError::Given { .. } | PolicyError::NoRule { .. }) => return,
    };
    let mut fail = |node: &Node, message: String| {
        let finding = reader.finding(codes::TEST_FAILS, node.span, message).secondary(given.span, "given this");
        reader.push(finding.hint("correct the rules, or what the test expects"));
    };
    if let Some((expected, node)) = &expect.rule
        && *expected != rule
    {
        fail(node, format!("{rule} decides, not {expected}"));
        return;
    }
    if let Some((expected, node)) = &expect.refuse
        && *expected != refused.is_some()
    {
        let does = if refused.is_some() { "refuses" } else { "does not refuse" };
        fail(node, format!("{rule} {does} this"));
        return;
    }
    let asked: Vec<&str> = stages.iter().flat_map(|stage| &stage.from).map(String::as_str).collect();
    let told = match &refused {
        Some(because) => format!("{rule} refuses this: {because}"),
        None => format!("{rule} asks {}", stages.iter().map(described).collect::<Vec<_>>().join(", then ")),
    };
    if let Some((expected, node)) = &expect.from
        && *expected != asked
    {
        fail(node, told.clone());
    }
    if let Some((expected, node)) = &expect.stages
        && *expected != stages
    {
        fail(node, told);
    }
}

fn described(stage: &PolicyStage) -> String {
    format!("{} of {}", stage.quorum, stage.from.join(", "))
}
