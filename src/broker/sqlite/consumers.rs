//! Consumers: rows that say who listens and until when it is believed to live.

use sqlx::SqliteConnection;

use super::process::Process;
use super::queues::is_copied;
use super::store::{Result, Store, query, query_as, query_scalar, scalar};
use crate::protocol::Queue;

impl Store {
    /// Adds this process as a consumer, which starts with what others have left behind.
    pub(super) async fn enter(
        &self,
        c: &mut SqliteConnection,
        now: i64,
        deadline: i64,
    ) -> Result<i64> {
        let id = self.add_consumer(c, &Process::this(), deadline).await?;
        for dead in self.dead_consumers(c, id, now).await? {
            self.remove_consumer(c, dead).await?;
        }
        self.sweep_passing(c, now).await?;
        Ok(id)
    }

    pub(super) async fn add_consumer(
        &self,
        c: &mut SqliteConnection,
        process: &Process,
        deadline: i64,
    ) -> Result<i64> {
        query_scalar(&self.sql.add_consumer)
            .bind(&process.place)
            .bind(process.pid)
            .bind(process.started)
            .bind(deadline)
            .fetch_one(c)
            .await
    }

    /// Whether the consumer is still believed to live.
    pub(super) async fn is_consumer(
        &self,
        c: &mut SqliteConnection,
        consumer: i64,
    ) -> Result<bool> {
        let there: i64 = query_scalar(&self.sql.is_consumer)
            .bind(consumer)
            .fetch_one(c)
            .await?;
        Ok(there == 1)
    }

    /// Whether the consumer was still there to be renewed.
    pub(super) async fn renew(
        &self,
        c: &mut SqliteConnection,
        consumer: i64,
        now: i64,
        deadline: i64,
    ) -> Result<bool> {
        let renewed = query(&self.sql.renew_consumer)
            .bind(consumer)
            .bind(deadline)
            .execute(&mut *c)
            .await?;
        query(&self.sql.prolong_passing)
            .bind(consumer)
            .bind(now)
            .execute(c)
            .await?;
        Ok(renewed.rows_affected() == 1)
    }

    /// Subscribes; to be called in a transaction. A queue that is copied is declared once more, since another connection
    /// may have been its last listener, and have deleted it, after this one declared it.
    pub(super) async fn subscribe(
        &self,
        c: &mut SqliteConnection,
        queue: &Queue,
        consumer: i64,
        now: i64,
    ) -> Result<()> {
        if is_copied(queue) {
            self.declare(c, queue, now).await?;
        }
        query(&self.sql.subscribe)
            .bind(&queue.name)
            .bind(consumer)
            .execute(c)
            .await?;
        Ok(())
    }

    /// Ends a subscription, and the queue if it was its last and the queue is one that goes then.
    pub(super) async fn unsubscribe(
        &self,
        c: &mut SqliteConnection,
        queue: &str,
        consumer: i64,
    ) -> Result<()> {
        for sql in [&self.sql.purge_copies, &self.sql.unsubscribe] {
            query(sql)
                .bind(queue)
                .bind(consumer)
                .execute(&mut *c)
                .await?;
        }
        if scalar(&self.sql.is_subscribed, c, queue).await? == 0
            && scalar(&self.sql.is_auto_delete, c, queue).await? == 1
        {
            self.delete_queue(c, queue).await?;
        }
        Ok(())
    }

    /// Removes a consumer: what it holds goes back to its place, the queues that end with it go.
    pub(super) async fn remove_consumer(
        &self,
        c: &mut SqliteConnection,
        consumer: i64,
    ) -> Result<()> {
        let left: Vec<String> = query_scalar(&self.sql.left_queues)
            .bind(consumer)
            .fetch_all(&mut *c)
            .await?;
        for sql in [
            &self.sql.restore_of_consumer,
            &self.sql.release_of_consumer,
            &self.sql.purge_copies_of_consumer,
            &self.sql.unsubscribe_all,
            &self.sql.remove_consumer,
        ] {
            query(sql).bind(consumer).execute(&mut *c).await?;
        }
        for queue in left {
            self.delete_queue(c, &queue).await?;
        }
        Ok(())
    }

    /// The consumers other than `own` that are gone or have let their lease run out.
    pub(super) async fn dead_consumers(
        &self,
        c: &mut SqliteConnection,
        own: i64,
        now: i64,
    ) -> Result<Vec<i64>> {
        let rows: Vec<(i64, String, i64, i64, i64)> =
            query_as(&self.sql.consumers).bind(own).fetch_all(c).await?;
        Ok(rows
            .into_iter()
            .filter(|(_, place, pid, started, deadline)| {
                let process = Process {
                    place: place.clone(),
                    pid: *pid,
                    started: *started,
                };
                *deadline < now || process.is_gone()
            })
            .map(|(id, ..)| id)
            .collect())
    }
}
