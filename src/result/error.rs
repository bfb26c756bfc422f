//! Why there is no value.

use std::time::Duration;

use crate::backend::BackendError;
use crate::protocol::{Exception, ProtocolError};

/// Why there is no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultError {
    /// The task failed; Celery raises its exception here.
    #[error("task {task_id} failed: {exception}")]
    Failed {
        /// The task.
        task_id: String,
        /// What it raised.
        exception: Box<Exception>,
        /// The worker's traceback.
        traceback: Option<String>,
    },
    /// The task was revoked, terminated or expired: the exception says which.
    #[error("task {task_id} was revoked: {exception}")]
    Revoked {
        /// The task.
        task_id: String,
        /// `TaskRevokedError` with its reason.
        exception: Box<Exception>,
    },
    /// The wait was over before the task.
    #[error("no result of task {task_id} after {} s", .waited.as_secs_f64())]
    Timeout {
        /// The task.
        task_id: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// A task waits for another: with all slots waiting, nothing would run.
    #[error(
        "never wait for a result within a task: a worker whose slots all wait never ends \
         (chain the tasks, or allow it with `Context::allow_join_result`)"
    )]
    WithinTask,
    /// The back end cannot be reached or read.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The value is not of the type that was asked for.
    #[error("the result of task {task_id} is of another type")]
    Type {
        /// The task.
        task_id: String,
        /// What does not fit.
        #[source]
        source: ProtocolError,
    },
}
