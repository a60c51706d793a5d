//! The saved corpus and changes of it, through every target, with the stable toolchain.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

use engross_fuzz_targets::{INPUT_BYTES_MAX, TARGETS, Target};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Files that each target's folder holds at least: a corpus that is not there must not pass.
const FILES_MIN: usize = 24;

/// Changed inputs for each target, unless the environment's `FUZZ_CHANGES` says how many.
const CHANGES: u64 = 1_000;

/// One input may take this long, unoptimised and on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pieces that mean something to one of the readers.
const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "|",
    "'",
    "\"",
    "\\",
    ":",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "[",
    "]",
    "{",
    "}",
    ",",
    "#",
    "&a ",
    "*a",
    "!!str ",
    "<<",
    "---\n",
    "\0",
    "\u{1b}",
    "\u{feff}",
    "\u{202e}",
    "é",
    "𝄞",
    "null",
    "true",
    "-1",
    "0",
    "9007199254740993",
    "1e999",
    ".inf",
    "*/",
    "1-",
    "L",
    "W",
    "#5",
    "@daily",
    "* * * * *",
    "ms",
    "w",
    ">= ",
    " and ",
    " or ",
    "not",
    "from",
    "otherwise",
    "$ref",
];

/// Numbers that are the same on every machine (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(target);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    assert!(files.len() >= FILES_MIN, "{} holds {} files", folder.display(), files.len());
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Runs one input, and says whether it was accepted; a panic and a long time are told with the input.
fn run(name: &str, target: Target, from: &str, input: &[u8]) -> bool {
    let began = Instant::now();
    let ended = catch_unwind(AssertUnwindSafe(|| target(input)));
    let took = began.elapsed();
    if ended.is_err() || took > PATIENCE {
        let shown = input.get(..2_000).unwrap_or(input).escape_ascii();
        let what = if ended.is_err() { "panicked".to_owned() } else { format!("took {took:?}") };
        panic!("target {name} {what} on {from}, {} bytes: {shown}", input.len());
    }
    ended.unwrap()
}

/// An input of the corpus with one to four changes.
fn changed(corpus: &[(PathBuf, Vec<u8>)], random: &mut Random) -> Vec<u8> {
    // Large inputs are there for the bounds; changing them shows no more than changing small ones.
    const CHANGED_BYTES_MAX: usize = 8 * 1024;
    let pick = |random: &mut Random| {
        let (_, bytes) = &corpus[random.below(corpus.len())];
        bytes.get(..CHANGED_BYTES_MAX).unwrap_or(bytes).to_vec()
    };
    let mut input = pick(random);
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let end = (at + 1 + random.below(16)).min(input.len());
        match random.below(7) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < end => {
                input.drain(at..end);
            }
            2 if at < end => {
                let piece = input[at..end].repeat(1 + random.below(8));
                input.splice(at..at, piece);
            }
            3 => input.truncate(at),
            4 => {
                let other = pick(random);
                let from = random.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            5 if at < input.len() => input[at] = random.next() as u8,
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                input.splice(at..at, piece.bytes());
            }
        }
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn check(name: &str) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).unwrap();
    let corpus = corpus(name);
    let accepted = corpus.iter().filter(|(path, input)| run(name, *target, &path.display().to_string(), input)).count();
    assert!(accepted > 0 && accepted < corpus.len(), "the corpus has both good and bad inputs: {accepted} are good");
    let changes = std::env::var("FUZZ_CHANGES").map_or(CHANGES, |changes| changes.parse().unwrap());
    let inputs = (0..changes).map(|seed| (seed, changed(&corpus, &mut Random(seed))));
    let accepted = inputs.filter(|(seed, input)| run(name, *target, &format!("seed {seed}"), input)).count();
    assert!(accepted > 0, "some changed inputs are still good");
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*

        const CHECKED: &[&str] = &[$(stringify!($name)),*];
    };
}

targets! { expression manifest policy schedule span yaml }

#[test]
fn every_target_is_checked_and_has_its_binary() {
    let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(known, CHECKED);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz_targets");
    let mut binaries: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    binaries.sort();
    assert_eq!(binaries, CHECKED);
}
