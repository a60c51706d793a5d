//! The names of things: one newtype per kind of id, so that one is never taken for another.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text as it is; whoever reads it from outside checks its form first.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(Arc::from(text.as_ref()))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id!(
    /// One run of a workflow: a UUID (version 7) as text, so that ids sort by the time of their start.
    RunId
);
id!(
    /// One step of a workflow, as it is called in the file: `[a-z][a-z0-9_]*`.
    StepId
);
id!(
    /// One outcome of a step: `succeeded`, `approved`, `timed_out`.
    OutcomeName
);
id!(
    /// The SHA-256 of a plan's canonical bytes in hex: a run keeps the plan it started with under this name.
    PlanDigest
);
id!(
    /// One event from outside, the same for every delivery of it: the key under which duplicates are dropped.
    EventId
);

/// A person who asks for or decides something, as the configuration names them: usually an e-mail address.
///
/// Blanks around a name and capitals in it make no other person: who may not approve their own request may not do so as
/// `Lena@Legal.example` either.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Person(Arc<str>);

impl Person {
    /// The person of this name.
    pub fn new(name: impl AsRef<str>) -> Self {
        Self(Arc::from(name.as_ref().trim().to_lowercase()))
    }

    /// The name, in small letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name is an address, and so tells one person from all others.
    pub fn is_address(&self) -> bool {
        self.0.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
    }
}

impl From<&str> for Person {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// The key of an effect, sent to providers and journaled before the request leaves.
///
/// It is made of the run, the step and, once a person has had the step run again, of which time that is. No attempt, time or
/// process is in it, so that it is byte-identical on every retry, after every restart and in every version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key of this step's effect in this run. `epoch` counts the re-runs a person asked for: each means a new effect.
    pub fn of(run: &RunId, step: &StepId, epoch: u32) -> Self {
        match epoch {
            0 => Self(format!("{run}/{step}")),
            again => Self(format!("{run}/{step}#{again}")),
        }
    }

    /// The key of one part of the effect, for a step that has several.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        Self(format!("{}/{name}", self.0))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
