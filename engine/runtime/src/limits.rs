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

/// Due timers whose turns are under way at once.
pub const TIMER_TURNS_AT_ONCE: usize = 64;

/// The longest the sweeper sleeps: a clock that is set forward is noticed after this.
pub const SWEEP_MS_MAX: u64 = 5_000;

/// How often a turn is decided anew because somebody else wrote to the run.
pub const TURN_RETRIES_MAX: u32 = 16;

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

/// Runs in one page of a list.
pub const RUNS_PER_PAGE: usize = 1_000;
