//! One run: its journal, its head, its rows, and the ways in which it can go on.

use super::{Finding, HasFile, Mode, Rows, files, repair};
use crate::limits::{FSCK_PAGE_RECORDS, PLANS_CACHED_MAX};
use crate::{Error, turn};
use engross_core::{
    Command, Plan, PlanDigest, PlanStep, RunId, RunState, StepId, StepState, Summary, TimerKind, outstanding,
};
use engross_store::backup::{JournalCheck, owed_rows};
use engross_store::{RunHead, RunQuery, Store, Timer, WaitRow};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What to do about something that only a copy of the data can mend.
pub(super) const RESTORE: &str =
    "stop the engine, keep the data directory for a closer look, and import the latest export";

/// What to do about an index that only an import makes anew.
const REBUILD: &str =
    "stop the engine, export the store and import it into an empty directory: that makes every index anew";

/// What to do about rows that do not fit.
const REPAIR: &str = "stop the engine and let `engross fsck --repair` put it right";

/// What came of looking at a run.
pub(super) enum Examined {
    Judged {
        records: u64,
        findings: Vec<Finding>,
    },
    /// It went on meanwhile, and is at this record now; none when it has gone.
    Moved(Option<u64>),
}

/// Looks at runs of one store.
pub(super) struct Examiner<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) mode: Mode,
    has_file: HasFile<'a>,
    plans: BTreeMap<PlanDigest, Result<Arc<Plan>, String>>,
}

impl<'a> Examiner<'a> {
    pub(super) fn new(store: &'a dyn Store, mode: Mode, has_file: HasFile<'a>) -> Self {
        Self { store, mode, has_file, plans: BTreeMap::new() }
    }

    pub(super) fn is_live(&self) -> bool {
        self.mode == Mode::Live
    }

    /// Judges a run by the rows that it had, if it is still where it was (`seen`) when they were read.
    pub(super) fn run(&mut self, run: &RunId, seen: Option<u64>, rows: Rows) -> Result<Examined, Error> {
        let head = self.store.head(run)?;
        let seq = head.as_ref().map(|head| head.seq);
        if self.is_live() && seq != seen {
            return Ok(Examined::Moved(seq));
        }
        let Some(head) = head else { return self.orphans(run, None, "there is no such run", rows) };
        if head.status.is_over() {
            return self.orphans(run, Some(&head), "the run is over", rows);
        }
        let (state, records, mut findings) = self.fold(&head)?;
        if let Some(state) = state {
            self.rows(&head, &state, rows, &mut findings)?;
            self.ways_on(&head, &state, &mut findings)?;
            self.files(&head, &state, &mut findings);
        }
        Ok(Examined::Judged { records, findings })
    }

    /// Rows of a run that owes nothing.
    fn orphans(&self, run: &RunId, head: Option<&RunHead>, why: &str, rows: Rows) -> Result<Examined, Error> {
        let mut findings: Vec<Finding> = Vec::new();
        findings.extend(
            rows.timers.iter().map(|timer| timer_finding("timer_orphan", timer, &format!("is armed, and {why}"))),
        );
        findings
            .extend(rows.waits.iter().map(|wait| wait_finding("wait_orphan", wait, &format!("is held, and {why}"))));
        if self.mode == Mode::Repair && !findings.is_empty() {
            let none = Rows::default();
            let done = repair::rows(self.store, run, head, &none, &rows)?;
            findings.iter_mut().for_each(|finding| finding.repaired = done);
        }
        Ok(Examined::Judged { records: 0, findings })
    }

