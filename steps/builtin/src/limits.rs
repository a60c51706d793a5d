//! Every bound of the built-in steps in one place, with its unit in its name.

use std::time::Duration;

/// How long a connection may take to come about: name look-up, TCP and TLS.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one attempt of a request may take from its first byte to the last of its reply.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// A request's URL as it is written.
pub(crate) const URL_BYTES_MAX: usize = 8 * 1024;

/// A request's body.
pub(crate) const REQUEST_BYTES_MAX: usize = 10 * 1024 * 1024;

/// A reply's body.
pub(crate) const REPLY_BYTES_MAX: usize = 10 * 1024 * 1024;

/// The names and values of a reply's headers together.
pub(crate) const REPLY_HEADER_BYTES_MAX: usize = 64 * 1024;

/// A reply's body that stands in the outputs themselves, as JSON; a longer one is kept as a file. Half of what a step may
/// leave in the journal, so that the headers and the frame always fit beside it.
pub(crate) const INLINE_BODY_BYTES_MAX: usize = engross_step_api::limits::OUTPUT_BYTES_MAX / 2;

/// How much of a refusing reply is read for its words.
pub(crate) const REFUSAL_BYTES_MAX: usize = 4 * 1024;

/// How much of a refusing reply stands in the error.
pub(crate) const REFUSAL_CHARS_MAX: usize = 300;

/// How much of a URL's path stands in an error.
pub(crate) const PATH_CHARS_MAX: usize = 200;

/// Headers of one request.
pub(crate) const HEADERS_MAX: usize = 64;

/// One header's value.
pub(crate) const HEADER_VALUE_BYTES_MAX: usize = 8 * 1024;

/// Query parameters or form fields of one request, lists counted by their items.
pub(crate) const PAIRS_MAX: usize = 1_000;

/// Entries of the allow-list.
pub(crate) const ALLOW_MAX: usize = 1_000;

/// Addresses of one host name that are looked at; the rest are not used.
pub(crate) const ADDRESSES_MAX: usize = 64;

/// Groups and people that one approval stage or notification names.
pub(crate) const NAMES_MAX: usize = 100;

/// Stages of one approval.
pub(crate) const STAGES_MAX: usize = 10;

/// Escalations of one approval.
pub(crate) const ESCALATIONS_MAX: usize = 10;

/// Reminders of one stage of an approval.
pub(crate) const REMINDERS_MAX: u32 = 100;

/// The shortest pause before a reminder, in milliseconds: a minute.
pub(crate) const REMIND_EVERY_MS_MIN: u64 = 60_000;

/// Fields of an approval's form.
pub(crate) const FIELDS_MAX: usize = 50;

/// The JSON Schema of one of them, as text.
pub(crate) const FIELD_SCHEMA_BYTES_MAX: usize = 4 * 1024;

/// Fields of an event that a wait compares.
pub(crate) const MATCH_FIELDS_MAX: usize = 32;

/// A title or subject, in characters.
pub(crate) const TITLE_CHARS_MAX: usize = 500;

/// A notification's or an approval's text, in characters.
pub(crate) const TEXT_CHARS_MAX: usize = 20_000;

/// The type of an event, in characters.
pub(crate) const EVENT_TYPE_CHARS_MAX: usize = 200;

/// The path a file is stored under, in characters.
pub(crate) const FILE_PATH_CHARS_MAX: usize = 1_024;
