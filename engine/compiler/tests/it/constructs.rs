//! Steps for each item of a list, workflows that workflows start, and groups of runs: what they become, and what is said of them.

use crate::common::{FakeCatalog, catalog, catalog_with};
use engross_compiler::{Compiled, compile};
use engross_core::{Expr, OutcomeKind, PlanStep, StepId, Tolerance};
use engross_source::SourceFile;

fn text(rest: &str) -> SourceFile {
    SourceFile::new("workflow.yaml", &format!("schema: engross/v1\nname: example\n{rest}"))
}

/// What is said of a workflow, one line for each finding.
fn said(catalog: &FakeCatalog, rest: &str) -> Vec<String> {
    let findings = match compile(&text(rest), catalog) {
        Ok(compiled) => compiled.warnings,
        Err(findings) => findings,
    };
    let line = |f: &engross_source::Diagnostic| {
        let hint = f.hint.as_deref().map_or_else(String::new, |hint| format!(" ({hint})"));
        format!("{} {}{hint}", f.code.0, f.message)
    };
    findings.iter().map(line).collect()
}

fn check(rest: &str, expected: &[&str]) {
    assert_eq!(said(&catalog(), rest), expected, "{rest}");
}

fn quiet(catalog: &FakeCatalog, rest: &str) -> Compiled {
    assert_eq!(said(catalog, rest), [""; 0], "{rest}");
    compile(&text(rest), catalog).expect("it compiles")
}

fn step<'p>(compiled: &'p Compiled, id: &str) -> &'p PlanStep {
    compiled.plan.step(&StepId::new(id)).expect("the step is there")
}

const CONTRACTS: &str = "inputs:
  contracts:
    type: array
    items: { type: object, required: [id, title], properties: { id: { type: string }, title: { type: string }, note: { type: string } } }
";

#[test]
fn a_step_for_each_item_becomes_a_whole_and_what_is_done_for_one() {
    let compiled = quiet(
        &catalog(),
        &format!(
            r#"{CONTRACTS}
steps:
  begin: {{ uses: set, with: {{ go: true }} }}
  create:
    uses: juro/create_contract
    needs: [begin]
    if: "{{{{ steps.begin.outputs.go }}}}"
    foreach: {{ items: "{{{{ inputs.contracts }}}}", key: "{{{{ item.id }}}}", max_parallel: 4, tolerate: 5% }}
    with: {{ template_id: "{{{{ item.id }}}}", name: "{{{{ index }}}} {{{{ item.title }}}}" }}
    retry: {{ attempts: 3 }}
    timeout: 5m
    compensate:
      uses: juro/send_for_signing
      with: {{ contract_id: "{{{{ steps.create.outputs.contract_id }}}}", message: "{{{{ item.title }}}}" }}
  download:
    uses: juro/download_pdf
    foreach: {{ items: "{{{{ steps.create.outputs.results }}}}" }}
    with: {{ contract_id: "{{{{ item.outputs.contract_id }}}}" }}
  tell:
    uses: notify
    with: {{ text: "{{{{ steps.create.outputs.total }}}} {{{{ steps.download.outputs.failed | length }}}}" }}
"#
        ),
    );
    insta::assert_json_snapshot!("foreach", step(&compiled, "create"));
    let download = step(&compiled, "download").foreach.as_deref().expect("for each");
    assert_eq!((download.max_parallel, download.tolerate, &download.key), (8, Tolerance::Count(0), &None));
    assert_eq!(step(&compiled, "create[x].compensate").uses, "juro/send_for_signing");
    assert_eq!(step(&compiled, "tell").needs.len(), 2);
}