    /// Folds a run's journal, and compares it with its head.
    pub(super) fn fold(&mut self, head: &RunHead) -> Result<(Option<RunState>, u64, Vec<Finding>), Error> {
        let run = &head.run;
        let mut findings = Vec::new();
        let mut journal = JournalCheck::new(head.clone());
        let mut records = 0_u64;
        while journal.last() < head.seq {
            let page = match self.store.journal(run, journal.last(), FSCK_PAGE_RECORDS) {
                Ok(page) => page,
                Err(engross_store::Error::Damaged(why)) => {
                    findings.push(of_run("journal", run, why, RESTORE));
                    return Ok((None, records, findings));
                }
                Err(error) => return Err(error.into()),
            };
            if page.is_empty() {
                break;
            }
            // Records behind the head were written since it was read.
            for record in page.iter().filter(|record| record.seq <= head.seq) {
                records = records.saturating_add(1);
                if let Err(why) = journal.record(record) {
                    findings.push(of_run("journal", run, why, RESTORE));
                }
            }
        }
        let (state, found) = journal.finish();
        findings.extend(found.into_iter().map(|why| of_run("head", run, why, RESTORE)));
        match self.plan(&head.plan)? {
            Ok(plan) => {
                // The words for people may be those of another version.
                let same =
                    |state: &RunState| RunHead { doing: head.doing.clone(), ..turn::head(&plan, state) } == *head;
                if state.as_ref().is_some_and(|state| !same(state)) && findings.is_empty() {
                    let why = "the head is not what the journal folds to".to_string();
                    findings.push(of_run("head", run, why, RESTORE));
                }
            }
            Err(why) => findings.push(of_run("plan", run, why, RESTORE)),
        }
        Ok((state, records, findings))
    }

    fn plan(&mut self, digest: &PlanDigest) -> Result<Result<Arc<Plan>, String>, Error> {
        if let Some(plan) = self.plans.get(digest) {
            return Ok(plan.clone());
        }
        let plan = match self.store.plan(digest) {
            Ok(None) => Err(format!("its plan {digest} is not in the store")),
            Ok(Some(stored)) => match Plan::build(stored.definition) {
                Ok(plan) if plan.digest() == digest => Ok(Arc::new(plan)),
                Ok(_) => Err(format!("its plan {digest} is not what was written")),
                Err(error) => Err(format!("its plan {digest} cannot be used: {error}")),
            },
            Err(engross_store::Error::Damaged(why)) => Err(why),
            Err(error) => return Err(error.into()),
        };
        if self.plans.len() >= PLANS_CACHED_MAX {
            self.plans.pop_first();
        }
        self.plans.insert(digest.clone(), plan.clone());
        Ok(plan)
    }

    /// The rows must be those that the state owes, each of them and no other.
    fn rows(&self, head: &RunHead, state: &RunState, rows: Rows, findings: &mut Vec<Finding>) -> Result<(), Error> {
        let (timers, waits) = owed_rows(state);
        let missing = Rows {
            timers: timers.difference(&rows.timers).cloned().collect(),
            waits: waits.difference(&rows.waits).cloned().collect(),
        };
        let extra = Rows {
            timers: rows.timers.difference(&timers).cloned().collect(),
            waits: rows.waits.difference(&waits).cloned().collect(),
        };
        let mut found: Vec<Finding> = Vec::new();
        found.extend(
            missing.timers.iter().map(|t| timer_finding("timer_missing", t, "is owed, and nothing would fire it")),
        );
        found.extend(
            missing.waits.iter().map(|w| wait_finding("wait_missing", w, "is owed, and no event would reach it")),
        );
        found.extend(
            extra.timers.iter().map(|t| timer_finding("timer_orphan", t, "is armed, and nothing waits for it")),
        );
        found.extend(extra.waits.iter().map(|w| wait_finding("wait_orphan", w, "is held, and nothing waits for it")));
        if self.mode == Mode::Repair && !found.is_empty() {
            let done = repair::rows(self.store, &head.run, Some(head), &missing, &extra)?;
            found.iter_mut().for_each(|finding| finding.repaired = done);
        }
        findings.extend(found);
        Ok(())
    }

