//! Waiting for a fact instead of sleeping for a guess.

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

/// How often a fact is looked at.
const POLL: Duration = Duration::from_millis(15);

/// Returns that many seconds.
pub(crate) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// How long to wait for something that takes well under a second on an idle machine.
///
/// Generous, because two cores may be running six other servers: it only costs time when the test fails.
pub(crate) fn patience() -> Duration {
    secs(60)
}

/// Polls until `probe` gives a value, and returns it; panics at the deadline with what it last saw.
pub(crate) fn eventually<T>(
    what: &str,
    deadline: Duration,
    mut probe: impl FnMut() -> Result<T, String>,
) -> T {
    let end = Instant::now() + deadline;
    loop {
        match probe() {
            Ok(value) => return value,
            Err(seen) if Instant::now() >= end => {
                panic!("not within {deadline:?}: {what}\nlast seen: {seen}")
            }
            Err(_) => thread::sleep(POLL),
        }
    }
}

/// Turns a value into a probe's answer: itself where `good` holds, else its text as what was seen.
pub(crate) fn holds<T: Debug>(value: T, good: impl FnOnce(&T) -> bool) -> Result<T, String> {
    if good(&value) {
        Ok(value)
    } else {
        Err(format!("{value:?}"))
    }
}
