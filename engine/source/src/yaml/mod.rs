//! YAML text as a tree in which every key and value knows its place.
//!
//! [`load`] is the only way in. The language is YAML 1.2 with the core schema, less what makes files surprising or
//! dangerous: aliases, anchors, tags, merge keys, duplicate keys, several documents, the booleans of YAML 1.1, and
//! numbers that JSON cannot carry. The parser is behind `loader.rs` and `syntax.rs`; no other module knows which one it
//! is. What the keys mean is not known here.

mod key;
mod loader;
mod node;
mod offsets;
mod resolve;
mod syntax;

pub use loader::load;
pub use node::{Entry, Key, Mapping, Node, Style, Value};
pub use offsets::OffsetMap;
