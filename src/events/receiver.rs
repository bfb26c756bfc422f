//! The receiving side: captures events.
//!
//! Mirrors `celery.events.receiver`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::timeout;
use tracing::{debug, warn};
use uuid::Uuid;

use super::Options;
use crate::broker::{Broker, BrokerError, Consumer, Delivery, Destination};
use crate::protocol::codec::decode_body;
use crate::protocol::event::{self, Event};
use crate::protocol::pidbox::{Request, request_exchange};
use crate::protocol::{ExchangeType, LamportClock, Queue, Value};

/// How long each command to the broker may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// An event, and when it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The event.
    pub event: Event,
    /// Unix time of its arrival, by our clock.
    pub at: f64,
}

/// A capture of events.
#[derive(Debug)]
pub struct Receiver {
    broker: Arc<dyn Broker>,
    consumer: Consumer,
    queue: Queue,
    options: Options,
    clock: Arc<LamportClock>,
    waiting: VecDeque<Received>,
}

impl Receiver {
    /// Starts a capture. `routing_key` is `#` for all events, `worker.#` for those of workers. The clock is kept up to
    /// date with what comes.
    ///
    /// # Errors
    /// `Unsupported` if the transport cannot broadcast, `Timeout`, `Connection`, or what else it says.
    pub async fn open(
        broker: Arc<dyn Broker>,
        options: Options,
        routing_key: &str,
        clock: Arc<LamportClock>,
    ) -> Result<Self, BrokerError> {
        if !broker.capabilities().fanout {
            return Err(BrokerError::Unsupported(
                "events need a broker that can broadcast".to_owned(),
            ));
        }
        let name = format!("{}.{}", options.queue_prefix, Uuid::new_v4());
        let queue = Queue {
            durable: false,
            auto_delete: true,
            exclusive: true,
            no_ack: true,
            expires: Some(options.expires.as_secs_f64()),
            message_ttl: Some(options.ttl.as_secs_f64()),
            ..Queue::bound(&name, options.exchange_on(&*broker), routing_key)
        };
        in_time(broker.declare(&queue)).await?;
        let consumer = in_time(broker.consume(std::slice::from_ref(&queue), 0)).await?;
        Ok(Self {
            broker,
            consumer,
            queue,
            options,
            clock,
            waiting: VecDeque::new(),
        })
    }

    /// Asks all workers for a heartbeat, so that a new capture knows them at once.
    ///
    /// # Errors
    /// What the broker says, or `Timeout`.
    pub async fn wake_up_workers(&self) -> Result<(), BrokerError> {
        let request = Request {
            method: "heartbeat".to_owned(),
            ..Request::default()
        };
        let mut message = request.to_message(self.clock.forward(), Some(unix_now() + 1.0));
        message.properties.delivery_mode.get_or_insert(2);
        let exchange = request_exchange(&self.options.control_exchange).name;
        let to = Destination::exchange(&exchange, ExchangeType::Fanout, "");
        in_time(self.broker.publish(vec![(to, message)])).await?;
        Ok(())
    }

    /// The next event; `None` once the connection is lost or closed (`Broker::lost` says why).
    ///
    /// # Cancel safety
    /// Safe: no event is lost if the future is dropped.
    pub async fn recv(&mut self) -> Option<Received> {
        loop {
            if let Some(received) = self.waiting.pop_front() {
                return Some(received);
            }
            let delivery = self.consumer.recv().await?;
            self.take(delivery);
        }
    }

    /// Ends the capture and removes its queue.
    ///
    /// # Errors
    /// What the broker says, or `Timeout`; the queue then goes by itself.
    pub async fn close(self) -> Result<(), BrokerError> {
        let Self {
            broker,
            consumer,
            queue,
            ..
        } = self;
        drop(consumer);
        in_time(broker.delete_queue(&queue)).await
    }

    fn take(&mut self, delivery: Delivery) {
        // The queue is read without acks; a transport that hands one out anyway gets it.
        if let Err(error) = delivery.acker.ack() {
            debug!(%error, "can't acknowledge an event");
        }
        let events = match delivery.message {
            Ok(message) => decode_body(&message, &self.options.accept).and_then(event::read),
            Err(garbled) => Err(garbled.error),
        };
        let at = unix_now();
        match events {
            Err(error) => warn!(%error, "ignoring an event that can't be read"),
            Ok(events) => {
                for mut event in events {
                    self.keep_time(&mut event);
                    self.waiting.push_back(Received { event, at });
                }
            }
        }
    }

