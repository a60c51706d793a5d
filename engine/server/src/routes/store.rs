//! The store as a whole: a copy of it, checks of it, and its compaction.
//!
//! All of these take longer than a request may, so that they answer at once and go on saying how far they have come: the copy
//! as it is read, the others in lines of JSON, of which the last one has the answer.

use super::wire::{ExportStore, JobLine};
use crate::ApiError;
use crate::extract::Asked;
use crate::limits::{JOB_LINES_WAITING_MAX, JOB_PROGRESS_PAUSE, STREAM_CHUNK_BYTES};
use crate::state::Shared;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use engross_runtime::Error;
use futures_util::stream;
use serde::Serialize;
use std::io::{self, BufWriter, Write};
use tokio::sync::mpsc;
use tokio::time::Instant;

type Chunks = mpsc::Sender<io::Result<Bytes>>;

pub(super) async fn export(
    State(shared): State<Shared>,
    Asked(asked): Asked<ExportStore>,
) -> Result<Response, ApiError> {
    let (chunks, reader) = mpsc::channel(JOB_LINES_WAITING_MAX);
    tokio::spawn(async move {
        let to = BufWriter::with_capacity(STREAM_CHUNK_BYTES, ToChunks(chunks.clone()));
        let product = format!("engross {}", env!("CARGO_PKG_VERSION"));
        let exported = match asked.skip_damaged {
            true => shared.engine.export_sound(to, product).await,
            false => shared.engine.export(to, product).await,
        };
        if let Err(error) = exported {
            tracing::error!(%error, "an export broke off");
            let end = match asked.tell {
                true => {
                    let message = error.to_string();
                    Ok(line(&JobLine::<()>::Failed { code: "export_broke_off".to_string(), message }))
                }
                // The connection breaks with it, so that nobody takes what came for the whole.
                false => Err(io::Error::other(error)),
            };
            chunks.send(end).await.ok();
        }
    });
    Ok(stream_of("application/x-ndjson", reader))
}

pub(super) async fn verify(State(shared): State<Shared>) -> Response {
    job(|progress| async move { shared.engine.verify(progress).await })
}

pub(super) async fn fsck(State(shared): State<Shared>) -> Response {
    job(|progress| async move { shared.engine.fsck(progress).await })
}

pub(super) async fn compact(State(shared): State<Shared>) -> Response {
    job(|progress| async move { shared.engine.compact(progress).await })
}

/// Does something to its end, and streams how far it has come.
fn job<T: Serialize + Send + 'static, F: Future<Output = Result<T, Error>> + Send + 'static>(
    work: impl FnOnce(Box<dyn FnMut(u64) + Send>) -> F,
) -> Response {
    let (lines, reader) = mpsc::channel(JOB_LINES_WAITING_MAX);
    let progress_lines = lines.clone();
    let mut last = Instant::now();
    let work = work(Box::new(move |done| {
        if last.elapsed() >= JOB_PROGRESS_PAUSE {
            last = Instant::now();
            // A reader who is behind misses some of these, which does no harm.
            progress_lines.try_send(Ok(line(&JobLine::<T>::Progress { done }))).ok();
        }
    }));
    tokio::spawn(async move {
        let answer = match work.await {
            Ok(answer) => JobLine::Done(answer),
            Err(error) => {
                let ApiError { code, message, .. } = error.into();
                JobLine::Failed { code: code.to_string(), message }
            }
        };
        // Nobody listens where the caller has gone away.
        lines.send(Ok(line(&answer))).await.ok();
    });
    stream_of("application/x-ndjson", reader)
}

fn line<T: Serialize>(line: &JobLine<T>) -> Bytes {
    let mut text = serde_json::to_vec(line).expect("a job's line is plain data with text for keys");
    text.push(b'\n');
    text.into()
}

fn stream_of(media_type: &'static str, reader: mpsc::Receiver<io::Result<Bytes>>) -> Response {
    let chunks = stream::unfold(reader, |mut reader| async move { reader.recv().await.map(|chunk| (chunk, reader)) });
    ([(header::CONTENT_TYPE, media_type)], Body::from_stream(chunks)).into_response()
}

/// Whatever is written goes to a reader of the network, who may be slower than the disk.
struct ToChunks(Chunks);

impl Write for ToChunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "whoever asked for it has gone away"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
