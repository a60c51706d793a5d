//! The one thread that writes. It takes what is waiting, writes it as one batch, and answers only when that is durable.
//!
//! A batch costs one sync whatever is in it, so that many runs share the price. When the store fails, nothing is known about
//! the batch, and on most systems a sync that failed once may claim success the second time: the committer never tries
//! again, refuses everything from then on, and tells whoever listens to [`Committer::failed`], who ends the process.

use crate::limits::{BATCH_BYTES_MAX, BATCH_WRITES_MAX, QUEUE_REQUESTS_MAX};
use crate::measure::measure;
use crate::{Conflict, Error, Store, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// A handle on the committer. Clones share it; when the last is gone, it writes what is waiting and ends.
#[derive(Clone, Debug)]
pub struct Committer {
    requests: mpsc::Sender<Request>,
    state: watch::Receiver<State>,
}

/// Why a write was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// It does not fit to what is there. Nothing of it was written; read again and decide anew.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The store cannot keep this, because it is too large or too deep. Nothing of it was written, and the store is well.
    #[error("{0}")]
    Store(String),
    /// The committer has ended, and why. Whether the write is durable is not known; the process should end.
    #[error("nothing is written any more: {0}")]
    Stopped(String),
}

/// The answers to a group of writes, one for each, in order.
pub type Answers = Vec<std::result::Result<(), Conflict>>;

#[derive(Clone, Debug)]
enum State {
    Running,
    Ended,
    Failed(String),
}

#[derive(Debug)]
enum Request {
    Write(Group),
    /// Write what was waiting before this, then end.
    End,
}

#[derive(Debug)]
struct Group {
    writes: Vec<Write>,
    bytes: usize,
    answer: oneshot::Sender<std::result::Result<Answers, CommitError>>,
}

impl Committer {
    /// Starts the thread. Where the system gives no thread, the committer has failed from the start.
    pub fn start(store: Arc<dyn Store>) -> Self {
        let (requests, waiting) = mpsc::channel(QUEUE_REQUESTS_MAX);
        let (tell, state) = watch::channel(State::Running);
        let tell = Arc::new(tell);
        let told = Arc::clone(&tell);
        let thread = std::thread::Builder::new().name("engross-commit".into());
        if let Err(e) = thread.spawn(move || run(store, waiting, &tell)) {
            told.send_replace(State::Failed(format!("the system gave no thread to write from: {e}")));
        }
        Self { requests, state }
    }

    /// Writes one thing. When this answers `Ok`, it is durable. A caller that goes away in between leaves it written or not.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn write(&self, write: Write) -> std::result::Result<(), CommitError> {
        let answers = self.write_all(vec![write]).await?;
        answers.into_iter().next().unwrap_or(Ok(())).map_err(CommitError::Conflict)
    }

    /// Writes several things in order, in one call of the store: those that fit become durable together. One answer for each.
    ///
    /// # Errors
    /// [`CommitError::Store`] when the store cannot keep one of them, and [`CommitError::Stopped`]; never a conflict, which
    /// is among the answers.
    pub async fn write_all(&self, writes: Vec<Write>) -> std::result::Result<Answers, CommitError> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let mut bytes = 0_usize;
        for write in &writes {
            // Measured here, so that what cannot be kept is refused without harm to what others write.
            bytes = bytes.saturating_add(measure(write).map_err(|e| CommitError::Store(e.to_string()))?);
        }
        let (answer, answered) = oneshot::channel();
        if self.requests.send(Request::Write(Group { writes, bytes, answer })).await.is_err() {
            return Err(self.stopped());
        }
        answered.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    /// Resolves with the reason when the store has failed, and never otherwise.
    pub fn failed(&self) -> impl Future<Output = String> + Send + use<> {
        let mut state = self.state.clone();
        async move {
            let failed = state.wait_for(|state| matches!(state, State::Failed(_))).await;
            match failed.map(|state| state.clone()) {
                Ok(State::Failed(reason)) => reason,
                Ok(State::Running | State::Ended) | Err(_) => std::future::pending().await,
            }
        }
    }

    /// Writes what is waiting, then ends. When this returns, the thread has let go of the store. Later writes are refused.
    ///
    /// # Errors
    /// [`CommitError::Stopped`] when the store has failed.
    pub async fn shutdown(&self) -> std::result::Result<(), CommitError> {
        // It may have ended already, which is as good.
        self.requests.send(Request::End).await.ok();
        let mut state = self.state.clone();
        let ended = state.wait_for(|state| !matches!(state, State::Running)).await.map(|state| state.clone());
        match ended {
            Ok(State::Failed(reason)) => Err(CommitError::Stopped(reason)),
            Ok(State::Running | State::Ended) | Err(_) => Ok(()),
        }
    }

    fn stopped(&self) -> CommitError {
        CommitError::Stopped(match &*self.state.borrow() {
            State::Failed(reason) => reason.clone(),
            State::Running | State::Ended => "the engine is shutting down".into(),
        })
    }
}

