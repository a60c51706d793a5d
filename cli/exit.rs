//! Exit codes. Documented in the README and in `engross --help`.

use std::process::ExitCode;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(u8);

/// It was done, and the answer is good.
pub const OK: Exit = Exit(0);

/// It was done, and the answer is not good: mistakes in a workflow, or a run that did not succeed.
pub const NOT_GOOD: Exit = Exit(1);

/// It could not be done: wrong arguments, a file that is not there, a server that does not answer.
pub const COULD_NOT: Exit = Exit(2);

/// Interrupted while following; the run itself goes on.
pub const INTERRUPTED: Exit = Exit(130);

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}
