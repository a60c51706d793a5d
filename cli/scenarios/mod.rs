//! Scenarios: what `*.test.yaml` files say of a workflow, played against the real engine, offline and on a virtual clock.
//!
//! - `load` reads a test file with every mistake at once (`reader`, `timeline`, `faults`, `expect`, `known`, `codes`); `model` is what
//!   it was understood as, `schema` what editors are told of its form.
//! - `play` runs one scenario: the engine as it is, over a store in memory, with `stand_in`s for everything that leaves the machine,
//!   whose answers are `made_up` from the operations' own schemas; `world` is the time, the ids and the files there.
//! - `judge` compares what came of it with what was expected.
//!
//! Nothing here prints, sends anything or knows a provider by name.

mod codes;
mod expect;
mod faults;
mod judge;
mod known;
pub mod limits;
mod load;
mod made_up;
mod model;
mod pattern;
mod play;
mod reader;
mod schema;
mod stand_in;
mod timeline;
mod world;

pub use judge::judge;
pub use load::{Around, load};
pub use model::{Scenario, Suite};
pub use play::{Played, Stage, play, span_words};
pub use schema::schema;
