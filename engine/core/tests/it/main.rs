//! The core's behaviour as traces: a plan, a script of inputs, and what was decided, as text.

mod world;

mod approvals;
mod effects;
mod ends;
mod properties;
mod waits;
