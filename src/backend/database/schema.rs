//! Celery's tables, as Celery creates them, and the statements on them.
//!
//! Mirrors `celery.backends.database.models` and `session`. Either program may be the first to open the file.

use std::sync::Arc;

use sqlx::{Executor as _, Row as _, SqliteConnection};

use crate::protocol::{Map, Value};
use crate::sqlite::{Connection, Kind, SqliteError, is_identifier};

/// Columns that older versions lack. They are added, as Celery adds them.
const LATER_COLUMNS: &[(&str, &str)] = &[
    ("children", "BLOB"),
    ("name", "VARCHAR(155)"),
    ("args", "BLOB"),
    ("kwargs", "BLOB"),
    ("worker", "VARCHAR(155)"),
    ("retries", "INTEGER"),
    ("queue", "VARCHAR(155)"),
    ("stamps", "BLOB"),
];

/// Rows that are stored by one statement, most first. To hand a statement to the driver's thread takes as long as to store
/// several rows.
pub(super) const STORE_ROWS: [usize; 4] = [64, 16, 4, 1];

/// The names of the tables, and the statements with them filled in.
#[derive(Debug, Clone)]
pub(super) struct Schema {
    task: String,
    group: String,
    /// For as many rows as [`STORE_ROWS`] says.
    pub(super) store: [Arc<str>; STORE_ROWS.len()],
    pub(super) get_many: Arc<str>,
    pub(super) recent: Arc<str>,
    pub(super) forget: Arc<str>,
    pub(super) save_group: Arc<str>,
    pub(super) restore_group: Arc<str>,
    pub(super) delete_group: Arc<str>,
    pub(super) expire_tasks: Arc<str>,
    pub(super) expire_groups: Arc<str>,
}

impl Schema {
    /// From `database_table_names` (keys `task` and `group`).
    pub(super) fn new(names: &Map) -> Result<Self, SqliteError> {
        let name = |key: &str, default: &str| match names.get(key) {
            None | Some(Value::Null) => Ok(default.to_owned()),
            Some(Value::Str(name)) if is_identifier(name) => Ok(name.clone()),
            Some(other) => Err(SqliteError::new(
                Kind::Config,
                format!(
                    "`database_table_names`: `{}` is no table name; use letters, digits and underscores",
                    other.as_str().unwrap_or(other.type_name())
                ),
            )),
        };
        let task = name("task", "celery_taskmeta")?;
        let group = name("group", "celery_tasksetmeta")?;
        let fill = |sql: &str| -> Arc<str> {
            sql.replace("{task}", &task)
                .replace("{group}", &group)
                .into()
        };
        Ok(Self {
            store: STORE_ROWS.map(|rows| fill(&store(rows))),
            get_many: fill(
                "SELECT CAST(task_id AS BLOB), CAST(status AS BLOB), CAST(result AS BLOB), CAST(date_done AS BLOB), \
                 CAST(traceback AS BLOB), CAST(children AS BLOB), CAST(name AS BLOB), CAST(args AS BLOB), \
                 CAST(kwargs AS BLOB), CAST(worker AS BLOB), CAST(retries AS INTEGER), CAST(queue AS BLOB), \
                 CAST(stamps AS BLOB) FROM {task} WHERE task_id IN (SELECT value FROM json_each(?1))",
            ),
            recent: fill("SELECT CAST(task_id AS TEXT) FROM {task} ORDER BY id DESC LIMIT ?1"),
            forget: fill("DELETE FROM {task} WHERE task_id = ?1"),
            save_group: fill(
                "INSERT INTO {group} (taskset_id, result, date_done) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (taskset_id) DO UPDATE SET result = excluded.result, date_done = excluded.date_done",
            ),
            restore_group: fill("SELECT CAST(result AS BLOB) FROM {group} WHERE taskset_id = ?1"),
            delete_group: fill("DELETE FROM {group} WHERE taskset_id = ?1"),
            expire_tasks: fill(
                "DELETE FROM {task} WHERE id IN (SELECT id FROM {task} WHERE date_done < ?1 LIMIT 1000)",
            ),
            expire_groups: fill(
                "DELETE FROM {group} WHERE id IN (SELECT id FROM {group} WHERE date_done < ?1 LIMIT 1000)",
            ),
            task,
            group,
        })
    }

    /// Creates tables and columns that are missing.
    pub(super) async fn create(&self, connection: &mut Connection) -> Result<(), SqliteError> {
        let complete = self.is_complete(connection).await;
        if complete.map_err(|e| connection.sorted(&e))? {
            return Ok(());
        }
        connection.write(async |c| self.add(c).await).await
    }

    async fn is_complete(&self, connection: &mut SqliteConnection) -> sqlx::Result<bool> {
        let columns = self.columns(connection).await?;
        let (groups,): (i64,) = sqlx::query_as("SELECT count(*) FROM sqlite_master WHERE name = ?")
            .bind(&self.group)
            .fetch_one(connection)
            .await?;
        let mut later = LATER_COLUMNS.iter();
        Ok(groups == 1 && later.all(|(name, _)| columns.iter().any(|c| c == name)))
    }

