//! What is wrong with an export: all of it, line by line, before anything in it is believed.

use super::journal::JournalCheck;
use super::line::{Counts, EXPORT_FORMAT, LeftOut, Line, LineReader};
use crate::limits::{EXPORT_PROBLEMS_MAX, KEY_TEXT_BYTES_MAX};
use crate::{RunHead, StoredPlan};
use engross_core::{EventId, Plan, PlanDigest, RunId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::BufRead;

/// Something that is wrong with an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The line, from 1.
    pub line: u64,
    /// A short stable word for programs.
    pub code: String,
    /// Whose run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// In words.
    pub message: String,
}

/// An export in which nothing is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What it has.
    pub counts: Counts,
    /// The digest of its content.
    pub sha256: String,
    /// What wrote it.
    pub product: String,
    /// When it was begun.
    pub at: String,
    /// Runs that could not be read when it was written, and are not in it: the first [`EXPORT_PROBLEMS_MAX`] of them.
    pub left_out: Vec<LeftOut>,
}

/// Reads an export to its end. `progress` is told now and then what has been read so far.
///
/// # Errors
/// Everything that is wrong with it, at most [`EXPORT_PROBLEMS_MAX`] problems.
pub fn check(from: impl BufRead, progress: &mut dyn FnMut(Counts)) -> Result<Checked, Vec<Problem>> {
    let mut check = Check::default();
    let mut lines = LineReader::new(from);
    while check.problems.len() < EXPORT_PROBLEMS_MAX {
        let line = lines.next_line();
        check.at = lines.number();
        match line {
            Ok(Some(line)) => {
                check.counts.add(&line);
                let digest = matches!(line, Line::End { .. }).then(|| lines.digest());
                check.line(line, digest);
                progress(check.counts);
            }
            Ok(None) => break,
            Err(error) => {
                check.unreadable(&error.to_string());
                if check.is_no_export() {
                    break;
                }
                if !error.goes_on() {
                    check.broken_off = true;
                    break;
                }
            }
        }
    }
    check.finish()
}

#[derive(Default)]
struct Check {
    at: u64,
    counts: Counts,
    header: Option<(String, String)>,
    end: Option<String>,
    broken_off: bool,
    last_run: Option<RunId>,
    last_event: Option<EventId>,
    plans: BTreeSet<PlanDigest>,
    /// A plan whose run must be next.
    plan: Option<PlanDigest>,
    open: Option<(u64, JournalCheck)>,
    left_out: Vec<LeftOut>,
    problems: Vec<Problem>,
}

impl Check {
    /// Whether neither of the first two lines is one of an export: then this is some other file, and nothing is to be said of
    /// the rest of it. One line alone may be damaged.
    fn is_no_export(&mut self) -> bool {
        let is_none = self.at == 2 && self.problems.len() == 2 && self.problems.iter().all(|p| p.code == "line");
        if is_none {
            self.problems.clear();
            self.at = 1;
            self.problem("no_export", "this is no export of engross: it does not begin like one".to_string());
            self.broken_off = true;
        }
        is_none
    }

    fn line(&mut self, line: Line, digest: Option<String>) {
        if self.end.is_some() {
            self.problem("after_the_end", "this comes after the last line".to_string());
            return;
        }
        if self.header.is_none() && !matches!(line, Line::Header { .. }) {
            self.problem("no_header", "an export begins with its header, and this is none".to_string());
            self.header = Some(Default::default());
        }
        if !matches!(line, Line::Record(_)) {
            self.close_run();
        }
        let is_its_run = |plan: &PlanDigest| matches!(&line, Line::Run { head, .. } if head.plan == *plan);
        if let Some(plan) = self.plan.take()
            && !is_its_run(&plan)
        {
            self.problem("plan_without_run", format!("a run that keeps plan {plan} was to come behind it"));
        }
        match line {
            Line::Header { format, product, at } => self.header(format, product, at),
            Line::Event { entry, .. } => {
                let id = entry.event.id;
                if self.last_event.as_ref().is_some_and(|last| !in_order(last.as_str(), id.as_str())) {
                    self.problem("event_order", format!("event {id} is there twice or out of the order of the ids"));
                }
                self.last_event = Some(id);
            }
            Line::Mark { .. } => {}
            Line::LeftOut(left) => {
                if self.left_out.len() < EXPORT_PROBLEMS_MAX {
                    self.left_out.push(left);
                }
            }
            Line::Plan(plan) => self.plan(*plan),
            Line::Run { head, .. } => self.run(*head),
            Line::Record(record) => match &mut self.open {
                Some((_, journal)) => {
                    let found = journal.record(&record);
                    let run = journal.head().run.clone();
                    if let Err(message) = found {
                        self.problem_of(self.at, "journal", &run, message);
                    }
                }
                None => self.problem("record_without_run", "a record belongs behind its run".to_string()),
            },
            Line::End { counts, sha256 } => self.end(counts, sha256, digest.unwrap_or_default()),
        }
    }

