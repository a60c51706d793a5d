//! The HTTP face of the runtime: the API for people and programs, the door for webhooks, and health.
//!
//! It translates and guards, and decides nothing: who may decide an approval is the core's, what a webhook means is the
//! provider's. It listens on loopback unless told otherwise, and asks for a bearer token whenever it does not.

mod accept;
mod error;
mod extract;
mod guard;
pub mod limits;
mod routes;
mod state;

pub use error::ApiError;
pub use routes::wire;
pub use state::{Library, Options, Server, StartError};
