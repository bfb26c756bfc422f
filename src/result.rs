//! The result of a task that was sent: ask for its state, wait for it, forget it.
//!
//! Mirrors `celery.result.AsyncResult`.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use crate::backend::{Backend, BackendError, Changes};
use crate::protocol::{Exception, ProtocolError, ResultMeta, ResultTuple, State, Value};
use crate::task;

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

/// The result of a task, by its id. `T` is what the task returns.
#[derive(Debug)]
pub struct AsyncResult<T = Value> {
    result: ResultTuple,
    backend: Arc<dyn Backend>,
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for AsyncResult<T> {
    fn clone(&self) -> Self {
        Self {
            result: self.result.clone(),
            backend: Arc::clone(&self.backend),
            kind: PhantomData,
        }
    }
}

impl<T> AsyncResult<T> {
    /// The result of `id` in `backend`.
    #[must_use]
    pub fn new(result: ResultTuple, backend: Arc<dyn Backend>) -> Self {
        Self {
            result,
            backend,
            kind: PhantomData,
        }
    }

    /// The task id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.result.id
    }

    /// The result with its parents and members: what others store as a child.
    #[must_use]
    pub fn as_tuple(&self) -> &ResultTuple {
        &self.result
    }

    /// The result of the task before it in a chain, or of a chord's header.
    #[must_use]
    pub fn parent(&self) -> Option<AsyncResult> {
        let parent = self.result.parent.as_deref()?;
        Some(AsyncResult::new(parent.clone(), Arc::clone(&self.backend)))
    }

    /// The same result, read as another type.
    #[must_use]
    pub fn cast<U>(self) -> AsyncResult<U> {
        AsyncResult::new(self.result, self.backend)
    }

    /// Everything that is stored; PENDING if nothing is.
    ///
    /// # Errors
    /// If the back end cannot be reached or read.
    pub async fn meta(&self) -> Result<ResultMeta, BackendError> {
        Ok(self
            .backend
            .get(self.id())
            .await?
            .unwrap_or_else(|| ResultMeta::pending(self.id())))
    }

    /// The state.
    ///
    /// # Errors
    /// As [`AsyncResult::meta`].
    pub async fn state(&self) -> Result<State, BackendError> {
        Ok(self.meta().await?.status)
    }

    /// Whether the task is over: SUCCESS, FAILURE or REVOKED.
    ///
    /// # Errors
    /// As [`AsyncResult::meta`].
    pub async fn ready(&self) -> Result<bool, BackendError> {
        Ok(self.state().await?.is_ready())
    }

    /// Whether the task returned.
    ///
    /// # Errors
    /// As [`AsyncResult::meta`].
    pub async fn successful(&self) -> Result<bool, BackendError> {
        Ok(self.state().await? == State::SUCCESS)
    }

    /// Whether the task failed.
    ///
    /// # Errors
    /// As [`AsyncResult::meta`].
    pub async fn failed(&self) -> Result<bool, BackendError> {
        Ok(self.state().await? == State::FAILURE)
    }

    /// What is stored as the result now: the value, a custom state's meta, or an encoded exception.
    ///
    /// # Errors
    /// As [`AsyncResult::meta`].
    pub async fn result(&self) -> Result<Value, BackendError> {
        Ok(self.meta().await?.result)
    }

    /// As [`AsyncResult::result`]: Celery's name for it where a task reports its progress.
    ///
    /// # Errors
    /// As [`AsyncResult::meta`].
    pub async fn info(&self) -> Result<Value, BackendError> {
        self.result().await
    }

    /// The text of the traceback of a failure or retry.
    ///
    /// # Errors
    /// As [`AsyncResult::meta`].
    pub async fn traceback(&self) -> Result<Option<String>, BackendError> {
        Ok(self.meta().await?.traceback)
    }

    /// What the task has sent: links, the next step of a chain, and its own calls.
    ///
    /// # Errors
    /// As [`AsyncResult::meta`].
    pub async fn children(&self) -> Result<Vec<AsyncResult>, BackendError> {
        let children = self.meta().await?.children.unwrap_or_default();
        Ok(children
            .into_iter()
            .map(|c| AsyncResult::new(c, Arc::clone(&self.backend)))
            .collect())
    }

    /// Removes what is stored.
    ///
    /// # Errors
    /// If the back end cannot be reached.
    pub async fn forget(&self) -> Result<(), BackendError> {
        self.backend.forget(self.id()).await
    }

    /// Watches the task: its present state, then every change.
    ///
    /// # Errors
    /// If the back end cannot be reached.
    pub async fn changes(&self) -> Result<Changes, BackendError> {
        self.backend.watch(&[self.id().to_owned()]).await
    }

    /// Waits until the task is over, and returns everything that is stored, whether it succeeded or not.
    ///
    /// # Errors
    /// `Timeout` after `timeout`, `WithinTask` in a task, `Backend` if it cannot be reached.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn wait_meta(&self, timeout: Option<Duration>) -> Result<ResultMeta, ResultError> {
        if task::current().is_some_and(|caller| !caller.may_join) {
            return Err(ResultError::WithinTask);
        }
        let started = Instant::now();
        let watch = async {
            let mut changes = self.changes().await?;
            while let Some(meta) = changes.next().await {
                let meta = meta?;
                if meta.status.is_ready() {
                    return Ok(meta);
                }
            }
            Err(BackendError::connection(
                "the result backend was closed while waiting",
            ))
        };
        match timeout.and_then(|t| started.checked_add(t)) {
            None => Ok(watch.await?),
            Some(deadline) => match timeout_at(deadline, watch).await {
                Ok(meta) => Ok(meta?),
                Err(_) => Err(ResultError::Timeout {
                    task_id: self.id().to_owned(),
                    waited: started.elapsed(),
                }),
            },
        }
    }
}

impl<T: DeserializeOwned> AsyncResult<T> {
    /// Waits for the value; none means without end.
    ///
    /// # Errors
    /// `Failed` or `Revoked` with the task's exception, `Timeout`, `WithinTask`, `Type` if the value is of another
    /// type, `Backend`.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn get(&self, timeout: Option<Duration>) -> Result<T, ResultError> {
        self.value_of(self.wait_meta(timeout).await?)
    }

    /// As [`AsyncResult::get`], without end.
    ///
    /// # Errors
    /// As [`AsyncResult::get`].
    pub async fn wait(&self) -> Result<T, ResultError> {
        self.get(None).await
    }

    /// The value in a final meta.
    ///
    /// # Errors
    /// As [`AsyncResult::get`].
    pub fn value_of(&self, meta: ResultMeta) -> Result<T, ResultError> {
        let task_id = meta.task_id.clone();
        if meta.status == State::SUCCESS {
            return meta
                .result
                .deserialize()
                .map_err(|source| ResultError::Type { task_id, source });
        }
        let exception = meta
            .exception()
            .unwrap_or_else(|| Exception::new("builtins", "Exception", vec![meta.result]));
        let exception = Box::new(exception);
        if meta.status == State::REVOKED {
            return Err(ResultError::Revoked { task_id, exception });
        }
        Err(ResultError::Failed {
            task_id,
            exception,
            traceback: meta.traceback,
        })
    }
}