    /// Every step that is under way must have something that will bring it on, and the run must be where recovery finds it.
    fn ways_on(&self, head: &RunHead, state: &RunState, findings: &mut Vec<Finding>) -> Result<(), Error> {
        let owed = outstanding(state);
        let brought_on: BTreeSet<&StepId> = owed.iter().filter_map(step_of).collect();
        for (step, step_state) in state.active() {
            let goes_on_by_itself = matches!(
                step_state,
                StepState::Running { .. } | StepState::BackingOff { .. } | StepState::Waiting { .. }
            );
            let has_items = || state.active().any(|(id, _)| PlanStep::item_of(id).is_some_and(|(of, _)| of == *step));
            let lost = matches!(step_state, StepState::FannedOut { .. }) && !has_items();
            if lost || (goes_on_by_itself && !brought_on.contains(step)) {
                let why =
                    format!("it is {}, and no timer, event, look or decision could bring it on", step_state.as_str());
                let hint = "give the run up with `engross runs cancel`, and tell us about it";
                findings.push(Finding { step: Some(step.clone()), ..of_run("no_way_on", &head.run, why, hint) });
            }
        }
        if state.summary() == Summary::Idle {
            let why = "it is open, and no step of it is under way".to_string();
            findings.push(of_run("idle", &head.run, why, "start the engine: it looks at such a run and decides anew"));
        }
        let mut listed = |query: RunQuery, list: &str| -> Result<(), Error> {
            // Everything up to this very run: no id comes between one and the same with a zero byte behind it.
            let before = Some(RunId::new(format!("{}\0", head.run)));
            let found = self.store.runs(&RunQuery { before, limit: 1, ..query })?;
            if found.first().is_none_or(|found| found.run != head.run) {
                let why = format!("it is not in the list of runs {list}");
                findings.push(of_run("not_listed", &head.run, why, REBUILD));
            }
            Ok(())
        };
        listed(RunQuery { open: true, ..RunQuery::default() }, "that are open")?;
        if head.owes_work() {
            listed(RunQuery { working: true, ..RunQuery::default() }, "that a start takes over")?;
        }
        Ok(())
    }

    fn files(&self, head: &RunHead, state: &RunState, findings: &mut Vec<Finding>) {
        for (sha256, step) in files::named(state) {
            let why = match (self.has_file)(&sha256) {
                Ok(true) => continue,
                Ok(false) => format!("file {sha256}, which its outputs name, is not kept"),
                Err(error) => format!("file {sha256}, which its outputs name, cannot be looked for: {error}"),
            };
            let hint = "bring the file back from a backup of the files' folder";
            findings.push(Finding { step: Some(step), ..of_run("file_missing", &head.run, why, hint) });
        }
    }
}

fn step_of(command: &Command) -> Option<&StepId> {
    match command {
        Command::RunStep { step, .. } | Command::CheckStep { step, .. } | Command::Subscribe { step, .. } => Some(step),
        Command::CancelRun { .. } => None,
        Command::ArmTimer { timer, .. } => timer.step.as_ref(),
    }
}

pub(super) fn of_run(code: &str, run: &RunId, message: String, hint: &str) -> Finding {
    let (code, hint) = (code.to_string(), hint.to_string());
    Finding { code, run: Some(run.clone()), step: None, message, hint, repaired: false }
}

fn timer_finding(code: &str, timer: &Timer, what: &str) -> Finding {
    let kind = match timer.timer.kind {
        TimerKind::Retry => "retry",
        TimerKind::Poll => "poll",
        TimerKind::Deadline => "deadline",
        TimerKind::Remind => "reminder",
        TimerKind::Escalate => "escalation",
    };
    let message = format!("its {kind} timer for {} {what}", timer.at);
    Finding { step: timer.timer.step.clone(), ..of_run(code, &timer.run, message, REPAIR) }
}

fn wait_finding(code: &str, wait: &WaitRow, what: &str) -> Finding {
    let fields: Vec<String> = wait.subscription.matching.iter().map(|(path, text)| format!("{path}={text}")).collect();
    let with = if fields.is_empty() { String::new() } else { format!(" with {}", fields.join(", ")) };
    let message = format!("its wait for `{}`{with} {what}", wait.subscription.topic);
    Finding { step: Some(wait.step.clone()), ..of_run(code, &wait.run, message, REPAIR) }
}