    async fn add(&self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        for statement in CREATE {
            let statement = statement
                .replace("{task}", &self.task)
                .replace("{group}", &self.group);
            connection.execute(sqlx::AssertSqlSafe(statement)).await?;
        }
        let columns = self.columns(connection).await?;
        for (name, kind) in LATER_COLUMNS {
            if !columns.iter().any(|c| c == name) {
                let statement = format!("ALTER TABLE {} ADD COLUMN {name} {kind}", self.task);
                connection.execute(sqlx::AssertSqlSafe(statement)).await?;
            }
        }
        Ok(())
    }

    async fn columns(&self, connection: &mut SqliteConnection) -> sqlx::Result<Vec<String>> {
        let rows = sqlx::query("SELECT name FROM pragma_table_info(?)")
            .bind(&self.task)
            .fetch_all(connection)
            .await?;
        rows.iter().map(|row| row.try_get(0)).collect()
    }
}

/// Stores rows, and answers with the ids of those that are written.
///
/// One statement, so that no other process can come between the look and the write. Like Celery, it leaves the stamps of an
/// earlier write where there are none now.
fn store(rows: usize) -> String {
    let values = vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"; rows].join(", ");
    format!(
        "INSERT INTO {{task}} (task_id, status, result, date_done, traceback, children, name, args, kwargs, \
         worker, retries, queue, stamps) VALUES {values} \
         ON CONFLICT (task_id) DO UPDATE SET status = excluded.status, result = excluded.result, \
         date_done = excluded.date_done, traceback = excluded.traceback, children = excluded.children, \
         name = excluded.name, args = excluded.args, kwargs = excluded.kwargs, worker = excluded.worker, \
         retries = excluded.retries, queue = excluded.queue, stamps = coalesce(excluded.stamps, stamps) \
         WHERE status IS NOT 'SUCCESS' RETURNING task_id"
    )
}

/// Celery's statements, to the letter. The indexes keep these names whatever the tables are called.
const CREATE: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS {task} (\n\tid INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, \n\t\
     task_id VARCHAR(155), \n\tstatus VARCHAR(50), \n\tresult BLOB, \n\tdate_done DATETIME, \n\ttraceback TEXT, \n\t\
     children BLOB, \n\tname VARCHAR(155), \n\targs BLOB, \n\tkwargs BLOB, \n\tworker VARCHAR(155), \n\t\
     retries INTEGER, \n\tqueue VARCHAR(155), \n\tstamps BLOB, \n\tUNIQUE (task_id)\n)",
    "CREATE TABLE IF NOT EXISTS {group} (\n\tid INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, \n\t\
     taskset_id VARCHAR(155), \n\tresult BLOB, \n\tdate_done DATETIME, \n\tUNIQUE (taskset_id)\n)",
    "CREATE INDEX IF NOT EXISTS ix_celery_taskmeta_date_done ON {task} (date_done)",
    "CREATE INDEX IF NOT EXISTS ix_celery_tasksetmeta_date_done ON {group} (date_done)",
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sqlite::{Durability, OpenOptions};

    async fn file(directory: &tempfile::TempDir) -> Connection {
        let options = OpenOptions {
            connect_timeout: Duration::from_secs(4),
            lock_timeout: Duration::from_secs(4),
            durability: Durability::Process,
        };
        let path = directory.path().join("f.db");
        Connection::open(&path, &options).await.unwrap()
    }

    #[tokio::test]
    async fn no_statement_scans_a_table() {
        let directory = tempfile::tempdir().unwrap();
        let mut connection = file(&directory).await;
        let schema = Schema::new(&Map::new()).unwrap();
        schema.create(&mut connection).await.unwrap();
        for sql in [
            &schema.store[STORE_ROWS.len() - 1],
            &schema.get_many,
            &schema.forget,
            &schema.save_group,
            &schema.restore_group,
            &schema.delete_group,
            &schema.expire_tasks,
            &schema.expire_groups,
        ] {
            let rows = connection
                .fetch_all(sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
                    "EXPLAIN QUERY PLAN {sql}"
                ))))
                .await
                .unwrap();
            for row in rows {
                let detail: String = row.get("detail");
                let scans = detail.starts_with("SCAN celery");
                assert!(!scans, "{detail}\n{sql}");
            }
        }
    }

    #[tokio::test]
    async fn an_older_table_gets_the_missing_columns() {
        let directory = tempfile::tempdir().unwrap();
        let mut connection = file(&directory).await;
        connection
            .execute(
                "CREATE TABLE celery_taskmeta (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, \
                 task_id VARCHAR(155), status VARCHAR(50), result BLOB, date_done DATETIME, traceback TEXT, \
                 UNIQUE (task_id))",
            )
            .await
            .unwrap();
        let schema = Schema::new(&Map::new()).unwrap();
        schema.create(&mut connection).await.unwrap();
        let columns = schema.columns(&mut connection).await.unwrap();
        for (name, _) in LATER_COLUMNS {
            assert!(columns.iter().any(|c| c == name), "{name}");
        }
    }
}