    /// Moves our clock past the event's; a client's clock is its own, so its events get ours.
    fn keep_time(&self, event: &mut Event) {
        let clock = event.fields.get("clock").and_then(Value::as_i64);
        match clock.and_then(|c| u64::try_from(c).ok()) {
            Some(clock) if event.kind != "task-sent" => {
                self.clock.adjust(clock);
            }
            // One step back: what the client saw came before (receiver.py, CLIENT_CLOCK_SKEW).
            Some(_) => {
                let ours = self.clock.value().max(1) - 1;
                event.fields.insert("clock".to_owned(), ours.into());
                self.clock.adjust(ours);
            }
            None => {
                let ours = self.clock.forward();
                event.fields.insert("clock".to_owned(), ours.into());
            }
        }
    }
}

fn unix_now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs_f64()
}

async fn in_time<T>(
    command: impl Future<Output = Result<T, BrokerError>>,
) -> Result<T, BrokerError> {
    timeout(COMMAND_TIMEOUT, command).await.unwrap_or_else(|_| {
        Err(BrokerError::Timeout(format!(
            "the broker did not answer within {} s",
            COMMAND_TIMEOUT.as_secs()
        )))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::fake::FakeBroker;
    use crate::protocol::event::Origin;
    use crate::protocol::{Map, Message};

    fn event(kind: &str, clock: u64) -> Event {
        let origin = Origin {
            hostname: "w1@h".to_owned(),
            utcoffset: 0.0,
            pid: 7,
        };
        Event::new(kind, &origin, clock, 1.5, Map::new())
    }

    async fn open() -> (Arc<FakeBroker>, Receiver) {
        let broker = FakeBroker::new(Some(0), |_, _| Vec::new());
        let connection: Arc<dyn Broker> = Arc::clone(&broker) as _;
        let receiver = Receiver::open(connection, Options::default(), "#", Arc::default());
        (broker, receiver.await.unwrap())
    }

    #[tokio::test]
    async fn events_come_one_by_one_whether_batched_or_not() {
        let (broker, mut receiver) = open().await;
        let queue = receiver.queue.name.clone();
        let batch = [event("task-received", 10), event("task-started", 11)];
        broker.deliver(&queue, event::multi(&batch, "w1@h"));
        broker.deliver(&queue, event::single(&event("worker-online", 5), "w1@h"));
        for kind in ["task-received", "task-started", "worker-online"] {
            assert_eq!(receiver.recv().await.unwrap().event.kind, kind);
        }
        assert_eq!(receiver.clock.value(), 13);
        receiver.close().await.unwrap();
        assert!(broker.queues_left().is_empty());
    }

    #[tokio::test]
    async fn clients_clocks_are_replaced_by_ours() {
        let (broker, mut receiver) = open().await;
        receiver.clock.adjust(99);
        let queue = receiver.queue.name.clone();
        broker.deliver(&queue, event::single(&event("task-sent", 5_000), "gen7@h"));
        let received = receiver.recv().await.unwrap().event;
        assert_eq!(received.fields["clock"], Value::Int(99));
        assert_eq!(receiver.clock.value(), 101);
    }

    #[tokio::test]
    async fn rubbish_is_skipped() {
        let (broker, mut receiver) = open().await;
        let queue = receiver.queue.name.clone();
        broker.deliver(&queue, Message::json(&Value::Int(5)));
        broker.deliver(&queue, event::single(&event("worker-online", 5), "w1@h"));
        assert_eq!(receiver.recv().await.unwrap().event.kind, "worker-online");
    }

    #[tokio::test]
    async fn waking_up_asks_for_heartbeats_without_reply() {
        let (broker, receiver) = open().await;
        receiver.wake_up_workers().await.unwrap();
        let (to, message) = broker.published().remove(0);
        assert_eq!(to.exchange, "celery.pidbox");
        let body = decode_body(&message, &receiver.options.accept).unwrap();
        let request = Request::from_value(&body).unwrap();
        assert_eq!(request.method, "heartbeat");
        assert_eq!(request.ticket, None);
    }
}
