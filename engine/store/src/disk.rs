//! The few things that the lock, sled and the files all do to a disk. Nothing here knows what is kept.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Makes a directory that only its owner may enter, with everything above it, and makes the entries durable.
pub(crate) fn create_private_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)?;
    for above in dir.ancestors().skip(1) {
        // An empty path is how a relative path names the working directory.
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        // Directories above ours may be closed to us; those we made are not.
        if sync_dir(above).is_err() {
            break;
        }
    }
    Ok(())
}

/// Makes the entries of a directory durable. Only Unix has and needs this.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

/// A new file that only its owner may read. Fails when anything stands there already, a symbolic link included.
pub(crate) fn create_private_file(path: &Path) -> io::Result<File> {
    private().write(true).create_new(true).open(path)
}

/// Opens a file that only its owner may read, and makes it when it is not there.
pub(crate) fn open_private_file(path: &Path) -> io::Result<File> {
    private().read(true).write(true).create(true).truncate(false).open(path)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
