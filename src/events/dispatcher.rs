//! The sending side: builds events where they happen, and publishes them in the background.
//!
//! Sending never waits: events go into a bounded buffer, which [`Dispatcher::run`] empties over the connection of the
//! moment. Mirrors `celery.events.dispatcher`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::Options;
use crate::broker::{Broker, BrokerError, Destination};
use crate::protocol::event::{self, Event, Origin};
use crate::protocol::{LamportClock, Map, Message};

/// Events of tasks in one message (`celery.events.dispatcher`, `buffer_limit`).
const MULTI: usize = 24;
/// Messages in one round trip.
const BATCH: usize = 64;
/// How long task events are gathered after the first.
const GATHER: Duration = Duration::from_millis(3);
/// Events kept while the broker is away: a few seconds of a busy worker, some 10 MB.
const KEPT: usize = 10_000;
/// How long publishing a batch may take.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);

/// Which events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    /// Events of tasks, and custom ones (`-E`).
    pub tasks: bool,
    /// Events of the worker itself.
    pub workers: bool,
}

/// Sends events. One for the life of a worker or client, whatever becomes of its connections.
#[derive(Debug)]
pub struct Dispatcher {
    origin: Origin,
    clock: Arc<LamportClock>,
    options: Options,
    tasks: AtomicBool,
    workers: AtomicBool,
    buffer: Mutex<Buffer>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Buffer {
    events: VecDeque<Event>,
    /// Whether events have been dropped since the buffer was last empty.
    overflowed: bool,
}

impl Dispatcher {
    /// A dispatcher that sends as `origin`; `clock` is the app's.
    #[must_use]
    pub fn new(origin: Origin, clock: Arc<LamportClock>, options: Options, groups: Groups) -> Self {
        Self {
            origin,
            clock,
            options,
            tasks: AtomicBool::new(groups.tasks),
            workers: AtomicBool::new(groups.workers),
            buffer: Mutex::default(),
            arrived: Notify::new(),
        }
    }

    /// Whether task events are sent.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.tasks.load(Ordering::Relaxed)
    }

    /// Turns task events on or off; false if they were so already.
    pub fn enable(&self, on: bool) -> bool {
        self.tasks.swap(on, Ordering::Relaxed) != on
    }

    /// Sends an event of a task (`task-started`) or a custom one. `fields` is not called while they are off.
    pub fn task(&self, kind: &str, fields: impl FnOnce() -> Map) {
        if self.is_enabled() {
            self.push(self.event(kind, fields()));
        }
    }

    /// Sends an event of the worker (`worker-heartbeat`).
    pub fn worker(&self, kind: &str, fields: Map) {
        if self.workers.load(Ordering::Relaxed) {
            self.push(self.event(kind, fields));
        }
    }

    /// Builds the message of an event for the caller to publish with others: how clients send `task-sent`.
    #[must_use]
    pub fn message(&self, broker: &dyn Broker, kind: &str, fields: Map) -> (Destination, Message) {
        self.single(broker, &self.event(kind, fields))
    }

    fn event(&self, kind: &str, fields: Map) -> Event {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let timestamp = now.unwrap_or_default().as_secs_f64();
        Event::new(kind, &self.origin, self.clock.forward(), timestamp, fields)
    }

