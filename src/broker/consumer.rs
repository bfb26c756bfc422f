//! The receiving end of a subscription.

use tokio::sync::mpsc;

use super::{BrokerError, Delivery};
use crate::protocol::Queue;

/// What a consumer asks of its transport.
#[derive(Debug)]
pub enum Command {
    /// Set how many deliveries may be unsettled; 0 means no limit.
    Prefetch(u32),
    /// Consume from one more (declared) queue.
    Add(Box<Queue>),
    /// Stop consuming from a queue.
    Cancel(String),
    /// Stop fetching from queues with acks (warm shutdown); deliveries already fetched stay.
    Pause,
}

/// A subscription. Dropping it ends it; unsettled deliveries are given back by `Broker::close`.
#[derive(Debug)]
pub struct Consumer {
    deliveries: mpsc::Receiver<Delivery>,
    commands: mpsc::UnboundedSender<Command>,
}

impl Consumer {
    /// For transports.
    #[must_use]
    pub fn new(
        deliveries: mpsc::Receiver<Delivery>,
        commands: mpsc::UnboundedSender<Command>,
    ) -> Self {
        Self {
            deliveries,
            commands,
        }
    }

    /// The next delivery; `None` once the connection is lost or closed (`Broker::lost` says why).
    ///
    /// # Cancel safety
    /// Safe: no delivery is lost if the future is dropped.
    pub async fn recv(&mut self) -> Option<Delivery> {
        self.deliveries.recv().await
    }

    /// A delivery that is there already.
    pub fn try_recv(&mut self) -> Option<Delivery> {
        self.deliveries.try_recv().ok()
    }

    /// Sends a command to the transport; it is obeyed soon.
    ///
    /// # Errors
    /// `Connection` if the connection is lost.
    pub fn command(&self, command: Command) -> Result<(), BrokerError> {
        self.commands
            .send(command)
            .map_err(|_| BrokerError::connection("the consumer's connection is closed"))
    }
}
