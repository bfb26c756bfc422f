//! Results in the tables of Celery's database back end, in an SQLite file.
//!
//! `schema.rs` has the tables, `row.rs` turns metas into rows and back, `engine.rs` owns the connection. Mirrors
//! `celery.backends.database`, with two differences in its favour: a SUCCESS cannot be overwritten even between two
//! processes, and waiting notices a result within milliseconds where Celery polls twice a second.
//!
//! As in Celery, chords are not counted here: their publisher sends `celery.chord_unlock`. Results are not compressed.

mod engine;
mod row;
mod schema;
mod watch;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::engine::{Answer, Engine, Request};
use self::row::{Coder, Row};
use self::schema::Schema;
use super::base::{Backend, Changes, ChordProgress, PartOutcome, Stored};
use super::error::BackendError;
use super::registry::Options;
use crate::protocol::{ResultMeta, ResultTuple, time};
use crate::sqlite::{Durability, Kind, Location, OpenOptions, SqliteError, Thread};

/// How long a statement waits for another process's lock, if commands may take that long.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests that wait for the engine. More callers than this wait for room, within their deadline.
const REQUESTS: usize = 256;
/// Changes that wait to be read by a watcher.
const CHANGES: usize = 64;

/// The back end.
#[derive(Debug)]
struct DatabaseBackend {
    uri: String,
    client: Client,
    coder: Arc<Coder>,
    timezone: TimeZone,
    expires: Option<Duration>,
    watchers: TaskTracker,
    closing: CancellationToken,
    thread: tokio::sync::Mutex<Option<Thread>>,
}

/// The asking end of the engine.
#[derive(Debug, Clone)]
struct Client {
    uri: Arc<str>,
    /// None after close.
    requests: Arc<Mutex<Option<mpsc::Sender<Request>>>>,
    deadline: Duration,
}

/// Prepares a back end. The file is opened, and created if it is missing, when it is first needed.
///
/// # Errors
/// `Config` for a bad URL, table name or serializer.
#[expect(clippy::unused_async, reason = "the same shape as the other back ends")]
pub(super) async fn connect(
    url: &str,
    options: &Options,
) -> Result<Arc<dyn Backend>, BackendError> {
    let location = Location::parse(url)?;
    let schema = Schema::new(&options.table_names)?;
    let coder = Arc::new(Coder::new(options)?);
    let open = OpenOptions {
        connect_timeout: options.connect_timeout,
        lock_timeout: location
            .lock_timeout()
            .unwrap_or(LOCK_TIMEOUT)
            .min(options.command_timeout),
        durability: Durability::Process,
    };
    let (requests, receiver) = mpsc::channel(REQUESTS);
    let engine = Engine::new(location, open, schema, receiver);
    let thread = Thread::spawn("sqlite-results", move || engine.run())?;
    Ok(Arc::new(DatabaseBackend {
        uri: url.to_owned(),
        client: Client {
            uri: url.into(),
            requests: Arc::new(Mutex::new(Some(requests))),
            deadline: options.command_timeout,
        },
        coder,
        timezone: options.timezone.clone(),
        expires: options.expires,
        watchers: TaskTracker::new(),
        closing: CancellationToken::new(),
        thread: tokio::sync::Mutex::new(Some(thread)),
    }))
}

impl From<SqliteError> for BackendError {
    fn from(error: SqliteError) -> Self {
        let message = error.message;
        match error.kind {
            Kind::Config => Self::Config(message),
            Kind::AccessRefused => Self::AccessRefused(message),
            Kind::Locked => Self::Timeout(message),
            Kind::Lost => Self::connection(message),
            Kind::Full | Kind::Failed => Self::server(message),
        }
    }
}

impl Client {
    /// Asks the engine, and waits for its answer until the deadline.
    async fn ask<T>(
        &self,
        request: impl FnOnce(Answer<T>) -> Request + Send,
    ) -> Result<T, BackendError> {
        let closed = || BackendError::connection(format!("`{}` is closed", self.uri));
        let requests = self
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or_else(closed)?;
        let (answer, answered) = oneshot::channel();
        let asked = async {
            let sent = requests.send(request(answer)).await;
            sent.map_err(|_| closed())?;
            let result = answered.await.map_err(|_| closed())?;
            result.map_err(BackendError::from)
        };
        tokio::time::timeout(self.deadline, asked)
            .await
            .unwrap_or_else(|_| {
                Err(BackendError::Timeout(format!(
                    "`{}` did not answer within {:?}",
                    self.uri, self.deadline
                )))
            })
    }

    /// The rows that there are, in no order.
    async fn rows(&self, task_ids: &[String]) -> Result<Vec<Row>, BackendError> {
        let ids = serde_json::Value::from(task_ids).to_string();
        self.ask(|answer| Request::GetMany(ids, answer)).await
    }

