//! How a task ends when it does not return a value.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::protocol::Exception;

/// What a task's `run` returns.
pub type TaskResult<T> = Result<T, TaskError>;

/// Why a task did not return a value. `?` turns any error into a failure.
#[derive(Debug)]
#[non_exhaustive]
pub enum TaskError {
    /// It failed.
    Failed(Box<Failed>),
    /// It wants to run again: [`Context::retry`](super::Context::retry).
    Retry(Box<RetryRequest>),
    /// It does not want the message; effective with `acks_late`.
    Reject {
        /// Back to the queue, or gone.
        requeue: bool,
        /// Why, for the log.
        reason: String,
    },
    /// Nothing is to be recorded.
    Ignore,
}

/// A failure: the exception that clients see, and the text of the traceback.
#[derive(Debug)]
pub struct Failed {
    /// What clients see.
    pub exception: Exception,
    /// Where it came from, if there is more to say than the message.
    pub traceback: Option<String>,
}

impl Failed {
    pub(super) fn new(exception: Exception) -> Self {
        Self {
            exception,
            traceback: None,
        }
    }
}

/// How to run again.
#[derive(Debug, Default)]
pub struct RetryRequest {
    /// After how long; none means the task's own delay.
    pub countdown: Option<Duration>,
    /// When; wins over `countdown`.
    pub eta: Option<Timestamp>,
    /// Without `countdown` and `eta`: after the task's back-off (`retry_backoff`), as an automatic retry.
    pub backoff: bool,
    /// Overrides the task's `max_retries` for this decision; `Some(None)` means no limit.
    pub max_retries: Option<Option<u32>>,
    /// What went wrong; the failure once the retries are used up.
    pub cause: Option<Exception>,
    /// Text of the cause's traceback.
    pub traceback: Option<String>,
}

impl RetryRequest {
    /// Run again after this long.
    #[must_use]
    pub fn countdown(mut self, countdown: Duration) -> Self {
        self.countdown = Some(countdown);
        self
    }

    /// Run again at this time.
    #[must_use]
    pub fn eta(mut self, eta: Timestamp) -> Self {
        self.eta = Some(eta);
        self
    }

    /// Run again after the task's own back-off, as if by an automatic retry.
    #[must_use]
    pub fn backoff(mut self) -> Self {
        self.backoff = true;
        self
    }

    /// At most this many retries, this time; `None` means no limit.
    #[must_use]
    pub fn max_retries(mut self, max_retries: Option<u32>) -> Self {
        self.max_retries = Some(max_retries);
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn because<E: Error + 'static>(mut self, error: &E) -> Self {
        self.cause = Some(exception_of(error));
        self.traceback = chain_text(error);
        self
    }
}

impl From<RetryRequest> for TaskError {
    fn from(retry: RetryRequest) -> Self {
        Self::Retry(Box::new(retry))
    }
}

impl TaskError {
    /// A failure with an exception of a Python class: `TaskError::exception("builtins", "ValueError", "too big")`.
    #[must_use]
    pub fn exception(module: &str, class: &str, message: &str) -> Self {
        Self::Failed(Box::new(Failed::new(Exception::new(
            module,
            class,
            vec![message.into()],
        ))))
    }

    /// A failure with just a message: an `Exception`.
    pub fn msg(message: impl fmt::Display) -> Self {
        Self::exception("builtins", "Exception", &message.to_string())
    }

    /// A failure with a whole exception.
    #[must_use]
    pub fn from_exception(exception: Exception) -> Self {
        Self::Failed(Box::new(Failed::new(exception)))
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for TaskError {
    fn from(error: E) -> Self {
        Self::Failed(Box::new(Failed {
            exception: exception_of(&error),
            traceback: chain_text(&error),
        }))
    }
}

/// The exception for a Rust error: its type's name in the type's module. Python clients make a class of that name.
fn exception_of<E: Error + 'static>(error: &E) -> Exception {
    let path = std::any::type_name::<E>();
    let path = path.split('<').next().unwrap_or(path);
    let (module, class) = path.rsplit_once("::").unwrap_or(("rust", path));
    Exception::new(
        &module.replace("::", "."),
        class,
        vec![error.to_string().into()],
    )
}

/// The error with its causes, as text in the place of Python's traceback.
fn chain_text(error: &dyn Error) -> Option<String> {
    let mut text = format!("Error: {error}\n");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("caused by: {error}\n"));
        cause = error.source();
    }
    Some(text)
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failed) => failed.exception.fmt(f),
            Self::Retry(retry) => match &retry.cause {
                Some(cause) => write!(f, "retry: {cause}"),
                None => f.write_str("retry"),
            },
            Self::Reject { requeue, reason } => write!(f, "reject requeue={requeue}: {reason}"),
            Self::Ignore => f.write_str("ignored"),
        }
    }
}
