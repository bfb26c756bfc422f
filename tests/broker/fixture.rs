//! A place to keep messages, of any transport, and what the cases do with it.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcelery::broker::{self, Broker, BrokerUrl, Consumer, Delivery, Destination, Options, Routed};
use rcelery::protocol::{Exchange, ExchangeType, Map, Message, Queue, Value};

use crate::harness::RedisServer;

/// How long something may take that takes milliseconds on an idle machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// How long to watch that nothing comes.
pub(crate) const QUIET: Duration = Duration::from_millis(300);

/// What holds the messages; dropped with the fixture.
#[derive(Debug)]
#[expect(dead_code, reason = "held for its Drop")]
pub(crate) enum Store {
    Redis(RedisServer),
    Sqlite(tempfile::TempDir),
}

/// A transport with nothing in it. To add one: a constructor, and its name after `on` in each `conformance!`.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) url: String,
    pub(crate) transport_options: Map,
    _store: Store,
}

impl Fixture {
    pub(crate) fn redis() -> Self {
        let server = RedisServer::start();
        Self {
            url: server.url(0),
            transport_options: Map::new(),
            _store: Store::Redis(server),
        }
    }

    pub(crate) fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self {
            url: format!("sqlite:///{}", directory.path().join("celery.db").display()),
            transport_options: Map::new(),
            _store: Store::Sqlite(directory),
        }
    }

    /// One more connection.
    pub(crate) async fn connect(&self) -> Arc<dyn Broker> {
        let options = Options {
            transport_options: self.transport_options.clone(),
            ..Options::default()
        };
        broker::connect(&BrokerUrl::parse(&self.url).unwrap(), &options)
            .await
            .unwrap()
    }

    /// A connection on which a queue of Celery's default shape has been declared.
    pub(crate) async fn connect_with(&self, queue: &str) -> Arc<dyn Broker> {
        let broker = self.connect().await;
        broker.declare(&Queue::direct(queue)).await.unwrap();
        broker
    }
}

/// A text message.
pub(crate) fn text(body: &str) -> Message {
    Message::json(&body.into())
}

/// The text that a delivery carries.
pub(crate) fn body(delivery: &Delivery) -> String {
    let message = delivery.message.as_ref().expect("a message");
    match rcelery::protocol::codec::json::from_slice(&message.body).unwrap() {
        Value::Str(text) => text,
        other => panic!("not text: {other:?}"),
    }
}

/// Publishes texts to a queue in one batch.
pub(crate) async fn publish(broker: &Arc<dyn Broker>, queue: &str, bodies: &[&str]) {
    let batch = bodies
        .iter()
        .map(|body| (Destination::queue(queue), text(body)))
        .collect();
    for routed in broker.publish(batch).await.unwrap() {
        assert_eq!(routed.queues, 1);
    }
}

/// Publishes one text to an exchange.
pub(crate) async fn publish_to(
    broker: &Arc<dyn Broker>,
    exchange: &str,
    kind: ExchangeType,
    key: &str,
    body: &str,
) -> Routed {
    let to = Destination::exchange(exchange, kind, key);
    broker.publish(vec![(to, text(body))]).await.unwrap()[0]
}

/// Consumes from a queue of Celery's default shape.
pub(crate) async fn consume(broker: &Arc<dyn Broker>, queue: &str, prefetch: u32) -> Consumer {
    broker
        .consume(&[Queue::direct(queue)], prefetch)
        .await
        .unwrap()
}

/// The next delivery.
pub(crate) async fn take(consumer: &mut Consumer) -> Delivery {
    tokio::time::timeout(SOON, consumer.recv())
        .await
        .expect("a delivery in time")
        .expect("the connection is there")
}

/// The next deliveries.
pub(crate) async fn take_n(consumer: &mut Consumer, n: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for _ in 0..n {
        deliveries.push(take(consumer).await);
    }
    deliveries
}

/// The texts of the next deliveries, each acked when it has come.
pub(crate) async fn take_texts(consumer: &mut Consumer, n: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..n {
        let delivery = take(consumer).await;
        texts.push(body(&delivery));
        delivery.acker.ack().unwrap();
    }
    texts
}

/// Asserts that nothing comes for a while.
pub(crate) async fn nothing(consumer: &mut Consumer) {
    if let Ok(delivery) = tokio::time::timeout(QUIET, consumer.recv()).await {
        panic!("unexpected: {delivery:?}");
    }
}

/// Polls until `probe` gives `wanted`; panics with what it last saw.
pub(crate) async fn becomes<T, F>(what: &str, wanted: T, mut probe: impl FnMut() -> F)
where
    T: PartialEq + Debug,
    F: Future<Output = T>,
{
    let end = Instant::now() + SOON;
    loop {
        let seen = probe().await;
        if seen == wanted {
            return;
        }
        assert!(
            Instant::now() < end,
            "{what}: wanted {wanted:?}, last seen {seen:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the number of un-acked deliveries is `n`.
pub(crate) async fn unacked_becomes(broker: &Arc<dyn Broker>, n: u64) {
    becomes("un-acked deliveries", Some(n), || async {
        broker.unacked_count().await.unwrap()
    })
    .await;
}

/// A queue bound to an exchange.
pub(crate) fn bound(queue: &str, exchange: &str, kind: ExchangeType, key: &str) -> Queue {
    Queue::bound(queue, Exchange::new(exchange, kind), key)
}
