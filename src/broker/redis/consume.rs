//! A subscription: fetches when a list changes, room is made, or a second has passed.
//!
//! Mirrors `kombu.transport.redis.Channel._brpop_start` and `kombu.utils.scheduling`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::claim::Experience;
use super::keeper::hint_ttl;
use super::ledger::{Account, Score};
use super::options::QueueOrder;
use super::scripts::{FETCH, REWRAP, eval};
use super::{Shared, entry, goes_with_consumer, locked};
use crate::broker::{Acker, BrokerError, Command, Delivery, Garbled};
use crate::protocol::{ExchangeType, Queue, codec::json};

/// Messages of one fetch: more would hold up the server and other consumers.
const BATCH: usize = 256;

/// Bytes after which a fetch takes no further message.
const BYTES: usize = 8 << 20;

/// The look that catches what the server failed to tell, and finds a connection that has gone silent.
const SAFETY_POLL: Duration = Duration::from_secs(1);

/// How long a fetch waits for room for more messages, while there is enough to do.
const GATHER: Duration = Duration::from_millis(1);

/// Without `CLIENT TRACKING`: from the first to the last while nothing comes.
const POLL: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// A consumer's end in the transport.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) shared: Arc<Shared>,
    pub(super) account: Arc<Account>,
    deliveries: mpsc::Sender<Delivery>,
    prefetch: usize,
    paused: bool,
    /// Queues with lists, in the order in which they are polled.
    pub(super) queues: VecDeque<Queue>,
    pub(super) experience: Experience,
    /// Fanout queues.
    fanouts: Vec<Queue>,
}

impl Subscription {
    pub(super) fn new(
        shared: Arc<Shared>,
        account: Arc<Account>,
        deliveries: mpsc::Sender<Delivery>,
        prefetch: u32,
    ) -> Self {
        Self {
            shared,
            account,
            deliveries,
            prefetch: prefetch as usize,
            paused: false,
            queues: VecDeque::new(),
            experience: Experience::new(Instant::now()),
            fanouts: Vec::new(),
        }
    }

    /// Consumes from one more queue.
    pub(super) async fn add(&mut self, queue: Queue) -> Result<(), BrokerError> {
        if self
            .queues
            .iter()
            .chain(&self.fanouts)
            .any(|q| q.name == queue.name)
        {
            return Ok(());
        }
        locked(&self.shared.consumed).insert(queue.name.clone(), queue.clone());
        if queue.exchange.kind == ExchangeType::Fanout {
            self.shared
                .fanout_join(&queue, self.deliveries.clone())
                .await?;
            self.fanouts.push(queue);
            return Ok(());
        }
        if !queue.no_ack {
            self.shared.holds.store(true, Ordering::SeqCst);
        }
        self.queues.push_back(queue);
        if self.shared.options.queue_order == QueueOrder::Sorted {
            self.queues
                .make_contiguous()
                .sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(())
    }

    async fn cancel(&mut self, name: &str) -> Result<(), BrokerError> {
        let fanout = self.fanouts.iter().position(|q| q.name == name);
        let list = self.queues.iter().position(|q| q.name == name);
        let queue = match (fanout, list) {
            (Some(i), _) => self.fanouts.remove(i),
            (None, Some(i)) => match self.queues.remove(i) {
                Some(queue) => queue,
                None => return Ok(()),
            },
            (None, None) => return Ok(()),
        };
        locked(&self.shared.consumed).remove(name);
        if queue.exchange.kind == ExchangeType::Fanout {
            self.shared.fanout_leave(&queue).await?;
        }
        if goes_with_consumer(&queue) {
            self.shared.delete(&queue).await?;
        }
        Ok(())
    }

    /// Runs until the consumer is dropped, or the connection closes or is lost.
    pub(super) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut hungry = true;
        let mut idle_polls = 0_u32;
        let mut gathering: Option<Instant> = None;
        loop {
            while let Ok(command) = commands.try_recv() {
                self.obey(command).await;
                hungry = true;
            }
            if self.shared.stopping.is_cancelled()
                || self.shared.connection.is_lost()
                || self.deliveries.is_closed()
            {
                break;
            }
            let (want, free) = self.room();
            let began = Instant::now();
            // While half of the window is at hand there is time to gather room for more than a few.
            // (A window beyond that is one of tasks that wait for their time: most of it is not at hand.)
            let few = want * 2 < self.prefetch && self.prefetch <= 4 * BATCH && free == 0;
            let gathers = few && *gathering.get_or_insert(began + GATHER) > began;
            if hungry && want + free > 0 && !gathers {
                gathering = None;
                match self.fetch(want, free).await {
                    Ok(fetched) => {
                        idle_polls = if fetched.count == 0 {
                            idle_polls.saturating_add(1)
                        } else {
                            0
                        };
                        hungry = !fetched.drained;
                    }
                    Err(error) if error.is_transient() => break,
                    Err(error) => {
                        tracing::error!(%error, "can't fetch messages");
                        tokio::time::sleep_until(began + SAFETY_POLL).await;
                    }
                }
                continue;
            }
            let pause = if hungry && want > 0 {
                GATHER
            } else if self.shared.tracking {
                SAFETY_POLL
            } else {
                (POLL.0 * idle_polls.max(1)).min(POLL.1)
            };
            let full = hungry && self.deliveries.capacity() == 0;
            let command = tokio::select! {
                biased;
                () = self.shared.stopping.cancelled() => break,
                _ = self.shared.connection.lost() => break,
                command = commands.recv() => match command {
                    Some(command) => Some(command),
                    None => break,
                },
                () = self.deliveries.closed() => break,
                () = self.account.wake.notified() => None,
                _ = self.deliveries.reserve(), if full => None,
                () = tokio::time::sleep(pause) => None,
            };
            if let Some(command) = command {
                self.obey(command).await;
            }
            hungry = true;
        }
        for queue in std::mem::take(&mut self.fanouts) {
            if self.shared.stopping.is_cancelled() || self.shared.connection.is_lost() {
                break;
            }
            if let Err(error) = self.cancel_fanout(&queue).await {
                tracing::debug!(%error, queue = %queue.name, "leaving a fanout queue");
            }
        }
    }

