//! The task that owns the connection: opens it when it is first needed and again after it is lost, and writes all that
//! waits in one transaction.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use sqlx::SqliteConnection;
use tokio::sync::{mpsc, oneshot};

use super::row::Row;
use super::schema::{STORE_ROWS, Schema};
use crate::backend::base::Stored;
use crate::sqlite::{Connection, Kind, Location, OpenOptions, SqliteError, Topic};

/// Requests gathered into one transaction at most.
const REQUESTS: usize = 128;

pub(super) type Answer<T> = oneshot::Sender<Result<T, SqliteError>>;

/// What the back end asks for.
#[derive(Debug)]
pub(super) enum Request {
    Store(Vec<Row>, Answer<Vec<Stored>>),
    GetMany(String, Answer<Vec<Row>>),
    /// The ids stored last.
    Recent(usize, Answer<Vec<String>>),
    Forget(String, Answer<()>),
    SaveGroup {
        id: String,
        result: Vec<u8>,
        date_done: String,
        answer: Answer<()>,
    },
    RestoreGroup(String, Answer<Option<Vec<u8>>>),
    DeleteGroup(String, Answer<()>),
    /// Deletes tasks and groups that were done before these wall clocks.
    Expire(String, String, Answer<u64>),
    /// Opens the file, if it is not open, and says which it is.
    Path(Answer<PathBuf>),
}

/// The connection, if there is one.
#[derive(Debug)]
pub(super) struct Engine {
    location: Location,
    options: OpenOptions,
    schema: Schema,
    requests: mpsc::Receiver<Request>,
    open: Option<Connection>,
}

/// Answers that wait for the commit.
enum Done {
    Stored(Answer<Vec<Stored>>, Vec<Stored>),
    Unit(Answer<()>),
}

fn sql(text: &Arc<str>) -> sqlx::AssertSqlSafe<Arc<str>> {
    sqlx::AssertSqlSafe(Arc::clone(text))
}

impl Engine {
    pub(super) fn new(
        location: Location,
        options: OpenOptions,
        schema: Schema,
        requests: mpsc::Receiver<Request>,
    ) -> Self {
        Self {
            location,
            options,
            schema,
            requests,
            open: None,
        }
    }

    /// Runs until all who could ask are gone.
    pub(super) async fn run(mut self) {
        let mut waiting = Vec::with_capacity(REQUESTS);
        while self.requests.recv_many(&mut waiting, REQUESTS).await > 0 {
            if let Err(error) = self.ready().await {
                for request in waiting.drain(..) {
                    request.refuse(&error);
                }
                continue;
            }
            let Some(open) = &mut self.open else { continue };
            let mut lost = false;
            let mut writes = Vec::new();
            for request in waiting.drain(..) {
                if request.is_write() {
                    writes.push(request);
                } else {
                    // A read behind a write in the queue must see it.
                    lost |= write(open, &self.schema, &mut writes).await;
                    lost |= read(open, &self.schema, request).await;
                }
            }
            lost |= write(open, &self.schema, &mut writes).await;
            if lost {
                self.close().await;
            }
        }
        self.close().await;
    }

    async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.close().await;
        }
    }

    /// Sees to it that the connection is open, and that its file is still there.
    async fn ready(&mut self) -> Result<(), SqliteError> {
        if self
            .open
            .as_ref()
            .is_some_and(|open| open.file().check().is_ok())
        {
            return Ok(());
        }
        self.close().await;
        let mut connection = Connection::open(self.location.path(), &self.options).await?;
        self.schema.create(&mut connection).await?;
        self.open = Some(connection);
        Ok(())
    }
}

