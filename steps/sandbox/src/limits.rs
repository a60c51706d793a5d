//! Every bound of the sandbox, by name. A client that goes past one is refused with the bound in the message.

use std::time::Duration;

/// Bytes of a request body that are read before the request is refused with 413.
pub(crate) const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Contracts kept at once; the next create is refused, because memory is the only store.
pub(crate) const CONTRACTS_MAX: usize = 100_000;
/// Characters of a contract's name, a person's name, an e-mail address or a URL.
pub(crate) const NAME_CHARS_MAX: usize = 500;
/// Characters of a field's value, an answer, a table cell or a message.
pub(crate) const VALUE_CHARS_MAX: usize = 20_000;
/// Cells of one table, rows times columns.
pub(crate) const TABLE_CELLS_MAX: usize = 10_000;
/// Entries of one list in a request body: fields, answers, tables, sides, blocks.
pub(crate) const ENTRIES_MAX: usize = 500;
/// Approvers of one approval process.
pub(crate) const APPROVERS_MAX: usize = 50;
/// Entries of a list reply when the client does not say (Juro v3: 50).
pub(crate) const PAGE_DEFAULT: usize = 50;
/// Entries of a list reply at most (Juro v3: 200).
pub(crate) const PAGE_MAX: usize = 200;
/// Registered webhook targets.
pub(crate) const WEBHOOK_TARGETS_MAX: usize = 32;
/// Deliveries that may wait for one target; later ones are given up at once and counted as failed.
pub(crate) const WEBHOOK_QUEUE_MAX: usize = 10_000;
/// How often one delivery is tried before it is given up.
pub(crate) const WEBHOOK_TRIES_MAX: u32 = 3;
/// The pause before the second try; it doubles for each later one.
pub(crate) const WEBHOOK_BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// How long a target may take to answer one try.
pub(crate) const WEBHOOK_ANSWER_MAX: Duration = Duration::from_secs(5);
/// Rules of scripted misbehaviour at once.
pub(crate) const FAULT_RULES_MAX: usize = 256;
/// The longest scripted delay.
pub(crate) const FAULT_DELAY_MS_MAX: u64 = 600_000;
/// How long a shutdown waits for requests that are being answered.
pub(crate) const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);
/// How long a failing `accept` is left alone before it is tried again.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Parameters of a form, or parts of a multipart body.
pub(crate) const FORM_FIELDS_MAX: usize = 1_000;
/// Levels of a nested form key: `contract[responses][party_a]` has three.
pub(crate) const FORM_DEPTH_MAX: usize = 8;
/// Characters of the body of a Paperlex contract or template.
pub(crate) const BODY_CHARS_MAX: usize = 200_000;
/// Versions kept of one contract or template; the next change is refused.
pub(crate) const VERSIONS_MAX: usize = 1_000;
/// Templates, review sessions of one contract, or imports kept at once.
pub(crate) const ITEMS_MAX: usize = 10_000;
/// Receivers (provider and host) that deliveries are queued for.
pub(crate) const LANES_MAX: usize = 256;
/// Deliveries of one receiver that may wait for their next try at once.
pub(crate) const RETRIES_WAITING_MAX: usize = 10_000;
/// How long a delivery that shall be overtaken waits for another one to do so.
pub(crate) const REORDER_HOLD: Duration = Duration::from_secs(1);
/// How long a receiver of Paperlex's callbacks may take.
pub(crate) const CALLBACK_ANSWER_MAX: Duration = Duration::from_secs(2);
/// Failed tries after which Paperlex gives a callback up.
pub(crate) const CALLBACK_FAILURES_MAX: u32 = 25;
/// Hours that a review session lasts when nothing else is said.
pub(crate) const SESSION_HOURS: i64 = 24;
/// Seconds that a review session may be made to last: ten years.
pub(crate) const SESSION_SECONDS_MAX: i64 = 315_360_000;
/// Signers of one contract of Contract Signatures, which the documents bound.
pub(crate) const SIGNERS_MAX: usize = 26;
/// Watchers of one contract of Contract Signatures.
pub(crate) const WATCHERS_MAX: usize = 50;
/// Contracts on a page of a search when the client does not say (Contract Signatures: 10).
pub(crate) const SEARCH_PAGE_DEFAULT: usize = 10;
/// Contracts on a page of a search at most (Contract Signatures: 100).
pub(crate) const SEARCH_PAGE_MAX: usize = 100;
/// Days from the creation of a contract of Contract Signatures to its end, as in the documents' example.
pub(crate) const CONTRACT_DAYS: i64 = 7;
/// API keys of Contract Signatures that can be made.
pub(crate) const KEYS_MAX: usize = 100;
/// Bytes of all files that are kept in memory.
pub(crate) const FILE_BYTES_TOTAL_MAX: usize = 512 * 1024 * 1024;
/// Values attached to one contract or turn of DocJuris.
pub(crate) const NAMED_VALUES_MAX: usize = 100;
/// Characters of one attached value (DocJuris: 3,000).
pub(crate) const EXTENDED_VALUE_CHARS_MAX: usize = 3_000;
/// Turns of one contract.
pub(crate) const TURNS_MAX: usize = 1_000;
/// Messages kept for one subscription; older ones are forgotten.
pub(crate) const MESSAGES_MAX: usize = 10_000;
/// Entries of a DocJuris list when the client does not say, and at most.
pub(crate) const TAKE_MAX: usize = 200;
/// Characters of a mention, or of the text of a turn that a person uploads through the control endpoints.
pub(crate) const MENTION_CHARS_MAX: usize = 20_000;
/// Seconds that the sandbox's clock can be wrong by: three days.
pub(crate) const CLOCK_OFFSET_S_MAX: i64 = 3 * 24 * 3600;
