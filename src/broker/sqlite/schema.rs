//! The tables: kombu's own, as kombu creates them, and ours beside them.
//!
//! Mirrors `kombu.transport.sqlalchemy.models`. Either program may be the first to open the file.
//!
//! | table | rows |
//! |---|---|
//! | `kombu_queue`, `kombu_message` | kombu's. `visible = 1`: waiting, for Python and for us. We delete what is acked |
//! | `rcelery_consumer` | a connection that consumes: its process, and until when it is believed to live |
//! | `rcelery_unacked` | a message that a consumer holds (`visible = 0`), under a delivery number that is never used again |
//! | `rcelery_binding` | queues bound to exchanges; kombu keeps them in memory on this transport |
//! | `rcelery_queue` | queues that were declared here, above all those that end with their consumers: mailboxes, event receivers, replies |
//! | `rcelery_subscription` | which consumer listens on which queue |
//! | `rcelery_transient` | messages of queues that need no ack; a copy of a broadcast is under the name of the queue, the character 31 and the number of the consumer it is for |
//!
//! Messages wait in the order of an index over (queue, priority, id). The priority is read from the payload, so that
//! it counts for what Python sends too. A message that comes back keeps its id, and with it its place.

use std::time::{Duration, Instant};

use sqlx::{Executor as _, SqliteConnection};

use crate::protocol::{Map, Value};
use crate::sqlite::{Connection, Kind, SqliteError, is_identifier};

/// The priority of a message, 0 (the default, most urgent) to 9. Unreadable payloads have 0, to be set aside soon.
const PRIORITY: &str = "CASE WHEN typeof(payload) = 'text' AND json_valid(payload) THEN \
    min(max(CAST(coalesce(json_extract(payload, '$.properties.priority'), 0) AS INTEGER), 0), 9) ELSE 0 END";

/// The payload marked as delivered before, where a Python worker and ours look (`virtual.QoS.restore_unacked` of Redis).
const REDELIVERED: &str = "CASE WHEN typeof(payload) = 'text' AND json_valid(payload) \
    AND json_type(payload, '$.properties.delivery_info') = 'object' THEN \
    json_set(CASE WHEN json_type(payload, '$.headers') = 'object' THEN payload \
    ELSE json_set(payload, '$.headers', json('{}')) END, \
    '$.headers.redelivered', json('true'), '$.properties.delivery_info.redelivered', json('true')) ELSE payload END";

/// The last of kombu's objects that SQLAlchemy makes, and how long it may take from the first to them.
const LAST_OF_KOMBU: [&str; 2] = ["ix_{m}_visible", "ix_{m}_timestamp"];
const LEFT_TO_PYTHON: Duration = Duration::from_secs(1);
/// How often to look whether they are there.
const LOOK: Duration = Duration::from_millis(10);

/// The names of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tables {
    queue: String,
    message: String,
    /// What the names of ours begin with.
    ours: String,
}

impl Tables {
    /// From the transport options `queue_tablename` and `message_tablename`.
    pub(super) fn from_options(options: &Map) -> Result<Self, SqliteError> {
        let name = |key: &str, default: &str| match options.get(key) {
            None | Some(Value::Null) => Ok(default.to_owned()),
            Some(Value::Str(name)) if is_identifier(name) => Ok(name.clone()),
            Some(other) => Err(SqliteError::new(
                Kind::Config,
                format!(
                    "transport option `{key}`: `{}` is no table name; use letters, digits and underscores",
                    other.as_str().unwrap_or(other.type_name())
                ),
            )),
        };
        let queue = name("queue_tablename", "kombu_queue")?;
        let message = name("message_tablename", "kombu_message")?;
        let ours = if message == "kombu_message" {
            "rcelery_".to_owned()
        } else {
            format!("rcelery_{message}_")
        };
        Ok(Self {
            queue,
            message,
            ours,
        })
    }

    /// Fills the names into a statement: `{q}` and `{m}` for kombu's tables, `{o}` before a name of ours.
    pub(super) fn fill(&self, sql: &str) -> String {
        sql.replace("{priority}", PRIORITY)
            .replace("{redelivered}", REDELIVERED)
            .replace("{q}", &self.queue)
            .replace("{m}", &self.message)
            .replace("{o}", &self.ours)
    }