    fn push(&self, event: Event) {
        let mut buffer = self.lock();
        if buffer.events.len() >= KEPT {
            buffer.events.pop_front();
            if !std::mem::replace(&mut buffer.overflowed, true) {
                warn!("dropping the oldest events: {KEPT} wait to be sent");
            }
        }
        buffer.events.push_back(event);
        drop(buffer);
        self.arrived.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes events until the connection is lost. Spawn one for each connection, and end it with the connection;
    /// what was not sent waits for the next.
    ///
    /// # Errors
    /// What the broker says, or `Timeout`.
    ///
    /// # Cancel safety
    /// Events that are just being published when the future is dropped may be lost.
    pub async fn run(&self, broker: &dyn Broker) -> Result<(), BrokerError> {
        loop {
            let waiting = self.lock().events.len();
            if waiting == 0 {
                self.arrived.notified().await;
                continue;
            }
            if waiting < MULTI {
                tokio::time::sleep(GATHER).await;
            }
            self.flush(broker).await?;
        }
    }

    /// Publishes what waits: at the end of a worker, after `worker-offline`.
    ///
    /// # Errors
    /// What the broker says, or `Timeout`.
    pub async fn flush(&self, broker: &dyn Broker) -> Result<(), BrokerError> {
        loop {
            let batch = self.take(broker);
            if batch.is_empty() {
                return Ok(());
            }
            let count = batch.len();
            timeout(PUBLISH_TIMEOUT, broker.publish(batch))
                .await
                .unwrap_or_else(|_| {
                    Err(BrokerError::Timeout(format!(
                        "publishing events took longer than {} s",
                        PUBLISH_TIMEOUT.as_secs()
                    )))
                })?;
            debug!(messages = count, "events sent");
        }
    }

    /// The next messages: task events that follow each other share one, all others have their own.
    fn take(&self, broker: &dyn Broker) -> Vec<(Destination, Message)> {
        let mut batch = Vec::new();
        let mut multi: Vec<Event> = Vec::new();
        let mut buffer = self.lock();
        while batch.len() < BATCH {
            let Some(event) = buffer.events.pop_front() else {
                buffer.overflowed = false;
                break;
            };
            if event.kind.starts_with("task-") {
                multi.push(event);
                if multi.len() == MULTI {
                    batch.push(self.multi(broker, &std::mem::take(&mut multi)));
                }
            } else {
                if !multi.is_empty() {
                    batch.push(self.multi(broker, &std::mem::take(&mut multi)));
                }
                batch.push(self.single(broker, &event));
            }
        }
        drop(buffer);
        if !multi.is_empty() {
            batch.push(self.multi(broker, &multi));
        }
        batch
    }

    fn single(&self, broker: &dyn Broker, one: &Event) -> (Destination, Message) {
        (
            self.destination(broker, &one.routing_key()),
            event::single(one, &self.origin.hostname),
        )
    }

    fn multi(&self, broker: &dyn Broker, events: &[Event]) -> (Destination, Message) {
        (
            self.destination(broker, "task.multi"),
            event::multi(events, &self.origin.hostname),
        )
    }

    fn destination(&self, broker: &dyn Broker, routing_key: &str) -> Destination {
        let exchange = self.options.exchange_on(broker);
        Destination::exchange(&exchange.name, exchange.kind, routing_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::fake::FakeBroker;
    use crate::protocol::ExchangeType;
    use crate::protocol::Value;
    use crate::protocol::codec::{Accept, decode_body};

    fn dispatcher(tasks: bool) -> Dispatcher {
        let origin = Origin {
            hostname: "w1@h".to_owned(),
            utcoffset: 0.0,
            pid: 7,
        };
        let groups = Groups {
            tasks,
            workers: true,
        };
        Dispatcher::new(origin, Arc::default(), Options::default(), groups)
    }

    fn keys(broker: &FakeBroker) -> Vec<String> {
        let published = broker.published();
        published
            .into_iter()
            .map(|(to, _)| to.routing_key)
            .collect()
    }

    fn events(message: &Message) -> Vec<Event> {
        event::read(decode_body(message, &Accept::default()).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn task_events_share_messages_and_worker_events_do_not() {
        let dispatcher = dispatcher(true);
        let broker = FakeBroker::new(Some(0), |_, _| Vec::new());
        for n in 0..30 {
            dispatcher.task("task-started", || [("uuid".to_owned(), n.into())].into());
        }
        dispatcher.worker("worker-heartbeat", Map::new());
        dispatcher.task("task-started", Map::new);
        dispatcher.flush(&*broker).await.unwrap();
        assert_eq!(
            keys(&broker),
            ["task.multi", "task.multi", "worker.heartbeat", "task.multi"]
        );
        let published = broker.published();
        let lengths: Vec<usize> = published.iter().map(|(_, m)| events(m).len()).collect();
        assert_eq!(lengths, [24, 6, 1, 1]);
        let (to, message) = &published[0];
        assert_eq!((&*to.exchange, to.kind), ("celeryev", ExchangeType::Fanout));
        assert_eq!(message.header_str("hostname"), Some("w1@h"));
        let body = decode_body(message, &Accept::default()).unwrap();
        assert!(body.as_list().is_some(), "an array even of one");
        let first = &events(message)[0];
        assert_eq!(first.fields["clock"], Value::Int(1));
        assert_eq!(first.fields["pid"], Value::Int(7));
    }

    #[tokio::test]
    async fn nothing_is_built_while_task_events_are_off() {
        let dispatcher = dispatcher(false);
        let broker = FakeBroker::new(Some(0), |_, _| Vec::new());
        dispatcher.task("task-started", || unreachable!("task events are off"));
        dispatcher.worker("worker-online", Map::new());
        dispatcher.flush(&*broker).await.unwrap();
        assert_eq!(keys(&broker), ["worker.online"]);
        assert!(dispatcher.enable(true));
        assert!(!dispatcher.enable(true), "on already");
        dispatcher.task("task-started", Map::new);
        assert!(dispatcher.enable(false));
        dispatcher.flush(&*broker).await.unwrap();
        assert_eq!(keys(&broker), ["worker.online", "task.multi"]);
    }

    #[tokio::test(start_paused = true)]
    async fn run_gathers_what_comes_within_a_few_milliseconds() {
        let dispatcher = Arc::new(dispatcher(true));
        let broker = FakeBroker::new(Some(0), |_, _| Vec::new());
        let (running, to) = (Arc::clone(&dispatcher), Arc::clone(&broker));
        let run = tokio::spawn(async move { running.run(&*to).await });
        for _ in 0..3 {
            dispatcher.task("task-started", Map::new);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let published = broker.published();
        assert_eq!(published.len(), 1);
        assert_eq!(events(&published[0].1).len(), 3);
        run.abort();
    }

    #[tokio::test]
    async fn oldest_events_go_when_the_broker_is_away() {
        let dispatcher = dispatcher(true);
        for n in 0..KEPT + 5 {
            dispatcher.task("task-started", || [("n".to_owned(), n.into())].into());
        }
        let buffer = dispatcher.lock();
        assert_eq!(buffer.events.len(), KEPT);
        assert_eq!(buffer.events[0].fields["n"], Value::Int(5));
        assert!(buffer.overflowed);
    }

    #[tokio::test(start_paused = true)]
    async fn silent_broker_ends_the_run() {
        let dispatcher = dispatcher(true);
        dispatcher.worker("worker-online", Map::new());
        let error = dispatcher.run(&*FakeBroker::silent()).await.unwrap_err();
        assert!(error.is_transient());
    }
}
