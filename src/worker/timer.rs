//! Requests that wait for their time.
//!
//! Mirrors `kombu.asynchronous.timer`, for ETAs.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::Request;

/// Requests by the time when they are due. Removing one is lazy: its entry is skipped when it comes up.
#[derive(Debug, Default)]
pub(super) struct Timer {
    due: BinaryHeap<Reverse<(Timestamp, u64)>>,
    held: HashMap<u64, Arc<Request>>,
    next: u64,
}

impl Timer {
    /// Keeps a request until `at`.
    pub(super) fn add(&mut self, at: Timestamp, request: Arc<Request>) {
        self.due.push(Reverse((at, self.next)));
        self.held.insert(self.next, request);
        self.next += 1;
    }

    /// When the next one is due.
    #[must_use]
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one that is due.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Arc<Request>> {
        while let Some(Reverse((at, key))) = self.due.peek().copied() {
            if at > now {
                return None;
            }
            self.due.pop();
            if let Some(request) = self.held.remove(&key) {
                return Some(request);
            }
        }
        None
    }

    /// Takes out those for which `wanted` says so.
    pub(super) fn take(&mut self, wanted: impl Fn(&Request) -> bool) -> Vec<Arc<Request>> {
        let keys: Vec<u64> = self
            .held
            .iter()
            .filter(|(_, r)| wanted(r))
            .map(|(key, _)| *key)
            .collect();
        let mut taken: Vec<(u64, Arc<Request>)> = keys
            .into_iter()
            .filter_map(|key| self.held.remove(&key).map(|r| (key, r)))
            .collect();
        taken.sort_by_key(|(key, _)| *key);
        taken.into_iter().map(|(_, r)| r).collect()
    }

    /// Whether one is held for which `wanted` says so.
    #[must_use]
    pub(super) fn any(&self, wanted: impl Fn(&Request) -> bool) -> bool {
        self.held.values().any(|r| wanted(r))
    }

    /// How many are held.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }
}
