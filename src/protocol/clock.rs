//! The logical clock that orders events between nodes.
//!
//! Mirrors `kombu.clocks.LamportClock`.

use std::sync::atomic::{AtomicU64, Ordering};

/// A Lamport clock, shared by reference.
#[derive(Debug, Default)]
pub struct LamportClock(AtomicU64);

impl LamportClock {
    /// Moves the clock past `other` and returns the new value.
    pub fn adjust(&self, other: u64) -> u64 {
        let next = |own: u64| own.max(other).saturating_add(1);
        self.0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |own| Some(next(own)))
            .map_or(0, next)
    }

    /// Moves the clock by one and returns the new value.
    pub fn forward(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The current value.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
