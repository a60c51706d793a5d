//! The move of a store from format 1, which had no list of settled events and did not count its live bytes. It is done before
//! anybody reads, in parts, and begins again when it was cut off: what it writes twice is the same.

use super::keys;
use super::write::{Filed, note_settled};
use super::{Counts, FORMAT, SledStore, live_rows, read};
use crate::Result;
use crate::limits::MIGRATE_ROWS_AT_ONCE;

impl SledStore {
    pub(super) fn migrate_from_1(&self) -> Result<()> {
        tracing::info!(format = FORMAT, "moving the store to a later format");
        let mut after = None;
        loop {
            let page: Vec<Filed> = self.read("reading the inbox", |db| {
                read::page(db, &keys::event_ids(), after.take(), MIGRATE_ROWS_AT_ONCE)
            })?;
            let Some(last) = page.last() else { break };
            after = Some(keys::event_id(&last.id));
            self.stage(|staged| page.iter().try_for_each(|filed| note_settled(staged, filed)))?;
        }
        let live_bytes = self.read("counting its rows", live_rows)?;
        {
            let mut writer = self.writer();
            let counts = Counts { live_bytes, ..writer.counts };
            self.count(&mut writer, counts);
        }
        self.stage(|staged| {
            staged.remove(&keys::batches_1())?;
            staged.put(keys::format(), FORMAT.to_string().as_bytes())
        })
    }
}