fn run(store: Arc<dyn Store>, mut waiting: mpsc::Receiver<Request>, state: &watch::Sender<State>) {
    let mut ending = false;
    let mut held_back = None;
    let end = loop {
        let first = match held_back.take() {
            Some(group) => Some(group),
            None => match waiting.blocking_recv() {
                Some(Request::Write(group)) => Some(group),
                Some(Request::End) => {
                    waiting.close();
                    ending = true;
                    None
                }
                None => break State::Ended,
            },
        };
        let Some(first) = first else { continue };
        let batch = take_batch(first, &mut waiting, &mut held_back, &mut ending);
        if let Err(reason) = write_batch(&*store, batch, state) {
            break State::Failed(reason);
        }
    };
    drop(store);
    if let State::Failed(reason) = &end {
        tracing::error!(%reason, "the store failed; nothing is written any more");
        refuse(held_back, &mut waiting, reason);
    }
    state.send_if_modified(|state| {
        let running = matches!(state, State::Running);
        if running {
            *state = end;
        }
        running
    });
}

/// What goes with the first group: everything that is waiting now, within the bounds of a batch.
fn take_batch(
    first: Group,
    waiting: &mut mpsc::Receiver<Request>,
    held_back: &mut Option<Group>,
    ending: &mut bool,
) -> Vec<Group> {
    let (mut writes, mut bytes) = (first.writes.len(), first.bytes);
    let mut batch = vec![first];
    while writes < BATCH_WRITES_MAX && bytes < BATCH_BYTES_MAX {
        match waiting.try_recv() {
            Ok(Request::Write(group)) => {
                writes = writes.saturating_add(group.writes.len());
                bytes = bytes.saturating_add(group.bytes);
                if writes > BATCH_WRITES_MAX || bytes > BATCH_BYTES_MAX {
                    *held_back = Some(group);
                    break;
                }
                batch.push(group);
            }
            Ok(Request::End) if !*ending => {
                waiting.close();
                *ending = true;
            }
            Ok(Request::End) => {}
            Err(_) => break,
        }
    }
    batch
}

/// Writes a batch and answers it. An error is the end of all writing.
fn write_batch(store: &dyn Store, batch: Vec<Group>, state: &watch::Sender<State>) -> std::result::Result<(), String> {
    let mut writes = Vec::new();
    let mut open = Vec::with_capacity(batch.len());
    for mut group in batch {
        open.push((group.writes.len(), group.answer));
        writes.append(&mut group.writes);
    }
    tracing::trace!(groups = open.len(), writes = writes.len(), "writing a batch");
    let written = match catch_unwind(AssertUnwindSafe(|| store.write(&writes))) {
        Ok(Ok(answers)) if answers.len() == writes.len() => Ok(answers),
        Ok(Ok(answers)) => Err(format!("the store gave {} answers to {} writes", answers.len(), writes.len())),
        Ok(Err(error)) => Err(explain(&error)),
        Err(_) => Err("the store panicked".to_owned()),
    };
    match written {
        Ok(answers) => {
            let mut answers = answers.into_iter();
            for (writes, answer) in open {
                // Nobody listens where the caller has gone away; the writes are durable all the same.
                answer.send(Ok(answers.by_ref().take(writes).collect())).ok();
            }
            Ok(())
        }
        Err(reason) => {
            // Before the answers, so that whoever gets one finds the committer stopped.
            state.send_replace(State::Failed(reason.clone()));
            for (_, answer) in open {
                answer.send(Err(CommitError::Stopped(reason.clone()))).ok();
            }
            Err(reason)
        }
    }
}

fn explain(error: &Error) -> String {
    if error.is_refusal() {
        // Every write was measured before it came here: the store has other bounds than it should.
        return format!("the store refused what it should keep: {error}");
    }
    error.to_string()
}

fn refuse(held_back: Option<Group>, waiting: &mut mpsc::Receiver<Request>, reason: &str) {
    let answer = |group: Group| group.answer.send(Err(CommitError::Stopped(reason.to_owned()))).ok();
    waiting.close();
    held_back.map(answer);
    while let Some(request) = waiting.blocking_recv() {
        if let Request::Write(group) = request {
            answer(group);
        }
    }
}

#[cfg(test)]
mod tests;
