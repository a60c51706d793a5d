//! Every bound this crate sets on its input, by name.
//!
//! The numbers are policy and live only here; the loader in [`crate::yaml`] and the renderer in
//! [`crate::diagnostic`] read them. Nothing is enforced in this module.

/// The deepest nesting a tree may have whatever [`Limits`] asks for. Dropping, comparing and visiting a
/// [`crate::yaml::Node`] recurses, and this bound is what makes that safe on a 2 MiB stack.
pub const DEPTH_MAX: usize = 64;

/// The longest name that [`crate::suggest::nearest`] compares, in bytes.
pub const SUGGESTION_BYTES_MAX: usize = 128;

/// The longest piece of one source line shown in an excerpt, in characters.
pub const EXCERPT_CHARS_MAX: usize = 110;

/// How many characters of a cut source line are shown before the span.
pub const EXCERPT_CHARS_BEFORE: usize = 30;

/// The most secondary labels drawn for one finding in text; JSON lists all of them.
pub const EXCERPT_LABELS_MAX: usize = 8;

/// The longest piece of an author's text quoted in a message, in characters.
pub const QUOTED_CHARS_MAX: usize = 60;

/// Bounds on one authored file. `Default` gives the ones used for workflows and configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The size of the file, in bytes.
    pub file_bytes_max: usize,
    /// Nested sequences and mappings, counting the outermost as one; never more than [`DEPTH_MAX`].
    pub depth_max: usize,
    /// Keys, scalars, sequences, mappings and aliases together.
    pub nodes_max: usize,
    /// One decoded scalar that is a value, in bytes.
    pub scalar_bytes_max: usize,
    /// One decoded key, in bytes.
    pub key_bytes_max: usize,
    /// Findings reported for one file, counting the last one that says there are more.
    pub diagnostics_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes_max: 8 * 1024 * 1024,
            depth_max: DEPTH_MAX,
            nodes_max: 1_000_000,
            scalar_bytes_max: 256 * 1024,
            key_bytes_max: 256,
            diagnostics_max: 100,
        }
    }
}
