//! What can go wrong when sending.

use crate::backend::BackendError;
use crate::broker::BrokerError;
use crate::config::ConfigError;
use crate::protocol::ProtocolError;

/// A message could not be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The broker cannot be reached, or refuses.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The back end of a chord cannot be reached.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// An argument has no wire form, or the signature is malformed.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The route or queue is not configured.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An option of the call cannot be used.
    #[error("option `{option}`: {reason}")]
    Option {
        /// Its name.
        option: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No queue is bound to where the message went: it is gone.
    #[error("no queue is bound to exchange `{exchange}` with routing key `{routing_key}`")]
    Unroutable {
        /// Exchange.
        exchange: String,
        /// Routing key.
        routing_key: String,
    },
}
