//! The codes of the findings about test files: E07xx. A code is never given a second meaning, because people search for it.

use engross_source::Code;

/// A value is of the wrong kind.
pub const WRONG_KIND: Code = Code("E0701");
/// A key is not known.
pub const UNKNOWN_KEY: Code = Code("E0702");
/// A key is missing.
pub const MISSING_KEY: Code = Code("E0703");
/// Something is named that the workflow does not have.
pub const UNKNOWN_NAME: Code = Code("E0704");
/// A value cannot be: inputs and outputs that do not fit, keys that exclude each other, ends that a step does not have.
pub const CANNOT_BE: Code = Code("E0705");
/// There is too much of something.
pub const TOO_MANY: Code = Code("E0706");
/// The workflow cannot be used.
pub const WORKFLOW: Code = Code("E0707");
