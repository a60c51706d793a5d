//! Whether one run's records are a whole journal: dense, chained, about this run, and folding to its head. Read record by
//! record, so that a long journal needs no memory.

use crate::RunHead;
use engross_core::{Event, JOURNAL_VERSION, Record, RecordHash, RunState, apply, fold};

/// Follows a run's journal.
#[derive(Debug)]
pub struct JournalCheck {
    head: RunHead,
    state: Option<RunState>,
    /// The number and the hash of the record that was seen last; the hash is not known after one that could not be read.
    last: u64,
    hash: Option<RecordHash>,
    whole: bool,
}

impl JournalCheck {
    /// Before the first record of the run with this head.
    pub fn new(head: RunHead) -> Self {
        Self { head, state: None, last: 0, hash: Some(RecordHash::default()), whole: true }
    }

    /// The run's head, as it is kept.
    pub fn head(&self) -> &RunHead {
        &self.head
    }

    /// The number of the last record.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The next record; what is wrong with it, in words.
    ///
    /// # Errors
    /// What is wrong. The check goes on behind it.
    pub fn record(&mut self, record: &Record) -> Result<(), String> {
        let seq = record.seq;
        let expected = self.last.saturating_add(1);
        if seq <= self.last {
            self.whole = false;
            return Err(format!("record {seq} is there twice or out of order: {expected} was to come"));
        }
        let found = self.fits(record, expected);
        (self.last, self.hash) = (seq, Some(record.hash));
        if found.is_err() {
            self.whole = false;
        }
        if self.whole {
            match &mut self.state {
                None => self.state = fold([record]),
                Some(state) => {
                    apply(state, record.at, &record.event);
                    (state.seq, state.hash) = (seq, record.hash);
                }
            }
        }
        found
    }

    fn fits(&self, record: &Record, expected: u64) -> Result<(), String> {
        let seq = record.seq;
        if record.v > JOURNAL_VERSION {
            let v = record.v;
            return Err(format!(
                "record {seq} has version {v}, and this version of engross reads up to {JOURNAL_VERSION}: use a later one"
            ));
        }
        if seq != expected {
            let missing = seq.saturating_sub(1);
            let what = if missing == expected {
                format!("record {expected} is missing")
            } else {
                format!("records {expected} to {missing} are missing")
            };
            return Err(format!("{what}: {seq} comes instead"));
        }
        match &record.event {
            Event::RunStarted { run, .. } if seq == 1 && *run != self.head.run => {
                return Err(format!("it begins with the start of run {run}"));
            }
            Event::RunStarted { .. } if seq == 1 => {}
            Event::RunStarted { .. } => return Err(format!("record {seq} starts the run a second time")),
            _ if seq == 1 => return Err("it does not begin with the start of the run".to_string()),
            _ => {}
        }
        match &self.hash {
            Some(hash) if !hash.is_followed_by(record) => {
                Err(format!("record {seq} is not what was written: its hash does not follow from the record before it"))
            }
            _ => Ok(()),
        }
    }

    /// What could not be read in place of the next record: what follows is not believed, and not blamed for it either.
    pub fn skip(&mut self) {
        (self.last, self.hash, self.whole) = (self.last.saturating_add(1), None, false);
    }

    /// The state that the whole journal folds to, and everything in which the head differs from it. No state when the journal
    /// is not whole, which has been said then.
    pub fn finish(self) -> (Option<RunState>, Vec<String>) {
        let mut found = Vec::new();
        if self.last < self.head.seq {
            found.push(format!("the journal ends at record {}, and the head is at {}", self.last, self.head.seq));
        } else if self.last > self.head.seq {
            found.push(format!("the journal goes on to record {}, and the head is at {}", self.last, self.head.seq));
        }
        let Some(state) = self.state.filter(|_| self.whole) else { return (None, found) };
        if found.is_empty() {
            found.extend(differences(&self.head, &state));
        }
        let state = found.is_empty().then_some(state);
        (state, found)
    }
}

/// In which of its facts a head is not what the state is. Its words for people (`doing`) may change between versions.
fn differences(head: &RunHead, state: &RunState) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |field: &str, same: bool| {
        if !same {
            found.push(format!("the head's `{field}` is not what the journal says"));
        }
    };
    differ("run", head.run == state.run);
    differ("workflow", head.workflow == state.workflow);
    differ("title", head.title == state.title);
    differ("key", head.key == state.key);
    differ("plan", head.plan == state.plan);
    differ("status", head.status == state.status);
    differ("summary", head.summary == state.summary());
    differ("started_at", head.started_at == state.started_at);
    differ("updated_at", head.updated_at == state.updated_at);
    found
}
