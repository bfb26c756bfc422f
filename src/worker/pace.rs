//! How many deliveries may be fetched beyond the prefetch window: as many as begin within a few milliseconds.
//!
//! Celery's window (slots × multiplier) keeps a worker from hoarding what others could run meanwhile. Where tasks are
//! over in microseconds it only makes for many small fetches. So while they are, the window grows to what is begun in
//! [`MOMENT`]; as soon as they are not, it is what it was, and what was fetched in excess goes back to the queue.

use std::time::{Duration, Instant};

/// A worker may hold as much as it begins in this time.
const MOMENT: Duration = Duration::from_millis(3);
/// Time between two looks at the clock.
const LOOK: Duration = Duration::from_millis(2);
/// Time after which a worker that does not get on is noticed.
pub(super) const NOTICE: Duration = Duration::from_millis(20);
/// The least and the most beyond the window.
const LEAST: u32 = 16;
const MOST: u32 = 512;
/// How long a task that is acknowledged at its end forbids any excess: at a crash all that is unsettled runs again.
const CAREFUL: Duration = Duration::from_secs(1);

/// What the worker begins, and what it may fetch in excess.
#[derive(Debug)]
pub(super) struct Pace {
    looked: Instant,
    begun: u64,
    late: Option<Instant>,
    extra: u32,
}

impl Pace {
    /// Nothing has begun.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            looked: now,
            begun: 0,
            late: None,
            extra: 0,
        }
    }

    /// Deliveries beyond the window.
    pub(super) fn extra(&self) -> u32 {
        self.extra
    }

    /// Notes a task that is acknowledged at its end.
    pub(super) fn late(&mut self, now: Instant) {
        self.late = Some(now);
        self.extra = 0;
    }

    /// Looks at how many runs have begun by now. True if the excess has become smaller.
    pub(super) fn look(&mut self, begun: u64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.looked);
        if passed < LOOK {
            return false;
        }
        let in_a_moment = u128::from(begun - self.begun) * MOMENT.as_nanos() / passed.as_nanos();
        self.looked = now;
        self.begun = begun;
        let careful = self
            .late
            .is_some_and(|at| now.saturating_duration_since(at) < CAREFUL);
        let before = self.extra;
        let allowed = u32::try_from(in_a_moment).unwrap_or(MOST).min(MOST);
        self.extra = if careful || allowed < LEAST {
            0
        } else {
            // In steps, so that the transport is not told of every change.
            1 << allowed.ilog2()
        };
        self.extra < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_worker_that_gets_on_quickly_fetches_more_than_its_window() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut pace = Pace::new(start);
        assert!(!pace.look(100, at(1)), "too early to tell");
        assert_eq!(pace.extra(), 0);
        assert!(!pace.look(500, at(10)), "50,000 a second");
        assert_eq!(pace.extra(), 128);
        assert!(!pace.look(30_000, at(20)));
        assert_eq!(pace.extra(), MOST);
        assert!(pace.look(30_010, at(30)), "1,000 a second");
        assert_eq!(pace.extra(), 0);
    }

    #[test]
    fn a_task_that_is_acknowledged_at_its_end_forbids_it() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut pace = Pace::new(start);
        pace.look(1000, at(10));
        assert!(pace.extra() > 0);
        pace.late(at(11));
        assert_eq!(pace.extra(), 0);
        pace.look(2000, at(20));
        assert_eq!(pace.extra(), 0);
        pace.look(302_000, at(3020));
        assert!(pace.extra() > 0, "none has been seen for a while");
    }
}
