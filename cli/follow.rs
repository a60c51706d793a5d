//! A run as it happens: a live line a step for a person who watches, plain lines otherwise. All of it on stderr.

use crate::client::Client;
use crate::commands::incidents::described;
use crate::ui;
use anyhow::Result;
use engross_core::{Event, Record, RunId, Summary};
use engross_runtime::{IncidentView, RunView, TimelineEntry};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long one request waits for news.
const WAIT_SECONDS: u64 = 20;

/// Follows a run to its end, or until it stands still because only a person can help it on; says then what is wrong and what
/// can be done. Gives the run as it is.
///
/// # Errors
/// The engine does not answer any more.
pub async fn to_the_end(client: &Client, run: &RunId) -> Result<RunView> {
    let view = client.run(run).await?;
    let mut screen = Screen::new(&view);
    let (mut after, mut stuck) = (0, false);
    loop {
        let journal = client.journal(run, after, WAIT_SECONDS).await?;
        for (record, entry) in journal.records.iter().zip(&journal.timeline) {
            screen.show(record, entry);
            stuck |= matches!(record.event, Event::StepInDoubt { .. } | Event::IncidentRaised { .. });
        }
        after = journal.records.last().map_or(after, |r| r.seq);
        if journal.over && journal.records.is_empty() {
            screen.end();
            return client.run(run).await;
        }
        if stuck {
            let view = client.run(run).await?;
            // What came since the journal was read is shown first.
            if view.seq <= after && stands_still(&view) {
                screen.end();
                let incidents = client.incidents(Some(run)).await?.incidents;
                ui::note(&format!("{}{}", ways_on(&view, &incidents), NEEDS_AN_ENGINE.trim_end()));
                return Ok(view);
            }
        }
    }
}

/// Whether a step of a run cannot go on without a person's help.
pub fn needs_a_person(view: &RunView) -> bool {
    !view.status.is_over() && matches!(view.summary, Summary::InDoubt | Summary::Incident)
}

/// Whether a run waits for a person's help, and nothing else is under way in it.
pub fn stands_still(view: &RunView) -> bool {
    let under_way = |state: &str| matches!(state, "running" | "backing_off" | "waiting");
    needs_a_person(view) && !view.steps.iter().any(|s| under_way(&s.state))
}

/// Each step that needs a person, why, and the commands to go on.
pub fn ways_on(view: &RunView, incidents: &[IncidentView]) -> String {
    let mut text = if stands_still(view) {
        format!("run {} cannot go on by itself, and waits for a person\n", view.id)
    } else {
        format!("run {} goes on, but not in every step without a person\n", view.id)
    };
    text.extend(incidents.iter().map(described));
    text
}

/// What is said behind [`ways_on`] where the engine may not run any more, or does not.
pub const NEEDS_AN_ENGINE: &str = "  hint: these commands need a running engine, such as `engross serve`\n";

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
                    Event::StepCompleted { .. } | Event::StepInDoubt { .. } | Event::IncidentRaised { .. } => {
                        finish(bar, "✘", &entry.text)
                    }
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
