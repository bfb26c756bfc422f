//! The contract of a result back end.

use std::fmt::Debug;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::BackendError;
use crate::protocol::{ResultMeta, ResultTuple, State, Value};

/// What became of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is stored.
    Written,
    /// A SUCCESS was there: nothing was written.
    AlreadySuccess,
}

/// One part of a chord, as it ended.
#[derive(Debug, Clone)]
pub struct PartOutcome {
    /// The header's group id.
    pub group_id: String,
    /// Position in the header.
    pub group_index: Option<i64>,
    /// The part's task id.
    pub task_id: String,
    /// SUCCESS, FAILURE or REVOKED.
    pub state: State,
    /// Return value or encoded exception.
    pub result: Value,
}

/// What counting a part found.
#[derive(Debug, Clone, PartialEq)]
pub enum ChordProgress {
    /// Not all parts are in, or another worker sends the body.
    Incomplete,
    /// All parts are in and this caller has claimed the body: publish it with these results, then call
    /// [`Backend::chord_done`].
    Complete {
        /// The results, in the order of the header.
        results: Vec<Value>,
        /// Proof of the claim, for [`Backend::chord_done`].
        claim: String,
    },
    /// All parts are in and one has failed: the body must fail with this reason (`Dependency ID raised …`).
    Failed {
        /// The message of the `ChordError`.
        reason: String,
        /// Proof of the claim, for [`Backend::chord_done`].
        claim: String,
    },
    /// The back end has no counters: `celery.chord_unlock` tasks watch the header.
    Unlocked,
}

/// A subscription to results: the stored meta of each watched task whenever it changes.
///
/// A change may be reported twice, and intermediate states may be skipped; the final one never is. It survives
/// reconnects. Dropping it ends it.
#[derive(Debug)]
pub struct Changes {
    changes: mpsc::Receiver<Result<ResultMeta, BackendError>>,
    /// Held so that the transport sees when the subscription is dropped.
    _alive: Option<tokio_util::sync::DropGuard>,
}

impl Changes {
    /// For back ends. `alive` is cancelled when the subscription is dropped.
    #[must_use]
    pub fn new(
        changes: mpsc::Receiver<Result<ResultMeta, BackendError>>,
        alive: Option<tokio_util::sync::DropGuard>,
    ) -> Self {
        Self {
            changes,
            _alive: alive,
        }
    }

    /// The next change; an error ends the subscription (the back end cannot be reached at all, or refuses us).
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn next(&mut self) -> Option<Result<ResultMeta, BackendError>> {
        self.changes.recv().await
    }
}

/// A result back end. It connects at first use and reconnects by itself; every call has a deadline.
#[async_trait]
pub trait Backend: Debug + Send + Sync + 'static {
    /// The URL with its password masked.
    fn as_uri(&self) -> String;

    /// Whether results are kept at all (false for `disabled://`).
    fn is_enabled(&self) -> bool {
        true
    }

    /// Whether chords are counted here; if not, the publisher must send `celery.chord_unlock`.
    fn counts_chords(&self) -> bool;

    /// Stores metas, in order. A SUCCESS that is there is never overwritten. Each has its own outcome: one value
    /// that cannot be encoded does not fail the others. The outer error is about the connection.
    async fn store(
        &self,
        batch: &[ResultMeta],
    ) -> Result<Vec<Result<Stored, BackendError>>, BackendError>;

    /// The stored meta; `None` if nothing is stored.
    async fn get(&self, task_id: &str) -> Result<Option<ResultMeta>, BackendError> {
        Ok(self
            .get_many(std::slice::from_ref(&task_id.to_owned()))
            .await?
            .pop()
            .flatten())
    }

    /// The stored metas, in the order of the ids.
    async fn get_many(&self, task_ids: &[String]) -> Result<Vec<Option<ResultMeta>>, BackendError>;

    /// Watches tasks: their present state (if stored) first, then every change. Pushed where the back end can,
    /// polled where not.
    async fn watch(&self, task_ids: &[String]) -> Result<Changes, BackendError>;

    /// Ids of stored results that begin with `prefix`, at most `limit`, in no order.
    ///
    /// # Errors
    /// `Unsupported` where ids can't be looked up.
    async fn find(&self, prefix: &str, limit: usize) -> Result<Vec<String>, BackendError> {
        let _ = (prefix, limit);
        Err(BackendError::Unsupported(
            "this result back end can't look up ids by their beginning".to_owned(),
        ))
    }

    /// Removes the stored meta.
    async fn forget(&self, task_id: &str) -> Result<(), BackendError>;

    /// Ids of up to `limit` tasks with a stored meta, the latest first where the back end knows. For people who look for
    /// one: a back end may leave some out, or list none, rather than search long.
    async fn recent(&self, _limit: usize) -> Result<Vec<String>, BackendError> {
        Ok(Vec::new())
    }

    /// Saves a group's members under its id.
    async fn save_group(&self, group: &ResultTuple) -> Result<(), BackendError>;

    /// A saved group.
    async fn restore_group(&self, group_id: &str) -> Result<Option<ResultTuple>, BackendError>;

    /// Removes a saved group.
    async fn delete_group(&self, group_id: &str) -> Result<(), BackendError>;

    /// For publishers: says how many parts the chord `group_id` waits for. Called before the last part is sent.
    async fn chord_start(&self, group_id: &str, size: u64) -> Result<(), BackendError>;

    /// Counts a part whose result is stored.
    async fn chord_part(&self, part: &PartOutcome) -> Result<ChordProgress, BackendError>;

    /// Ends a claim after the body was published (or failed): the counters go.
    async fn chord_done(
        &self,
        group_id: &str,
        claim: &str,
        failed: bool,
    ) -> Result<(), BackendError>;

    /// Removes what has expired, where that does not happen by itself (`celery.backend_cleanup`).
    async fn cleanup(&self) -> Result<u64, BackendError>;

    /// Closes connections.
    async fn close(&self);
}
