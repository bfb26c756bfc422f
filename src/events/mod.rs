//! Events: what workers and clients tell whoever listens.
//!
//! `dispatcher.rs` sends, `receiver.rs` captures, `state.rs` is the cluster as seen from what was captured. Mirrors
//! `celery.events`.

mod dispatcher;
mod receiver;
mod state;

use std::time::Duration;

pub use self::dispatcher::{Dispatcher, Groups};
pub use self::receiver::{Received, Receiver};
pub use self::state::{Cluster, SeenTask, SeenWorker};

use crate::broker::Broker;
use crate::protocol::codec::Accept;
use crate::protocol::{Exchange, ExchangeType};

/// How events travel; all nodes must agree on the exchange.
#[derive(Debug, Clone)]
pub struct Options {
    /// `event_exchange`.
    pub exchange: String,
    /// `event_queue_prefix`.
    pub queue_prefix: String,
    /// `event_queue_ttl`: after how long an event nobody read goes.
    pub ttl: Duration,
    /// `event_queue_expires`: after how long a queue nobody reads goes.
    pub expires: Duration,
    /// `control_exchange`: where a receiver asks workers to show themselves.
    pub control_exchange: String,
    /// `accept_content`.
    pub accept: Accept,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            exchange: "celeryev".to_owned(),
            queue_prefix: "celeryev".to_owned(),
            ttl: Duration::from_secs(5),
            expires: Duration::from_secs(60),
            control_exchange: "celery".to_owned(),
            accept: Accept::default(),
        }
    }
}

impl Options {
    /// The exchange as that broker has it: a topic exchange on AMQP, a fanout on transports without exchanges of their
    /// own (`celery.events.event.get_exchange`).
    fn exchange_on(&self, broker: &dyn Broker) -> Exchange {
        let uri = broker.as_uri();
        let amqp = uri.starts_with("amqp") || uri.starts_with("pyamqp");
        let kind = if amqp {
            ExchangeType::Topic
        } else {
            ExchangeType::Fanout
        };
        Exchange::new(self.exchange.as_str(), kind)
    }
}
