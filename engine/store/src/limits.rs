//! Every bound of this crate in one place, with its unit in its name.

/// One value of a store, as JSON: a record, a head, a plan, a wait, an event. A step's outputs may have half of it.
pub const VALUE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Nesting of one value. The JSON reader gives up at 127 levels, so that something deeper could be written and never be
/// read again; the rest is room for what later versions wrap around it.
pub const VALUE_LEVELS_MAX: usize = 120;

/// What one row of sled holds of a value; longer values are split. Sled splits a page at 16 rows whatever their size, and
/// puts a page above 128 KiB into a file of its own that it never syncs, so that a full page of such rows must stay below.
pub const ROW_BYTES_MAX: usize = 4 * 1024;

/// Text inside a key of sled that is kept as it is. Of longer text a key has the first part and the digest.
pub const KEY_TEXT_BYTES_MAX: usize = 96;

/// How much of a longer text a key has.
pub const KEY_TEXT_BYTES_CUT: usize = 64;

/// The page cache of sled.
pub const SLED_CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// Writes in one batch of the committer. A group that is larger is a batch of its own.
pub const BATCH_WRITES_MAX: usize = 256;

/// JSON in one batch of the committer. A write that is larger is a batch of its own.
pub const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Requests that wait for the committer; whoever comes after that waits to be let in.
pub const QUEUE_REQUESTS_MAX: usize = 4_096;

/// The file that says who holds a data directory.
pub const HOLDER_BYTES_MAX: u64 = 64 * 1024;

/// Tries to lock a directory before it counts as held: somebody who asks who holds it locks it for an instant.
pub const LOCK_TRIES_MAX: u32 = 10;

/// The pause between two of these tries.
pub const LOCK_PAUSE_MS: u64 = 10;

/// Tries to find sled's file free: threads of sled that still have work hold it for a moment after the database is closed.
pub const SETTLE_TRIES_MAX: u32 = 500;

/// The pause between two of these tries.
pub const SETTLE_PAUSE_MS: u64 = 10;

/// One kept file.
pub const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The path of a published file.
pub const PATH_BYTES_MAX: usize = 1_024;

/// The folders and the name in the path of a published file.
pub const PATH_COMPONENTS_MAX: usize = 16;

/// One folder or name in the path of a published file.
pub const PATH_COMPONENT_BYTES_MAX: usize = 200;

/// A half-written file that is older than this was left by a process that is gone. No write takes a day.
pub const STALE_TEMP_MS: u64 = 24 * 3600 * 1000;
