//! Every bound of the core in one place, with its unit in its name.

/// Steps one workflow may have.
pub const STEPS_MAX: usize = 10_000;

/// Attempts one step may be given by its file.
pub const ATTEMPTS_MAX: u32 = 100;

/// The longest span a file may name: ten years. Contracts wait for years, not for ever.
pub const SPAN_MS_MAX: u64 = 10 * 366 * 24 * 3600 * 1000;

/// Outputs of one step, as JSON. Files are kept outside the journal and only named in it.
pub const OUTPUT_BYTES_MAX: usize = 1024 * 1024;

/// Nesting of the inputs or outputs of one step. JSON readers give up at 127 levels, and a journal wraps a few around it.
pub const VALUE_LEVELS_MAX: usize = 100;

/// Inputs of one step, as JSON, once they are computed. The outputs of a run have the same bound.
pub const INPUT_BYTES_MAX: usize = 1024 * 1024;

/// Looks that may fail after a wait's deadline before it ends without one.
pub const LAST_LOOKS_MAX: u32 = 6;

/// How soon a wait without a poll of its own looks again after a look that failed for a reason that time alone does not mend.
pub const BLIND_POLL_MS: u64 = 15 * 60 * 1000;

/// Attempts beyond those of the file that only look whether the effect happened.
pub const LOOK_ATTEMPTS_MAX: u32 = 6;

/// Decisions one approval may collect before it ends.
pub const DECISIONS_MAX: usize = 1_000;

/// Delegations one approval may see before it ends.
pub const DELEGATIONS_MAX: usize = 1_000;

/// How often what an approval is about may be changed.
pub const RESETS_MAX: u32 = 1_000;

/// How long a provider may tell us to stay away (`Retry-After`): a day. A longer wish is cut to this, since ten years asked
/// for by mistake must not park a contract for ten years.
pub const RETRY_AFTER_MS_MAX: u64 = 24 * 3600 * 1000;

/// Items that one step may be done for. A run's whole state is in memory while something happens to it.
pub const ITEMS_MAX: usize = 1_000;

/// Items of one step that may be under way at once.
pub const ITEMS_PARALLEL_MAX: u32 = 100;

/// Bytes of the key of an item.
pub const ITEM_KEY_BYTES_MAX: usize = 200;

/// Steps that a run's problem names one by one of those that it leaves behind at a provider; of more, it says how many.
pub const LEFT_NAMED_MAX: usize = 50;

/// Runs of one group that may be at work at once.
pub const GROUP_RUNS_MAX: u32 = 1_000;

/// Bytes of the name of a group of runs.
pub const GROUP_NAME_BYTES_MAX: usize = 200;

/// Workflows that start each other, one inside the other.
pub const CHILD_LEVELS_MAX: usize = 8;
