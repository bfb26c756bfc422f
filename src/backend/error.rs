//! What can go wrong with a result back end.

use std::error::Error;

use crate::broker::BrokerError;
use crate::protocol::ProtocolError;

/// A failure of a result back end, sorted by what the caller can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// Unreachable, lost or silent: try again.
    #[error("{message}")]
    Connection {
        /// What happened.
        message: String,
        /// The driver's error.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// Not answered in time.
    #[error("{0}")]
    Timeout(String),
    /// Wrong or missing credentials, or no permission.
    #[error("{0}")]
    AccessRefused(String),
    /// A URL whose scheme nothing here speaks: nothing to try again.
    #[error("no such result backend: `{scheme}`; there are {}", known.join(", "))]
    Scheme {
        /// What stands before `://`.
        scheme: String,
        /// What could stand there.
        known: &'static [&'static str],
    },
    /// A bad URL or option.
    #[error("{0}")]
    Config(String),
    /// No result back end is configured.
    #[error("no result backend is configured")]
    Disabled,
    /// This back end cannot do that.
    #[error("{0}")]
    Unsupported(String),
    /// The value has no form in `result_serializer`, or what is stored cannot be read.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
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

impl BackendError {
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

    /// Whether trying again can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Connection { .. } | Self::Timeout(_))
    }
}

/// A broker's connection code serves back ends, too.
impl From<BrokerError> for BackendError {
    fn from(error: BrokerError) -> Self {
        match error {
            BrokerError::Connection { message, source } => Self::Connection { message, source },
            BrokerError::Timeout(message) => Self::Timeout(message),
            BrokerError::AccessRefused(message) => Self::AccessRefused(message),
            BrokerError::Config(message) => Self::Config(message),
            BrokerError::Scheme { scheme, known } => Self::Scheme { scheme, known },
            BrokerError::Unsupported(message) => Self::Unsupported(message),
            BrokerError::Server { message, source } => Self::Server { message, source },
        }
    }
}
