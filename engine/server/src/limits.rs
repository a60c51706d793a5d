//! Every bound of the server in one place, with its unit in its name.

use std::time::Duration;

/// Bytes of a webhook's body.
pub const HOOK_BODY_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of an API request's body: a workflow's text and its inputs.
pub const API_BODY_BYTES_MAX: usize = 9 * 1024 * 1024;

/// Connections that are served at once; further ones wait to be accepted.
pub const CONNECTIONS_MAX: usize = 1_024;

/// How long a client may take to send its request's head.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request may take in all, its body and a long poll included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Characters of the token of a server that others can reach: as few cannot be guessed over a network in any sensible time.
pub const TOKEN_CHARS_MIN: usize = 16;

/// The longest a watcher waits for news in one request.
pub const WATCH_SECONDS_MAX: u64 = 25;

/// Runs in one answer unless asked otherwise.
pub const RUNS_DEFAULT: usize = 50;

/// Pieces of an answer that wait for a slow reader.
pub const JOB_LINES_WAITING_MAX: usize = 16;

/// How often a long job says how far it has come.
pub const JOB_PROGRESS_PAUSE: Duration = Duration::from_millis(250);

/// A piece of a streamed copy of the store.
pub const STREAM_CHUNK_BYTES: usize = 64 * 1024;
