//! Waiting for results: a look at the rows whenever the file has changed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::debug;

use super::Client;
use super::row::{Coder, Row};
use crate::backend::BackendError;
use crate::protocol::ResultMeta;
use crate::sqlite::{Topic, Watch};

/// How long to wait after a failure that may pass.
const PAUSE: Duration = Duration::from_millis(250);
/// A look may take one part in this of the time; with many tasks in a busy file, looks become rarer.
const SHARE: u32 = 10;

/// One subscription.
#[derive(Debug)]
pub(super) struct Watcher {
    client: Client,
    coder: Arc<Coder>,
    path: PathBuf,
    changes: mpsc::Sender<Result<ResultMeta, BackendError>>,
    /// Tasks that are not ready, with the row last reported.
    open: HashMap<String, Option<Row>>,
}

impl Watcher {
    pub(super) fn new(
        client: Client,
        coder: Arc<Coder>,
        task_ids: &[String],
        path: PathBuf,
        changes: mpsc::Sender<Result<ResultMeta, BackendError>>,
    ) -> Self {
        Self {
            client,
            coder,
            path,
            changes,
            open: task_ids.iter().map(|id| (id.clone(), None)).collect(),
        }
    }

    /// Reports until all tasks are ready, the receiver is gone or the back end refuses.
    pub(super) async fn run(mut self) {
        let mut watch = Watch::new(&self.path, Topic::Results).ok();
        while !self.open.is_empty() {
            let started = Instant::now();
            match self.look().await {
                Ok(()) => {}
                Err(error) if error.is_transient() => {
                    debug!(%error, "looking for results again");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => {
                    let _ = self.changes.send(Err(error)).await;
                    return;
                }
            }
            if self.changes.is_closed() {
                return;
            }
            tokio::time::sleep(started.elapsed() * (SHARE - 1)).await;
            let changed = match &mut watch {
                Some(watch) => watch.changed().await.is_ok(),
                None => false,
            };
            if !changed {
                // The file was removed or replaced. The next look makes the engine open what is there then.
                tokio::time::sleep(PAUSE).await;
                watch = Watch::new(&self.path, Topic::Results).ok();
            }
        }
    }

    async fn look(&mut self) -> Result<(), BackendError> {
        let ids: Vec<String> = self.open.keys().cloned().collect();
        for row in self.client.rows(&ids).await? {
            let id = String::from_utf8_lossy(&row.task_id).into_owned();
            if self
                .open
                .get(&id)
                .is_none_or(|seen| seen.as_ref() == Some(&row))
            {
                continue;
            }
            let meta = self.coder.to_meta(row.clone())?;
            if meta.status.is_ready() {
                self.open.remove(&id);
            } else {
                self.open.insert(id, Some(row));
            }
            if self.changes.send(Ok(meta)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}
