//! A run that waits for a webhook: how long until the sender has its answer, and until the next step begins.

use crate::raw::Times;
use crate::world::{self, TOKEN};
use engross_core::Event;
use engross_source::SourceFile;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::broadcast;

/// What webhooks cost.
pub(crate) struct Hooks {
    /// Until the sender has its answer.
    pub(crate) acknowledged: Times,
    /// Until the step after the wait begins.
    pub(crate) started: Times,
}

pub(crate) async fn measure(dir: &Path, span: Duration) -> Hooks {
    let begun = broadcast::channel(1_024).0;
    let (engine, committer) = world::engine(world::sled(dir), begun.clone()).await;
    let text = "schema: engross/v1\nname: hooks\ninputs: { about: { type: string } }\nsteps:\n  \
                w: { uses: idle/wait, with: { about: '{{ inputs.about }}' } }\n  n: { uses: idle/read, with: {}, needs: [w] }\n";
    let file = SourceFile::new("hooks.yaml", text);
    let (mut acknowledged, mut started) = (Vec::new(), Vec::new());
    let began = Instant::now();
    while began.elapsed() < span {
        let (mut news, mut steps) = (engine.watch(), begun.subscribe());
        let about = format!("c{}", started.len());
        world::start(&engine, &file, json!({ "about": about })).await;
        while !matches!(news.recv().await.unwrap().record.event, Event::StepParked { .. }) {}
        let sent = Instant::now();
        engine.receive_webhook("idle", TOKEN, &[], about.as_bytes()).await.unwrap();
        acknowledged.push(sent.elapsed());
        let at = loop {
            let (_, step, at) = steps.recv().await.unwrap();
            if step == "n" {
                break at;
            }
        };
        started.push(at.duration_since(sent));
        while !matches!(news.recv().await.unwrap().record.event, Event::RunEnded { .. }) {}
    }
    world::end(engine, committer).await;
    Hooks { acknowledged: Times::of(acknowledged), started: Times::of(started) }
}
