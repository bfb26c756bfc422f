//! No result back end: nothing is stored, and reading is an error that says so.
//!
//! Mirrors `celery.backends.base.DisabledBackend`.

use async_trait::async_trait;

use super::{Backend, BackendError, Changes, ChordProgress, PartOutcome, Stored};
use crate::protocol::{ResultMeta, ResultTuple};

/// The back end of an app that has none.
#[derive(Debug)]
pub(super) struct DisabledBackend;

#[async_trait]
impl Backend for DisabledBackend {
    fn as_uri(&self) -> String {
        "disabled://".to_owned()
    }

    fn is_enabled(&self) -> bool {
        false
    }

    fn counts_chords(&self) -> bool {
        false
    }

    async fn store(
        &self,
        batch: &[ResultMeta],
    ) -> Result<Vec<Result<Stored, BackendError>>, BackendError> {
        Ok(batch.iter().map(|_| Ok(Stored::Written)).collect())
    }

    async fn get_many(
        &self,
        _task_ids: &[String],
    ) -> Result<Vec<Option<ResultMeta>>, BackendError> {
        Err(BackendError::Disabled)
    }

    async fn watch(&self, _task_ids: &[String]) -> Result<Changes, BackendError> {
        Err(BackendError::Disabled)
    }

    async fn forget(&self, _task_id: &str) -> Result<(), BackendError> {
        Err(BackendError::Disabled)
    }

    async fn save_group(&self, _group: &ResultTuple) -> Result<(), BackendError> {
        Err(BackendError::Disabled)
    }

    async fn restore_group(&self, _group_id: &str) -> Result<Option<ResultTuple>, BackendError> {
        Err(BackendError::Disabled)
    }

    async fn delete_group(&self, _group_id: &str) -> Result<(), BackendError> {
        Err(BackendError::Disabled)
    }

    async fn chord_start(&self, _group_id: &str, _size: u64) -> Result<(), BackendError> {
        Err(BackendError::Disabled)
    }

    async fn chord_part(&self, _part: &PartOutcome) -> Result<ChordProgress, BackendError> {
        Ok(ChordProgress::Unlocked)
    }

    async fn chord_done(
        &self,
        _group_id: &str,
        _claim: &str,
        _failed: bool,
    ) -> Result<(), BackendError> {
        Ok(())
    }

    async fn cleanup(&self) -> Result<u64, BackendError> {
        Ok(0)
    }

    async fn close(&self) {}
}