    async fn cancel_fanout(&self, queue: &Queue) -> Result<(), BrokerError> {
        locked(&self.shared.consumed).remove(&queue.name);
        self.shared.fanout_leave(queue).await?;
        if goes_with_consumer(queue) {
            self.shared.delete(queue).await?;
        }
        Ok(())
    }

    async fn obey(&mut self, command: Command) {
        let obeyed = match command {
            Command::Prefetch(prefetch) => {
                self.prefetch = prefetch as usize;
                Ok(())
            }
            Command::Add(queue) => self.add(*queue).await,
            Command::Cancel(name) => self.cancel(&name).await,
            Command::Pause => {
                self.paused = true;
                Ok(())
            }
        };
        if let Err(error) = obeyed {
            tracing::error!(%error, "a command to a consumer failed");
        }
    }

    /// How many messages of queues with acks, and how many of those without, may be fetched now.
    fn room(&self) -> (usize, usize) {
        let space = self.deliveries.capacity().min(BATCH);
        let acks = self.queues.iter().any(|q| !q.no_ack);
        let free = self.queues.iter().any(|q| q.no_ack);
        let credit = if self.prefetch == 0 {
            space
        } else {
            self.prefetch.saturating_sub(self.account.held())
        };
        let want = if acks && !self.paused {
            credit.min(space)
        } else {
            0
        };
        (want, if free { space - want } else { 0 })
    }

    async fn fetch(&mut self, want: usize, free: usize) -> Result<Fetched, BrokerError> {
        match self.claim(want).await {
            Ok(Some(arrived)) => return Ok(self.hand_over(arrived, want, false).await),
            Ok(None) => {}
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => self.experience.forbid(&error),
        }
        self.fetch_by_script(want, free).await
    }

