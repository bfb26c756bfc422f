//! Why a worker does not start, or ends.

use crate::backend::BackendError;
use crate::broker::BrokerError;
use crate::config::ConfigError;
use crate::pool::python::PythonError;
use crate::protocol::ProtocolError;

/// A worker cannot start, or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The broker refuses, or is away and must not be waited for.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The result back end cannot be used as configured.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A content type in `accept_content` is unknown.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// A task's annotation cannot be used.
    #[error("task_annotations for `{task}`: {reason}")]
    Annotation {
        /// Task name.
        task: String,
        /// What is wrong.
        reason: String,
    },
    /// Every queue is excluded (`-X`).
    #[error("every queue is excluded: there is nothing to consume from")]
    NoQueues,
    /// The file of revoked ids cannot be read or written.
    #[error("state file `{path}`: {source}")]
    State {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The processes of a Python app can't be made, or are gone.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// `broker_connection_max_retries` is used up, or retrying is off.
    #[error("gave up connecting to the broker: {0}")]
    GaveUp(#[source] BrokerError),
}
