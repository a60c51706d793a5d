//! Every bound on a policy, by name. Those of the file itself are the loader's, in `engross-source`.

/// Rules of one policy.
pub const RULES_MAX: usize = 200;

/// Inputs of one policy.
pub const INPUTS_MAX: usize = 16;

/// Values that an input may be limited to, and values that a condition lists.
pub const VALUES_MAX: usize = 200;

/// Stages of one rule.
pub const STAGES_MAX: usize = 16;

/// Groups and people asked in one stage.
pub const FROM_MAX: usize = 64;

/// The largest quorum.
pub const QUORUM_MAX: u32 = 64;

/// Tests in one file.
pub const TESTS_MAX: usize = 500;

/// The longest condition on a number, in bytes.
pub const CONDITION_BYTES_MAX: usize = 512;

/// Pieces that what the rules leave over may fall into while coverage is worked out. Beyond it nothing is proved: no rule is called
/// covered, and `otherwise` is demanded.
pub const PIECES_MAX: usize = 4_096;

/// Numbers beyond this are not kept apart by JSON readers: 2^53.
pub const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// Findings reported for one file, counting the last one that says there are more.
pub const FINDINGS_MAX: usize = 100;