#[test]
fn the_outcomes_of_a_whole_are_not_those_of_an_item() {
    let approvals = |tail: &str| {
        format!(
            "steps:
  ask:
    uses: approval
    foreach: {{ items: [a, b], key: \"{{{{ item }}}}\" }}
    with: {{ title: \"{{{{ item }}}}\", stages: [{{ from: [legal] }}], expires_in: 7d }}
{tail}"
        )
    };
    check(
        &approvals("  tell: { uses: notify, needs: [ask.rejected], with: { text: sorry } }\n"),
        &[
            "E0231 `ask` (`approval`) never ends as `rejected` (that is how one item ends; with all of them it ends as `succeeded`, `stopped`, `failed`)",
        ],
    );
    check(
        &approvals(
            "  tell: { uses: notify, needs: [{ done: [ask] }], with: { text: \"{{ steps.ask.outputs.comment }}\" } }\n",
        ),
        &[
            "E0314 `steps.ask.outputs` has no `comment`: it is done for each item of a list (what came of each item is in the list `steps.ask.outputs.results`, under `outputs`)",
        ],
    );
    check(
        &approvals(""),
        &[
            "W0401 nobody handles it when `ask` ends as `stopped` (silence is never a yes: add a step with `needs: [ask.stopped]`)",
        ],
    );
    let compiled = quiet(
        &catalog(),
        &approvals(
            "  tell: { uses: notify, needs: [ask.stopped], with: { text: \"{{ steps.ask.outputs.failed[0].key }}\" } }\n",
        ),
    );
    let names: Vec<(String, OutcomeKind, bool)> =
        step(&compiled, "ask").outcomes.iter().map(|o| (o.name.to_string(), o.kind, o.outputs)).collect();
    assert_eq!(
        names,
        [
            ("succeeded".into(), OutcomeKind::Good, true),
            ("stopped".into(), OutcomeKind::Bad, true),
            ("failed".into(), OutcomeKind::Failure, true)
        ]
    );
    assert_eq!(step(&compiled, "ask[a]").outcomes[1].name.as_str(), "rejected");
}

#[test]
fn items_are_typed() {
    let each = |foreach: &str, text: &str| {
        format!(
            "{CONTRACTS}steps:\n  a: {{ uses: juro/create_contract, with: {{ template_id: t, name: NDA }} }}\n  tell:\n    uses: notify\n    foreach: {foreach}\n    with: {{ text: \"{text}\" }}\n"
        )
    };
    let of_inputs = r#"{ items: "{{ inputs.contracts }}" }"#;
    check(&each(of_inputs, "{{ item.title }}"), &[]);
    check(&each(of_inputs, "{{ item.titel }}"), &["E0320 `item` has no `titel` (did you mean `title`?)"]);
    check(&each(of_inputs, "{{ index.x }}"), &["E0320 `index` is a whole number and has no `x`"]);
    check(
        &each(of_inputs, "{{ item.note }}"),
        &[
            "W0403 `item.note` may be absent, and then this step fails (write `| default(value=…)` behind it, or list it under `required` in the input's schema)",
        ],
    );
    check(
        &each(r#"{ items: "{{ inputs.contracts | reverse }}" }"#, "{{ item.titel }}"),
        &["E0320 `item` has no `titel` (did you mean `title`?)"],
    );
    check(
        &each(r#"{ items: [{ id: 1 }, { id: 2, name: x }] }"#, "{{ item.id | upper }}"),
        &["E0319 `upper` takes a string, and this is a whole number (`| str` makes a text of it)"],
    );
    check(
        &each(r#"{ items: [{ id: 1 }, { id: 2, name: x }] }"#, "{{ item.name }}"),
        &[
            "W0403 `item.name` may be absent, and then this step fails (write `| default(value=…)` behind it, or give it to every item of the list)",
        ],
    );
    check(&each(r#"{ items: ["{{ steps.a.outputs.contract_id }}", x] }"#, "{{ item | upper }}"), &[]);
    check(&each(of_inputs, "{{ itme.title }}"), &["E0310 there is nothing called `itme` (did you mean `item`?)"]);
}

#[test]
fn what_cannot_be_a_list_of_different_items_is_said() {
    let each = |foreach: &str| {
        format!(
            "inputs: {{ n: {{ type: integer }}, l: {{ type: array }} }}\nsteps:\n  tell: {{ uses: notify, foreach: {foreach}, with: {{ text: x }} }}\n"
        )
    };
    check(
        &each(r#"{ items: "{{ inputs.n }}" }"#),
        &["E0250 this is a whole number, and `items` is a list (write a list, or refer to one)"],
    );
    check(
        &each("{ items: 3 }"),
        &[
            "E0250 `items` is a list, and this is a number (write a list, or refer to one: `items: \"{{ inputs.contracts }}\"`)",
        ],
    );
    check(
        &each(r#"{ items: "a {{ inputs.n }}" }"#),
        &[
            "E0250 `items` is one expression and nothing else, because text around it makes a text of it (write a list, or refer to one: `items: \"{{ inputs.contracts }}\"`)",
        ],
    );
    check(&each("{}"), &["E0203 `foreach` needs `items` (add `items: \"{{ inputs.contracts }}\"`)"]);
    check(
        &each(r#"{ items: [{ id: a }, { id: b }, { id: a }], key: "{{ item.id }}" }"#),
        &["E0251 two items have the key `a` (a key tells an item from all others)"],
    );
    check(
        &each(r#"{ items: [a, b], key: "{{ inputs.n }}" }"#),
        &["E0251 the key is the same for every item (refer to what tells the items apart: `key: \"{{ item.id }}\"`)"],
    );
    check(
        &each(r#"{ items: [{ id: [1] }], key: "{{ item.id }}" }"#),
        &[
            "E0251 this is a list, and the key of an item is a text or a number (refer to a field of it that is a text or a number)",
        ],
    );
    check(
        &each("{ items: [a], max_parallel: 0, tolerate: 101%, paralel: 1 }"),
        &[
            "E0209 `max_parallel` is a whole number from 1 to 100 (it is 8 where it is not given)",
            "E0209 `tolerate` is a whole number from 0 to 1000, or `0%` to `100%` (it is how many items may end badly without the whole doing so: `tolerate: 3` or `tolerate: 5%`)",
            "E0202 `foreach` has no key `paralel` (the keys are `items`, `key`, `max_parallel`, `tolerate`)",
        ],
    );
    check(
        &each("{ items: [{ password: x }] }"),
        &[
            "W0408 `password` would be kept in the journal of every run (a connection in engross.yaml keeps it out of workflows and journals; a manifest of your own gives any API one)",
        ],
    );
    let many = format!("{{ items: [{}] }}", vec!["x"; 1_001].join(", "));
    check(
        &each(&many),
        &["E0250 `items` has 1001 items, more than 1000 (divide the list among several runs or steps)"],
    );
}

#[test]
fn an_item_is_in_scope_only_where_there_is_one() {
    let out = "add `foreach: { items: … }` to the step; what came of the items is `steps.ID.outputs.results`";
    check(
        r#"
outputs: { x: "{{ item }}" }
steps:
  tell:
    uses: notify
    if: "{{ item == 'a' }}"
    foreach: { items: ["{{ item }}"], key: "{{ index }}" }
    with: { text: "{{ item }}" }
  plain: { uses: notify, with: { text: "{{ index }}" } }
"#,
        &[
            &format!("E0311 `item` is in scope under `with` and in `key` of a step with `foreach` only ({out})"),
            "E0311 `item` is not in scope in `if`, which is asked once for the whole list (leave the items out of the list in `items`, so that only those that are meant are in it)",
            "E0311 `item` is not in scope in `items`, which is what it comes from (refer to a list)",
            &format!("E0311 `index` is in scope under `with` and in `key` of a step with `foreach` only ({out})"),
        ],
    );
}

#[test]
fn a_group_of_runs_becomes_part_of_the_plan() {
    let compiled = quiet(
        &catalog(),
        "inputs: { who: { type: string } }\nrun: { concurrency: { group: \"{{ inputs.who }}\", limit: 2 } }\nsteps: { a: { uses: set, with: {} } }\n",
    );
    let concurrency = compiled.plan.definition().concurrency.clone().expect("a group");
    assert!(matches!(&concurrency.group, Expr::Template(template) if template.references == ["inputs.who"]));
    assert_eq!(concurrency.limit, 2);
    let group = |concurrency: &str| {
        format!(
            "inputs: {{ who: {{ type: object }} }}\nrun: {{ concurrency: {concurrency} }}\nsteps: {{ a: {{ uses: set, with: {{}} }} }}\n"
        )
    };
    check(
        &group(r#"{ group: "{{ inputs.who }}" }"#),
        &[
            "E0252 this is a mapping, and the group of a run is a text or a number (refer to a field of it that is a text or a number)",
        ],
    );
    check(
        &group(r#"{ group: "{{ steps.a.outcome }}{{ run.key }}", limit: 0 }"#),
        &[
            "E0311 no step has run when this is made (make it of `inputs` and `run`)",
            "E0311 `run.key` is not there yet when this is made (make it of `inputs`)",
            "E0209 `run.concurrency.limit` is a whole number from 1 to 1000 (it is how many runs of one group may be at work at once; 1 where it is not given)",
        ],
    );
    check(
        &group("{ limit: 1 }"),
        &["E0203 `run.concurrency` needs `group` (add `group: \"{{ inputs.counterparty.email }}\"`)"],
    );
}

const SIGN: &str = "inputs:
  title: { type: string }
  months: { type: integer, default: 12 }
run: { timeout: 9d }
steps:
  create: { uses: juro/create_contract, with: { template_id: t, name: \"{{ inputs.title }}\" } }
  ask: { uses: approval, needs: [create], with: { title: ok, stages: [{ from: [legal] }] } }
  no: { uses: notify, needs: [ask.rejected], with: { text: sorry } }
  maybe: { uses: set, if: \"{{ inputs.months > 3 }}\", with: { at: 3 } }
outputs:
  id: \"{{ steps.create.outputs.contract_id }}\"
  count: 3
  maybe: \"{{ steps.maybe.outputs.at }}\"
";

fn starts(catalog: &FakeCatalog, with: &str, rest: &str, expected: &[&str]) {
    let text = format!(
        "inputs: {{ t: {{ type: string }}, n: {{ type: integer }} }}\nsteps:\n  sub: {{ uses: workflow, with: {with} }}\n{rest}"
    );
    assert_eq!(said(catalog, &text), expected, "{text}");
}

#[test]
fn a_workflow_that_is_started_is_part_of_the_plan_and_is_typed() {
    let catalog = catalog_with(&[("sign", SIGN)]);
    let compiled = quiet(
        &catalog,
        "inputs: { titles: { type: array, items: { type: string } } }
steps:
  sub:
    uses: workflow
    foreach: { items: \"{{ inputs.titles }}\", key: \"{{ item }}\" }
    with: { name: sign, inputs: { title: \"{{ item }}\" }, key: \"{{ item }}\" }
  no: { uses: notify, needs: [sub.stopped], with: { text: sorry } }
  ids: { uses: notify, foreach: { items: \"{{ steps.sub.outputs.results }}\" }, with: { text: \"{{ item.outputs.id | upper }} {{ item.outputs.count + 1 }}\" } }
",
    );
    assert!(step(&compiled, "sub").child.is_none());
    let child = step(&compiled, "sub[x]").child.as_deref().expect("a child");
    assert_eq!((child.name.as_str(), child.steps.len(), child.timeout_ms), ("sign", 4, Some(9 * 24 * 3_600_000)));
    let handled = "  no: { uses: notify, needs: [sub.stopped], with: { text: sorry } }\n";
    let check =
        |with: &str, rest: &str, expected: &[&str]| starts(&catalog, with, &format!("{handled}{rest}"), expected);
    check("{ name: sign, inputs: { title: x } }", "", &[]);
    check(
        "{ name: sign, inputs: { title: \"{{ inputs.n }}\" } }",
        "",
        &[
            "E0224 this is a whole number, and a string is needed here (text around it makes it a text, and so does `| json_encode`)",
        ],
    );
    check(
        "{ name: sign, inputs: { titel: x, months: a } }",
        "",
        &[
            "E0222 `with.inputs` has no `titel` (did you mean `title`?)",
            "E0223 `with.inputs.months` must be a whole number, and is a string",
        ],
    );
    check(
        "{ name: sign }",
        "",
        &["E0221 `workflow` needs `inputs` (add `inputs: …` under `with`: those of `sign` are `months`, `title`)"],
    );
    let tell = |text: &str| format!("  tell: {{ uses: notify, with: {{ text: \"{text}\" }} }}\n");
    let good = "{ name: sign, inputs: { title: x } }";
    check(good, &tell("{{ steps.sub.outputs.id | upper }} {{ steps.sub.outputs.count }}"), &[]);
    check(good, &tell("{{ steps.sub.outputs.idd }}"), &["E0314 `steps.sub.outputs` has no `idd` (did you mean `id`?)"]);
    check(
        good,
        &tell("{{ steps.sub.outputs.count | upper }}"),
        &["E0319 `upper` takes a string, and this is a whole number (`| str` makes a text of it)"],
    );
    check(
        good,
        &tell("at {{ steps.sub.outputs.maybe }}"),
        &[
            "W0405 this may be null, and a text cannot hold it (write `| default(value=…, boolean=true)` behind it, or test it with `if`)",
        ],
    );
    starts(
        &catalog,
        good,
        "",
        &[
            "W0401 nobody handles it when `sub` ends as `stopped` (silence is never a yes: add a step with `needs: [sub.stopped]`)",
        ],
    );
}

#[test]
fn a_workflow_that_cannot_be_had_is_said_and_why() {
    let plain = "steps: { a: { uses: set, with: { x: 1 } } }\noutputs: { x: \"{{ steps.a.outputs.x }}\" }\n";
    let to = |name: &str| format!("steps: {{ a: {{ uses: workflow, with: {{ name: {name} }} }} }}\n");
    let broken = "steps: { a: { uses: sett, with: {} } }\n";
    let levels: Vec<(String, String)> = (1..=12)
        .map(|n| (format!("level_{n}"), if n == 12 { plain.to_owned() } else { to(&format!("level_{}", n + 1)) }))
        .collect();
    let (example, aa, bb) = (to("aa"), to("bb"), to("cc"));
    let cc = format!("{}  b: {{ uses: workflow, with: {{ name: aa }} }}\n", "steps:\n");
    let mut all: Vec<(&str, &str)> = levels.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let back = to("example");
    all.extend([
        ("plain", plain),
        ("broken", broken),
        ("example", &example),
        ("aa", &aa),
        ("bb", &bb),
        ("cc", &cc),
        ("back", &back),
    ]);
    let catalog = catalog_with(&all);
    let check = |name: &str, expected: &[&str]| starts(&catalog, &format!("{{ name: {name} }}"), "", expected);
    check("plain", &[]);
    check("plian", &["E0260 there is no workflow `plian` (did you mean `plain`?)"]);
    check("broken", &["E0261 `broken` has mistakes of its own (run `engross validate broken.yaml`)"]);
    check(
        "example",
        &[
            "E0262 the workflow starts itself: example -> example (a run would start runs without end: take one of these away)",
        ],
    );
    check(
        "back",
        &[
            "E0262 the workflow starts itself: example -> back -> example (a run would start runs without end: take one of these away)",
        ],
    );
    check("aa", &["E0261 `aa` has mistakes of its own (run `engross validate aa.yaml`)"]);
    check("level_5", &[]);
    check(
        "level_4",
        &[
            "E0263 workflows start each other over more than 8 levels: example -> level_4 -> level_5 -> level_6 -> level_7 -> level_8 -> level_9 -> level_10 -> level_11 -> level_12 (put the steps of some of them into one)",
        ],
    );
    check(
        "\"{{ inputs.t }}\"",
        &[
            "E0303 the name of a workflow must be written out, because the plan depends on it (for a choice among several write one step for each, with an `if`)",
        ],
    );
    // A workflow that never stops needs nobody to handle that, and one that is wrong is told once.
    let twice = "  again: { uses: workflow, with: { name: plain } }\n  tell: { uses: notify, needs: [again.stopped], with: { text: x } }\n";
    starts(
        &catalog,
        "{ name: broken, inputs: { x: 1 } }",
        twice,
        &[
            "E0261 `broken` has mistakes of its own (run `engross validate broken.yaml`)",
            "W0406 `tell` can never start: `again` never ends as `stopped` (for either of several write `{ any: […] }`; or remove the step)",
        ],
    );
}

#[test]
fn a_plan_does_not_grow_beyond_its_bounds_by_what_it_starts() {
    let check = |leaf: &str, starts: usize, expected: &str| {
        let starts: String =
            (0..starts).map(|n| format!("  s{n}: {{ uses: workflow, with: {{ name: leaf }} }}\n")).collect();
        let found = said(&catalog_with(&[("leaf", leaf)]), &format!("steps:\n{starts}"));
        let hint = "start fewer workflows from one, or the same one with `foreach`";
        assert_eq!(found, [format!("E0207 with all that it starts, the workflow has more than {expected} ({hint})")]);
    };
    let many: String = (0..1_200).map(|n| format!("  s{n}: {{ uses: set, with: {{}} }}\n")).collect();
    check(&format!("steps:\n{many}"), 9, "10000 steps");
    let long = format!("steps: {{ s: {{ uses: set, with: {{ text: {} }} }} }}\n", "x".repeat(200_000));
    check(&long, 50, "8388608 bytes");
}

#[test]
fn outputs_of_a_workflow_may_be_null_only_where_a_run_ends_well_without_their_step() {
    let child = "inputs: { n: { type: integer } }
steps:
  create: { uses: juro/create_contract, with: { template_id: t, name: NDA } }
  signed: { uses: juro/await_fully_signed, needs: [create], with: { contract_id: \"{{ steps.create.outputs.contract_id }}\" }, timeout: 3d }
  late: { uses: set, needs: [signed.timed_out], with: { at: x } }
  on_time: { uses: set, needs: [signed], with: { at: x } }
  joined: { uses: set, needs: [{ any: [late, on_time] }], with: { at: x } }
  maybe: { uses: set, if: \"{{ inputs.n > 1 }}\", with: { at: x } }
  behind: { uses: set, needs: [maybe], with: { at: x } }
outputs:
  created: \"{{ steps.create.outputs.contract_id }}\"
  joined: \"{{ steps.joined.outputs.at }}\"
  late: \"{{ steps.late.outputs.at }}\"
  behind: \"{{ steps.behind.outputs.at }}\"
";
    let catalog = catalog_with(&[("child", child)]);
    let nullable: Vec<&str> = ["created", "joined", "late", "behind"]
        .into_iter()
        .filter(|name| {
            let found = said(
                &catalog,
                &format!(
                    "steps:
  sub: {{ uses: workflow, with: {{ name: child, inputs: {{ n: 1 }} }} }}
  stop: {{ uses: notify, needs: [sub.stopped], with: {{ text: x }} }}
  tell: {{ uses: notify, with: {{ text: \"{{{{ steps.sub.outputs.{name} | upper }}}}\" }} }}
"
                ),
            );
            assert!(found.iter().all(|line| line.starts_with("W0405 this may be null")), "{found:?}");
            !found.is_empty()
        })
        .collect();
    // What `set` leaves is text as it is written here.
    assert_eq!(nullable, ["late", "behind"]);
}

#[test]
fn many_lists_of_one_large_type_are_checked_in_time() {
    let fields: String = (0..2_000).map(|n| format!("f{n}: {{ type: string }}, ")).collect();
    let steps: String = (0..2_000)
        .map(|n| format!("  s{n}: {{ uses: set, foreach: {{ items: \"{{{{ inputs.l }}}}\", key: \"{{{{ index }}}}\" }}, with: {{}} }}\n"))
        .collect();
    let text = format!(
        "inputs: {{ l: {{ type: array, items: {{ type: object, properties: {{ {fields} }} }} }} }}\nsteps:\n{steps}"
    );
    let began = std::time::Instant::now();
    assert_eq!(said(&catalog(), &text), [""; 0]);
    // Far from what a slow machine needs, and far below what a cost for each step and field would be.
    assert!(began.elapsed() < std::time::Duration::from_secs(30), "{:?}", began.elapsed());
}
