//! Every bound the compiler sets on a workflow file, by name. The loader's own bounds are in `engross-source`, those of the
//! running engine in `engross-core`.

/// The longest string that may hold a template, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 64 * 1024;

/// Concatenations (`~`) in one expression. Each may double what is in memory.
pub const CONCATENATIONS_MAX: usize = 8;

/// References in one expression. With the bound on a step's outputs it bounds what one expression may hold in memory.
pub const REFERENCES_MAX: usize = 64;

/// Parts of one expression that is typed; larger ones are left to the run. It bounds how deep the tree of one can be.
pub const EXPRESSION_PARTS_MAX: usize = 256;

/// What a template, or a filter in it, may produce, in bytes.
pub const VALUE_BYTES_MAX: usize = 1024 * 1024;

/// Items that a template's list or map may hold in all, at every depth.
pub const VALUE_ITEMS_MAX: usize = 200_000;

/// Items of a list that `unique` accepts, because it compares each with each.
pub const UNIQUE_ITEMS_MAX: usize = 5_000;

/// Compiled templates an evaluator keeps. When there are more it starts again with none.
pub const TEMPLATES_CACHED_MAX: usize = 1_024;

/// Names that are compared for "did you mean" while one file is compiled; after that, findings come without it. It keeps a file
/// with thousands of wrong names from comparing each of them with thousands of right ones.
pub const COMPARISONS_MAX: usize = 200_000;

/// Findings reported for one file, counting the last one that says there are more.
pub const FINDINGS_MAX: usize = 200;

/// Findings reported for the `with` of one step.
pub const FINDINGS_PER_STEP_MAX: usize = 20;

/// Triggers of one workflow.
pub const TRIGGERS_MAX: usize = 32;

/// Characters of the type of an event that starts runs; a longer one could not be sent.
pub const EVENT_TYPE_CHARS_MAX: usize = 2_000;

/// What the workflows that one starts may add to its plan, in bytes: each step that starts one holds all of that.
pub const CHILDREN_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Workflow files that are compiled for one that starts them, at whatever level.
pub const COMPILED_CHILDREN_MAX: usize = 256;

/// Items of a list that are under way at once where a file does not say.
pub const ITEMS_PARALLEL_DEFAULT: u32 = 8;

/// Parts of schemas that are copied to type the items of all lists of a file, and as many for the outputs of one step or
/// workflow; behind them anything is allowed.
pub const SCHEMA_PARTS_MAX: usize = 50_000;

/// Names listed in a hint when none of them is near.
pub const NAMES_LISTED_MAX: usize = 12;

/// The largest factor between two pauses of a retry.
pub const RETRY_FACTOR_MAX: f64 = 100.0;

/// How deep a JSON Schema is followed when the type of a reference is looked up: longer chains of `$ref` or `allOf` are taken
/// to allow anything.
pub const SCHEMA_STEPS_MAX: usize = 64;

/// The compiled size of a regular expression in a schema, in bytes.
pub const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// Facts about other steps that are kept while it is looked whether each step can start. In a larger graph later steps are not
/// looked at.
pub const FACTS_MAX: usize = 1_000_000;

/// Needs of needs that are followed while it is looked whether what steps left is there in others; after that, only their own
/// needs count.
pub const NEEDS_FOLLOWED_MAX: usize = 200_000;

/// Findings of one code that are shown for one file; the last of them says how many more there are.
pub const FINDINGS_PER_CODE_MAX: usize = 20;
