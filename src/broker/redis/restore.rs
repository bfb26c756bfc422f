//! Putting messages back: given back, overdue, or held by a consumer that is dead.
//!
//! Mirrors `kombu.transport.redis.QoS.restore_visible` and `restore_by_tag`.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use super::Shared;
use super::entry::Entry;
use super::ledger::{Ours, Score};
use super::scripts::{BURY, OVERDUE, PUTBACK, RELEASE, eval};
use crate::broker::BrokerError;
use crate::broker::virtual_exchange::matching_any;

/// A rcelery consumer that has not been heard of for so long is dead (it says that it lives every
/// [`super::keeper::HEARTBEAT`]). Its messages come back at once instead of after the visibility timeout.
const DEAD_AFTER: Duration = Duration::from_secs(14);

/// Entries of one round trip: they may be large.
const CHUNK: usize = 32;

/// Overdue deliveries of one sweep, without `unacked_restore_limit`.
const SWEEP: usize = 1000;

/// Which end of its list a message is put to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// It comes out last.
    Back,
    /// It comes out next.
    Front,
}

impl Shared {
    /// Puts deliveries back, each only if its score is the given one; returns how many were.
    pub(super) async fn put_back(
        &self,
        held: &str,
        deliveries: &[(String, String)],
        side: Side,
    ) -> Result<usize, BrokerError> {
        let mut done = 0;
        for chunk in deliveries.chunks(CHUNK) {
            let mut hmget = redis::cmd("HMGET");
            hmget.arg(&self.keys.unacked);
            for (tag, _) in chunk {
                hmget.arg(tag);
            }
            let entries: Vec<Option<Vec<u8>>> = self.connection.run(&hmget).await?;
            let mut pipeline = redis::pipe();
            for ((tag, score), entry) in chunk.iter().zip(&entries) {
                let keys = &self.keys;
                let mut names = vec![keys.unacked.clone(), keys.index.clone(), held.to_owned()];
                let mut raw = Vec::new();
                if let Some(bytes) = entry {
                    let Some(entry) = Entry::read(bytes) else {
                        tracing::error!(delivery_tag = %tag, "leaving an entry of `unacked` that cannot be read");
                        continue;
                    };
                    for queue in self.queues_of(&entry).await? {
                        names.push(keys.list_for(&queue, entry.priority));
                    }
                    raw = entry.raw;
                }
                let mut put = eval(PUTBACK, &names);
                put.arg(tag).arg(score);
                put.arg(if side == Side::Front {
                    "RPUSH"
                } else {
                    "LPUSH"
                });
                put.arg(raw);
                pipeline.add_command(put);
            }
            if !pipeline.is_empty() {
                let answers: Vec<usize> = self.connection.run_all(&pipeline).await?;
                done += answers.iter().sum::<usize>();
            }
        }
        Ok(done)
    }

    /// Ours name the queue; a Python worker's name exchange and routing key of the message.
    async fn queues_of(&self, entry: &Entry) -> Result<Vec<String>, BrokerError> {
        if entry.exchange.is_empty() {
            return Ok(vec![entry.routing_key.clone()]);
        }
        let table = self.bindings(&entry.exchange).await?;
        let mut queues = matching_any(&table, &entry.routing_key);
        if queues.is_empty() {
            tracing::warn!(exchange = %entry.exchange, routing_key = %entry.routing_key,
                "restoring a message whose binding is gone to the queue named like its routing key");
            queues.push(entry.routing_key.clone());
        }
        Ok(queues)
    }

    /// Gives back all that this connection holds, to the front in its order, and forgets this connection.
    pub(super) async fn give_back_all(&self) -> Result<(), BrokerError> {
        let all: Vec<_> = self.ledger.all().iter().rev().map(Ours::texts).collect();
        let held = self.keys.held(&self.id);
        self.put_back(&held, &all, Side::Front).await?;
        self.bury(&self.id).await
    }

    /// One sweep: puts back what is overdue and what dead consumers held.
    pub(super) async fn sweep(&self) -> Result<(), BrokerError> {
        let mut overdue = eval(OVERDUE, &[&self.keys.index, &self.keys.consumers]);
        overdue.arg(self.options.visibility_timeout.as_secs_f64());
        overdue.arg(DEAD_AFTER.as_secs_f64());
        overdue.arg(self.options.restore_limit.unwrap_or(SWEEP));
        let (late, dead): (Vec<String>, Vec<String>) = self.connection.run(&overdue).await?;
        if late.is_empty() && dead.is_empty() {
            return Ok(());
        }
        let token = Uuid::new_v4().simple().to_string();
        let mut lock = redis::cmd("SET");
        lock.arg(&self.keys.mutex).arg(&token).arg("NX").arg("PX");
        lock.arg(self.options.unacked_mutex_expire.as_millis().to_string());
        let ours: Option<String> = self.connection.run(&lock).await?;
        if ours.is_none() {
            return Ok(());
        }
        let swept = self.put_back_late(late, dead).await;
        let mut release = eval(RELEASE, &[&self.keys.mutex]);
        release.arg(&token);
        self.connection.run::<()>(&release).await?;
        swept
    }

    async fn put_back_late(&self, late: Vec<String>, dead: Vec<String>) -> Result<(), BrokerError> {
        let late = pairs(late);
        let count = self
            .put_back(&self.keys.held(&self.id), &late, Side::Front)
            .await?;
        if count > 0 {
            tracing::warn!(
                count,
                "restored messages that were not acknowledged within the visibility timeout"
            );
        }
        for id in dead {
            if id == self.id {
                continue;
            }
            let held = self.keys.held(&id);
            let mut all = redis::cmd("HGETALL");
            all.arg(&held);
            let hints: HashMap<String, String> = match self.connection.run(&all).await {
                Ok(hints) => hints,
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => {
                    // One that can't be read must not keep the others from being restored.
                    tracing::error!(%error, consumer = %id, "can't read what a consumer held that has gone");
                    continue;
                }
            };
            let mut deliveries: Vec<_> = hints.into_iter().collect();
            // The youngest goes to the front first, so that the oldest comes out first.
            deliveries.sort_by_cached_key(|(_, score)| std::cmp::Reverse(Score::parse(score)));
            if !deliveries.is_empty() {
                let count = self.put_back(&held, &deliveries, Side::Front).await?;
                tracing::warn!(count, consumer = %id, "restored messages of a consumer that has gone");
            }
            self.bury(&id).await?;
        }
        Ok(())
    }

    async fn bury(&self, id: &str) -> Result<(), BrokerError> {
        let mut bury = eval(BURY, &[&self.keys.consumers, &self.keys.held(id)]);
        bury.arg(id);
        self.connection.run(&bury).await
    }
}

/// Tags and scores as scripts answer them.
fn pairs(flat: Vec<String>) -> Vec<(String, String)> {
    let mut flat = flat.into_iter();
    let mut pairs = Vec::new();
    while let (Some(tag), Some(score)) = (flat.next(), flat.next()) {
        pairs.push((tag, score));
    }
    pairs
}
