//! The parser's errors in our words.
//!
//! Only the errors that authors make often, and those that are limits or refusals of ours, are worded here; the rest
//! keep the parser's message. Positions are added by `loader.rs`.

use granit_parser::{ErrorKind, ScanError};

use crate::codes;
use crate::diagnostic::{Code, quoted};

/// What to do about an error whose place says most.
const CHECK_INDENTATION: &str =
    "check the indentation of this line, and quote values that hold `: `, `#`, `{` or a quote";

/// Code, message and hint for an error at which the parser stopped; `depth_max` is the depth it was told to allow.
pub(super) fn explain(error: &ScanError, depth_max: usize) -> (Code, String, &'static str) {
    let known = |message: &str, hint| (codes::SYNTAX, message.to_owned(), hint);
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(depth_max),
        ErrorKind::DirectiveDisallowed => {
            (codes::DIRECTIVE, "YAML directives are not supported".to_owned(), "remove the line that starts with `%`")
        }
        ErrorKind::UndeclaredTagHandle => (
            codes::TAG,
            "tags are not supported".to_owned(),
            "remove the tag; quote the value if it is text that starts with `!`",
        ),
        ErrorKind::BomInsideDocument => (
            codes::CONTROL_CHARACTER,
            "a byte order mark stands inside the file".to_owned(),
            "delete the invisible character",
        ),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart => known("a tab is used for indentation", "indent with spaces"),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => known(
            "a `: ` stands where no key can be",
            "quote the value if it holds `: `, or put the nested key on a line of its own",
        ),
        ErrorKind::UnexpectedCharacter { character } => {
            let shown = quoted(character.encode_utf8(&mut [0; 4]));
            (codes::SYNTAX, format!("a value cannot start with {shown}"), "put the value in quotes")
        }
        ErrorKind::UnclosedFlowCollection { open } => (
            codes::SYNTAX,
            format!("this `{open}` is never closed"),
            "add the closing bracket, or quote the value if it is text",
        ),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            (codes::SYNTAX, format!("`{open}` is closed by `{close}`"), "close each bracket with its own kind")
        }
        ErrorKind::MisplacedFlowCollectionEnd => {
            known("this bracket closes nothing", "remove it, or quote the value if it is text")
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            known("this quote is never closed", "add the closing quote")
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            known("text follows the closing quote", "put the whole value in one pair of quotes")
        }
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidUnicodeEscape => known(
            "the text in double quotes holds an escape that YAML does not know",
            "write `\\\\` for a backslash, or use single quotes",
        ),
        ErrorKind::InvalidLowSurrogate
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate => {
            known("the text in double quotes holds half of a surrogate pair", "write the character itself")
        }
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation
        | ErrorKind::SimpleKeyExpected => {
            known("this does not continue the list or mapping above it", CHECK_INDENTATION)
        }
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            known("a comma or a closing bracket is missing before this", "add it, or quote the value if it is text")
        }
        _ => (codes::SYNTAX, error.info().to_owned(), CHECK_INDENTATION),
    }
}

/// Code, message and hint for values nested more than `depth_max` deep.
pub(super) fn too_deep(depth_max: usize) -> (Code, String, &'static str) {
    (codes::TOO_DEEP, format!("values are nested more than {depth_max} deep"), "flatten the structure")
}
