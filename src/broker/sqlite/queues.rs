//! Queues: declared, deleted, purged and counted; those that end with their consumers expire.

use sqlx::SqliteConnection;

use super::store::{Result, Store, query, query_scalar, scalar};
use crate::protocol::{ExchangeType, Queue};

/// How long a queue that nobody listens to is kept if it was declared without `x-expires`.
const LIFETIME_MS: i64 = 3_600_000;

/// How long one that does not end with its consumers is kept: longer than anybody waits.
const FOR_EVER_MS: i64 = 1_000_000_000_000_000;

/// How long a message waits in a queue of that kind if it was declared without `x-message-ttl`.
const MESSAGE_TTL_MS: i64 = 3_600_000;

fn millis(seconds: Option<f64>, default: i64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, and any lifetime beyond that is as good as endless"
    )]
    seconds.map_or(default, |s| (s.max(0.0) * 1000.0).min(1e12) as i64)
}

/// Whether messages of the queue are kept in our own table: they need no ack, and the queue ends with its consumer.
pub(super) fn is_transient(queue: &Queue) -> bool {
    queue.no_ack && is_passing(queue)
}

/// Whether each connection that listens gets a copy of what is broadcast, as on Redis, though the queue has one name.
/// Two workers of the same name share a mailbox, and both must hear.
pub(super) fn is_copied(queue: &Queue) -> bool {
    is_transient(queue) && queue.exchange.kind == ExchangeType::Fanout
}

/// Whether the queue ends with its consumer.
fn is_passing(queue: &Queue) -> bool {
    queue.auto_delete || queue.exclusive || queue.expires.is_some()
}

impl Store {
    /// Whether [`Store::declare`] would find all in place.
    pub(super) async fn is_declared(
        &self,
        c: &mut SqliteConnection,
        queue: &Queue,
    ) -> Result<bool> {
        if is_passing(queue) {
            return Ok(false);
        }
        if scalar(&self.sql.queue_exists, c, &queue.name).await? == 0 {
            return Ok(false);
        }
        if queue.exchange.name.is_empty() {
            return Ok(true);
        }
        let bound: i64 = query_scalar(&self.sql.binding_exists)
            .bind(&queue.exchange.name)
            .bind(&queue.name)
            .bind(&queue.routing_key)
            .fetch_one(c)
            .await?;
        Ok(bound == 1)
    }

    pub(super) async fn declare(
        &self,
        c: &mut SqliteConnection,
        queue: &Queue,
        now: i64,
    ) -> Result<()> {
        // kombu's own row comes with the first message. A Python program that is about to add it, having looked in vain,
        // fails if somebody else adds it meanwhile, and programs that share a file are often started at one time.
        let lifetime = if is_passing(queue) {
            millis(queue.expires, LIFETIME_MS)
        } else {
            FOR_EVER_MS
        };
        query(&self.sql.declare_queue)
            .bind(&queue.name)
            .bind(is_transient(queue))
            .bind(queue.auto_delete || queue.exclusive)
            .bind(lifetime)
            .bind(millis(queue.message_ttl, MESSAGE_TTL_MS))
            .bind(now + lifetime)
            .execute(&mut *c)
            .await?;
        if !queue.exchange.name.is_empty() {
            query(&self.sql.bind)
                .bind(&queue.exchange.name)
                .bind(&queue.name)
                .bind(&queue.routing_key)
                .execute(&mut *c)
                .await?;
        }
        Ok(())
    }

    pub(super) async fn delete_queue(&self, c: &mut SqliteConnection, name: &str) -> Result<()> {
        for sql in [
            &self.sql.purge,
            &self.sql.drop_taken,
            &self.sql.purge_transient,
            &self.sql.unbind_queue,
            &self.sql.forget_passing,
            &self.sql.drop_queue,
        ] {
            query(sql).bind(name).execute(&mut *c).await?;
        }
        Ok(())
    }

    /// Deletes a queue whose messages are copied for each listener; while others listen, only `own` stops listening.
    pub(super) async fn leave_queue(
        &self,
        c: &mut SqliteConnection,
        name: &str,
        own: Option<i64>,
        now: i64,
    ) -> Result<()> {
        if let Some(own) = own {
            self.unsubscribe(c, name, own).await?;
        }
        if self.listening(c, &[name.to_owned()], now).await?.is_empty() {
            self.delete_queue(c, name).await?;
        }
        Ok(())
    }

    /// Like kombu's purge, this takes along what Python workers have taken and left behind, and counts only what waited.
    pub(super) async fn purge(&self, c: &mut SqliteConnection, name: &str) -> Result<Option<u64>> {
        if !self.exists(c, name).await? {
            return Ok(None);
        }
        let waiting = query(&self.sql.purge).bind(name).execute(&mut *c).await?;
        query(&self.sql.purge_taken)
            .bind(name)
            .execute(&mut *c)
            .await?;
        let transient = query(&self.sql.purge_transient)
            .bind(name)
            .execute(&mut *c)
            .await?;
        Ok(Some(waiting.rows_affected() + transient.rows_affected()))
    }

    pub(super) async fn length(&self, c: &mut SqliteConnection, name: &str) -> Result<Option<u64>> {
        if !self.exists(c, name).await? {
            return Ok(None);
        }
        let waiting = scalar(&self.sql.count, c, name).await?;
        let transient = scalar(&self.sql.count_transient, c, name).await?;
        Ok(Some(u64::try_from(waiting + transient).unwrap_or(0)))
    }

    async fn exists(&self, c: &mut SqliteConnection, name: &str) -> Result<bool> {
        Ok(scalar(&self.sql.queue_exists, c, name).await? == 1)
    }

    pub(super) async fn queue_names(&self, c: &mut SqliteConnection) -> Result<Vec<String>> {
        query_scalar(&self.sql.queue_names).fetch_all(c).await
    }

    /// Whether [`Store::sweep_passing`] has something to do.
    pub(super) async fn is_overdue(&self, c: &mut SqliteConnection, now: i64) -> Result<bool> {
        let transient: i64 = query_scalar(&self.sql.some_overdue_transient)
            .bind(now)
            .fetch_one(&mut *c)
            .await?;
        Ok(transient == 1 || !self.overdue(c, now).await?.is_empty())
    }

    async fn overdue(&self, c: &mut SqliteConnection, now: i64) -> Result<Vec<String>> {
        query_scalar(&self.sql.overdue_passing)
            .bind(now)
            .fetch_all(c)
            .await
    }

    /// Removes queues and messages that have outlived their time.
    pub(super) async fn sweep_passing(&self, c: &mut SqliteConnection, now: i64) -> Result<()> {
        query(&self.sql.purge_overdue_transient)
            .bind(now)
            .execute(&mut *c)
            .await?;
        for queue in self.overdue(c, now).await? {
            self.delete_queue(c, &queue).await?;
        }
        Ok(())
    }
}
