//! `store_file`: makes a kept file visible under a path. Where that is, and what a path may be, is the file store's business.

use crate::common::{acted, file_properties, files_error, invalid, parse, refuse_all};
use crate::limits::FILE_PATH_CHARS_MAX;
use async_trait::async_trait;
use bytes::Bytes;
use engross_step_api::{
    Completion, Connection, EffectClass, FileRef, Preview, Step, StepContext, StepError, StepKind, StepResult, StepSpec,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// The step.
pub(crate) struct StoreFile {
    spec: StepSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    file: Option<FileRef>,
    // A content of null is a content: it is written as `null`.
    #[serde(default, deserialize_with = "present")]
    content: Option<Value>,
    path: String,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl StoreFile {
    pub(crate) fn new() -> Self {
        Self {
            spec: StepSpec {
                uses: "store_file".to_string(),
                title: "Store a file under a path".to_string(),
                input: json!({
                    "type": "object",
                    "properties": {
                        "file": {
                            "type": "object",
                            "properties": file_properties(),
                            "required": ["sha256", "size", "media_type"],
                            "description": "A file from another step's outputs: `{{ steps.download.outputs.file }}`."
                        },
                        "content": {
                            "description": "What is to be in the file, instead of `file`: a text as it is, anything else as JSON."
                        },
                        "path": {
                            "type": "string", "minLength": 1, "maxLength": FILE_PATH_CHARS_MAX,
                            "description": "Where it is to be found, below the configured folder or bucket: `nda/{{ run.id }}.pdf`."
                        }
                    },
                    "required": ["path"],
                    "oneOf": [{ "required": ["file"] }, { "required": ["content"] }],
                    "additionalProperties": false
                }),
                output: json!({
                    "type": "object",
                    "properties": { "file": stored_schema() },
                    "required": ["file"],
                    "additionalProperties": false
                }),
                outcomes: acted(),
                effect: EffectClass::Idempotent,
                kind: StepKind::Action,
                provider: None,
            },
        }
    }
}

fn stored_schema() -> Value {
    let mut properties = file_properties();
    properties["path"] = json!({ "type": "string", "description": "Where it is now, as a path or URL for people." });
    json!({
        "type": "object",
        "properties": properties,
        "required": ["path", "sha256", "size", "media_type"],
        "additionalProperties": false
    })
}

#[async_trait]
impl Step for StoreFile {
    fn spec(&self) -> &StepSpec {
        &self.spec
    }

    async fn execute(&self, context: &StepContext, input: &Value) -> Result<StepResult, StepError> {
        let Input { file, content, path } = parse(input)?;
        let file = match (file, content) {
            (Some(file), None) => file,
            (None, Some(content)) => kept(context, content).await?,
            (Some(_), Some(_)) | (None, None) => return Err(invalid("schema", "give either `file` or `content`")),
        };
        check(&file, &path)?;
        let published = context.files.publish(&file, &path).await.map_err(|error| files_error(&error))?;
        let mut stored = json!({
            "path": published, "sha256": file.sha256, "size": file.size, "media_type": file.media_type
        });
        if let Some(name) = file.name {
            stored["name"] = Value::String(name);
        }
        Ok(StepResult::Done(Completion::new("succeeded", json!({ "file": stored }))))
    }

    fn preview(&self, _connection: Option<&Connection>, input: &Value) -> Option<Preview> {
        let url = input.get("path").and_then(Value::as_str).unwrap_or_default().to_string();
        Some(Preview { method: "FILE".to_string(), url, headers: Vec::new(), body: None })
    }
}

/// Keeps what the workflow itself writes. The same content is the same file, however often it is kept.
async fn kept(context: &StepContext, content: Value) -> Result<FileRef, StepError> {
    let (text, media_type) = match content {
        Value::String(text) => (text, "text/plain; charset=utf-8"),
        mut other => {
            // Sorted here, since whether maps are sorted depends on what else is in the binary.
            other.sort_all_objects();
            (format!("{other:#}\n"), "application/json")
        }
    };
    context.files.put(Bytes::from(text), media_type, None).await.map_err(|error| files_error(&error))
}

fn check(file: &FileRef, path: &str) -> Result<(), StepError> {
    let mut problems = Vec::new();
    let is_digest = file.sha256.len() == 64 && file.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_digest {
        problems.push("`file.sha256` must be 64 lower-case hex digits".to_string());
    }
    if path.is_empty() || path.chars().count() > FILE_PATH_CHARS_MAX {
        problems.push(format!("`path` must have 1 to {FILE_PATH_CHARS_MAX} characters"));
    }
    refuse_all("schema", &problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, check_schema, describe};

    async fn kept(context: &StepContext, content: &'static str) -> Value {
        let file = context.files.put(Bytes::from_static(content.as_bytes()), "text/plain", None).await.unwrap();
        serde_json::to_value(file).unwrap()
    }

    #[tokio::test]
    async fn a_file_is_stored_once_and_again() {
        let context = testing::context();
        let file = kept(&context, "hello").await;
        let with = json!({ "file": file, "path": "nda/a.txt" });
        check_schema(&StoreFile::new(), with.clone(), "fits");
        let first = StoreFile::new().execute(&context, &with).await;
        insta::assert_snapshot!(describe(&first), @r#"succeeded {"file":{"media_type":"text/plain","path":"files/nda/a.txt","sha256":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","size":5}}"#);
        let second = StoreFile::new().execute(&context, &with).await;
        assert_eq!(first, second);
        let Ok(StepResult::Done(done)) = second else { panic!("not done") };
        testing::check_output(&StoreFile::new(), &done.outputs);
        // What one step stored, another may store elsewhere.
        check_schema(&StoreFile::new(), json!({ "file": done.outputs["file"], "path": "b.txt" }), "fits");
    }

    #[tokio::test]
    async fn what_a_workflow_writes_is_stored_as_text_or_json() {
        let context = testing::context();
        for (content, media_type, size) in [
            (json!("id,name\n"), "text/plain; charset=utf-8", 8),
            (json!({ "b": [1], "a": null }), "application/json", 36),
            (Value::Null, "application/json", 5),
        ] {
            let with = json!({ "content": content, "path": format!("of/{size}") });
            check_schema(&StoreFile::new(), with.clone(), "fits");
            let Ok(StepResult::Done(done)) = StoreFile::new().execute(&context, &with).await else { panic!("{with}") };
            let file = &done.outputs["file"];
            assert_eq!((&file["media_type"], &file["size"]), (&json!(media_type), &json!(size)), "{with}");
            testing::check_output(&StoreFile::new(), &done.outputs);
        }
        let both = json!({ "content": 1, "file": kept(&context, "hello").await, "path": "a" });
        check_schema(&StoreFile::new(), both, "refused at /");
        check_schema(&StoreFile::new(), json!({ "path": "a" }), "refused at /");
    }

    #[tokio::test]
    async fn refusals_are_told_apart() {
        let context = testing::context();
        let (hello, other) = (kept(&context, "hello").await, kept(&context, "other").await);
        let run = async |with: Value| describe(&StoreFile::new().execute(&context, &with).await);
        let path = "a.txt";
        run(json!({ "file": hello, "path": path })).await;
        insta::assert_snapshot!(run(json!({ "file": other, "path": path })).await, @"`a.txt` holds another file already (sha256 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824) (conflict, file_taken) User NotDone hint: put something unique into `path`, such as {{ run.id }}, or remove the other file");
        insta::assert_snapshot!(run(json!({ "file": hello, "path": "../a" })).await, @"`../a` is not allowed as a path: it leaves the folder (invalid, file_path) User NotDone");
        insta::assert_snapshot!(run(json!({ "file": hello, "path": testing::UNAVAILABLE_PATH })).await, @"the file store refused: disk full (transient, files_unavailable) Engross NotDone");
        let mut gone = hello.clone();
        gone["sha256"] = json!("0".repeat(64));
        insta::assert_snapshot!(run(json!({ "file": gone, "path": "b" })).await, @"there is no file 0000000000000000000000000000000000000000000000000000000000000000 (not_found, file_not_found) User NotDone");
        insta::assert_snapshot!(
            run(json!({ "file": { "sha256": "../x", "size": 1, "media_type": "a/b" }, "path": "" })).await, @"`file.sha256` must be 64 lower-case hex digits; `path` must have 1 to 1024 characters (invalid, schema) User NotDone"
        );
    }

    #[test]
    fn the_preview_names_the_path() {
        let preview = StoreFile::new().preview(None, &json!({ "file": "<file>", "path": "nda/<run.id>.pdf" })).unwrap();
        assert_eq!((preview.method.as_str(), preview.url.as_str()), ("FILE", "nda/<run.id>.pdf"));
    }
}
