//! Runs: starting, listing, looking at, watching and giving up.

use super::mend::or_archived;
use super::wire::{CancelRun, Journal, ListRuns, ReadJournal, RunRow, Runs, Source, StartRun, StartedRun};
use crate::ApiError;
use crate::extract::{Asked, Body, Place};
use crate::limits::{RUNS_DEFAULT, WATCH_SECONDS_MAX};
use crate::state::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engross_core::{Person, RunId};
use engross_runtime::{Found, RunView, StartOptions, WorkflowFiles, WorkflowFolders, is_policy, name_of, timeline};
use engross_source::{SourceFile, diagnostic};
use engross_store::RunQuery;
use serde_json::json;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

/// The workflows that another may start, and the policies that it may ask: those that were brought along, and those of the
/// server's folder. The path of a file that is brought says nothing about this machine's folders.
struct Beside {
    /// With the names in them.
    brought: Vec<(String, SourceFile)>,
    folder: WorkflowFolders,
}

impl Beside {
    fn new(brought: &[Source], folder: WorkflowFolders) -> Self {
        let files = brought.iter().map(|source| SourceFile::new(source.path.as_str(), &source.text));
        Self { brought: files.filter_map(|file| Some((name_of(&file)?, file))).collect(), folder }
    }

    fn brought(&self, policies: bool) -> impl Iterator<Item = &(String, SourceFile)> {
        self.brought.iter().filter(move |(_, file)| is_policy(file.path()) == policies)
    }

    fn named(&self, policies: bool, name: &str) -> Option<SourceFile> {
        self.brought(policies).find(|(of, _)| of == name).map(|(_, file)| file.clone())
    }

    fn all_names(&self, policies: bool) -> impl Iterator<Item = String> {
        self.brought(policies).map(|(name, _)| name.clone())
    }
}

impl WorkflowFiles for Beside {
    fn find(&self, from: &str, name: &str) -> Option<SourceFile> {
        self.named(false, name).or_else(|| self.folder.find(from, name))
    }

    fn names(&self, from: &str) -> Vec<String> {
        self.all_names(false).chain(self.folder.names(from)).collect()
    }

    fn policy(&self, from: &str, name: &str) -> Option<SourceFile> {
        self.named(true, name).or_else(|| self.folder.policy(from, name))
    }

    fn policies(&self, from: &str) -> Vec<String> {
        self.all_names(true).chain(self.folder.policies(from)).collect()
    }
}

pub(super) async fn start(
    State(shared): State<Shared>,
    Body(request): Body<StartRun>,
) -> Result<(StatusCode, Json<StartedRun>), ApiError> {
    let file = match (&request.workflow, request.source) {
        (Some(name), None) => shared.library.find(name).await.ok_or_else(|| {
            let message = format!("there is no workflow `{name}` in the server's folder");
            ApiError::new(StatusCode::NOT_FOUND, "no_such_workflow", message)
        })?,
        (None, Some(source)) => SourceFile::new(source.path, &source.text),
        _ => {
            let message = "give either `workflow` (a name) or `source` (a file's path and text)";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "bad_request", message));
        }
    };
    let beside = Beside::new(&request.beside, WorkflowFolders::only(&shared.library.folder));
    let (engine, asked) = (shared.engine.clone(), file.clone());
    let compiled = tokio::task::spawn_blocking(move || engine.compile_beside(&asked, &beside)).await;
    let compiled = compiled.map_err(|_| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the workflow could not be looked through")
    })?;
    let compiled = compiled.map_err(|diagnostics| {
        let files = std::slice::from_ref(&file);
        let text = diagnostic::render_text(&diagnostics, files, false);
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_workflow", "the workflow has mistakes")
            .details(json!({ "text": text, "diagnostics": diagnostic::render_json(&diagnostics, files) }))
    })?;
    let how = StartOptions { requester: Person::new(request.requester), key: request.key };
    let started = shared.engine.start_run(compiled, &file, request.inputs, how).await?;
    let status = if started.attached { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(StartedRun { run: started.run, attached: started.attached })))
}

pub(super) async fn list(State(shared): State<Shared>, Asked(query): Asked<ListRuns>) -> Result<Json<Runs>, ApiError> {
    if query.archived {
        let (before, limit) = (query.before.map(RunId::new), query.limit.unwrap_or(RUNS_DEFAULT));
        let Found { found, unreadable } = shared.engine.archived_runs(before, limit).await?;
        return Ok(Json(Runs { runs: found.into_iter().map(RunRow::from).collect(), unreadable }));
    }
    let query = RunQuery {
        open: query.open,
        working: false,
        attention: false,
        workflow: query.workflow,
        before: query.before.map(RunId::new),
        limit: query.limit.unwrap_or(RUNS_DEFAULT),
    };
    let runs = shared.engine.runs(query).await?.into_iter().map(RunRow::from).collect();
    Ok(Json(Runs { runs, unreadable: Vec::new() }))
}

pub(super) async fn show(State(shared): State<Shared>, Place(run): Place<String>) -> Result<Json<RunView>, ApiError> {
    Ok(Json(shared.engine.run(&RunId::new(run)).await?))
}

/// Reads a journal, and waits for news if asked to. The watch begins before the read, so that no record is missed between.
pub(super) async fn journal(
    State(shared): State<Shared>,
    Place(run): Place<String>,
    Asked(query): Asked<ReadJournal>,
) -> Result<Json<Journal>, ApiError> {
    let run = RunId::new(run);
    let mut news = shared.engine.watch();
    let until = Instant::now() + Duration::from_secs(query.wait.min(WATCH_SECONDS_MAX));
    loop {
        let view = shared.engine.run(&run).await?;
        let over = view.status.is_over();
        let records = shared.engine.journal(&run, query.after).await?;
        if !records.is_empty() || over || Instant::now() >= until {
            let timeline = timeline(&records);
            return Ok(Json(Journal { records, timeline, over }));
        }
        loop {
            match tokio::time::timeout_at(until, news.recv()).await {
                Ok(Ok(published)) if published.run != run => {}
                Ok(Ok(_) | Err(RecvError::Lagged(_))) | Err(_) => break,
                Ok(Err(RecvError::Closed)) => {
                    return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the engine is stopping"));
                }
            }
        }
    }
}

pub(super) async fn cancel(
    State(shared): State<Shared>,
    Place(run): Place<String>,
    Body(request): Body<CancelRun>,
) -> Result<Json<RunView>, ApiError> {
    let (run, by) = (RunId::new(run), Person::new(request.by));
    match shared.engine.cancel(&run, by, request.reason).await {
        Ok(view) => Ok(Json(view)),
        Err(error) => Err(or_archived(&shared, &run, error).await),
    }
}
