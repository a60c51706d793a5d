//! Which keys are refused.
//!
//! Only the key itself is looked at here. Keys given twice are found when their mapping is complete, in `node.rs`, and
//! keys that are no scalars in `loader.rs`.

use super::node::Style;
use crate::codes;
use crate::diagnostic::{Code, escaped, is_hazard, quoted};
use crate::limits::Limits;

/// Code, message and hint for the scalar key `text`, if it is refused.
pub(super) fn refusal(text: &str, style: Style, limits: &Limits) -> Option<(Code, String, &'static str)> {
    if text.is_empty() {
        return Some((codes::KEY_EMPTY, "the key is empty".to_owned(), "write a name before the colon"));
    }
    if text == "<<" && style == Style::Plain {
        let message = "merge keys are not supported".to_owned();
        return Some((codes::MERGE_KEY, message, "write the merged keys out here"));
    }
    if text.len() > limits.key_bytes_max {
        let message = format!("the key is {} bytes long, more than {}", text.len(), limits.key_bytes_max);
        return Some((codes::KEY_TOO_LONG, message, "use a short name as the key and keep long text in a value"));
    }
    if let Some(hazard) = text.chars().find(|c| is_hazard(*c)) {
        let name = escaped(hazard.encode_utf8(&mut [0; 4])).into_owned();
        let message = format!("the key {} holds the control or invisible character {}", quoted(text), quoted(&name));
        return Some((codes::KEY_CHARACTER, message, "type the key again with visible characters only"));
    }
    None
}
