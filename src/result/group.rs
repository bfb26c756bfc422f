//! The results of a group, side by side.
//!
//! Mirrors `celery.result.GroupResult`.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{AsyncResult, ResultError, gather};
use crate::backend::{Backend, BackendError};
use crate::protocol::{ResultMeta, ResultTuple, State, Value};

/// The results of a group's members. `R` is what each returns.
#[derive(Debug)]
pub struct GroupResult<R = Value> {
    result: ResultTuple,
    backend: Arc<dyn Backend>,
    kind: PhantomData<fn() -> R>,
}

impl<R> Clone for GroupResult<R> {
    fn clone(&self) -> Self {
        Self {
            result: self.result.clone(),
            backend: Arc::clone(&self.backend),
            kind: PhantomData,
        }
    }
}

impl<R> GroupResult<R> {
    /// The members of a group's result in `backend`; none if it is a task's.
    #[must_use]
    pub fn new(result: ResultTuple, backend: Arc<dyn Backend>) -> Option<Self> {
        result.members.is_some().then_some(Self {
            result,
            backend,
            kind: PhantomData,
        })
    }

    /// The group id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.result.id
    }

    /// The result before it in a chain.
    #[must_use]
    pub fn parent(&self) -> Option<AsyncResult> {
        self.as_result().parent()
    }

    /// The members, in order.
    #[must_use]
    pub fn results(&self) -> Vec<AsyncResult<R>> {
        self.members()
            .iter()
            .map(|m| AsyncResult::new(m.clone(), Arc::clone(&self.backend)))
            .collect()
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members().is_empty()
    }

    /// The group as one result: the list of the members' values.
    #[must_use]
    pub fn as_result(&self) -> AsyncResult<Vec<R>> {
        AsyncResult::new(self.result.clone(), Arc::clone(&self.backend))
    }

    /// How many members have returned.
    ///
    /// # Errors
    /// If the back end cannot be reached or read.
    pub async fn completed_count(&self) -> Result<usize, BackendError> {
        let metas = self.metas().await?;
        Ok(metas.iter().filter(|m| m.status == State::SUCCESS).count())
    }

    /// Whether all members are over.
    ///
    /// # Errors
    /// As [`GroupResult::completed_count`].
    pub async fn ready(&self) -> Result<bool, BackendError> {
        Ok(self.metas().await?.iter().all(|m| m.status.is_ready()))
    }

    /// Whether a member is not over.
    ///
    /// # Errors
    /// As [`GroupResult::completed_count`].
    pub async fn waiting(&self) -> Result<bool, BackendError> {
        Ok(!self.ready().await?)
    }

    /// Whether all members have returned.
    ///
    /// # Errors
    /// As [`GroupResult::completed_count`].
    pub async fn successful(&self) -> Result<bool, BackendError> {
        Ok(self.completed_count().await? == self.len())
    }

    /// Whether a member has failed.
    ///
    /// # Errors
    /// As [`GroupResult::completed_count`].
    pub async fn failed(&self) -> Result<bool, BackendError> {
        let metas = self.metas().await?;
        Ok(metas.iter().any(|m| m.status == State::FAILURE))
    }

    /// Removes what is stored of all members.
    ///
    /// # Errors
    /// If the back end cannot be reached.
    pub async fn forget(&self) -> Result<(), BackendError> {
        gather::forget(&*self.backend, &self.result).await
    }

    /// Saves which members the group has, so that another process can get at them by the group's id.
    ///
    /// # Errors
    /// If the back end cannot be reached.
    pub async fn save(&self) -> Result<(), BackendError> {
        self.backend.save_group(&self.result).await
    }

    /// Removes what [`GroupResult::save`] has saved.
    ///
    /// # Errors
    /// If the back end cannot be reached.
    pub async fn delete(&self) -> Result<(), BackendError> {
        self.backend.delete_group(self.id()).await
    }

    fn members(&self) -> &[ResultTuple] {
        self.result.members.as_deref().unwrap_or_default()
    }

    /// What is stored of each member, in one round trip.
    async fn metas(&self) -> Result<Vec<ResultMeta>, BackendError> {
        gather::each(&*self.backend, self.members()).await
    }
}

impl<R: DeserializeOwned> GroupResult<R> {
    /// Waits for all values, at most so long; ends at the first member that fails. See [`AsyncResult::get`].
    ///
    /// # Errors
    /// As [`AsyncResult::get`].
    pub async fn get(&self, timeout: impl Into<Option<Duration>>) -> Result<Vec<R>, ResultError> {
        self.as_result().get(timeout).await
    }

    /// As [`GroupResult::get`], without end.
    ///
    /// # Errors
    /// As [`AsyncResult::get`].
    pub async fn wait(&self) -> Result<Vec<R>, ResultError> {
        self.get(None).await
    }
}
