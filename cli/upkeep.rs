//! The embedded store's own care, as the engine's housekeeping asks for it.

use engross_runtime::housekeeping::{Compacted, Maintenance};
use engross_store::SledStore;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The store of this process.
pub struct Upkeep(pub Arc<SledStore>);

impl Maintenance for Upkeep {
    fn wants_compaction(&self) -> bool {
        self.0.wants_compaction()
    }

    fn compact(&self, go_on: &mut dyn FnMut(u64) -> bool) -> Result<Compacted, String> {
        let mut watch = |copied: engross_store::Progress| {
            if go_on(copied.rows) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let engross_store::Compacted { live_bytes, before_bytes, after_bytes, rows, pause_ms } =
            self.0.compact(&mut watch).map_err(|error| error.to_string())?;
        Ok(Compacted { live_bytes, before_bytes, after_bytes, rows, pause_ms })
    }
}
