//! A run as it happens: a live line a step for a person who watches, plain lines otherwise. All of it on stderr.

use crate::client::Client;
use crate::ui;
use anyhow::Result;
use engross_core::{Event, Record, RunId};
use engross_runtime::{RunView, TimelineEntry};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long one request waits for news.
const WAIT_SECONDS: u64 = 20;

/// Follows a run to its end, and gives it as it ended.
///
/// # Errors
/// The engine does not answer any more.
pub async fn to_the_end(client: &Client, run: &RunId) -> Result<RunView> {
    let view = client.run(run).await?;
    let mut screen = Screen::new(&view);
    let mut after = 0;
    loop {
        let journal = client.journal(run, after, WAIT_SECONDS).await?;
        for (record, entry) in journal.records.iter().zip(&journal.timeline) {
            screen.show(record, entry);
        }
        after = journal.records.last().map_or(after, |r| r.seq);
        if journal.over && journal.records.is_empty() {
            screen.end();
            return client.run(run).await;
        }
    }
}

enum Screen {
    Live { bars: BTreeMap<String, ProgressBar>, _all: MultiProgress },
    Plain,
}

impl Screen {
    fn new(view: &RunView) -> Self {
        ui::note(&format!("run {}: {}", view.id, view.title));
        if !ui::is_live() {
            return Self::Plain;
        }
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let width = view.steps.iter().map(|s| s.id.as_str().chars().count()).max().unwrap_or(0);
        let mut bars = BTreeMap::new();
        for step in &view.steps {
            let bar = all.add(ProgressBar::new_spinner());
            bar.set_style(style("  {prefix} {msg}"));
            bar.set_prefix(format!("{:width$}", step.id.as_str()));
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
                        bar.set_message(entry.text.clone());
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
    bar.finish_with_message(text.to_string());
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// One line of a timeline.
pub fn line(entry: &TimelineEntry) -> String {
    let time = entry.at.get(11..23).unwrap_or(&entry.at);
    match &entry.step {
        Some(step) => format!("{time}  {step:<12} {}", entry.text),
        None => format!("{time}  {:<12} {}", "", entry.text),
    }
}
