//! What this connection holds: delivered and not settled.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

use tokio::sync::Notify;

/// One subscription's side of the ledger.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Deliveries that count against its prefetch.
    held: AtomicUsize,
    /// Wakes its fetch loop: a settlement made room, or a list has changed.
    pub(super) wake: Notify,
}

impl Account {
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
struct Held {
    /// In the order of delivery.
    seq: u64,
    /// The score in `unacked_index` under which it is ours.
    score: String,
    account: Arc<Account>,
}

/// A delivery out of the ledger. It counts against the prefetch limit until this is dropped: a message that goes back
/// to the front must be there before the next one is fetched.
#[derive(Debug)]
pub(super) struct Taken {
    /// Its place in the order of delivery.
    pub(super) seq: u64,
    /// The score under which it is ours.
    pub(super) score: String,
    account: Arc<Account>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.account.held.fetch_sub(1, Ordering::SeqCst);
        self.account.wake.notify_one();
    }
}

/// Deliveries by tag.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<(u64, HashMap<String, Held>)>);

impl Ledger {
    fn with<T>(&self, f: impl FnOnce(&mut u64, &mut HashMap<String, Held>) -> T) -> T {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (seq, map) = &mut *guard;
        f(seq, map)
    }

    /// Notes a delivery.
    pub(super) fn add(&self, tag: String, score: String, account: &Arc<Account>) {
        self.with(|seq, map| {
            *seq += 1;
            account.held.fetch_add(1, Ordering::SeqCst);
            let held = Held {
                seq: *seq,
                score,
                account: Arc::clone(account),
            };
            if let Some(old) = map.insert(tag, held) {
                old.account.held.fetch_sub(1, Ordering::SeqCst);
            }
        });
    }

    /// Takes a delivery out; none if it is not ours any more.
    pub(super) fn take(&self, tag: &str) -> Option<Taken> {
        self.with(|_, map| {
            let Held {
                seq,
                score,
                account,
            } = map.remove(tag)?;
            Some(Taken {
                seq,
                score,
                account,
            })
        })
    }

    /// Gives a delivery its new score.
    pub(super) fn renew(&self, tag: &str, score: String) {
        self.with(|_, map| {
            if let Some(held) = map.get_mut(tag) {
                held.score = score;
            }
        });
    }

    /// All tags with their scores, in the order of delivery.
    pub(super) fn all(&self) -> Vec<(String, String)> {
        self.with(|_, map| {
            let mut all: Vec<_> = map
                .iter()
                .map(|(tag, held)| (held.seq, tag.clone(), held.score.clone()))
                .collect();
            all.sort_unstable_by_key(|(seq, ..)| *seq);
            all.into_iter()
                .map(|(_, tag, score)| (tag, score))
                .collect()
        })
    }
}
