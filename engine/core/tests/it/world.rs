//! A small world around the core: plans in two lines, an evaluator of plain references, and a trace of what is decided.

use engross_core::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Answers `{{ a.b }}` by looking it up, and `{{ false }}` by itself.
pub(crate) struct Lookup;

impl Evaluate for Lookup {
    fn evaluate(&self, template: &Template, scope: &Value) -> Result<Value, EvalError> {
        let path = template.source.trim_matches(['{', '}', ' ']);
        if let Ok(literal) = path.parse::<bool>() {
            return Ok(Value::Bool(literal));
        }
        path.split('.')
            .try_fold(scope, |value, part| value.get(part))
            .cloned()
            .ok_or_else(|| EvalError { template: template.source.clone(), message: "there is no such value".into() })
    }
}

pub(crate) fn template(path: &str) -> Template {
    Template { source: format!("{{{{ {path} }}}}"), whole: true, references: vec![path.to_string()] }
}

/// `"id needs=a.approved,b|c done=d"` and an effect; see `needs`.
pub(crate) struct StepBuilder(pub(crate) PlanStep);

pub(crate) fn step(id: &str, needs: &str, effect: EffectClass) -> StepBuilder {
    StepBuilder(PlanStep {
        id: StepId::new(id),
        uses: format!("test/{id}"),
        connection: None,
        with: Expr::Literal(json!({ "of": id })),
        needs: needs.split_whitespace().map(need).collect(),
        condition: None,
        effect,
        kind: StepKind::Action,
        outcomes: vec![
            OutcomeSpec::new("succeeded", OutcomeKind::Good),
            OutcomeSpec::new("failed", OutcomeKind::Failure),
        ],
        retry: RetryPolicy { attempts: 3, initial_ms: 100, factor: 2.0, max_ms: 1_000, jitter: Jitter::None },
        timeout_ms: None,
        on_error: OnError::Fail,
        compensate: None,
        foreach: None,
        child: None,
        policy: None,
    })
}

/// A wait with the outcomes of an approval and of an await.
pub(crate) fn wait(id: &str, needs: &str) -> StepBuilder {
    let mut built = step(id, needs, EffectClass::Read);
    built.0.kind = StepKind::Wait;
    built.0.outcomes = vec![
        OutcomeSpec::new("approved", OutcomeKind::Good),
        OutcomeSpec { outputs: true, ..OutcomeSpec::new("rejected", OutcomeKind::Bad) },
        OutcomeSpec::new("expired", OutcomeKind::Bad),
        OutcomeSpec::new("timed_out", OutcomeKind::Neutral),
        OutcomeSpec::new("failed", OutcomeKind::Failure),
    ];
    built
}

impl StepBuilder {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut PlanStep)) -> Self {
        change(&mut self.0);
        self
    }
}

/// `a` (its `succeeded`), `a.rejected`, `a!` (done), `a.x|b.y` (any).
fn need(text: &str) -> Need {
    let one = |text: &str| match text.strip_suffix('!') {
        Some(step) => NeedRef { step: StepId::new(step), on: On::Done },
        None => {
            let (step, outcome) = text.split_once('.').unwrap_or((text, "succeeded"));
            NeedRef { step: StepId::new(step), on: On::Outcome(OutcomeName::new(outcome)) }
        }
    };
    if text.contains('|') { Need::Any(text.split('|').map(one).collect()) } else { Need::One(one(text)) }
}

pub(crate) fn plan(steps: Vec<StepBuilder>) -> Plan {
    plan_with(steps, |_| {})
}

pub(crate) fn plan_with(steps: Vec<StepBuilder>, change: impl FnOnce(&mut PlanDefinition)) -> Plan {
    let mut definition = PlanDefinition {
        v: 1,
        name: "test".into(),
        title: None,
        source_sha256: String::new(),
        inputs: json!({}),
        steps: steps.into_iter().map(|s| s.0).collect(),
        outputs: BTreeMap::new(),
        key: None,
        timeout_ms: None,
        concurrency: None,
    };
    change(&mut definition);
    Plan::build(definition).unwrap()
}

/// A run in the making.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) now: i64,
    pub(crate) state: Option<RunState>,
    pub(crate) journal: Vec<Record>,
    pub(crate) trace: String,
}

impl World {
    pub(crate) fn start(plan: Plan) -> Self {
        let mut world = Self { plan, now: 0, state: None, journal: Vec::new(), trace: String::new() };
        let request = StartRequest {
            run: RunId::new("r1"),
            inputs: json!({ "n": 1 }),
            requester: Person::new("ada"),
            key: None,
            parent: None,
        };
        world.give(Input::Start(request));
        world
    }