    fn header(&mut self, format: u16, product: String, at: String) {
        if self.header.is_some() {
            self.problem("header_twice", "a header stands in the middle of the file".to_string());
        } else if format > EXPORT_FORMAT {
            let message = format!(
                "the file has form {format}, and this version of engross reads up to {EXPORT_FORMAT}: use a later one"
            );
            self.problem("later_form", message);
        }
        self.header = Some((product, at));
    }

    fn plan(&mut self, stored: StoredPlan) {
        let digest = stored.digest;
        match Plan::build(stored.definition) {
            Ok(plan) if *plan.digest() == digest => {}
            Ok(plan) => {
                self.problem("plan", format!("plan {digest} is not what was written: its digest is {}", plan.digest()));
            }
            Err(error) => self.problem("plan", format!("plan {digest} cannot be used: {error}")),
        }
        if !self.plans.insert(digest.clone()) {
            self.problem("plan_twice", format!("plan {digest} is there twice"));
        }
        self.plan = Some(digest);
    }

    fn run(&mut self, head: RunHead) {
        let run = head.run.clone();
        if self.last_run.as_ref().is_some_and(|last| !in_order(last.as_str(), run.as_str())) {
            self.problem_of(
                self.at,
                "run_order",
                &run,
                "the run is there twice or out of the order of the ids".to_string(),
            );
        }
        self.last_run = Some(run.clone());
        if !self.plans.contains(&head.plan) {
            let message = format!("its plan {} does not stand before it", head.plan);
            self.problem_of(self.at, "no_plan", &run, message);
        }
        self.open = Some((self.at, JournalCheck::new(head)));
    }

    fn close_run(&mut self) {
        let Some((at, journal)) = self.open.take() else { return };
        let run = journal.head().run.clone();
        let (_, found) = journal.finish();
        for message in found {
            self.problem_of(at, "head", &run, message);
        }
    }

    fn end(&mut self, counts: Counts, sha256: String, digest: String) {
        if counts != self.counts {
            let message = format!("{} were to come, and {} came", in_words(counts), in_words(self.counts));
            self.problem("counts", message);
        }
        if sha256 != digest {
            let message = "the lines before this are not those that were written: their digest is another".to_string();
            self.problem("digest", message);
        }
        self.end = Some(sha256);
    }

    fn unreadable(&mut self, why: &str) {
        // A line that cannot be read may have been a record of the run before it, and most are.
        if let Some((_, journal)) = &mut self.open {
            journal.skip();
        }
        self.header.get_or_insert_default();
        self.problem("line", why.to_string());
    }

    fn finish(mut self) -> Result<Checked, Vec<Problem>> {
        if self.end.is_none() && !self.broken_off {
            self.at = self.at.saturating_add(1);
            let message =
                if self.at == 1 { "the file is empty" } else { "the last line is missing: the file was cut off" };
            self.problem("no_end", message.to_string());
        }
        if self.problems.is_empty() {
            let (product, at) = self.header.unwrap_or_default();
            let (sha256, left_out) = (self.end.unwrap_or_default(), self.left_out);
            return Ok(Checked { counts: self.counts, sha256, product, at, left_out });
        }
        self.problems.sort_by_key(|problem| problem.line);
        Err(self.problems)
    }

    fn problem(&mut self, code: &str, message: String) {
        self.problems.push(Problem { line: self.at, code: code.to_string(), run: None, message });
    }

    fn problem_of(&mut self, line: u64, code: &str, run: &RunId, message: String) {
        self.problems.push(Problem { line, code: code.to_string(), run: Some(run.clone()), message });
    }
}

/// Whether ids come one after the other, so that none can be there twice. Very long ones have an order of their own.
fn in_order(last: &str, next: &str) -> bool {
    last < next || (last != next && last.len().max(next.len()) > KEY_TEXT_BYTES_MAX)
}

fn in_words(counts: Counts) -> String {
    let Counts { events, marks, plans, runs, records } = counts;
    format!("{runs} runs, {records} records, {plans} plans, {events} events and {marks} marks")
}
