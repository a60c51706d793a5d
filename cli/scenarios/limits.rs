//! Every bound of scenarios, so that a test file can neither exhaust the machine nor go on for ever.

use std::time::Duration;

/// Scenarios of one file.
pub const SCENARIOS_MAX: usize = 200;

/// Entries of one scenario's timeline.
pub const ENTRIES_MAX: usize = 200;

/// Faults of one scenario.
pub const FAULTS_MAX: usize = 100;

/// How often one entry is delivered, and how often one fault comes.
pub const TIMES_MAX: i64 = 100;

/// The virtual time of one scenario, in milliseconds: five years.
pub const VIRTUAL_MS_MAX: u64 = 5 * 366 * 24 * 3600 * 1000;

/// How often the virtual clock is set forward in one scenario.
pub const JUMPS_MAX: usize = 20_000;

/// The real time of one scenario.
pub const WALL_MAX: Duration = Duration::from_secs(30);

/// Runs of one scenario that are looked at: its own, and those that its steps start.
pub const RUNS_MAX: usize = 1_000;

/// Scenarios that are played at once, at most.
pub const THREADS_MAX: usize = 4;

/// Findings about one file that are shown.
pub const FINDINGS_MAX: usize = 100;

/// Lines of a run's timeline that are shown for a scenario that failed.
pub const TOLD_MAX: usize = 200;

/// How deep a made-up output has everything that its schema names; below, it has only what is required.
pub const MADE_UP_LEVELS_MAX: usize = 6;

/// How deep that goes.
pub const LEVELS_OF_WHAT_IS_REQUIRED_MAX: usize = 32;

/// Values in one made-up output; of more than half of that, only what is required is made.
pub const MADE_UP_VALUES_MAX: usize = 20_000;

/// Items that a made-up list has at most, whatever its schema asks for.
pub const MADE_UP_ITEMS_MAX: usize = 100;

/// Problems of one value that are named.
pub const PROBLEMS_MAX: usize = 8;

/// Characters that are added to a made-up text to make it as long as its schema asks for.
pub const TEXT_PADDED_MAX: usize = 10_000;
