//! Every bound of the simulator in one place, with its unit in its name.

/// Goes up whenever a seed would mean another week: a seed is quoted together with it.
pub const GENERATOR_VERSION: u32 = 4;

/// A second.
pub const SECOND_MS: u64 = 1_000;

/// A minute.
pub const MINUTE_MS: u64 = 60 * SECOND_MS;

/// An hour.
pub const HOUR_MS: u64 = 60 * MINUTE_MS;

/// A day.
pub const DAY_MS: u64 = 24 * HOUR_MS;

/// How long the world of a seed goes on with faults.
pub const WEEK_MS: u64 = 7 * DAY_MS;

/// Where the wall clock stands when a week begins: 2026-01-05, a Monday.
pub const EPOCH_MS: i64 = 1_767_571_200_000;

/// How long after the last fault everything must have come to its end or to a declared wait. An attempt that hung at the last
/// moment of the faults takes ten minutes to give up, and one more to be tried again.
pub const HEAL_MS: u64 = 30 * MINUTE_MS;

/// The longest one attempt may take, as in the real shell.
pub const ATTEMPT_MS_MAX: u64 = 10 * MINUTE_MS;

/// The time a look for an earlier effect is given at least, as in the real shell.
pub const LOOK_UP_MS_MIN: u64 = MINUTE_MS;

/// How long a request whose answer was lost may still be on its way: the `settle` of the simulated connection.
pub const SETTLE_MS: u64 = MINUTE_MS;

/// How late the sweeper may notice that the clock was set forward, as in the real shell.
pub const SWEEP_MS_MAX: u64 = 5 * SECOND_MS;

/// Timers taken from the due index at a time, as in the real shell.
pub const TIMERS_PER_SWEEP: usize = 256;

/// How long a stop waits at most for the answers of what has left.
pub const DRAIN_MS: u64 = 30 * SECOND_MS;

/// Runs of one seed, at least and at most.
pub const RUNS: (u64, u64) = (8, 40);

/// Steps of a workflow that another one starts.
pub const CHILD_STEPS_MAX: u64 = 3;

/// How deep workflows that start each other are nested.
pub const CHILD_LEVELS_MAX: u8 = 2;

/// Firings of one schedule that wait at most, as in the real shell.
pub const QUEUED_FIRINGS_MAX: usize = 100;

/// Events of one seed's heap; more mean that something goes round in circles.
pub const EVENTS_MAX: u64 = 2_000_000;

/// Records one run's journal may reach in a week: what polls, retries and restarts of its steps can add up to.
pub const JOURNAL_MAX: u64 = 6_000;

/// Runs that may be in memory at once besides those that something happens to.
pub const SLOTS_MAX: usize = 64;

/// How often each fault has to occur in [`FAULTS_SEEDS`] seeds, and in more than that: one that is rarer tests nothing.
pub const FAULT_OCCURS_MIN: u64 = 100;

/// The seeds for which that is said; for fewer, it is as much less.
pub const FAULTS_SEEDS: u64 = 10_000;

/// With fewer seeds than this, chance alone may leave a fault out, and nothing is asked.
pub const FAULTS_SEEDS_MIN: u64 = 1_000;

/// Lines of the trace that a failure shows.
pub const TRACE_TAIL: usize = 60;
