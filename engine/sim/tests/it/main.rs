//! Tests of the simulator: that weeks hold, that planted bugs are found and named, and that a seed is the same each time.

mod planted;
mod weeks;
