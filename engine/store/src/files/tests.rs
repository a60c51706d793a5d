//! The same behaviour on a disk and in an object store; what only a disk can suffer; hostile paths.

use super::*;
use object_store::memory::InMemory;
use std::fs;
use std::path::PathBuf;

struct Place {
    dir: tempfile::TempDir,
    files: FileStore,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let files = FileStore::local(dir.path()).unwrap();
        Self { dir, files }
    }

    fn content(&self, file: &FileRef) -> PathBuf {
        self.dir.path().join("sha256").join(&file.sha256[..2]).join(&file.sha256[2..])
    }

    fn published(&self, path: &str) -> PathBuf {
        self.dir.path().join("published").join(path)
    }

    async fn put(&self, content: &'static str) -> FileRef {
        self.files.put(Bytes::from(content), "application/pdf", Some("../x.pdf")).await.unwrap()
    }

    fn temps(&self) -> usize {
        fs::read_dir(self.dir.path().join("tmp")).unwrap().count()
    }
}

/// An error as people read it; what came back, where there was none.
fn words<T: std::fmt::Debug>(answer: Result<T, FilesError>) -> String {
    answer.map_or_else(|e| e.to_string(), |ok| format!("{ok:?}"))
}

async fn check_any_store(files: &FileStore) {
    let hello = files.put(Bytes::from("hello"), "text/plain", Some("a/b")).await.unwrap();
    assert_eq!(
        hello,
        FileRef {
            sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".into(),
            size: 5,
            media_type: "text/plain".into(),
            name: Some("a/b".into()),
        }
    );
    assert_eq!(files.put(Bytes::from("hello"), "text/plain", Some("a/b")).await.unwrap(), hello);
    assert_eq!(files.get(&hello.sha256).await.unwrap(), "hello");
    let empty = files.put(Bytes::new(), "text/plain", None).await.unwrap();
    assert_eq!(files.get(&empty.sha256).await.unwrap(), "");

    let path = files.publish(&hello, "nda/acme/1.txt").await.unwrap();
    assert!(path.ends_with("published/nda/acme/1.txt"), "{path}");
    assert_eq!(files.publish(&hello, "nda/acme/1.txt").await.unwrap(), path);
    let other = files.put(Bytes::from("other"), "text/plain", None).await.unwrap();
    let taken = words(files.publish(&other, "nda/acme/1.txt").await);
    assert_eq!(taken, format!("`nda/acme/1.txt` holds another file already (sha256 {})", hello.sha256));
    files.publish(&other, "nda/acme/2.txt").await.unwrap();

    for unknown in ["0".repeat(64), String::new(), "../../x".into(), hello.sha256.to_uppercase(), "a".repeat(63)] {
        assert_eq!(words(files.get(&unknown).await), format!("there is no file {unknown}"));
    }
    let gone = FileRef { sha256: "0".repeat(64), ..hello.clone() };
    assert_eq!(words(files.publish(&gone, "x").await), format!("there is no file {}", "0".repeat(64)));
    for path in ["../x", "/x", "a/../../x", "", ".x", "a\\b", "nul", "a\0"] {
        assert!(matches!(files.publish(&hello, path).await, Err(FilesError::Path { .. })), "{path:?}");
    }
}

#[tokio::test]
async fn a_disk_and_an_object_store_behave_the_same() {
    check_any_store(&Place::new().files).await;
    check_any_store(&FileStore::remote(Arc::new(InMemory::new()))).await;
}

#[tokio::test]
async fn content_survives_a_reopening_and_leaves_nothing_half_written() {
    let place = Place::new();
    let file = place.put("content").await;
    let path = place.files.publish(&file, "a/b.pdf").await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"content");
    assert!(Path::new(&path).is_absolute());
    assert_eq!(place.temps(), 0);
    let again = FileStore::local(place.dir.path()).unwrap();
    assert_eq!(again.get(&file.sha256).await.unwrap(), "content");
    assert_eq!(again.publish(&file, "a/b.pdf").await.unwrap(), path);
}

#[tokio::test]
async fn a_published_file_is_a_copy() {
    let place = Place::new();
    let file = place.put("content").await;
    let path = place.files.publish(&file, "b.pdf").await.unwrap();
    fs::write(&path, "edited").unwrap();
    assert_eq!(place.files.get(&file.sha256).await.unwrap(), "content");
    assert!(matches!(place.files.publish(&file, "b.pdf").await, Err(FilesError::Taken { .. })));
}

