//! A second witness of how much was promised. Sled takes a damaged end of its log for one that was never written, and opens
//! as if the last batches had never been; this finds out.
//!
//! Every batch carries its number. When it is durable, the number is written here too, beside sled's directory, without a
//! sync: it survives the end of the process at once and a power cut a little later. A number here that is behind says
//! nothing, one that is ahead of sled's says that batches are missing.

use crate::disk::open_private_file;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

const ANCHOR_FILE: &str = "engross.anchor";
const NUMBER_BYTES: usize = 8;
const DIGEST_BYTES: usize = 8;

/// The file with the number.
#[derive(Debug)]
pub(super) struct Anchor {
    file: File,
}

impl Anchor {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        Ok(Self { file: open_private_file(&dir.join(ANCHOR_FILE))? })
    }

    /// The number of the last durable batch that is known here; 0 when the file does not hold one.
    pub(super) fn read(&mut self) -> io::Result<u64> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        (&self.file).take((NUMBER_BYTES + DIGEST_BYTES) as u64).read_to_end(&mut bytes)?;
        let number = bytes.first_chunk::<NUMBER_BYTES>().copied().map(u64::from_be_bytes);
        Ok(number.filter(|number| encode(*number) == bytes).unwrap_or(0))
    }

    pub(super) fn write(&mut self, number: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&encode(number))
    }

    /// Makes the number survive a power cut too: at a regular end.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn encode(number: u64) -> Vec<u8> {
    let number = number.to_be_bytes();
    number.into_iter().chain(Sha256::digest(number).into_iter().take(DIGEST_BYTES)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_a_whole_number_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(ANCHOR_FILE);
        let mut anchor = Anchor::open(dir.path()).unwrap();
        assert_eq!(anchor.read().unwrap(), 0);
        for number in [1, 300, u64::MAX, 2] {
            anchor.write(number).unwrap();
            assert_eq!(Anchor::open(dir.path()).unwrap().read().unwrap(), number);
        }
        let whole = fs::read(&path).unwrap();
        for damage in [&whole[..15], &whole[..8], b"", &[9; 16], &[0; 16]] {
            fs::write(&path, damage).unwrap();
            assert_eq!(anchor.read().unwrap(), 0, "{damage:?}");
        }
    }
}
