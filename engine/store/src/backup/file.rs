//! Exports as files: compressed when their name says so, under their name only once they are whole, and for nobody else to
//! read, since everything that runs hold is in them.

use crate::disk::{open_private_file, sync_dir};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What a compressed file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// An export that is being written.
#[derive(Debug)]
pub struct ExportFile {
    path: PathBuf,
    partial: PathBuf,
    to: To,
}

#[derive(Debug)]
enum To {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl ExportFile {
    /// Begins a file that is not there yet, beside its place. What an interrupted export left there is written over.
    ///
    /// # Errors
    /// The file is there, or it cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        if fs::symlink_metadata(path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let partial = partial_of(path).ok_or(io::ErrorKind::IsADirectory)?;
        let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
        let file = open_private_file(&partial)?;
        file.set_len(0)?;
        let file = BufWriter::new(file);
        let to =
            if is_gzip { To::Gzip(Box::new(GzEncoder::new(file, Compression::default()))) } else { To::Plain(file) };
        Ok(Self { path: path.to_owned(), partial, to })
    }

    /// Ends the file and makes it durable. It is not under its name yet.
    ///
    /// # Errors
    /// The disk refused.
    pub fn finish(self) -> io::Result<Finished> {
        let file = match self.to {
            To::Plain(file) => file,
            To::Gzip(gzip) => gzip.finish()?,
        };
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(Finished { path: self.path, partial: self.partial })
    }
}

/// Removes what an export to this file left that did not come to its end.
pub fn discard_partial(path: &Path) {
    if let Some(partial) = partial_of(path) {
        // What stays is written over by the next export of this name.
        fs::remove_file(partial).ok();
    }
}

fn partial_of(path: &Path) -> Option<PathBuf> {
    let mut name = path.file_name()?.to_owned();
    name.push(".partial");
    Some(path.with_file_name(name))
}

impl Write for ExportFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Plain(file) => file.write(bytes),
            To::Gzip(gzip) => gzip.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Plain(file) => file.flush(),
            To::Gzip(gzip) => gzip.flush(),
        }
    }
}

/// An export that is written and waits to be given its name.
#[derive(Debug)]
pub struct Finished {
    path: PathBuf,
    partial: PathBuf,
}

impl Finished {
    /// Reads it back.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self) -> io::Result<Box<dyn BufRead + Send>> {
        open(File::open(&self.partial)?)
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// Something has come to be there, or the disk refused.
    pub fn keep(self) -> io::Result<()> {
        if fs::symlink_metadata(&self.path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(&self.partial, &self.path)?;
        let dir = self.path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sync_dir(dir)
    }
}

/// Reads an export from the beginning of a file, compressed or not: the file itself tells.
///
/// # Errors
/// It cannot be read.
pub fn open(mut file: File) -> io::Result<Box<dyn BufRead + Send>> {
    file.seek(SeekFrom::Start(0))?;
    let mut first = Vec::new();
    (&mut file).take(GZIP.len() as u64).read_to_end(&mut first)?;
    file.seek(SeekFrom::Start(0))?;
    let file = BufReader::new(file);
    Ok(if first == GZIP { Box::new(BufReader::new(GzDecoder::new(file))) } else { Box::new(file) })
}