    async fn path(&self) -> Result<PathBuf, BackendError> {
        self.ask(Request::Path).await
    }
}

#[async_trait]
impl Backend for DatabaseBackend {
    fn as_uri(&self) -> String {
        self.uri.clone()
    }

    fn counts_chords(&self) -> bool {
        false
    }

    async fn store(
        &self,
        batch: &[ResultMeta],
    ) -> Result<Vec<Result<Stored, BackendError>>, BackendError> {
        let mut rows = Vec::with_capacity(batch.len());
        let mut outcomes: Vec<Option<BackendError>> = Vec::with_capacity(batch.len());
        for meta in batch {
            match self.coder.to_row(meta) {
                Ok(row) => {
                    rows.push(row);
                    outcomes.push(None);
                }
                Err(error) => outcomes.push(Some(error.into())),
            }
        }
        let mut stored = if rows.is_empty() {
            Vec::new()
        } else {
            self.client
                .ask(|answer| Request::Store(rows, answer))
                .await?
        }
        .into_iter();
        Ok(outcomes
            .into_iter()
            .map(|error| match error {
                Some(error) => Err(error),
                None => stored
                    .next()
                    .ok_or_else(|| BackendError::server("a write was not answered")),
            })
            .collect())
    }

    async fn get_many(&self, task_ids: &[String]) -> Result<Vec<Option<ResultMeta>>, BackendError> {
        let mut found = HashMap::with_capacity(task_ids.len());
        for row in self.client.rows(task_ids).await? {
            let meta = self.coder.to_meta(row)?;
            found.insert(meta.task_id.clone(), meta);
        }
        Ok(task_ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    async fn watch(&self, task_ids: &[String]) -> Result<Changes, BackendError> {
        let path = self.client.path().await?;
        let (sender, changes) = mpsc::channel(CHANGES);
        let stop = self.closing.child_token();
        let watcher = watch::Watcher::new(
            self.client.clone(),
            Arc::clone(&self.coder),
            task_ids,
            path,
            sender,
        );
        let stopped = stop.clone();
        self.watchers.spawn(async move {
            stopped.run_until_cancelled(watcher.run()).await;
        });
        Ok(Changes::new(changes, Some(stop.drop_guard())))
    }

    async fn forget(&self, task_id: &str) -> Result<(), BackendError> {
        let id = task_id.to_owned();
        self.client.ask(|answer| Request::Forget(id, answer)).await
    }

    async fn recent(&self, limit: usize) -> Result<Vec<String>, BackendError> {
        self.client
            .ask(|answer| Request::Recent(limit, answer))
            .await
    }

    async fn save_group(&self, group: &ResultTuple) -> Result<(), BackendError> {
        let (id, result) = (group.id.clone(), self.coder.encode(&group.to_value())?);
        // UTC, whatever the app's zone (celery/backends/database/models.py, TaskSet).
        let date_done = time::sqlite_datetime(Timestamp::now(), &TimeZone::UTC);
        self.client
            .ask(|answer| Request::SaveGroup {
                id,
                result,
                date_done,
                answer,
            })
            .await
    }

    async fn restore_group(&self, group_id: &str) -> Result<Option<ResultTuple>, BackendError> {
        let id = group_id.to_owned();
        let found = self
            .client
            .ask(|answer| Request::RestoreGroup(id, answer))
            .await?;
        let Some(bytes) = found else {
            return Ok(None);
        };
        Ok(Some(ResultTuple::from_value(&self.coder.decode(&bytes)?)?))
    }

    async fn delete_group(&self, group_id: &str) -> Result<(), BackendError> {
        let id = group_id.to_owned();
        self.client
            .ask(|answer| Request::DeleteGroup(id, answer))
            .await
    }

    async fn chord_start(&self, _group_id: &str, _size: u64) -> Result<(), BackendError> {
        Ok(())
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
        let Some(expires) = self.expires else {
            return Ok(0);
        };
        let Ok(before) = Timestamp::now().checked_sub(expires) else {
            return Ok(0);
        };
        let tasks = time::sqlite_datetime(before, &self.timezone);
        let groups = time::sqlite_datetime(before, &TimeZone::UTC);
        self.client
            .ask(|answer| Request::Expire(tasks, groups, answer))
            .await
    }

    async fn close(&self) {
        self.closing.cancel();
        self.watchers.close();
        self.watchers.wait().await;
        let requests = self
            .client
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(requests);
        if let Some(thread) = self.thread.lock().await.take() {
            // It ends when what it was asked is done.
            let _ = tokio::time::timeout(self.client.deadline, thread.join()).await;
        }
    }
}

impl Drop for DatabaseBackend {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}
