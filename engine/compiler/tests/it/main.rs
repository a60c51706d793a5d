//! The compiler against a fake catalog: good files, hostile files, and what templates mean. Broken files and their texts are
//! in the tests of the root package, against the real operations.

mod alarms;
mod common;
mod constructs;
mod evaluate;
mod good;
mod hostile;
