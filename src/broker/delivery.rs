//! A message on its way through a worker, and the right to settle it.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::BrokerError;
use crate::protocol::{Message, ProtocolError};

/// How a delivery ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settle {
    /// Done; the broker forgets it.
    Ack,
    /// Not wanted; the broker forgets it.
    Reject,
    /// Back to the end of the queue, marked redelivered.
    Requeue,
    /// Back to the front of the queue, marked redelivered: it was held and not tried.
    Restore,
}

/// A settlement on its way to the transport's writer, which gathers many into one round trip.
#[derive(Debug)]
pub struct Settlement {
    /// The delivery.
    pub delivery_tag: String,
    /// How it ends.
    pub how: Settle,
}

/// The right to settle one delivery, once. Dropping it settles nothing: the message stays un-acked and comes back.
#[derive(Debug)]
pub struct Acker {
    delivery_tag: String,
    /// None for deliveries of queues with `no_ack`.
    settlements: Option<mpsc::UnboundedSender<Settlement>>,
}

impl Acker {
    /// For transports. The channel is unbounded because prefetch bounds how many deliveries can be settled.
    #[must_use]
    pub fn new(
        delivery_tag: String,
        settlements: Option<mpsc::UnboundedSender<Settlement>>,
    ) -> Self {
        Self {
            delivery_tag,
            settlements,
        }
    }

    /// Its parts, of which [`Acker::new`] makes it again.
    #[must_use]
    pub fn into_parts(self) -> (String, Option<mpsc::UnboundedSender<Settlement>>) {
        (self.delivery_tag, self.settlements)
    }

    /// The delivery's tag.
    #[must_use]
    pub fn delivery_tag(&self) -> &str {
        &self.delivery_tag
    }

    /// Settles as `how`. Never waits: the transport gathers settlements and writes them at once.
    ///
    /// # Errors
    /// `Connection` if the connection has been lost: the broker will deliver the message again.
    pub fn settle(self, how: Settle) -> Result<(), BrokerError> {
        let Some(settlements) = self.settlements else {
            return Ok(());
        };
        settlements
            .send(Settlement {
                delivery_tag: self.delivery_tag,
                how,
            })
            .map_err(|_| BrokerError::connection("the connection of this delivery is closed"))
    }

    /// Acknowledges.
    ///
    /// # Errors
    /// As [`Acker::settle`].
    pub fn ack(self) -> Result<(), BrokerError> {
        self.settle(Settle::Ack)
    }

    /// Rejects; with `requeue` the message goes back to the end of its queue.
    ///
    /// # Errors
    /// As [`Acker::settle`].
    pub fn reject(self, requeue: bool) -> Result<(), BrokerError> {
        self.settle(if requeue {
            Settle::Requeue
        } else {
            Settle::Reject
        })
    }
}

/// A message from a queue, or the bytes of one that cannot be read.
#[derive(Debug)]
pub struct Delivery {
    /// The queue that it was taken from.
    pub queue: String,
    /// The message, or what came in its place.
    pub message: Result<Message, Garbled>,
    /// Settles it.
    pub acker: Acker,
}

/// An entry of a queue that is not a message.
#[derive(Debug)]
pub struct Garbled {
    /// The bytes as they came.
    pub raw: Bytes,
    /// What is wrong with them.
    pub error: ProtocolError,
}
