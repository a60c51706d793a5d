//! What a start finds: runs that owed work, ends that were not told, places that nobody took, and events that were accepted and
//! not matched. After all of them, callers are answered, and the sweeper and the schedules begin.

use super::{Answer, Op, Then};
use crate::world::World;
use engross_core::{Input, RunId, outstanding};
use engross_store::{RunQuery, Store};

impl World {
    pub(super) fn recover(&mut self) {
        let query = RunQuery { working: true, limit: usize::MAX, ..RunQuery::default() };
        let heads = self.disk.runs(&query).unwrap_or_default();
        self.node.to_take_over = heads.into_iter().map(|head| head.run).collect();
        self.take_over_next();
    }

    fn take_over_next(&mut self) {
        match self.node.to_take_over.pop_front() {
            Some(run) => {
                let input = Box::new(Input::Restarted);
                self.give(&run, Op::Turn { input, quiet: true }, Then::TakenOver);
            }
            None => self.tell_what_was_left(),
        }
    }

    pub(super) fn taken_over(&mut self, run: &RunId, answer: Answer) {
        if let Ok(done) = answer {
            self.set_off(run, &outstanding(&done.state));
        }
        self.take_over_next();
    }

    pub(super) fn opened(&mut self) {
        self.node.open = true;
        self.note(|| "the node is open".to_string());
        self.sweep_in(0);
        self.tend_in(0);
    }
}
