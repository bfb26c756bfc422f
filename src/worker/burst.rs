//! Knowing that nothing is left to do, for a worker that then stops (`--burst`).
//!
//! A message on its way from the broker is in no queue and not here yet, so one look that finds nothing proves nothing.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::consumer::Consumer;
use crate::broker::Broker;

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// Looks that must find nothing, one after the other, where the broker holds just what this worker has.
const SURE: u32 = 2;
/// The same where it holds more, or can't tell: some may be on its way to this worker, or all with others.
const LIKELY: u32 = 10;

/// What a look at the broker found.
#[derive(Debug)]
pub(super) struct Look {
    /// Messages that wait in this worker's queues; none if the broker did not say.
    waiting: Option<u64>,
    /// Messages delivered to anybody and not settled, where the broker can tell.
    unacked: Option<u64>,
    /// Deliveries of this worker when the look began.
    received: u64,
}

impl Look {
    /// Asks the broker.
    pub(super) async fn at(broker: &dyn Broker, queues: &[String], received: u64) -> Self {
        let unacked = broker.unacked_count().await.ok().flatten();
        let mut waiting = Some(0);
        for queue in queues {
            waiting = match (waiting, broker.queue_length(queue).await) {
                (Some(sum), Ok(length)) => Some(sum + length.unwrap_or(0)),
                // A connection that is lost ends the session.
                _ => None,
            };
        }
        Self {
            waiting,
            unacked,
            received,
        }
    }
}

/// The looks so far.
#[derive(Debug)]
pub(super) struct Burst {
    next: Instant,
    /// A look is under way.
    pub(super) asking: bool,
    /// Looks in a row that found nothing.
    empty: u32,
}

impl Default for Burst {
    fn default() -> Self {
        Self {
            next: Instant::now(),
            asking: false,
            empty: 0,
        }
    }
}

impl Burst {
    /// Waits until it is time for a look; for ever if there is none to take. Cancel safe.
    pub(super) async fn pause(burst: Option<&Self>) {
        match burst {
            Some(burst) if !burst.asking => sleep_until(burst.next).await,
            _ => std::future::pending().await,
        }
    }

    /// Notes that it is time for a look.
    pub(super) fn begin(&mut self, consumer: &Consumer) {
        self.next = Instant::now() + PAUSE;
        if !consumer.is_idle() {
            self.empty = 0;
        }
    }

    /// Whether nothing is left to do, after this look.
    pub(super) fn is_over(&mut self, look: &Look, consumer: &Consumer) -> bool {
        self.asking = false;
        let idle = consumer.is_idle() && consumer.received() == look.received;
        if !idle || look.waiting != Some(0) {
            self.empty = 0;
            return false;
        }
        self.empty += 1;
        let ours = look.unacked.is_some_and(|n| n == consumer.held() as u64);
        self.empty >= if ours { SURE } else { LIKELY }
    }
}