    /// Creates what is missing.
    pub(super) async fn create(&self, connection: &mut Connection) -> Result<(), SqliteError> {
        // The last object that CREATE makes: if it is there, all are, and no lock needs to be waited for.
        if self.are_there(connection, &["{o}ready", "{m}"]).await? {
            return Ok(());
        }
        // SQLAlchemy looks which tables there are, then makes them one by one, and fails if somebody else is faster. So who
        // has begun may end.
        let until = Instant::now() + LEFT_TO_PYTHON;
        while self.are_there(connection, &["{q}"]).await?
            && !self.are_there(connection, &LAST_OF_KOMBU).await?
            && Instant::now() < until
        {
            tokio::time::sleep(LOOK).await;
        }
        let create = async |c: &mut SqliteConnection| {
            for statement in CREATE {
                let statement = sqlx::AssertSqlSafe(self.fill(statement));
                c.execute(statement).await?;
            }
            Ok(())
        };
        connection.write(create).await
    }

    /// Whether all of these tables and indexes are there.
    async fn are_there(
        &self,
        connection: &mut Connection,
        names: &[&str],
    ) -> Result<bool, SqliteError> {
        for name in names {
            let there: sqlx::Result<i64> =
                sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = ?)")
                    .bind(self.fill(name))
                    .fetch_one(&mut **connection)
                    .await;
            if there.map_err(|e| connection.sorted(&e))? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// kombu's statements, to the letter, then ours.
const CREATE: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS {q} (\n\tid INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, \n\tname VARCHAR(200), \n\t\
     UNIQUE (name)\n)",
    "CREATE TABLE IF NOT EXISTS {m} (\n\tid INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, \n\tvisible BOOLEAN, \n\t\
     timestamp DATETIME, \n\tpayload TEXT NOT NULL, \n\tversion SMALLINT NOT NULL, \n\tqueue_id INTEGER, \n\t\
     CONSTRAINT \"FK_kombu_message_queue\" FOREIGN KEY(queue_id) REFERENCES {q} (id)\n)",
    "CREATE INDEX IF NOT EXISTS ix_{m}_visible ON {m} (visible)",
    "CREATE INDEX IF NOT EXISTS ix_{m}_timestamp ON {m} (timestamp)",
    "CREATE INDEX IF NOT EXISTS ix_kombu_message_timestamp_id ON {m} (timestamp, id)",
    "CREATE TABLE IF NOT EXISTS {o}consumer (id INTEGER PRIMARY KEY AUTOINCREMENT, place TEXT NOT NULL, \
     pid INTEGER NOT NULL, started INTEGER NOT NULL, deadline INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS {o}unacked (delivery INTEGER PRIMARY KEY AUTOINCREMENT, \
     message_id INTEGER NOT NULL UNIQUE, consumer INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS {o}unacked_consumer ON {o}unacked (consumer)",
    "CREATE TABLE IF NOT EXISTS {o}binding (exchange TEXT NOT NULL, queue TEXT NOT NULL, routing_key TEXT NOT NULL, \
     PRIMARY KEY (exchange, queue, routing_key)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS {o}binding_queue ON {o}binding (queue)",
    "CREATE TABLE IF NOT EXISTS {o}queue (name TEXT NOT NULL PRIMARY KEY, transient INTEGER NOT NULL, \
     auto_delete INTEGER NOT NULL, lifetime INTEGER NOT NULL, message_ttl INTEGER NOT NULL, deadline INTEGER NOT NULL) \
     WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS {o}subscription (queue TEXT NOT NULL, consumer INTEGER NOT NULL, \
     PRIMARY KEY (queue, consumer)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS {o}subscription_consumer ON {o}subscription (consumer)",
    "CREATE TABLE IF NOT EXISTS {o}transient (id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, \
     payload TEXT NOT NULL, deadline INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS {o}transient_queue ON {o}transient (queue)",
    "CREATE INDEX IF NOT EXISTS {o}transient_deadline ON {o}transient (deadline)",
    "CREATE INDEX IF NOT EXISTS {o}ready ON {m} (queue_id, {priority}, id) WHERE visible = 1",
];
