//! Taking messages without a script: Lua copies each of them twice, and hashes every byte of both copies.
//!
//! The end of a list is read; then one transaction records each of these messages and removes them from the list, if they
//! are still there. That takes half of the server's time where a worker is alone with its queue. Where another consumer was
//! faster the records go again; only a crash in between leaves them, to be delivered once more. So all of this is for those
//! who are alone: what others take is left to the script.

use std::io::Write as _;
use std::time::Duration;

use redis::RedisWrite as _;
use tokio::time::Instant;
use uuid::Uuid;

use super::consume::{Arrived, Subscription};
use super::keeper::hint_ttl;
use super::ledger::{Ours, Score};
use super::options::QueueOrder;
use super::scripts::{TRIM, eval};
use crate::broker::BrokerError;
use crate::protocol::codec::json;

/// Messages of this size, on average, are worth it even if they come one by one.
const LARGE: usize = 4 << 10;

/// Small ones only if there are many: a script needs one round trip, this needs three.
const MANY: usize = 32;

/// More lists than that are left to the script: each has to be asked for its length.
const LISTS: usize = 16;

/// So many messages are removed by looking at some of them; of fewer, each is sent back to be removed.
const TRIMMED: usize = 8;
/// How many of the oldest are looked at, which would be taken first; and the newest that was read.
const LOOKED_AT: usize = 4;

/// Messages of one transaction, and about how many bytes.
const TOGETHER: usize = 256;
const BYTES: usize = 4 << 20;

/// How long a queue is left to the script after another consumer was seen there: at first, and after many times.
const SHARED: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(300)];

/// Entries that the server may have to walk through, should another consumer take what was read: a tenth of a second.
const WALK: u64 = 4_000_000;

/// What a subscription knows of the messages that it gets.
#[derive(Debug)]
pub(super) struct Experience {
    /// Bytes of a message, on average of late.
    average: usize,
    /// Bytes of the largest of the last fetch.
    largest: usize,
    /// Messages to read at once: more from time to time, as none may know how large the next ones are.
    step: usize,
    /// The last fetch brought as much as it asked for.
    filled: bool,
    /// Another consumer takes from the same list until then.
    shared: Instant,
    /// How long the next such time is.
    pause: Duration,
    forbidden: bool,
}

impl Experience {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            average: 0,
            largest: 0,
            step: MANY,
            filled: false,
            shared: now,
            pause: SHARED[0],
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
            self.largest = arrived.iter().map(|one| one.raw.len()).max().unwrap_or(0);
            self.step = (self.step * 2).min(TOGETHER);
        }
    }

    /// Leaves the list to the script for a while: somebody else takes from it.
    fn share(&mut self, now: Instant) {
        self.shared = now + self.pause;
        self.pause = (self.pause * 2).min(SHARED[1]);
        self.step = MANY;
    }

    /// How many messages to read, if `want` are wanted.
    fn count(&self, want: usize) -> usize {
        let fit = (BYTES / self.largest.max(1)).max(1);
        want.min(self.step).min(fit)
    }

    fn is_worth_it(&self, want: usize, now: Instant) -> bool {
        !self.forbidden
            && now >= self.shared
            && (self.average >= LARGE || self.filled && want >= MANY)
    }
}

/// What was read of the most urgent list.
#[derive(Debug)]
pub(super) struct Look {
    queue: String,
    list: String,
    /// The oldest first.
    raws: Vec<Vec<u8>>,
    /// The server's time, in microseconds.
    now: u64,
}

impl Subscription {
    /// Takes up to `want` messages of the most urgent list that has any; none if a script should do it: where it is not
    /// worth it, where there are none, and where others take from the same lists.
    pub(super) async fn claim(&mut self, want: usize) -> Result<Option<Vec<Arrived>>, BrokerError> {
        if want == 0 || !self.experience.is_worth_it(want, Instant::now()) {
            return Ok(None);
        }
        let Some(look) = self.look(want).await? else {
            return Ok(None);
        };
        let found = look.raws.len();
        let arrived = self.record(look).await?;
        if arrived.len() < found {
            self.experience.share(Instant::now());
        }
        Ok((!arrived.is_empty()).then_some(arrived))
    }

