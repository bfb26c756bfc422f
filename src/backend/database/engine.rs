//! The task that owns the connection: opens it when it is first needed and again after it is lost, and writes all that
//! waits in one transaction.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::row::Row;
use super::schema::Schema;
use crate::backend::base::Stored;
use crate::sqlite::{Kind, Location, OpenOptions, SqliteError, announce, open};

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
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    connection: SqliteConnection,
    path: PathBuf,
    identity: (u64, u64),
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
            let _ = open.connection.close().await;
        }
    }

    /// Sees to it that the connection is open, and that its file is still there.
    async fn ready(&mut self) -> Result<(), SqliteError> {
        if let Some(open) = &self.open {
            let same =
                std::fs::metadata(&open.path).is_ok_and(|m| (m.dev(), m.ino()) == open.identity);
            if same {
                return Ok(());
            }
            self.close().await;
        }
        let (mut connection, path) = open(self.location.path(), &self.options).await?;
        self.schema
            .create(&mut connection)
            .await
            .map_err(|e| SqliteError::from_driver(&path, &e))?;
        let metadata = std::fs::metadata(&path)
            .map_err(|e| SqliteError::new(Kind::Lost, format!("`{}`: {e}", path.display())))?;
        self.open = Some(Open {
            connection,
            identity: (metadata.dev(), metadata.ino()),
            path,
        });
        Ok(())
    }
}

/// Makes all writes in one transaction; true if the connection is lost.
async fn write(open: &mut Open, schema: &Schema, requests: &mut Vec<Request>) -> bool {
    if requests.is_empty() {
        return false;
    }
    let mut done = Vec::with_capacity(requests.len());
    match transaction(&mut open.connection, schema, requests, &mut done).await {
        Ok(()) => {
            announce(&open.path);
            for done in done {
                match done {
                    Done::Stored(answer, stored) => drop(answer.send(Ok(stored))),
                    Done::Unit(answer) => drop(answer.send(Ok(()))),
                }
            }
            false
        }
        Err(error) => {
            let error = SqliteError::from_driver(&open.path, &error);
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

async fn transaction(
    connection: &mut SqliteConnection,
    schema: &Schema,
    requests: &mut Vec<Request>,
    done: &mut Vec<Done>,
) -> sqlx::Result<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let c = &mut *transaction;
    for request in requests.drain(..) {
        match request {
            Request::Store(rows, answer) => {
                let result = store(c, schema, &rows).await;
                done.push(Done::Stored(
                    answer,
                    result.as_ref().cloned().unwrap_or_default(),
                ));
                result?;
            }
            Request::Forget(id, answer) => {
                done.push(Done::Unit(answer));
                sqlx::query(sql(&schema.forget))
                    .bind(id)
                    .execute(&mut *c)
                    .await?;
            }
            Request::SaveGroup {
                id,
                result,
                date_done,
                answer,
            } => {
                done.push(Done::Unit(answer));
                sqlx::query(sql(&schema.save_group))
                    .bind(id)
                    .bind(result)
                    .bind(date_done)
                    .execute(&mut *c)
                    .await?;
            }
            Request::DeleteGroup(id, answer) => {
                done.push(Done::Unit(answer));
                sqlx::query(sql(&schema.delete_group))
                    .bind(id)
                    .execute(&mut *c)
                    .await?;
            }
            // Not gathered.
            Request::GetMany(..)
            | Request::Recent(..)
            | Request::RestoreGroup(..)
            | Request::Expire(..)
            | Request::Path(..) => {}
        }
    }
    transaction.commit().await
}

async fn store(
    c: &mut SqliteConnection,
    schema: &Schema,
    rows: &[Row],
) -> sqlx::Result<Vec<Stored>> {
    let mut stored = Vec::with_capacity(rows.len());
    let text = |bytes: &Option<Vec<u8>>| {
        bytes
            .as_deref()
            .map(|b| String::from_utf8_lossy(b).into_owned())
    };
    for row in rows {
        let done = sqlx::query(sql(&schema.store))
            .bind(String::from_utf8_lossy(&row.task_id).into_owned())
            .bind(text(&row.status))
            .bind(row.result.as_deref())
            .bind(text(&row.date_done))
            .bind(text(&row.traceback))
            .bind(row.children.as_deref())
            .bind(text(&row.name))
            .bind(row.args.as_deref())
            .bind(row.kwargs.as_deref())
            .bind(text(&row.worker))
            .bind(row.retries)
            .bind(text(&row.queue))
            .bind(row.stamps.as_deref())
            .execute(&mut *c)
            .await?;
        stored.push(if done.rows_affected() == 0 {
            Stored::AlreadySuccess
        } else {
            Stored::Written
        });
    }
    Ok(stored)
}

/// Answers a request that stands alone; true if the connection is lost.
async fn read(open: &mut Open, schema: &Schema, request: Request) -> bool {
    let c = &mut open.connection;
    let sorted = |e: sqlx::Error| SqliteError::from_driver(&open.path, &e);
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
            let mut expired = 0;
            let result = async {
                for (statement, before) in [
                    (&schema.expire_tasks, tasks),
                    (&schema.expire_groups, groups),
                ] {
                    // In steps, each of its own, so that others get to write in between.
                    loop {
                        let done = sqlx::query(sql(statement))
                            .bind(before.as_str())
                            .execute(&mut *c)
                            .await?;
                        if done.rows_affected() == 0 {
                            break;
                        }
                        expired += done.rows_affected();
                    }
                }
                Ok(())
            }
            .await;
            reply(answer, result.map(|()| expired).map_err(sorted))
        }
        Request::Path(answer) => reply(answer, Ok(open.path.clone())),
        // Gathered.
        Request::Store(..)
        | Request::Forget(..)
        | Request::SaveGroup { .. }
        | Request::DeleteGroup(..) => false,
    }
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
