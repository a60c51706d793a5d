//! Every bound of the runtime in one place, with its unit in its name.

/// The longest one attempt may take, whatever a plugin does.
pub const ATTEMPT_MS_MAX: u64 = 10 * 60 * 1000;

/// The time that a look for an earlier attempt's effect is given even when the step's own time is over.
pub const LOOK_UP_MS_MIN: u64 = 60 * 1000;

/// Steps of all runs that may be at work at once; each connection has a bound of its own besides.
pub const WORKING_STEPS_MAX: usize = 512;

/// Plans kept compiled in memory; the store has all of them.
pub const PLANS_CACHED_MAX: usize = 256;

/// Timers taken from the due index at a time.
pub const TIMERS_PER_SWEEP: usize = 256;

/// What one person fills in of an approval's form, as JSON.
pub const FORM_BYTES_MAX: usize = 64 * 1024;

/// Mistakes in it that are told at once.
pub const FORM_PROBLEMS_SHOWN_MAX: usize = 8;

/// Due timers whose turns are under way at once.
pub const TIMER_TURNS_AT_ONCE: usize = 64;

/// A clock that is behind by no more than this is kept right in small steps, of which nothing is said.
pub const CLOCK_BACK_MS_SAID: u64 = 1_000;

/// The longest the sweeper sleeps: a clock that is set forward is noticed after this.
pub const SWEEP_MS_MAX: u64 = 5_000;

/// How often a turn is decided anew because somebody else wrote to the run.
pub const TURN_RETRIES_MAX: u32 = 16;

/// Firings of one schedule that wait for the end of an earlier run; more are left out.
pub const QUEUED_FIRINGS_MAX: usize = 100;

/// Characters that are kept of why a trigger started no run.
pub const TRIGGER_NOTE_CHARS_MAX: usize = 500;

/// Records read of a journal at a time.
pub const JOURNAL_PAGE: usize = 512;

/// Records that a slow watcher may be behind before it has to read the journal again.
pub const WATCH_BACKLOG: usize = 4_096;

/// Bytes of an event sent by a person or another program.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;

/// Characters of a run key, an event type, a comment or a requester.
pub const TEXT_CHARS_MAX: usize = 2_000;

/// Mistakes that are told of outputs said by hand.
pub const OUTPUT_PROBLEMS_MAX: usize = 8;

/// How often changed counts of requests are written, in milliseconds.
pub const QUOTA_MARK_MS: u64 = 5_000;

/// Runs in one page of a list.
pub const RUNS_PER_PAGE: usize = 1_000;

/// Open runs whose rows a check holds in memory at a time; with more, it reads the rows again for each portion.
pub const FSCK_RUNS_AT_ONCE: usize = 50_000;

/// Heads, timers or waits that a check reads at a time.
pub const FSCK_PAGE: usize = 1_000;

/// Records that a check reads at a time.
pub const FSCK_PAGE_RECORDS: usize = 64;

/// How often a check looks again at a run that went on meanwhile.
pub const FSCK_TRIES_MAX: u32 = 8;

/// Findings that a check lists; of more it says how many.
pub const FSCK_FINDINGS_MAX: usize = 1_000;

/// How long a run stays in the store after its end, unless the configuration says otherwise: what people ask about a contract,
/// and its renewal, mostly comes within a year, and until then it is found with all others.
pub const RETAINED_RUNS_MS: u64 = 365 * 24 * 3600 * 1000;

/// How long a settled event stays: no provider sends one again after a week, and whoever looks into what went wrong last month
/// still finds it.
pub const RETAINED_EVENTS_MS: u64 = 30 * 24 * 3600 * 1000;

/// The pause between two rounds of housekeeping.
pub const HOUSE_PAUSE_MS: u64 = 10 * 60 * 1000;

/// The pause between two portions of a round, in which others come to write.
pub const HOUSE_PORTION_PAUSE_MS: u64 = 20;

/// The pause between two rounds through the marks of events that have started a run.
pub const MARKS_PAUSE_MS: u64 = 24 * 3600 * 1000;

/// Heads that housekeeping reads at a time.
pub const ARCHIVE_HEADS_AT_ONCE: usize = 128;

/// Events that go at a time.
pub const FORGET_EVENTS_AT_ONCE: usize = 128;

/// Workflow files of one folder, and folders below it, that are looked through for those that others start.
pub const WORKFLOW_FILES_MAX: usize = 10_000;
/// Folders that are looked through for them.
pub const WORKFLOW_FOLDERS_MAX: usize = 1_000;
