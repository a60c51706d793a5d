//! Power cuts of a real file system under a real engine with many runs. Root and loop devices are needed.
//!
//! The file system lies on a loop device; the file under that holds what was issued to the device, and nothing that only the page
//! cache has. The engine is killed, that file is copied, and the copy is mounted in its place: the users of the engine, who live
//! in this process with the sandbox, go on. What the device was given counts as written, so that a disk that loses its own cache
//! is not tried; nor is a cut in the middle of a single request.

use crate::lab::{Lab, text};
use crate::many_kills::{Outcome, World, number};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Bytes of the file system.
const DISK_BYTES: u64 = 128 * 1024 * 1024;

/// How many power cuts there are unless `ENGROSS_CUTS` says otherwise.
const CUTS: u64 = 60;

/// How long an engine lives between two of them, its start included.
const LIFE_MS: Range<u64> = 300..1_200;

/// Runs a program of the system, which must succeed.
fn system(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(output.status.success(), "{program} {args:?}: {}", text(&output.stderr));
    text(&output.stdout).trim().to_string()
}

/// A file system on a loop device. The file under it holds what was issued to the device, and nothing that only the page cache has.
struct Disk {
    place: tempfile::TempDir,
    device: String,
    images: u64,
}

impl Disk {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("mount")).unwrap();
        let mut disk = Self { place, device: String::new(), images: 0 };
        fs::File::create(disk.image()).unwrap().set_len(DISK_BYTES).unwrap();
        let lazy = "lazy_itable_init=0,lazy_journal_init=0,nodiscard";
        system("mkfs.ext4", &["-q", "-E", lazy, disk.image().to_str().unwrap()]);
        disk.mount();
        disk
    }

    fn image(&self) -> PathBuf {
        self.place.path().join(format!("image-{}", self.images))
    }

    fn path(&self) -> PathBuf {
        self.place.path().join("mount")
    }

    /// Nothing is written that nobody asks for: the file system's own commits come every ten minutes.
    fn mount(&mut self) {
        self.device = system("losetup", &["--find", "--show", self.image().to_str().unwrap()]);
        system("mount", &["-o", "commit=600,noatime", &self.device, self.path().to_str().unwrap()]);
    }

    fn unmount(&mut self) {
        if !self.device.is_empty() {
            Command::new("umount").arg(self.path()).output().ok();
            Command::new("losetup").args(["-d", &self.device]).output().ok();
            self.device.clear();
        }
    }

    /// Writes and their bytes that the device has taken, and how many are under way.
    fn issued(&self) -> (String, String) {
        let name = Path::new(&self.device).file_name().unwrap().to_str().unwrap();
        let read = |file: &str| fs::read_to_string(format!("/sys/block/{name}/{file}")).unwrap();
        let fields = read("stat").split_whitespace().map(str::to_string).collect::<Vec<_>>();
        (fields[4..7].join(" "), read("inflight").split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Takes the power away: what comes up again is what had been issued to the device when nobody wrote any more. Whoever used
    /// the disk must have been killed.
    fn cut(&mut self) {
        let old = self.image();
        loop {
            let before = self.issued();
            self.images += 1;
            fs::copy(&old, self.image()).unwrap();
            // A copy during a write would be of no moment at all.
            if before.1 == "0 0" && before == self.issued() {
                break;
            }
            fs::remove_file(self.image()).unwrap();
        }
        self.unmount();
        fs::remove_file(old).unwrap();
        self.mount();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.unmount();
    }
}

/// A lab whose engine keeps everything on the disk, and makes up the webhook token of a connection.
async fn lab_on(disk: &Disk) -> Lab {
    let lab = Lab::new().await;
    let config = fs::read_to_string(lab.path("engross.yaml")).unwrap();
    let (head, tail) = config.split_once("people:\n").unwrap();
    let sandbox = lab.sandbox.addr();
    let spare = format!(
        "  spare: {{ provider: juro_v2, base_url: \"http://{sandbox}/juro/v2\", api_key: {{ env: JURO_API_KEY }} }}\n"
    );
    let mut places = String::new();
    write!(places, "store: {{ sled: \"{0}/data\" }}\nfiles: {{ local: \"{0}/files\" }}\n", disk.path().display())
        .unwrap();
    lab.write("engross.yaml", &format!("{head}{spare}{places}people:\n{tail}"));
    lab
}

/// Every cut loses what was not synced, or it would prove nothing.
fn write_unsynced(disk: &Disk) {
    fs::write(disk.path().join("unsynced"), "this is only in the page cache").unwrap();
}

fn check_unsynced(disk: &Disk) {
    assert!(
        fs::read(disk.path().join("unsynced")).unwrap_or_default().is_empty(),
        "the rig loses nothing: it is no power cut"
    );
    fs::remove_file(disk.path().join("unsynced")).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_loses_power_has_everything_that_was_acknowledged() {
    let (cuts, seed) = (number("ENGROSS_CUTS", CUTS), number("ENGROSS_SEED", 20_261_123));
    let began = Instant::now();
    let mut disk = Disk::new();
    let lab = lab_on(&disk).await;
    let path = disk.path().join("data/webhook-tokens.json");
    let token = || -> String {
        let tokens: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        tokens["spare"].as_str().unwrap().to_string()
    };
    // As soon as the engine serves, its URLs are given to providers, and must be good for ever.
    lab.serve().kill();
    let given = token();
    write_unsynced(&disk);
    disk.cut();
    check_unsynced(&disk);
    assert!(path.exists() && token() == given, "the webhook token that was given away is lost");

    let world = World::of(lab, disk.path()).await;
    let outcome = world.survives(cuts, seed, LIFE_MS, || {
        write_unsynced(&disk);
        disk.cut();
        check_unsynced(&disk);
        assert_eq!(token(), given, "the webhook token that was given away is lost");
    });
    let Outcome { moments, met, runs, webhooks } = outcome.await;
    println!(
        "seed {seed}: {cuts} power cuts in {:?} {moments:?}; {runs} runs, {webhooks} webhooks; between effect and outcome: {met:?}",
        began.elapsed()
    );
    assert!(runs > 0 && webhooks > 0);
}