/// Makes all writes in one transaction; true if the connection is lost.
async fn write(open: &mut Connection, schema: &Schema, requests: &mut Vec<Request>) -> bool {
    if requests.is_empty() {
        return false;
    }
    let mut done = Vec::with_capacity(requests.len());
    let deeds = async |c: &mut SqliteConnection| all(c, schema, requests, &mut done).await;
    match open.write(deeds).await {
        Ok(()) => {
            open.announce(Topic::Results);
            for done in done {
                match done {
                    Done::Stored(answer, stored) => drop(answer.send(Ok(stored))),
                    Done::Unit(answer) => drop(answer.send(Ok(()))),
                }
            }
            false
        }
        Err(error) => {
            for done in done {
                match done {
                    Done::Stored(answer, _) => drop(answer.send(Err(error.clone()))),
                    Done::Unit(answer) => drop(answer.send(Err(error.clone()))),
                }
            }
            for request in requests.drain(..) {
                request.refuse(&error);
            }
            error.kind == Kind::Lost
        }
    }
}

/// Makes all writes.
async fn all(
    c: &mut SqliteConnection,
    schema: &Schema,
    requests: &mut Vec<Request>,
    done: &mut Vec<Done>,
) -> sqlx::Result<()> {
    // Those behind one that fails stay, to be refused with the same words.
    requests.reverse();
    while let Some(request) = requests.pop() {
        match request {
            Request::Store(rows, answer) => {
                let result = store(&mut *c, schema, &rows).await;
                done.push(Done::Stored(
                    answer,
                    result.as_ref().cloned().unwrap_or_default(),
                ));
                result?;
            }
            Request::Forget(id, answer) => {
                done.push(Done::Unit(answer));
                let query = sqlx::query(sql(&schema.forget)).bind(id);
                query.execute(&mut *c).await?;
            }
            Request::SaveGroup {
                id,
                result,
                date_done,
                answer,
            } => {
                done.push(Done::Unit(answer));
                let query = sqlx::query(sql(&schema.save_group))
                    .bind(id)
                    .bind(result)
                    .bind(date_done);
                query.execute(&mut *c).await?;
            }
            Request::DeleteGroup(id, answer) => {
                done.push(Done::Unit(answer));
                let query = sqlx::query(sql(&schema.delete_group)).bind(id);
                query.execute(&mut *c).await?;
            }
            // Not gathered.
            Request::GetMany(..)
            | Request::Recent(..)
            | Request::RestoreGroup(..)
            | Request::Expire(..)
            | Request::Path(..) => {}
        }
    }
    Ok(())
}

async fn store(
    c: &mut SqliteConnection,
    schema: &Schema,
    rows: &[Row],
) -> sqlx::Result<Vec<Stored>> {
    let mut stored = Vec::with_capacity(rows.len());
    let mut rest = rows;
    while !rest.is_empty() {
        let different = different(rest);
        let size = STORE_ROWS.iter().position(|rows| *rows <= different);
        let size = size.expect("one row is different from none");
        let (now, later) = rest.split_at(STORE_ROWS[size]);
        rest = later;
        let mut query = sqlx::query_scalar(sql(&schema.store[size]));
        for row in now {
            query = query
                .bind(text(&row.task_id))
                .bind(row.status.as_deref().map(text))
                .bind(row.result.as_deref())
                .bind(row.date_done.as_deref().map(text))
                .bind(row.traceback.as_deref().map(text))
                .bind(row.children.as_deref())
                .bind(row.name.as_deref().map(text))
                .bind(row.args.as_deref())
                .bind(row.kwargs.as_deref())
                .bind(row.worker.as_deref().map(text))
                .bind(row.retries)
                .bind(row.queue.as_deref().map(text))
                .bind(row.stamps.as_deref());
        }
        let written: Vec<String> = query.fetch_all(&mut *c).await?;
        let all = written.len() == now.len();
        let written: HashSet<String> = written.into_iter().filter(|_| !all).collect();
        stored.extend(now.iter().map(|row| {
            if all || written.contains(&*text(&row.task_id)) {
                Stored::Written
            } else {
                Stored::AlreadySuccess
            }
        }));
    }
    Ok(stored)
}

