//! What the broker does to its tables, one function per deed. Each runs in a transaction that the engine opens and
//! commits; only at the desk a statement stands alone.
//!
//! The deeds stand by what they are about: `queues.rs`, `publish.rs`, `deliveries.rs`, `consumers.rs`.

use std::sync::Arc;

use sqlx::query::{Query, QueryAs, QueryScalar};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, FromRow, Sqlite, SqliteConnection};

use super::sql::Sql;

pub(super) type Result<T> = sqlx::Result<T>;

/// The statements, on a connection that the caller brings.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) sql: Sql,
}

/// A statement; its text is prepared once per connection, as of the next two.
pub(super) fn query<'q>(sql: &Arc<str>) -> Query<'q, Sqlite, SqliteArguments> {
    sqlx::query(AssertSqlSafe(Arc::clone(sql)))
}

/// A statement that answers with rows.
pub(super) fn query_as<'q, O>(sql: &Arc<str>) -> QueryAs<'q, Sqlite, O, SqliteArguments>
where
    O: for<'r> FromRow<'r, SqliteRow>,
{
    sqlx::query_as(AssertSqlSafe(Arc::clone(sql)))
}

/// A statement that answers with one column.
pub(super) fn query_scalar<'q, O>(sql: &Arc<str>) -> QueryScalar<'q, Sqlite, O, SqliteArguments>
where
    (O,): for<'r> FromRow<'r, SqliteRow>,
{
    sqlx::query_scalar(AssertSqlSafe(Arc::clone(sql)))
}

/// The number that a statement about one name answers with.
pub(super) async fn scalar(
    sql: &Arc<str>,
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<i64> {
    query_scalar(sql).bind(name).fetch_one(connection).await
}
