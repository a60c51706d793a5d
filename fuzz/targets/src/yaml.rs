//! The YAML loader.

use crate::{INPUT_BYTES_MAX, findings};
use engross_source::limits::DEPTH_MAX;
use engross_source::{Limits, Node, SourceFile, Value, load};
use std::fmt::Write;

/// Loading ends; what is refused has findings with places in the file; what is accepted is no deeper than allowed, has its places
/// in the file, and is the same again when it is written out and loaded anew.
pub fn yaml(data: &[u8]) -> bool {
    let data = data.get(..INPUT_BYTES_MAX).unwrap_or(data);
    let file = match SourceFile::from_bytes("input.yaml", data) {
        Ok(file) => file,
        Err(finding) => {
            findings::check(&[*finding], &SourceFile::lossy("input.yaml", data));
            return false;
        }
    };
    match load(&file, &Limits::default()) {
        Err(found) => {
            assert!(!found.is_empty(), "a refusal says why");
            findings::check(&found, &file);
            false
        }
        Ok(root) => {
            places(&root, &file, 1);
            let written = SourceFile::new("written.yaml", &written(&root.to_json().to_string()));
            let again = load(&written, &Limits::default()).map(|root| root.to_json());
            assert_eq!(again.as_ref(), Ok(&root.to_json()), "written as {}", written.text());
            true
        }
    }
}

fn places(node: &Node, file: &SourceFile, depth: usize) {
    assert!(file.text().get(node.span.range()).is_some(), "{:?} is not in the file", node.span);
    match &node.value {
        Value::Sequence(items) => {
            assert!(depth <= DEPTH_MAX, "it is nested too deeply");
            items.iter().for_each(|item| places(item, file, depth + 1));
        }
        Value::Mapping(mapping) => {
            assert!(depth <= DEPTH_MAX, "it is nested too deeply");
            for entry in mapping {
                assert!(file.text().get(entry.key.span.range()).is_some(), "{:?} is not in the file", entry.key.span);
                places(&entry.value, file, depth + 1);
            }
        }
        _ => {}
    }
}

/// JSON as YAML that is all ASCII: YAML refuses or changes some characters that JSON leaves as they are.
fn written(json: &str) -> String {
    let mut text = String::new();
    for c in json.chars() {
        if c.is_ascii() && c != '\u{7f}' {
            text.push(c);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\U{:08x}", u32::from(c));
        }
    }
    text
}
