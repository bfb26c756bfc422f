//! The result of one task, chain or chord, or of a group as one value.
//!
//! Mirrors `celery.result.AsyncResult`.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{GroupResult, ResultError, gather};
use crate::backend::{Backend, BackendError, Changes};
use crate::protocol::{ResultMeta, ResultTuple, State, Value};

/// The result of a task, by its id. `T` is what the task returns.
///
/// The result of a chain or chord is that of its last task, and [`parent`](AsyncResult::parent) leads back to what came
/// before. The result of a group is the list of its members' values; [`group`](AsyncResult::group) has the members.
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

    /// The members, if this is the result of a group.
    #[must_use]
    pub fn group<R>(&self) -> Option<GroupResult<R>> {
        GroupResult::new(self.result.clone(), Arc::clone(&self.backend))
    }

    /// The same result, read as another type.
    #[must_use]
    pub fn cast<U>(self) -> AsyncResult<U> {
        AsyncResult::new(self.result, self.backend)
    }

    /// Everything that is stored; PENDING if nothing is.
    ///
    /// Of a group: SUCCESS with the list of values once all members have succeeded, the end of one that has not, else
    /// PENDING.
    ///
    /// # Errors
    /// If the back end cannot be reached or read.
    pub async fn meta(&self) -> Result<ResultMeta, BackendError> {
        gather::now(&*self.backend, &self.result).await
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

    /// What the task has sent: links, the next step of a chain, and its own calls. Of a group: its members.
    ///
    /// # Errors
    /// As [`AsyncResult::meta`].
    pub async fn children(&self) -> Result<Vec<AsyncResult>, BackendError> {
        let children = match &self.result.members {
            Some(members) => members.clone(),
            None => self.meta().await?.children.unwrap_or_default(),
        };
        Ok(children
            .into_iter()
            .map(|c| AsyncResult::new(c, Arc::clone(&self.backend)))
            .collect())
    }

    /// Removes what is stored: of this task and those before it in its chain, and of a group's members.
    ///
    /// # Errors
    /// If the back end cannot be reached.
    pub async fn forget(&self) -> Result<(), BackendError> {
        gather::forget(&*self.backend, &self.result).await
    }

    /// Watches the task: its present state, then every change. Of a group, those of all members.
    ///
    /// # Errors
    /// If the back end cannot be reached.
    pub async fn changes(&self) -> Result<Changes, BackendError> {
        self.backend.watch(&gather::leaves(&self.result)).await
    }

    /// Waits until the task is over, and returns everything that is stored, whether it succeeded or not.
    ///
    /// # Errors
    /// `Timeout` after `timeout`, `WithinTask` in a task, `Backend` if it cannot be reached.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn wait_meta(
        &self,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<ResultMeta, ResultError> {
        gather::wait(&*self.backend, &self.result, timeout.into()).await
    }
}

impl<T: DeserializeOwned> AsyncResult<T> {
    /// Waits for the value, at most so long: `get(Duration::from_secs(5))`, or `get(None)` without end.
    ///
    /// # Errors
    /// `Failed` or `Revoked` with the task's exception, `Timeout`, `WithinTask`, `Type` if the value is of another
    /// type, `Backend`.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn get(&self, timeout: impl Into<Option<Duration>>) -> Result<T, ResultError> {
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
        gather::value_of(meta)
    }
}
