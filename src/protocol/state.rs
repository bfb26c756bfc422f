//! Task states and their precedence.
//!
//! Mirrors `celery.states`.

use std::borrow::Cow;
use std::fmt;

/// The state of a task. Any text is one; Celery's own have names here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State(Cow<'static, str>);

impl State {
    /// Nothing is known: not sent, not finished, ignored or expired.
    pub const PENDING: Self = Self(Cow::Borrowed("PENDING"));
    /// A worker has the message (seen in events only).
    pub const RECEIVED: Self = Self(Cow::Borrowed("RECEIVED"));
    /// The task runs (`task_track_started`).
    pub const STARTED: Self = Self(Cow::Borrowed("STARTED"));
    /// The conventional custom state for tasks that report how far they are.
    pub const PROGRESS: Self = Self(Cow::Borrowed("PROGRESS"));
    /// The task returned.
    pub const SUCCESS: Self = Self(Cow::Borrowed("SUCCESS"));
    /// The task failed, for good.
    pub const FAILURE: Self = Self(Cow::Borrowed("FAILURE"));
    /// The task was revoked, or expired.
    pub const REVOKED: Self = Self(Cow::Borrowed("REVOKED"));
    /// The task was rejected (seen in events only).
    pub const REJECTED: Self = Self(Cow::Borrowed("REJECTED"));
    /// The task failed and will run again.
    pub const RETRY: Self = Self(Cow::Borrowed("RETRY"));
    /// The task asked that nothing be recorded (never stored).
    pub const IGNORED: Self = Self(Cow::Borrowed("IGNORED"));

    /// A state by its name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        for known in [
            Self::PENDING,
            Self::RECEIVED,
            Self::STARTED,
            Self::PROGRESS,
            Self::SUCCESS,
            Self::FAILURE,
            Self::REVOKED,
            Self::REJECTED,
            Self::RETRY,
            Self::IGNORED,
        ] {
            if known.0 == name {
                return known;
            }
        }
        Self(Cow::Owned(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Rank among states that arrive out of order: of two events the one with the lower number tells the state.
    /// Custom states stand between FAILURE and REVOKED (celery/states.py, `PRECEDENCE`).
    #[must_use]
    pub fn precedence(&self) -> u8 {
        match self.as_str() {
            "SUCCESS" => 0,
            "FAILURE" => 1,
            "REVOKED" => 3,
            "STARTED" => 4,
            "RECEIVED" => 5,
            "REJECTED" => 6,
            "RETRY" => 7,
            "PENDING" => 8,
            _ => 2,
        }
    }

    /// Whether there is a result: SUCCESS, FAILURE or REVOKED.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        *self == Self::SUCCESS || *self == Self::FAILURE || *self == Self::REVOKED
    }

    /// Whether `result` holds an encoded exception.
    #[must_use]
    pub fn holds_exception(&self) -> bool {
        *self == Self::FAILURE || *self == Self::RETRY || *self == Self::REVOKED
    }

    /// Whether `result` holds an exception and the state is final: FAILURE or REVOKED.
    #[must_use]
    pub fn is_propagate(&self) -> bool {
        *self == Self::FAILURE || *self == Self::REVOKED
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn final_states_outrank_earlier_ones() {
        let mut states = [
            State::PENDING,
            State::RETRY,
            State::new("CUSTOM"),
            State::SUCCESS,
            State::STARTED,
            State::REVOKED,
        ];
        states.sort_by_key(State::precedence);
        let names: Vec<_> = states.iter().map(State::as_str).collect();
        assert_eq!(
            names,
            [
                "SUCCESS", "CUSTOM", "REVOKED", "STARTED", "RETRY", "PENDING"
            ]
        );
    }
}
