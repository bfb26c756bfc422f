//! How many deliveries may be fetched beyond the prefetch window: as many as begin within ten milliseconds.
//!
//! Celery's window (slots × multiplier) keeps a worker from hoarding what others could run meanwhile. Where tasks are
//! over in microseconds it only makes for many small fetches. So while they are, the window grows to what is begun in
//! [`MOMENT`]; as soon as they are not, it is what it was, and what was fetched in excess goes back to the queue.

use std::time::{Duration, Instant};

/// A worker may hold as much as it begins in this time.
const MOMENT: Duration = Duration::from_millis(10);
/// Time between two looks at the clock: a fetch, or a moment without the processor, is not yet slowness.
const LOOK: Duration = MOMENT;
/// Time after which a worker that does not get on is noticed.
pub(super) const NOTICE: Duration = Duration::from_millis(20);
/// The least and the most beyond the window.
const LEAST: u32 = 16;
const MOST: u32 = 512;
/// Time in which all that was fetched has arrived.
const ARRIVES: Duration = Duration::from_secs(2);
/// How long a task that is acknowledged at its end forbids any excess: at a crash all that is unsettled runs again.
const CAREFUL: Duration = Duration::from_secs(1);

/// What the worker begins, and what it may fetch in excess.
#[derive(Debug)]
pub(super) struct Pace {
    looked: Instant,
    begun: u64,
    late: Option<Instant>,
    extra: u32,
    /// When there was an excess last.
    quick: Option<Instant>,
    /// Since when there is none.
    slow: Option<Instant>,
}

impl Pace {
    /// Nothing has begun.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            looked: now,
            begun: 0,
            late: None,
            extra: 0,
            quick: None,
            slow: None,
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

    /// Whether more than the window may be here, or on its way, though nothing may be fetched in excess any more.
    pub(super) fn has_surplus(&self, now: Instant) -> bool {
        let slow = |at| now.saturating_duration_since(at) >= NOTICE;
        self.was_quick(now) && self.slow.is_some_and(slow)
    }

    /// Whether there was an excess of late.
    pub(super) fn was_quick(&self, now: Instant) -> bool {
        let since = |at| now.saturating_duration_since(at);
        self.quick.is_some_and(|at| since(at) < ARRIVES)
    }

    /// Looks at how many runs have begun by now.
    pub(super) fn look(&mut self, begun: u64, now: Instant) {
        let passed = now.saturating_duration_since(self.looked);
        if self.extra > 0 {
            self.quick = Some(now);
        }
        if passed < LOOK {
            return;
        }
        let in_a_moment = u128::from(begun - self.begun) * MOMENT.as_nanos() / passed.as_nanos();
        self.looked = now;
        self.begun = begun;
        let careful = self
            .late
            .is_some_and(|at| now.saturating_duration_since(at) < CAREFUL);
        let allowed = u32::try_from(in_a_moment).unwrap_or(MOST).min(MOST);
        self.extra = if careful || allowed < LEAST {
            0
        } else {
            // In steps, so that the transport is not told of every change.
            1 << allowed.ilog2()
        };
        self.slow = match self.extra {
            0 => self.slow.or(Some(now)),
            _ => None,
        };
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
        pace.look(100, at(1));
        assert_eq!(pace.extra(), 0, "too early to tell");
        pace.look(500, at(10));
        assert_eq!(pace.extra(), 256, "50,000 a second");
        pace.look(30_000, at(20));
        assert_eq!(pace.extra(), MOST);
        assert!(!pace.has_surplus(at(20)));
        pace.look(30_010, at(30));
        assert_eq!(pace.extra(), 0, "1,000 a second");
        assert!(!pace.has_surplus(at(40)), "that may pass");
        assert!(pace.has_surplus(at(50)));
        pace.look(30_010, at(3000));
        assert!(!pace.has_surplus(at(3000)), "it has gone back by now");
    }

    #[test]
    fn a_task_that_is_acknowledged_at_its_end_forbids_it() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut pace = Pace::new(start);
        pace.look(1000, at(10));
        assert!(pace.extra() > 0);
        pace.look(1000, at(11));
        pace.late(at(11));
        assert_eq!(pace.extra(), 0);
        pace.look(2000, at(21));
        assert!(pace.has_surplus(at(41)));
        assert_eq!(pace.extra(), 0);
        pace.look(302_000, at(3021));
        assert!(pace.extra() > 0, "none has been seen for a while");
    }
}
