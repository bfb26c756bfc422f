//! Token buckets of capacity one, per task type.
//!
//! Mirrors `kombu.utils.limits.TokenBucket` as the consumer uses it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Request;

/// The requests of one task type that wait for their turn.
#[derive(Debug)]
pub(super) struct Bucket {
    interval: Duration,
    free_at: Instant,
    waiting: VecDeque<Arc<Request>>,
}

impl Bucket {
    /// A bucket that lets one request through each `interval`, the first at once.
    #[must_use]
    pub(super) fn new(interval: Duration, now: Instant) -> Self {
        Self {
            interval,
            free_at: now,
            waiting: VecDeque::new(),
        }
    }

    /// Changes the interval; those that wait keep waiting.
    pub(super) fn set_interval(&mut self, interval: Duration, now: Instant) {
        self.free_at = self.free_at.min(now + interval);
        self.interval = interval;
    }

    /// Queues a request.
    pub(super) fn push(&mut self, request: Arc<Request>) {
        self.waiting.push_back(request);
    }

    /// When the next request may start; none if none waits.
    #[must_use]
    pub(super) fn next_due(&self) -> Option<Instant> {
        (!self.waiting.is_empty()).then_some(self.free_at)
    }

    /// Takes a request whose turn it is.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Arc<Request>> {
        if self.free_at > now {
            return None;
        }
        let request = self.waiting.pop_front()?;
        self.free_at = self
            .free_at
            .max(now - self.interval.min(Duration::from_millis(50)))
            + self.interval;
        Some(request)
    }

    /// Whether none waits.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes all that wait.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Arc<Request>> + '_ {
        self.waiting.drain(..)
    }

    /// Takes out those for which `wanted` says so.
    pub(super) fn take(&mut self, wanted: impl Fn(&Request) -> bool) -> Vec<Arc<Request>> {
        let (taken, kept): (VecDeque<_>, VecDeque<_>) =
            self.waiting.drain(..).partition(|r| wanted(r));
        self.waiting = kept;
        taken.into()
    }
}
