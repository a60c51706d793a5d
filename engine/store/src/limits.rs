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

/// The file that names the database that is the store.
pub const CURRENT_BYTES_MAX: u64 = 64;

/// A database wants to be compacted when it takes more than so many times what is live on the disk.
pub const COMPACT_DISK_FACTOR: u64 = 3;

/// A database wants to be compacted when it takes more than so many times what it took after the last compaction.
pub const COMPACT_FRESH_FACTOR: u64 = 2;

/// A database that takes less than this on the disk is not worth a compaction.
pub const COMPACT_DISK_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// Rows that a compaction copies at a time.
pub const COMPACT_PART_ROWS: usize = 4_096;

/// Bytes that a compaction copies at a time, so that the syncs of writers never wait for much.
pub const COMPACT_PART_BYTES: usize = 1024 * 1024;

/// Changed rows that a compaction remembers before it copies them, rather than go on with the rest.
pub const COMPACT_CHANGES_MAX: usize = 50_000;

/// Changed rows that a compaction copies while nobody can write.
pub const COMPACT_LAST_CHANGES: usize = 256;

/// Rounds of copying what has changed. When writers are so fast that it does not become little, the rest is done while they
/// wait.
pub const COMPACT_ROUNDS_MAX: usize = 32;

/// Rows that the move to a later format changes at a time.
pub const MIGRATE_ROWS_AT_ONCE: usize = 1_024;

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

/// A clock that is set back by more than this was wrong before: what it said then is not believed any more. By less, the times
/// that are kept stay the newest.
pub const CLOCK_BACK_MS_MAX: u64 = 24 * 3600 * 1000;

/// A half-written file that is older than this was left by a process that is gone. No write takes a day.
pub const STALE_TEMP_MS: u64 = 24 * 3600 * 1000;

/// One line of an export: a value, and the words around it.
pub const EXPORT_LINE_BYTES_MAX: usize = VALUE_BYTES_MAX + 64 * 1024;

/// Records that an export or an import holds at a time.
pub const EXPORT_RECORDS_AT_ONCE: usize = 32;

/// Rows that a scan of a whole store reads at a time.
pub const SCAN_ROWS_AT_ONCE: usize = 512;

/// Problems of an export that are told; after these, what is said of the rest helps nobody.
pub const EXPORT_PROBLEMS_MAX: usize = 1_000;

/// An archived run, compressed.
pub const ARCHIVED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Records of an archived run.
pub const ARCHIVED_RECORDS_MAX: usize = 1_000_000;

/// An archived run, unpacked.
pub const ARCHIVED_TEXT_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
