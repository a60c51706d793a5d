//! When a schedule fires: five cron fields in a time zone.
//!
//! Pure: no clock, no disk, no randomness; "now" is an argument, and the time zones come with the binary. croner reads the
//! pattern and says which days it means. The walk from day to day and the rule for clocks that are set forward or back are in
//! `fires.rs`, because croner counts only one single time of day as fixed: `0,30 2 * * *` would be lost when 02:00 does not
//! exist and would fire twice when it is repeated.
//!
//! Who starts the runs, and what happens when one is still under way, is the runtime's business; it knows [`Overlap`] and
//! [`CatchUp`] from here.

mod catch_up;
mod describe;
mod error;
mod field;
mod fires;
pub mod limits;
mod schedule;
mod zone;

pub use catch_up::{CatchUp, Overlap};
pub use error::{Part, ScheduleError};
pub use schedule::Schedule;
