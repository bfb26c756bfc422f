//! Taking messages without a script: Lua copies each of them twice, and hashes every byte of both copies.
//!
//! The end of a list is read; then one transaction records each of these messages and removes it from the list, if it is
//! still there. That takes half of the server's time where a worker is alone with its queue. Where another consumer was
//! faster a record goes again, and only a crash in between leaves it, to be delivered once more after the visibility
//! timeout; so those who share a queue leave it to the script.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::consume::{Arrived, Subscription};
use super::keeper::hint_ttl;
use super::ledger::{Ours, Score};
use super::options::QueueOrder;
use crate::broker::BrokerError;
use crate::protocol::codec::json;

/// Messages of this size, on average, are worth it even if they come one by one.
const LARGE: usize = 4 << 10;

/// Small ones only if there are many: a script needs one round trip, this needs three.
const MANY: usize = 32;

/// More lists than that are left to the script: each has to be asked for its length.
const LISTS: usize = 16;

/// Messages of one transaction, and about how many bytes.
const TOGETHER: usize = 256;
const BYTES: usize = 4 << 20;

/// How long a queue is left to the script after another consumer was seen there.
const SHARED: Duration = Duration::from_secs(1);

/// What a subscription knows of the messages that it gets.
#[derive(Debug)]
pub(super) struct Experience {
    /// Bytes of a message, on average of late.
    average: usize,
    /// The last fetch brought as much as it asked for.
    filled: bool,
    /// Another consumer takes from the same list until then.
    shared: Instant,
    forbidden: bool,
}

impl Experience {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            average: 0,
            filled: false,
            shared: now,
            forbidden: false,
        }
    }

    /// Leaves everything to the script from now on: this user may not call what it takes, or the server has no room for it.
    pub(super) fn forbid(&mut self, error: &BrokerError) {
        tracing::debug!(%error, "messages are taken by script alone");
        self.forbidden = true;
    }

    /// Learns from a fetch of `want` messages.
    pub(super) fn learn(&mut self, arrived: &[Arrived], want: usize) {
        self.filled = arrived.len() >= want;
        if !arrived.is_empty() {
            let bytes: usize = arrived.iter().map(|one| one.raw.len()).sum();
            self.average = (self.average + bytes / arrived.len()) / 2;
        }
    }

    fn is_worth_it(&self, want: usize, now: Instant) -> bool {
        !self.forbidden
            && now >= self.shared
            && (self.average >= LARGE || self.filled && want >= MANY)
    }
}

impl Subscription {
    /// Takes up to `want` messages of the most urgent list that has any; none if a script should do it: where it is not
    /// worth it, where there are none, and where another consumer has been faster.
    pub(super) async fn claim(&mut self, want: usize) -> Result<Option<Vec<Arrived>>, BrokerError> {
        if want == 0 || !self.experience.is_worth_it(want, Instant::now()) {
            return Ok(None);
        }
        let keys = &self.shared.keys;
        let lists: Vec<(usize, String)> = keys
            .steps
            .iter()
            .flat_map(|step| {
                let lists = self.queues.iter().enumerate();
                lists.map(move |(i, q)| (i, keys.list(&q.name, *step)))
            })
            .collect();
        if lists.len() > LISTS || self.queues.iter().any(|q| q.no_ack) {
            return Ok(None);
        }
        let mut look = redis::pipe();
        look.cmd("TIME");
        for (_, list) in &lists {
            look.cmd("LLEN").arg(list);
        }
        let looked: Vec<redis::Value> = self.shared.connection.run_all(&look).await?;
        let mut looked = looked.into_iter();
        let now = looked.next().and_then(|time| micros(&time));
        let filled: Vec<bool> = looked.map(|n| n != redis::Value::Int(0)).collect();
        let first = filled.iter().position(|filled| *filled);
        let (Some(now), Some((queue, list))) = (now, first.and_then(|i| lists.get(i))) else {
            return Ok(None);
        };
        // Where several queues are filled each has its turn; a few at a time keep that from being slow.
        let fair = self.shared.options.queue_order == QueueOrder::RoundRobin;
        let alone = filled.iter().filter(|filled| **filled).count() == 1;
        if fair && !alone && self.experience.average < LARGE {
            return Ok(None);
        }
        let most = if fair && !alone { 1 } else { TOGETHER };
        let fit = (BYTES / self.experience.average.max(1)).max(1);
        let count = want.min(most).min(fit);

        let mut range = redis::cmd("LRANGE");
        let from = -i64::try_from(count).unwrap_or(1);
        range.arg(list).arg(from).arg(-1);
        let mut raws: Vec<Vec<u8>> = self.shared.connection.run(&range).await?;
        // The oldest is the last.
        raws.reverse();
        let (found, name) = (raws.len(), self.queues[*queue].name.clone());
        let arrived = self.record(&name, list, raws, now).await?;
        if arrived.len() < found {
            self.experience.shared = Instant::now() + SHARED;
        }
        Ok((!arrived.is_empty()).then_some(arrived))
    }

