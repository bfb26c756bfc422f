//! Memory that a busy time has left behind goes back to the system when the worker has nothing to do.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use tokio::time::sleep;

/// How often the load is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Milliseconds of the processors between two looks that are still nothing to speak of.
const IDLE: i64 = 50;
/// Milliseconds of the processors after which there is something to give back.
const BUSY: i64 = 500;

/// How often memory was to be given back. Each thread has some of its own, which it alone can give.
static ROUND: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// The last round in which this thread has given back what it had.
    static DONE: Cell<u32> = const { Cell::new(0) };
}

/// For each thread of the runtime, when it goes to sleep.
pub(super) fn look() {
    let round = ROUND.load(Ordering::Relaxed);
    if DONE.replace(round) != round {
        give_back();
    }
}

/// Gives memory back whenever a busy time is over. Never ends.
pub(super) async fn give_back_when_idle() {
    let mut last = used();
    let mut busy = 0;
    loop {
        sleep(LOOK).await;
        let now = used();
        let passed = now - std::mem::replace(&mut last, now);
        if passed >= IDLE {
            busy += passed;
        } else if busy >= BUSY {
            busy = 0;
            ROUND.fetch_add(1, Ordering::Relaxed);
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                // Wakes a thread, which looks when it goes to sleep again.
                tokio::spawn(std::future::ready(()));
            }
        }
    }
}

/// Milliseconds of the processors that this process has used.
fn used() -> i64 {
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| {
        usage.user_time().num_milliseconds() + usage.system_time().num_milliseconds()
    })
}

#[cfg(feature = "mimalloc")]
#[expect(
    unsafe_code,
    reason = "the allocator's own function, which can be called at any time"
)]
fn give_back() {
    // SAFETY: it takes a plain flag, and is safe to call from any thread.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

#[cfg(not(feature = "mimalloc"))]
fn give_back() {}
