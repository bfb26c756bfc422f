//! How one run of a task ended.

use std::time::Duration;

use jiff::Timestamp;

use crate::protocol::{Exception, Value};

/// When a retry runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAt {
    /// After this long.
    After(Duration),
    /// At this time.
    At(Timestamp),
}

/// How one run ended; what follows is the worker's to decide.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It returned.
    Success(Value),
    /// It failed, for good.
    Failure {
        /// What clients see.
        exception: Exception,
        /// Text in the place of a traceback.
        traceback: Option<String>,
        /// One of the task's `throws`: logged without fuss.
        expected: bool,
    },
    /// It is to run again.
    Retry {
        /// When.
        at: RetryAt,
        /// What went wrong; Celery's `Retry` itself if nothing was said.
        exception: Exception,
        /// Text in the place of a traceback.
        traceback: Option<String>,
    },
    /// It does not want its message.
    Reject {
        /// Back to the queue, or gone.
        requeue: bool,
        /// Why.
        reason: String,
    },
    /// Nothing is recorded.
    Ignored,
    /// Cut off by its hard time limit.
    TimedOut(Duration),
    /// Cut off by a revoke with terminate.
    Terminated {
        /// The signal that was asked for, `SIGTERM`.
        signal: String,
    },
    /// Cut off by a cold shutdown.
    Cancelled,
}
