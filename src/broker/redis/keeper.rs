//! Keeps a connection's rights alive: says that it lives, renews what it holds, prolongs bindings, sweeps.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::ledger::{Ours, Score};
use super::scripts::RENEW;
use super::{Shared, expires_ms, locked};
use crate::broker::BrokerError;
use crate::protocol::Queue;

/// How often a consumer says that it lives; three missed ones are death (`DEAD_AFTER`).
pub(super) const HEARTBEAT: Duration = Duration::from_secs(4);

/// How often the connection of a pure publisher is checked.
const IDLE_CHECK: Duration = Duration::from_secs(25);

/// Scores are renewed at least this often, so that clocks that differ do no harm.
const RENEW_AT_LEAST: Duration = Duration::from_secs(60);

/// How often overdue messages are looked for.
const SWEEP: Duration = Duration::from_secs(5);

/// How often the bindings of expiring queues are prolonged (they live for an hour at least).
const REBIND: Duration = Duration::from_secs(600);

/// Deliveries renewed by one script: it blocks the server for about a millisecond.
const BATCH: usize = 500;

/// Seconds that our hints outlive the last heartbeat.
pub(super) fn hint_ttl(visibility_timeout: Duration) -> u64 {
    visibility_timeout
        .as_secs()
        .saturating_mul(2)
        .clamp(3600, 604_800)
}

/// Runs until the connection closes or is lost.
pub(super) async fn run(shared: Arc<Shared>) {
    let renew_every = (shared.options.visibility_timeout / 3).min(RENEW_AT_LEAST);
    let beat = HEARTBEAT.min(renew_every).max(Duration::from_millis(50));
    let sweep_every = SWEEP.min(shared.options.visibility_timeout);
    let start = Instant::now();
    let (mut checked, mut renewed, mut bound) = (start, start, start);
    let mut swept: Option<Instant> = None;
    loop {
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => return,
            _ = shared.connection.lost() => return,
            () = tokio::time::sleep(beat) => {}
        }
        let now = Instant::now();
        let round = async {
            if shared.holds.load(Ordering::SeqCst) {
                let deliveries = if now - renewed >= renew_every {
                    renewed = now;
                    shared.ledger.all()
                } else {
                    Vec::new()
                };
                // First that it lives, which waits for nobody.
                shared.renew(&[]).await?;
                if !deliveries.is_empty() {
                    shared.renew(&deliveries).await?;
                }
                if swept.is_none_or(|at| now - at >= sweep_every) {
                    swept = Some(now);
                    shared.sweep().await?;
                }
            } else if now - checked >= IDLE_CHECK || !locked(&shared.consumed).is_empty() {
                checked = now;
                shared.connection.run::<()>(&redis::cmd("PING")).await?;
            }
            if let Some(ears) = shared.ears.get() {
                ears.run::<()>(&redis::cmd("PING")).await?;
            }
            if now - bound >= REBIND {
                bound = now;
                shared.rebind().await?;
            }
            Ok::<(), BrokerError>(())
        };
        if let Err(error) = round.await {
            tracing::warn!(%error, "could not renew what is held, or restore what is overdue");
        }
    }
}

impl Shared {
    pub(super) async fn renew(&self, deliveries: &[Ours]) -> Result<(), BrokerError> {
        let keys = [
            &self.keys.index,
            &self.keys.consumers,
            &self.keys.held(&self.id),
        ];
        let mut rest = deliveries;
        loop {
            let (batch, later) = rest.split_at(rest.len().min(BATCH));
            let _scores = if batch.is_empty() {
                None
            } else {
                Some(self.scores.lock().await)
            };
            let mut renew = RENEW.call(&keys);
            renew
                .arg(&self.id)
                .arg(hint_ttl(self.options.visibility_timeout));
            for ours in batch {
                renew.arg(ours.tag.to_string()).arg(ours.score.to_string());
            }
            let scores: Vec<String> = self.connection.run_script(&RENEW, &renew).await?;
            for (Ours { tag, .. }, score) in batch.iter().zip(scores) {
                if let Some(score) = Score::parse(&score) {
                    self.ledger.renew(tag, score);
                } else if self.ledger.take(tag).is_some() {
                    // Not settled meanwhile: it was taken from us.
                    tracing::warn!(delivery_tag = %tag, "a message was restored while it was held here: it will run again");
                }
            }
            if later.is_empty() {
                return Ok(());
            }
            rest = later;
        }
    }

    async fn rebind(&self) -> Result<(), BrokerError> {
        let expiring: Vec<Queue> = locked(&self.consumed)
            .values()
            .filter(|queue| expires_ms(queue).is_some())
            .cloned()
            .collect();
        for queue in expiring {
            self.bind(&queue).await?;
        }
        Ok(())
    }
}
