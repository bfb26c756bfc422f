//! What is written about the end of a request: its state, and its part in a chord.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::sleep;

use super::Request;
use super::core::Core;
use super::follow;
use super::undone::no_caller;
use crate::backend::{BackendError, PartOutcome, Stored};
use crate::protocol::{ResultMeta, State as TaskState, Value};

/// Counts this request as a part of its chord, and deals with the body once all parts are in.
pub(super) async fn part_done(core: &Core, request: &Request, state: TaskState, result: Value) {
    let header = &request.message.header;
    let (Some(body), Some(group_id)) = (&request.message.embed.chord, &header.group) else {
        return;
    };
    let part = PartOutcome {
        group_id: group_id.clone(),
        group_index: header.group_index,
        task_id: header.id.clone(),
        state,
        result,
    };
    follow::chord_part(core, body, &part, &no_caller(request)).await;
}

/// Stores a meta; only a value that has no wire form is an error. An outage has been waited for, or logged.
pub(super) async fn store(core: &Core, meta: ResultMeta) -> Result<(), BackendError> {
    let (id, status) = (meta.task_id.clone(), meta.status.clone());
    stored(&id, &status, core.storer.store(meta).await)
}

/// What became of a meta, as [`store`] tells it.
pub(super) fn stored(
    id: &str,
    status: &TaskState,
    outcome: Result<Stored, BackendError>,
) -> Result<(), BackendError> {
    match outcome {
        Ok(Stored::Written) => Ok(()),
        Ok(Stored::AlreadySuccess) => {
            tracing::debug!(task_id = %id, "state {status} not stored: the task has succeeded before");
            Ok(())
        }
        Err(error @ BackendError::Protocol(_)) => Err(error),
        Err(error) => {
            tracing::error!(task_id = %id, "state {status} is not stored: {error}");
            Ok(())
        }
    }
}

/// Does something until it works, fails for good, or a cold shutdown asks to leave it.
pub(super) async fn persist<'a, T, E: std::fmt::Display>(
    core: &Core,
    what: &str,
    is_transient: fn(&E) -> bool,
    attempt: impl Fn() -> BoxFuture<'a, Result<T, E>> + Send,
) -> Result<T, E> {
    let mut pause = Duration::from_millis(100);
    loop {
        match attempt().await {
            Err(error) if is_transient(&error) && !core.shutdown.is_cold() => {
                tracing::warn!("{what}: {error}; trying again");
            }
            other => return other,
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = core.shutdown.cold_asked() => {}
        }
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}
