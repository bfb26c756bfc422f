//! Settlements: what arrives while one round trip is under way goes out with the next.
//!
//! Mirrors `kombu.transport.redis.QoS.ack` and `reject`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Shared;
use super::ledger::Ours;
use super::restore::Side;
use super::scripts::SETTLE;
use crate::broker::{BrokerError, Settle, Settlement};
use crate::protocol::Ident;

/// Most settlements of one round trip: the script blocks the server for about a millisecond.
const BATCH: usize = 1000;

/// Messages are restored in bursts, which must go out together: only then their order can be kept.
const GATHER: Duration = Duration::from_millis(5);

/// Writes settlements until the connection closes; then those that are left.
pub(super) async fn run(shared: Arc<Shared>, mut settlements: mpsc::UnboundedReceiver<Settlement>) {
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            biased;
            n = settlements.recv_many(&mut batch, BATCH) => if n == 0 { return },
            () = shared.stopping.cancelled() => settlements.close(),
            // Ackers learn that the connection is gone.
            _ = shared.connection.lost() => return,
        }
        if batch.is_empty() {
            continue;
        }
        if batch.iter().any(|s| s.how == Settle::Restore) {
            tokio::time::sleep(GATHER).await;
            while let Ok(settlement) = settlements.try_recv() {
                batch.push(settlement);
            }
        }
        if let Err(error) = shared.settle(std::mem::take(&mut batch)).await {
            tracing::warn!(%error, "settlements were not written: their messages will come again");
        }
    }
}

impl Shared {
    async fn settle(&self, batch: Vec<Settlement>) -> Result<(), BrokerError> {
        let _scores = self.scores.lock().await;
        let mut done = Vec::new();
        let mut requeue = Vec::new();
        let mut restore = Vec::new();
        let mut taken_back = Vec::new();
        for Settlement { delivery_tag, how } in batch {
            let tag = Ident::from(&*delivery_tag);
            let Some(taken) = self.ledger.take(&tag) else {
                tracing::debug!(%delivery_tag, "settling a delivery that is not ours any more");
                continue;
            };
            let (seq, score) = (taken.seq, taken.score);
            let ours = Ours { seq, tag, score };
            match how {
                Settle::Ack | Settle::Reject => done.push(ours),
                Settle::Requeue => {
                    requeue.push(ours);
                    taken_back.push(taken);
                }
                Settle::Restore => {
                    restore.push(ours);
                    taken_back.push(taken);
                }
            }
        }
        let forgotten = self.forget(&done);
        // The first to be delivered is put to the front last, so that it comes out first again.
        restore.sort_unstable_by_key(|ours| std::cmp::Reverse(ours.seq));
        let requeue: Vec<_> = requeue.iter().map(Ours::texts).collect();
        let restore: Vec<_> = restore.iter().map(Ours::texts).collect();
        let held = self.keys.held(&self.id);
        let back = async {
            self.put_back(&held, &requeue, Side::Back).await?;
            self.put_back(&held, &restore, Side::Front).await
        };
        let (forgotten, back) = tokio::join!(forgotten, back);
        drop(taken_back);
        if forgotten.is_err() {
            // Not known to be written: they stay ours, for the next connection to take over and settle again.
            let account = Arc::default();
            for ours in done {
                self.ledger.add(ours.tag, ours.score, &account);
            }
        }
        forgotten?;
        back.map(|_| ())
    }

    pub(super) async fn forget(&self, done: &[Ours]) -> Result<(), BrokerError> {
        let mut stale: Vec<String> = Vec::new();
        for chunk in done.chunks(BATCH) {
            let keys = &self.keys;
            let mut settle = SETTLE.call(&[&keys.unacked, &keys.index, &keys.held(&self.id)]);
            for ours in chunk {
                settle.arg(ours.score.to_string());
            }
            for ours in chunk {
                settle.arg(ours.tag.to_string());
            }
            let found: Vec<String> = self.connection.run_script(&SETTLE, &settle).await?;
            stale.extend(found);
        }
        for delivery_tag in stale {
            tracing::warn!(
                %delivery_tag,
                "settled too late: the message was given to another consumer after its visibility timeout"
            );
        }
        Ok(())
    }
}
