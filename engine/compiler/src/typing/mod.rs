//! JSON Schemas as types: which schema a path leads to, and what is wrong with a value, in words for authors.
//!
//! `expressions` works out the kinds of what is computed, `walk` follows references, `mistakes` words what the validator finds. Values are never printed, because they may be secrets
//! or pages long; a finding shows its place in the file instead.

mod expressions;
mod infer;
mod mistakes;
mod walk;
mod written;

pub(crate) use expressions::{Assured, Misfit, MisfitKind, References, Type, Typer, assured};
pub(crate) use infer::schema_of;
pub(crate) use mistakes::{Mistake, MistakeKind, mistakes, schema_message, type_words};
pub(crate) use walk::{Found, follow, has_parts, promised, types};
pub(crate) use written::{either, list_of, or_null, standalone};

use crate::limits::PATTERN_BYTES_MAX;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

/// A validator of draft 2020-12 that checks formats, fetches nothing, and whose patterns take linear time.
pub(crate) fn validator(schema: &Value) -> Result<Validator, ValidationError<'static>> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
        .offline()
        .build(schema)
}