/// How many of the first rows are of different tasks: what one statement writes is told apart by the task's id.
fn different(rows: &[Row]) -> usize {
    let mut seen = HashSet::with_capacity(rows.len());
    let repeated = rows.iter().position(|row| !seen.insert(&row.task_id));
    repeated.unwrap_or(rows.len())
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Answers a request that stands alone; true if the connection is lost.
async fn read(open: &mut Connection, schema: &Schema, request: Request) -> bool {
    let path = open.file().path().to_owned();
    let sorted = |e: sqlx::Error| SqliteError::from_driver(&path, &e);
    let c = &mut **open;
    match request {
        Request::GetMany(ids, answer) => {
            let rows = sqlx::query(sql(&schema.get_many)).bind(ids).fetch_all(c);
            let rows = rows
                .await
                .and_then(|rows| rows.iter().map(Row::from_columns).collect());
            reply(answer, rows.map_err(sorted))
        }
        Request::Recent(limit, answer) => {
            let ids = sqlx::query_scalar(sql(&schema.recent))
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .fetch_all(c)
                .await;
            reply(answer, ids.map_err(sorted))
        }
        Request::RestoreGroup(id, answer) => {
            let found = sqlx::query_scalar(sql(&schema.restore_group))
                .bind(id)
                .fetch_optional(c)
                .await
                .map(Option::flatten);
            reply(answer, found.map_err(sorted))
        }
        Request::Expire(tasks, groups, answer) => {
            let expired = expire(open, schema, &tasks, &groups).await;
            reply(answer, expired)
        }
        Request::Path(answer) => reply(answer, Ok(path)),
        // Gathered.
        Request::Store(..)
        | Request::Forget(..)
        | Request::SaveGroup { .. }
        | Request::DeleteGroup(..) => false,
    }
}

/// Deletes what was done before, in steps of a transaction each, so that others get to write in between.
async fn expire(
    open: &mut Connection,
    schema: &Schema,
    tasks: &str,
    groups: &str,
) -> Result<u64, SqliteError> {
    let mut expired = 0;
    for (statement, before) in [
        (&schema.expire_tasks, tasks),
        (&schema.expire_groups, groups),
    ] {
        loop {
            let step = async |c: &mut SqliteConnection| {
                sqlx::query(sql(statement)).bind(before).execute(c).await
            };
            let rows = open.write(step).await?.rows_affected();
            if rows == 0 {
                break;
            }
            expired += rows;
        }
    }
    Ok(expired)
}

fn reply<T>(answer: Answer<T>, result: Result<T, SqliteError>) -> bool {
    let lost = result.as_ref().is_err_and(|e| e.kind == Kind::Lost);
    // Who asked may have stopped waiting.
    let _ = answer.send(result);
    lost
}

impl Row {
    fn from_columns(row: &sqlx::sqlite::SqliteRow) -> sqlx::Result<Self> {
        use sqlx::Row as _;
        Ok(Self {
            task_id: row.try_get(0)?,
            status: row.try_get(1)?,
            result: row.try_get(2)?,
            date_done: row.try_get(3)?,
            traceback: row.try_get(4)?,
            children: row.try_get(5)?,
            name: row.try_get(6)?,
            args: row.try_get(7)?,
            kwargs: row.try_get(8)?,
            worker: row.try_get(9)?,
            retries: row.try_get(10)?,
            queue: row.try_get(11)?,
            stamps: row.try_get(12)?,
        })
    }
}

impl Request {
    fn is_write(&self) -> bool {
        matches!(
            self,
            Self::Store(..) | Self::Forget(..) | Self::SaveGroup { .. } | Self::DeleteGroup(..)
        )
    }

    fn refuse(self, error: &SqliteError) {
        let error = error.clone();
        match self {
            Self::Store(_, answer) => drop(answer.send(Err(error))),
            Self::GetMany(_, answer) => drop(answer.send(Err(error))),
            Self::Recent(_, answer) => drop(answer.send(Err(error))),
            Self::Forget(_, answer) | Self::DeleteGroup(_, answer) => {
                drop(answer.send(Err(error)));
            }
            Self::SaveGroup { answer, .. } => drop(answer.send(Err(error))),
            Self::RestoreGroup(_, answer) => drop(answer.send(Err(error))),
            Self::Expire(_, _, answer) => drop(answer.send(Err(error))),
            Self::Path(answer) => drop(answer.send(Err(error))),
        }
    }
}
