//! Why a run is cut off from outside.

use std::time::Duration;

use super::Outcome;

/// Why a run was cut off from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// A revoke with terminate; the name of the signal that was asked for.
    Terminate(String),
    /// A cold shutdown, or a lost connection where the settings say so.
    Cancel,
    /// The hard time limit has passed.
    TimeLimit(Duration),
}

impl From<Stop> for Outcome {
    fn from(why: Stop) -> Self {
        match why {
            Stop::Terminate(signal) => Self::Terminated { signal },
            Stop::Cancel => Self::Cancelled,
            Stop::TimeLimit(limit) => Self::TimedOut(limit),
        }
    }
}