    async fn fetch_by_script(&mut self, want: usize, free: usize) -> Result<Fetched, BrokerError> {
        let shared = Arc::clone(&self.shared);
        let keys = &shared.keys;
        let polled: Vec<&Queue> = self
            .queues
            .iter()
            .filter(|q| if q.no_ack { free > 0 } else { want > 0 })
            .collect();
        let mut names = vec![
            keys.unacked.clone(),
            keys.index.clone(),
            keys.consumers.clone(),
            keys.held(&shared.id),
        ];
        for step in &keys.steps {
            names.extend(polled.iter().map(|q| keys.list(&q.name, *step)));
        }
        let mut fetch = FETCH.call(&names);
        let fair = shared.options.queue_order == QueueOrder::RoundRobin;
        fetch
            .arg(want)
            .arg(free)
            .arg(&shared.id)
            .arg(u8::from(fair));
        fetch
            .arg(BYTES)
            .arg(hint_ttl(shared.options.visibility_timeout));
        for queue in &polled {
            fetch.arg(json::to_vec(&queue.name.as_str().into()));
            fetch.arg(u8::from(queue.no_ack));
        }
        let polled: Vec<String> = polled.iter().map(|q| q.name.clone()).collect();
        let answer: Vec<redis::Value> = shared.connection.run_script(&FETCH, &fetch).await?;
        let mut answer = answer.into_iter();
        let drained = matches!(answer.next(), Some(redis::Value::Int(1)));
        let mut arrived = Vec::new();
        // All go into the ledger before the first is handed over, which may wait.
        while let (Some(queue), Some(tag), Some(score), Some(raw)) =
            (answer.next(), answer.next(), answer.next(), answer.next())
        {
            let Some(name) = number(&queue).and_then(|n| polled.get(n.checked_sub(1)?)) else {
                continue;
            };
            let tag = text(tag);
            let score = Score::parse(&text(score));
            if let Some(score) = score {
                shared.ledger.add((&*tag).into(), score, &self.account);
            }
            arrived.push(Arrived {
                queue: name.clone(),
                tag,
                score,
                raw: bytes(raw),
            });
        }
        Ok(self.hand_over(arrived, want, drained).await)
    }

    /// Hands over what is in the ledger already.
    async fn hand_over(&mut self, arrived: Vec<Arrived>, want: usize, drained: bool) -> Fetched {
        let count = arrived.len();
        self.experience.learn(&arrived, want);
        let fair = self.shared.options.queue_order == QueueOrder::RoundRobin;
        let last = arrived.last().filter(|_| fair);
        let last = last.and_then(|last| self.queues.iter().position(|q| q.name == last.queue));
        if let Some(queue) = last.and_then(|i| self.queues.remove(i)) {
            self.queues.push_back(queue);
        }
        for one in arrived {
            self.deliver(one).await;
        }
        Fetched { count, drained }
    }

    async fn deliver(&self, arrived: Arrived) {
        let Arrived {
            queue,
            tag,
            score,
            raw,
        } = arrived;
        let message = match entry::decode(raw) {
            Ok(message) => Ok(message),
            Err((raw, error)) => {
                if let Some(score) = score {
                    self.rewrap(&queue, &tag, score, &raw).await;
                }
                Err(Garbled {
                    raw: raw.into(),
                    error,
                })
            }
        };
        let delivery = Delivery {
            queue,
            message,
            acker: Acker::new(tag, score.map(|_| self.shared.settlements.clone())),
        };
        tokio::select! {
            biased;
            // It stays in the ledger and is given back.
            () = self.shared.stopping.cancelled() => {}
            _ = self.deliveries.send(delivery) => {}
        }
    }

    /// Makes the entry of bytes that are no message readable for the sweeps of Python workers.
    async fn rewrap(&self, queue: &str, tag: &str, score: Score, raw: &[u8]) {
        let keys = &self.shared.keys;
        let mut rewrap = eval(REWRAP, &[&keys.unacked, &keys.index]);
        rewrap.arg(tag).arg(score.to_string());
        rewrap.arg(entry::wrapped(raw, queue));
        if let Err(error) = self.shared.connection.run::<()>(&rewrap).await {
            tracing::warn!(%error, delivery_tag = %tag, "could not wrap an entry that is no message");
        }
    }
}

/// A message that has been taken.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) queue: String,
    pub(super) tag: String,
    /// None for queues without acks.
    pub(super) score: Option<Score>,
    pub(super) raw: Vec<u8>,
}

struct Fetched {
    count: usize,
    /// The lists are empty, and the server tells when that changes.
    drained: bool,
}

fn number(value: &redis::Value) -> Option<usize> {
    match value {
        redis::Value::Int(i) => usize::try_from(*i).ok(),
        _ => None,
    }
}

fn bytes(value: redis::Value) -> Vec<u8> {
    match value {
        redis::Value::BulkString(bytes) => bytes,
        redis::Value::SimpleString(text) => text.into_bytes(),
        _ => Vec::new(),
    }
}

fn text(value: redis::Value) -> String {
    match String::from_utf8(bytes(value)) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}
