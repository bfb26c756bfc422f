//! The contract of a transport.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{Acker, BrokerError, Consumer};
use crate::protocol::{ExchangeType, Message, Queue};

/// What a transport can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Broadcasts: remote control and events work.
    pub fanout: bool,
    /// A fanout publish knows how many listened ([`Routed::receivers`]).
    pub counts_receivers: bool,
    /// Whether the most urgent priority is 0 (Redis, SQLite) rather than 9 (AMQP).
    pub zero_is_most_urgent: bool,
}

/// Where a message is sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Destination {
    /// Exchange name; empty for the default exchange, where the routing key is the queue's name.
    pub exchange: String,
    /// Type of that exchange.
    pub kind: ExchangeType,
    /// Routing key.
    pub routing_key: String,
}

impl Destination {
    /// Straight to a queue, through the default exchange.
    #[must_use]
    pub fn queue(name: &str) -> Self {
        Self {
            exchange: String::new(),
            kind: ExchangeType::Direct,
            routing_key: name.to_owned(),
        }
    }

    /// To an exchange.
    #[must_use]
    pub fn exchange(exchange: &str, kind: ExchangeType, routing_key: &str) -> Self {
        Self {
            exchange: exchange.to_owned(),
            kind,
            routing_key: routing_key.to_owned(),
        }
    }
}

/// What became of one published message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Routed {
    /// How many queues took it; 0 means that no queue is bound and the message is gone.
    pub queues: u64,
    /// For fanout: how many listeners got it, where the transport knows.
    pub receivers: Option<u64>,
}

/// A delivery that a connection has handed out and that is not settled: what the next connection needs to take it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its tag.
    pub delivery_tag: String,
    /// What proves to the broker that it is still ours.
    pub(super) proof: String,
}

/// One connection to a message broker. It does not reconnect: the session opens a new one, so nobody acks on a dead one.
#[async_trait]
pub trait Broker: Debug + Send + Sync + 'static {
    /// What this transport can do; ask before relying on fanout.
    fn capabilities(&self) -> Capabilities;

    /// The URL with its password masked, as Celery shows it in banners and log lines.
    fn as_uri(&self) -> String;

    /// Creates the queue and its binding, or finds them as they should be.
    async fn declare(&self, queue: &Queue) -> Result<(), BrokerError>;

    /// Removes a queue with its messages and its binding; no error if there is none.
    async fn delete_queue(&self, queue: &Queue) -> Result<(), BrokerError>;

    /// Hands over messages, in order; returns once the broker has them safe. One [`Routed`] per message.
    /// Fills in `delivery_tag` where it is missing, and `delivery_info`.
    async fn publish(&self, batch: Vec<(Destination, Message)>)
    -> Result<Vec<Routed>, BrokerError>;

    /// Subscribes. At most `prefetch` deliveries of queues with acks are unsettled at a time; 0 means no limit.
    /// Queues with `no_ack` do not count. The queues must have been declared.
    async fn consume(&self, queues: &[Queue], prefetch: u32) -> Result<Consumer, BrokerError>;

    /// Removes all waiting messages and returns how many there were; `None` where there is no such queue.
    async fn purge(&self, queue: &str) -> Result<Option<u64>, BrokerError>;

    /// How many messages wait in the queue (all priorities); `None` where there is no such queue.
    async fn queue_length(&self, queue: &str) -> Result<Option<u64>, BrokerError>;

    /// How many messages are delivered and not settled, on all connections; `None` if the transport can't tell.
    async fn unacked_count(&self) -> Result<Option<u64>, BrokerError>;

    /// Names of the queues that the broker knows (bindings and messages), sorted.
    async fn queues(&self) -> Result<Vec<String>, BrokerError>;

    /// The same, but only those that somebody has declared: where other programs keep data beside the messages, what
    /// looks like a queue may be theirs.
    async fn declared_queues(&self) -> Result<Vec<String>, BrokerError> {
        self.queues().await
    }

    /// What this connection has handed out and not settled, in the order of delivery. Ask after it was lost. Empty where
    /// a message belongs to its connection, and comes again when that is lost.
    fn held(&self) -> Vec<Held> {
        Vec::new()
    }

    /// Takes over what a lost connection held: an acker for each delivery that nobody else has been given since. It
    /// then counts as delivered by this connection. Call it before [`Broker::consume`].
    async fn adopt(&self, held: &[Held]) -> Result<Vec<Acker>, BrokerError> {
        let _ = held;
        Ok(Vec::new())
    }

    /// Resolves when the connection is known to be lost. Never resolves after [`Broker::close`].
    async fn lost(&self) -> BrokerError;

    /// Gives unsettled deliveries back (in order, to the front, marked redelivered) and closes. Later calls fail.
    async fn close(&self) -> Result<(), BrokerError>;
}