    /// Gives an input, and checks on the way what must hold after every turn.
    pub(crate) fn give(&mut self, input: Input) -> &mut Self {
        let context = Context { plan: &self.plan, evaluator: &Lookup, now: Timestamp::from_millis(self.now) };
        let before = self.state.as_ref().map(outstanding).unwrap_or_default();
        match advance(context, self.state.as_ref(), input) {
            Err(rejection) => {
                let _ = writeln!(self.trace, "refused: {rejection}");
            }
            Ok(turn) => {
                for record in &turn.records {
                    let before = self.journal.last().map(|r| r.hash).unwrap_or_default();
                    assert!(before.is_followed_by(record), "the chain of hashes holds");
                    assert_eq!(record.seq, self.journal.len() as u64 + 1);
                    self.journal.push(record.clone());
                    let _ = writeln!(self.trace, "{}", words(&record.event));
                }
                for command in &turn.issued {
                    let _ = writeln!(self.trace, "  + {}", order(command));
                }
                for command in &turn.withdrawn {
                    let _ = writeln!(self.trace, "  - {}", order(command));
                }
                let replayed = fold(&self.journal).unwrap();
                assert_eq!(replayed, turn.state, "the fold of the journal is the live state");
                let owed: std::collections::BTreeSet<Command> =
                    before.difference(&turn.withdrawn).chain(&turn.issued).cloned().collect();
                assert_eq!(
                    owed,
                    outstanding(&turn.state),
                    "what is owed is what was owed, less and more what the turn says"
                );
                self.state = Some(turn.state);
            }
        }
        self
    }

    pub(crate) fn at(&mut self, now: i64) -> &mut Self {
        self.now = now;
        self
    }

    pub(crate) fn intend(&mut self, step: &str, attempt: u32) -> &mut Self {
        self.give(Input::EffectIntending { step: StepId::new(step), attempt })
    }

    pub(crate) fn done(&mut self, step: &str, attempt: u32) -> &mut Self {
        let done = Completion::new("succeeded", json!({ "id": format!("{step}-id") }));
        self.answer(step, attempt, Ok(StepResult::Done(done)))
    }

    pub(crate) fn fails(&mut self, step: &str, attempt: u32, error: StepError) -> &mut Self {
        self.answer(step, attempt, Err(error))
    }

    pub(crate) fn park(&mut self, step: &str, wait: Wait) -> &mut Self {
        self.answer(step, 1, Ok(StepResult::Parked(wait)))
    }

    pub(crate) fn answer(&mut self, step: &str, attempt: u32, result: Result<StepResult, StepError>) -> &mut Self {
        self.give(Input::StepFinished { step: StepId::new(step), attempt, result, random: u32::MAX })
    }

    pub(crate) fn timer(&mut self, step: &str, kind: TimerKind) -> &mut Self {
        self.give(Input::TimerFired(TimerId { step: Some(StepId::new(step)), kind }))
    }

    pub(crate) fn decide(&mut self, step: &str, by: &str, verdict: Verdict) -> &mut Self {
        let decision = Decision::new(Person::new(by), verdict, Timestamp::from_millis(0));
        self.give(Input::Decision { step: StepId::new(step), decision })
    }

    pub(crate) fn cancel(&mut self) -> &mut Self {
        self.give(Input::Cancel { by: Person::new("ada"), reason: None })
    }

    pub(crate) fn look(&mut self, step: &str, check: u32, result: Result<Option<Completion>, StepError>) -> &mut Self {
        self.give(Input::CheckFinished { step: StepId::new(step), check, result, random: 0 })
    }

    pub(crate) fn status(&self) -> RunStatus {
        self.state.as_ref().unwrap().status
    }
}

fn words(event: &Event) -> String {
    let mut value = serde_json::to_value(event).unwrap();
    let map = value.as_object_mut().unwrap();
    let kind = map.remove("type").unwrap();
    for noise in ["plan", "workflow", "title", "inputs"] {
        map.remove(noise);
    }
    map.retain(|_, v| !v.is_null());
    if let Some(error) = map.get_mut("error").filter(|e| !e.is_null()) {
        *error = error["code"].clone();
    }
    let rest: Vec<String> = map.iter().map(|(k, v)| format!("{k}={}", v.to_string().replace('"', ""))).collect();
    format!("{} {}", kind.as_str().unwrap(), rest.join(" "))
}

fn order(command: &Command) -> String {
    match command {
        Command::RunStep { step, attempt } => format!("run {step} attempt {attempt}"),
        Command::CancelRun { run, by, .. } => format!("cancel run {run} for {by}"),
        Command::CheckStep { step, check } => format!("look for {step}, look {check}"),
        Command::ArmTimer { timer, at } => {
            let whose = timer.step.as_ref().map_or("the run", |s| s.as_str());
            format!("timer {:?} of {whose} at {}", timer.kind, at.as_millis())
        }
        Command::Subscribe { step, subscription } => format!("subscribe {step} to {}", subscription.topic),
    }
}
