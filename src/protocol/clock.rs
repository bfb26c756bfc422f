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
        self.adjust(0)
    }

    /// The current value.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_only_goes_forward() {
        let clock = LamportClock::default();
        assert_eq!(clock.forward(), 1);
        assert_eq!(clock.adjust(1000), 1001);
        assert_eq!(clock.adjust(5), 1002);
        assert_eq!(clock.adjust(u64::MAX), u64::MAX);
        assert_eq!(clock.forward(), u64::MAX);
        assert_eq!(clock.value(), u64::MAX);
    }
}
