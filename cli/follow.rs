//! A run as it happens: a live line a step for a person who watches, plain lines otherwise. All of it on stderr.

use crate::client::Client;
use crate::ui;
use anyhow::Result;
use engross_core::{Event, Record, RunId, Summary};
use engross_runtime::{RunView, TimelineEntry};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long one request waits for news.
const WAIT_SECONDS: u64 = 20;

/// Follows a run to its end, or until it stands still because only a person can tell what has happened; says so then. Gives
/// the run as it is.
///
/// # Errors
/// The engine does not answer any more.
pub async fn to_the_end(client: &Client, run: &RunId) -> Result<RunView> {
    let view = client.run(run).await?;
    let mut screen = Screen::new(&view);
    let (mut after, mut doubt) = (0, false);
    loop {
        let journal = client.journal(run, after, WAIT_SECONDS).await?;
        for (record, entry) in journal.records.iter().zip(&journal.timeline) {
            screen.show(record, entry);
            doubt |= matches!(record.event, Event::StepInDoubt { .. });
        }
        after = journal.records.last().map_or(after, |r| r.seq);
        if journal.over && journal.records.is_empty() {
            screen.end();
            return client.run(run).await;
        }
        if doubt {
            let view = client.run(run).await?;
            // What came since the journal was read is shown first.
            if view.seq <= after && stands_in_doubt(&view) {
                screen.end();
                ui::note(&doubts(&view));
                return Ok(view);
            }
        }
    }
}

/// Whether a run waits for a person to find out what has happened, and nothing else is under way in it.
pub fn stands_in_doubt(view: &RunView) -> bool {
    let under_way = |state: &str| matches!(state, "running" | "backing_off" | "waiting");
    !view.status.is_over() && view.summary == Summary::InDoubt && !view.steps.iter().any(|s| under_way(&s.state))
}

/// What is in doubt, why, and what to do next.
pub fn doubts(view: &RunView) -> String {
    let mut text = format!("run {} is in doubt: nothing more happens in it by itself\n", view.id);
    for step in view.steps.iter().filter(|step| step.state == "in_doubt") {
        let why = step.error.as_ref().map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!("  {} ({}): {}\n", step.id, step.uses, ui::escaped(&why)));
        if let Some(hint) = step.error.as_ref().and_then(|error| error.hint.as_ref()) {
            text.push_str(&format!("    hint: {}\n", ui::escaped(hint)));
        }
    }
    text.push_str(&format!(
        "  hint: look at the provider whether it happened, and finish there by hand; then give the run up with \
         `engross runs cancel {}` while `engross serve` runs",
        view.id
    ));
    text
}

enum Screen {
    Live { bars: BTreeMap<String, ProgressBar>, _all: MultiProgress },
    Plain,
}

impl Screen {
    fn new(view: &RunView) -> Self {
        ui::note(&format!("run {}: {}", view.id, ui::escaped(&view.title)));
        if !ui::is_live() {
            return Self::Plain;
        }
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let width = view.steps.iter().map(|s| s.id.as_str().chars().count()).max().unwrap_or(0);
        let mut bars = BTreeMap::new();
        for step in &view.steps {
            let bar = all.add(ProgressBar::new_spinner());
            bar.set_style(style("  {prefix} {msg}"));
            bar.set_prefix(format!("{:width$}", ui::escaped(step.id.as_str())));
            bar.set_message("·");
            bars.insert(step.id.to_string(), bar);
        }
        Self::Live { bars, _all: all }
    }

    fn show(&mut self, record: &Record, entry: &TimelineEntry) {
        match self {
            Self::Plain => ui::note(&line(entry)),
            Self::Live { bars, .. } => {
                let Some(bar) = entry.step.as_ref().and_then(|step| bars.get(step.as_str())) else { return };
                match &record.event {
                    Event::StepCompleted { error: None, .. } => finish(bar, "✔", &entry.text),
                    Event::StepCompleted { .. } | Event::StepInDoubt { .. } => finish(bar, "✘", &entry.text),
                    Event::StepSkipped { .. } | Event::StepCancelled { .. } => finish(bar, "-", &entry.text),
                    _ => {
                        bar.set_style(style("{spinner} {prefix} {msg}"));
                        bar.enable_steady_tick(Duration::from_millis(100));
                        bar.set_message(ui::escaped(&entry.text).into_owned());
                    }
                }
            }
        }
    }

    fn end(&self) {
        if let Self::Live { bars, .. } = self {
            for bar in bars.values().filter(|bar| !bar.is_finished()) {
                bar.finish();
            }
        }
    }
}

fn finish(bar: &ProgressBar, mark: &str, text: &str) {
    bar.set_style(style(&format!("{mark} {{prefix}} {{msg}}")));
    bar.finish_with_message(ui::escaped(text).into_owned());
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// One line of a timeline.
pub fn line(entry: &TimelineEntry) -> String {
    let time = entry.at.get(11..23).unwrap_or(&entry.at);
    let (step, text) = (entry.step.as_ref().map_or("", |step| step.as_str()), ui::escaped(&entry.text));
    format!("{time}  {step:<12} {text}")
}