    /// Reads the end of the most urgent list that has anything; none if all are empty or a script should do it.
    async fn look(&self, want: usize) -> Result<Option<Look>, BrokerError> {
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
        let range = |list: &str, count: usize| {
            let mut range = redis::cmd("LRANGE");
            let from = -i64::try_from(count).unwrap_or(1);
            range.arg(list).arg(from).arg(-1).to_owned()
        };
        let mut look = redis::pipe();
        look.cmd("TIME");
        look.cmd("ZCARD").arg(&keys.consumers);
        for (_, list) in &lists {
            look.cmd("LLEN").arg(list);
        }
        // With one queue the answer is nearly always in its first list: that is read along.
        let count = self.experience.count(want);
        let guess = (self.queues.len() == 1).then_some(0);
        if let Some((_, list)) = guess.and_then(|i: usize| lists.get(i)) {
            look.add_command(range(list, count));
        }
        let looked: Vec<redis::Value> = self.shared.connection.run_all(&look).await?;
        let mut looked = looked.into_iter();
        let now = looked.next().and_then(|time| micros(&time));
        let number = |n: redis::Value| redis::from_redis_value::<u64>(n).unwrap_or(u64::MAX);
        let consumers = looked.next().map_or(u64::MAX, number);
        let lengths: Vec<u64> = looked.by_ref().take(lists.len()).map(number).collect();
        let first = lengths.iter().position(|n| *n > 0);
        let (Some(now), Some(first)) = (now, first) else {
            return Ok(None);
        };
        let walk = lengths[first].saturating_mul(count.min(TRIMMED) as u64);
        if consumers > 1 || walk > WALK {
            return Ok(None);
        }
        // Where several queues are filled each has its turn: large messages one by one, small ones by script.
        let fair = self.shared.options.queue_order == QueueOrder::RoundRobin;
        let alone = lengths.iter().filter(|n| **n > 0).count() == 1;
        if fair && !alone && self.queues.len() > 1 && self.experience.average < LARGE {
            return Ok(None);
        }
        let (queue, list) = &lists[first];
        let mut raws: Vec<Vec<u8>> = if guess == Some(first) {
            let read = looked.next().unwrap_or(redis::Value::Nil);
            redis::from_redis_value(read).unwrap_or_default()
        } else {
            let range = range(list, if fair && !alone { 1 } else { count });
            self.shared.connection.run(&range).await?
        };
        // The oldest is the last.
        raws.reverse();
        let mut bytes = 0;
        let fits = raws.iter().take_while(|raw| {
            let fits = bytes < BYTES;
            bytes += raw.len();
            fits
        });
        let fits = fits.count();
        raws.truncate(fits);
        Ok(Some(Look {
            queue: self.queues[*queue].name.clone(),
            list: list.clone(),
            raws,
            now,
        }))
    }

    /// Records messages and removes them from their list; returns those that were still there.
    async fn record(&self, look: Look) -> Result<Vec<Arrived>, BrokerError> {
        let Look {
            queue,
            list,
            raws,
            now,
        } = look;
        if raws.is_empty() {
            return Ok(Vec::new());
        }
        let (shared, keys) = (&self.shared, &self.shared.keys);
        let held = keys.held(&shared.id);
        let name = json::to_vec(&queue.as_str().into());
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
            let mut record = entries.writer_for_next_arg();
            for part in [b"[", &raw[..], b", \"\", ", &name, b"]"] {
                record
                    .write_all(part)
                    .expect("memory takes what is written");
            }
            drop(record);
            index.arg(&text).arg(&tag);
            hints.arg(&tag).arg(&text);
            ours.push((tag, score));
        }
        let mut claim = redis::pipe();
        claim.atomic();
        for record in [entries, index, hints] {
            claim.add_command(record).ignore();
        }
        let is_trimmed = raws.len() >= TRIMMED;
        if let [.., first] = &raws[..]
            && is_trimmed
        {
            let mut trim = eval(TRIM, &[&list]);
            trim.arg(raws.len()).arg(&first[..]);
            for last in &raws[..LOOKED_AT] {
                trim.arg(&last[..]);
            }
            claim.add_command(trim);
        } else {
            for raw in &raws {
                claim.cmd("LREM").arg(&list).arg(-1).arg(&raw[..]);
            }
        }
        let alive = Score::of(now).to_string();
        let ttl = hint_ttl(shared.options.visibility_timeout);
        claim.cmd("ZADD").arg(&keys.consumers).arg("GT");
        claim.arg(alive).arg(&shared.id).ignore();
        for hint in [&keys.consumers, &held] {
            claim.cmd("EXPIRE").arg(hint).arg(ttl).ignore();
        }
        let mut removed: Vec<i64> = match shared.connection.run_all(&claim).await {
            Ok(removed) => removed,
            Err(error) => {
                if !error.is_transient() {
                    // What was refused may have stood behind the records, which stay if nobody takes them back.
                    let ours = ours.into_iter().map(|(tag, score)| Ours {
                        seq: 0,
                        tag: (&*tag).into(),
                        score,
                    });
                    shared.forget(&ours.collect::<Vec<_>>()).await?;
                }
                return Err(error);
            }
        };
        if is_trimmed {
            // All or none.
            removed = vec![removed.first().copied().unwrap_or(0); raws.len()];
        }
        let mut arrived = Vec::with_capacity(raws.len());
        let mut lost = Vec::new();
        for (((tag, score), raw), removed) in ours.into_iter().zip(raws).zip(removed) {
            if removed == 1 {
                shared.ledger.add((&*tag).into(), score, &self.account);
                arrived.push(Arrived {
                    queue: queue.clone(),
                    tag,
                    score: Some(score),
                    raw,
                });
            } else {
                let tag = (&*tag).into();
                lost.push(Ours { seq: 0, tag, score });
            }
        }
        if let Err(error) = shared.forget(&lost).await {
            tracing::warn!(%error, "records of messages that others have taken are left: they will run again");
        }
        Ok(arrived)
    }
}

/// The answer to `TIME` in microseconds.
fn micros(time: &redis::Value) -> Option<u64> {
    let (seconds, micros): (u64, u64) = redis::from_redis_value_ref(time).ok()?;
    seconds.checked_mul(1_000_000)?.checked_add(micros)
}
