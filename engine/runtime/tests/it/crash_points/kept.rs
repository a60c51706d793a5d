//! Writes the journals of the reference set where every later version must fold them: `tests/golden/VERSION`, when the
//! environment variable `ENGROSS_GOLDEN` names the version. What is there already is never written again.

use engross_core::{RunId, fold};
use engross_store::{MemoryStore, Store};
use std::path::Path;

pub(crate) fn keep(store: &MemoryStore, run: &RunId, name: &str) {
    let Some(version) = std::env::var("ENGROSS_GOLDEN").ok().filter(|version| !version.is_empty()) else { return };
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let folder = golden.join(version).join(format!("reference_{name}"));
    if folder.exists() {
        return;
    }
    let records = store.journal(run, 0, usize::MAX).unwrap();
    let lines: String = records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect();
    let plan = store.plan(&fold(&records).unwrap().plan).unwrap().unwrap();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("journal.jsonl"), lines).unwrap();
    std::fs::write(folder.join("plan.json"), serde_json::to_string_pretty(&plan.definition).unwrap() + "\n").unwrap();
}
