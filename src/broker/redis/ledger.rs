//! What this connection holds: delivered and not settled.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

use tokio::sync::Notify;

use crate::protocol::Ident;

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

/// A score in `unacked_index`: Unix time in microseconds, which the scripts write with six digits after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Score(u64);

impl Score {
    /// The score of a time in microseconds.
    pub(super) fn of(micros: u64) -> Self {
        Self(micros)
    }

    /// Reads what a script has written; none if it is no such number.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.')?;
        if fraction.len() != 6 {
            return None;
        }
        let micros = whole.parse::<u64>().ok()?.checked_mul(1_000_000)?;
        Some(Self(micros.checked_add(fraction.parse().ok()?)?))
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// A delivery that is ours: its tag, and the score that proves it.
#[derive(Debug, Clone)]
pub(super) struct Ours {
    /// In the order of delivery.
    pub(super) seq: u64,
    pub(super) tag: Ident,
    pub(super) score: Score,
}

impl Ours {
    /// Tag and score as text.
    pub(super) fn texts(&self) -> (String, String) {
        (self.tag.to_string(), self.score.to_string())
    }
}

/// Many thousands are held where tasks wait for their time, so each is small.
#[derive(Debug)]
struct Held {
    /// In the order of delivery.
    seq: u64,
    /// The score in `unacked_index` under which it is ours.
    score: Score,
    account: Arc<Account>,
}

/// A delivery out of the ledger. It counts against the prefetch limit until this is dropped: a message that goes back
/// to the front must be there before the next one is fetched.
#[derive(Debug)]
pub(super) struct Taken {
    /// Its place in the order of delivery.
    pub(super) seq: u64,
    /// The score under which it is ours.
    pub(super) score: Score,
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
pub(super) struct Ledger(Mutex<(u64, HashMap<Ident, Held>)>);

impl Ledger {
    fn with<T>(&self, f: impl FnOnce(&mut u64, &mut HashMap<Ident, Held>) -> T) -> T {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (seq, map) = &mut *guard;
        f(seq, map)
    }

    /// Notes a delivery.
    pub(super) fn add(&self, tag: Ident, score: Score, account: &Arc<Account>) {
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
    pub(super) fn take(&self, tag: &Ident) -> Option<Taken> {
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
    pub(super) fn renew(&self, tag: &Ident, score: Score) {
        self.with(|_, map| {
            if let Some(held) = map.get_mut(tag) {
                held.score = score;
            }
        });
    }

    /// All of them, in the order of delivery.
    pub(super) fn all(&self) -> Vec<Ours> {
        self.with(|_, map| {
            let mut all: Vec<Ours> = map
                .iter()
                .map(|(tag, held)| Ours {
                    seq: held.seq,
                    tag: tag.clone(),
                    score: held.score,
                })
                .collect();
            all.sort_unstable_by_key(|ours| ours.seq);
            all
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_written_as_it_was_read() {
        for text in ["1795363405.537055", "1795363405.000001", "0.000000"] {
            assert_eq!(Score::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "1795363405", "1795363405.5", "x.537055", "-1.000000"] {
            assert_eq!(Score::parse(text), None, "{text}");
        }
    }
}
