//! What happens to firings while a run is still under way, and to those that nobody was there for.

use crate::limits::{CATCH_UP_MAX, ON_TIME_MS_MAX};
use crate::schedule::Schedule;
use engross_core::Timestamp;
use serde::{Deserialize, Serialize};

/// What a firing does while the run of an earlier one is still under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Nothing is started.
    #[default]
    Skip,
    /// Its run begins when the earlier one has ended.
    Queue,
    /// Both run.
    Allow,
}

/// Which of the firings that nobody was there for are made up for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// The newest.
    #[default]
    Latest,
    /// Each.
    All,
    /// None: what is not on time is left out.
    None,
}

impl Overlap {
    /// The words of the language, the default first.
    pub const NAMES: [&'static str; 3] = ["skip", "queue", "allow"];

    /// What a word of the language means.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "skip" => Some(Self::Skip),
            "queue" => Some(Self::Queue),
            "allow" => Some(Self::Allow),
            _ => None,
        }
    }

    /// The word of the language.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Queue => "queue",
            Self::Allow => "allow",
        }
    }
}

impl CatchUp {
    /// The words of the language, the default first.
    pub const NAMES: [&'static str; 3] = ["latest", "all", "none"];

    /// What a word of the language means.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "latest" => Some(Self::Latest),
            "all" => Some(Self::All),
            "none" => Some(Self::None),
            _ => None,
        }
    }

    /// The word of the language.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::All => "all",
            Self::None => "none",
        }
    }
}

impl Schedule {
    /// The firings that are to be started at `now`, oldest first. `last` is the newest firing that was dealt with, or the moment
    /// since which the schedule is kept; without it nothing is due, because a new schedule makes up for nothing.
    ///
    /// [`CatchUp::All`] gives at most [`CATCH_UP_MAX`] at once; ask again with the last of them for the others. With
    /// [`CatchUp::None`] a firing is due for [`ON_TIME_MS_MAX`].
    #[must_use]
    pub fn due(&self, last: Option<Timestamp>, now: Timestamp, catch_up: CatchUp) -> Vec<Timestamp> {
        let Some(last) = last else { return Vec::new() };
        match catch_up {
            CatchUp::All => self.fires_between(last, now, CATCH_UP_MAX),
            CatchUp::Latest => self.latest(last, now).into_iter().collect(),
            CatchUp::None => {
                let on_time = |fire: &Timestamp| now.ms_since(*fire) <= ON_TIME_MS_MAX;
                self.latest(last, now).filter(on_time).into_iter().collect()
            }
        }
    }

    /// The newest firing after `last` up to `now`. It is looked for in windows that reach further and further back, so that a
    /// long pause of a frequent schedule costs no more than a short one.
    fn latest(&self, last: Timestamp, now: Timestamp) -> Option<Timestamp> {
        const FIRST_WINDOW_MS: i64 = 60 * 60 * 1_000;
        const WIDER: i64 = 16;
        let mut window = FIRST_WINDOW_MS;
        let mut until = now;
        while until > last {
            let from = Timestamp::from_millis(now.as_millis().saturating_sub(window)).max(last);
            if let Some(newest) = self.fires(from).take_while(|fire| *fire <= until).last() {
                return Some(newest);
            }
            until = from;
            window = window.saturating_mul(WIDER);
        }
        None
    }
}
