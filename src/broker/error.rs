//! What can go wrong with a broker.

use std::error::Error;

/// A failure of a broker, sorted by what the caller can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// Unreachable, lost or silent: try again on a new connection.
    #[error("{message}")]
    Connection {
        /// What happened, in Python's words where Celery logs them (`Error 111 connecting to …. Connection refused.`).
        message: String,
        /// The driver's error.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// A command or handshake was not answered in time.
    #[error("{0}")]
    Timeout(String),
    /// Wrong or missing credentials, or no permission.
    #[error("{0}")]
    AccessRefused(String),
    /// A URL whose scheme nothing here speaks: nothing to try again.
    #[error("no such transport: `{scheme}`; there are {}", known.join(", "))]
    Scheme {
        /// What stands before `://`.
        scheme: String,
        /// What could stand there.
        known: &'static [&'static str],
    },
    /// A bad URL or option: nothing to try again.
    #[error("{0}")]
    Config(String),
    /// This transport cannot do that.
    #[error("{0}")]
    Unsupported(String),
    /// The server answered with an error.
    #[error("{message}")]
    Server {
        /// The server's words.
        message: String,
        /// The driver's error.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

impl BrokerError {
    /// A lost or refused connection.
    pub fn connection(message: impl Into<String>) -> Self {
        Self::Connection {
            message: message.into(),
            source: None,
        }
    }

    /// An answer that is an error.
    pub fn server(message: impl Into<String>) -> Self {
        Self::Server {
            message: message.into(),
            source: None,
        }
    }

    /// Whether trying again on a new connection can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Connection { .. } | Self::Timeout(_))
    }
}