#[tokio::test]
async fn damaged_content_is_told_and_healed_by_the_same_content() {
    let place = Place::new();
    let file = place.put("content").await;
    for damage in ["c0ntent", "conten", ""] {
        fs::write(place.content(&file), damage).unwrap();
        let told = place.files.get(&file.sha256).await;
        assert!(matches!(&told, Err(FilesError::Damaged { sha256, .. }) if *sha256 == file.sha256), "{told:?}");
        assert!(matches!(place.files.publish(&file, "x").await, Err(FilesError::Damaged { .. })));
        assert!(!place.published("x").exists());
        assert_eq!(place.put("content").await, file);
        assert_eq!(place.files.get(&file.sha256).await.unwrap(), "content");
    }
}

#[tokio::test]
async fn many_publish_the_same_path_at_once_and_one_content_wins() {
    let place = Place::new();
    let mut tasks = Vec::new();
    for n in 0..16 {
        let files = place.files.clone();
        tasks.push(tokio::spawn(async move {
            let file = files.put(Bytes::from(format!("content {}", n % 4)), "text/plain", None).await?;
            files.publish(&file, "one/place").await.map(|_| file.sha256)
        }));
    }
    let mut won = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(sha256) => won.push(sha256),
            Err(error) => assert!(matches!(error, FilesError::Taken { .. }), "{error}"),
        }
    }
    let holds = hex_digest(&fs::read(place.published("one/place")).unwrap());
    assert!(!won.is_empty() && won.iter().all(|sha256| *sha256 == holds), "{won:?}");
    assert_eq!(place.temps(), 0);
}

#[tokio::test]
async fn folders_and_files_in_the_way_are_told() {
    let place = Place::new();
    let file = place.put("content").await;
    place.files.publish(&file, "a/b").await.unwrap();
    let refused = words(place.files.publish(&file, "a/b/c").await);
    assert_eq!(refused, "`a/b/c` is not allowed as a path: `b` is there and is not a folder");
    assert_eq!(words(place.files.publish(&file, "a").await), "`a` is not allowed as a path: a folder is there");
    assert_eq!(place.temps(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn planted_links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let place = Place::new();
    let outside = tempfile::tempdir().unwrap();
    let file = place.put("content").await;
    symlink(outside.path(), place.published("folder")).unwrap();
    symlink(outside.path().join("x"), place.published("dangling")).unwrap();
    symlink(place.content(&file), place.published("same")).unwrap();
    let refused = words(place.files.publish(&file, "folder/x").await);
    assert_eq!(refused, "`folder/x` is not allowed as a path: `folder` is there and is not a folder");
    for name in ["dangling", "same"] {
        let refused = words(place.files.publish(&file, name).await);
        assert_eq!(refused, format!("`{name}` is not allowed as a path: a link or a device is there"));
    }
    // Where content goes, a link is replaced and a linked folder is refused.
    let content = place.content(&file);
    fs::remove_file(&content).unwrap();
    symlink(outside.path().join("y"), &content).unwrap();
    place.put("content").await;
    assert!(fs::symlink_metadata(&content).unwrap().is_file());
    let folder = content.parent().unwrap();
    fs::remove_dir_all(folder).unwrap();
    symlink(outside.path(), folder).unwrap();
    let put = place.files.put(Bytes::from("content"), "text/plain", None).await;
    assert!(matches!(put, Err(FilesError::Unavailable(_))), "{put:?}");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let files = FileStore::local(&dir.path().join("new/files")).unwrap();
    let file = files.put(Bytes::from("content"), "text/plain", None).await.unwrap();
    let path = files.publish(&file, "a/b").await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(Path::new(&path)), 0o600);
    for folder in Path::new(&path).ancestors().skip(1).take(4) {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
}

#[tokio::test]
async fn a_file_over_the_bound_is_refused() {
    let place = Place::new();
    let size = usize::try_from(FILE_BYTES_MAX).unwrap() + 1;
    let refused = words(place.files.put(Bytes::from(vec![0; size]), "text/plain", None).await);
    assert_eq!(refused, "the file has 268435457 bytes, more than the 268435456 that are kept");
}

#[tokio::test]
async fn what_a_dead_process_left_is_removed_when_it_is_old() {
    let place = Place::new();
    let (old, new) = (place.dir.path().join("tmp/old"), place.dir.path().join("tmp/new"));
    fs::write(&new, "x").unwrap();
    let file = fs::File::create(&old).unwrap();
    let then = std::time::SystemTime::now() - std::time::Duration::from_millis(crate::limits::STALE_TEMP_MS * 2);
    file.set_modified(then).unwrap();
    FileStore::local(place.dir.path()).unwrap();
    assert_eq!((old.exists(), new.exists()), (false, true));
}