    /// Records messages and removes them from their list; returns those that were still there.
    async fn record(
        &self,
        queue: &str,
        list: &str,
        raws: Vec<Vec<u8>>,
        now: u64,
    ) -> Result<Vec<Arrived>, BrokerError> {
        if raws.is_empty() {
            return Ok(Vec::new());
        }
        let (shared, keys) = (&self.shared, &self.shared.keys);
        let held = keys.held(&shared.id);
        let name = json::to_vec(&queue.into());
        let bytes: usize = raws.iter().map(|raw| raw.len() + name.len() + 64).sum();
        let mut entries = redis::Cmd::with_capacity(2 * raws.len() + 2, bytes + 256);
        entries.arg("HSET").arg(&keys.unacked);
        let mut index = redis::cmd("ZADD");
        index.arg(&keys.index);
        let mut hints = redis::cmd("HSET");
        hints.arg(&held);
        let mut ours = Vec::with_capacity(raws.len());
        for (raw, micros) in raws.iter().zip(now..) {
            let score = Score::of(micros);
            // One message may be in several queues under one tag, so the record has a tag of its own.
            let mut tag = Uuid::new_v4().to_string();
            if ours.is_empty() && raws.len() >= MANY {
                // Beyond 64 bytes Redis keeps no compact form of the index, in which it would look for the place of each
                // of the others one by one (`zset-max-listpack-value`).
                tag = format!("{tag}.{}", shared.id);
            }
            let text = score.to_string();
            entries.arg(&tag);
            entries.arg([b"[", &raw[..], b", \"\", ", &name, b"]"].concat());
            index.arg(&text).arg(&tag);
            hints.arg(&tag).arg(&text);
            ours.push((tag, score));
        }
        let mut claim = redis::pipe();
        claim.atomic();
        for record in [entries, index, hints] {
            claim.add_command(record).ignore();
        }
        for raw in &raws {
            claim.cmd("LREM").arg(list).arg(-1).arg(&raw[..]);
        }
        let alive = Score::of(now).to_string();
        let ttl = hint_ttl(shared.options.visibility_timeout);
        claim.cmd("ZADD").arg(&keys.consumers).arg(alive);
        claim.arg(&shared.id).ignore();
        for hint in [&keys.consumers, &held] {
            claim.cmd("EXPIRE").arg(hint).arg(ttl).ignore();
        }
        let removed: Vec<i64> = shared.connection.run_all(&claim).await?;
        let mut arrived = Vec::with_capacity(raws.len());
        let mut lost = Vec::new();
        for (((tag, score), raw), removed) in ours.into_iter().zip(raws).zip(removed) {
            if removed == 1 {
                shared.ledger.add((&*tag).into(), score, &self.account);
                arrived.push(Arrived {
                    queue: queue.to_owned(),
                    tag,
                    score: Some(score),
                    raw,
                });
            } else {
                let tag = (&*tag).into();
                lost.push(Ours { seq: 0, tag, score });
            }
        }
        shared.forget(&lost).await?;
        Ok(arrived)
    }
}

/// The answer to `TIME` in microseconds.
fn micros(time: &redis::Value) -> Option<u64> {
    let (seconds, micros): (u64, u64) = redis::from_redis_value_ref(time).ok()?;
    seconds.checked_mul(1_000_000)?.checked_add(micros)
}
