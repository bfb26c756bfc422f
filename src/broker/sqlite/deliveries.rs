//! Deliveries: messages taken on behalf of a consumer, and settled.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use sqlx::SqliteConnection;

use super::sql::limited;
use super::store::{Result, Store, query, query_as, query_scalar};

/// A message taken from a table.
#[derive(Debug)]
pub(super) struct Taken {
    /// None if it was deleted at once.
    pub(super) place: Option<Place>,
    pub(super) payload: Bytes,
}

/// Where a delivery is in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Names the delivery in settlements; never used again.
    pub(super) delivery: i64,
    /// The row of the message, which it keeps when it comes back.
    pub(super) message: i64,
}

/// The numbers of the messages to take from one queue, most urgent first.
pub(super) type Waiting = Vec<(i64, i64)>;

impl Store {
    pub(super) async fn count_unacked(&self, c: &mut SqliteConnection) -> Result<u64> {
        let count: i64 = query_scalar(&self.sql.count_unacked).fetch_one(c).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The first messages that wait in a queue, most urgent first: id and priority.
    pub(super) async fn waiting(
        &self,
        c: &mut SqliteConnection,
        queue: &str,
        limit: usize,
    ) -> Result<Waiting> {
        let mut waiting: Waiting = query_as(&limited(&self.sql.waiting, limit))
            .bind(queue)
            .fetch_all(c)
            .await?;
        waiting.truncate(limit);
        Ok(waiting)
    }

    pub(super) async fn has_transient(
        &self,
        c: &mut SqliteConnection,
        queue: &str,
        consumer: i64,
    ) -> Result<bool> {
        let some: i64 = query_scalar(&self.sql.some_transient)
            .bind(queue)
            .bind(consumer)
            .fetch_one(c)
            .await?;
        Ok(some == 1)
    }

    /// Takes from a queue of our own table, and what was copied for the consumer; what has outlived its time is dropped on the way.
    pub(super) async fn take_transient(
        &self,
        c: &mut SqliteConnection,
        queue: &str,
        consumer: i64,
        limit: usize,
        now: i64,
    ) -> Result<Vec<Taken>> {
        let mut rows: Vec<(i64, Vec<u8>, i64)> = query_as(&self.sql.take_transient)
            .bind(queue)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(consumer)
            .fetch_all(c)
            .await?;
        rows.sort_unstable_by_key(|(id, ..)| *id);
        Ok(rows
            .into_iter()
            .filter(|(_, _, deadline)| *deadline >= now)
            .map(|(_, payload, _)| Taken {
                place: None,
                payload: payload.into(),
            })
            .collect())
    }

    /// Takes messages and forgets them: for queues without acks.
    pub(super) async fn take_for_good(
        &self,
        c: &mut SqliteConnection,
        messages: &[i64],
    ) -> Result<BTreeMap<i64, Taken>> {
        let rows: Vec<(i64, Vec<u8>)> = query_as(&self.sql.take_for_good)
            .bind(ids(messages.iter().copied()))
            .fetch_all(c)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(id, payload)| {
                let taken = Taken {
                    place: None,
                    payload: payload.into(),
                };
                (id, taken)
            })
            .collect())
    }

    /// Takes messages on behalf of a consumer: invisible to everyone until it settles them or is gone.
    pub(super) async fn take(
        &self,
        c: &mut SqliteConnection,
        consumer: i64,
        messages: &[i64],
    ) -> Result<BTreeMap<i64, Taken>> {
        let list = ids(messages.iter().copied());
        let held: Vec<(i64, i64)> = query_as(&self.sql.hold)
            .bind(list)
            .bind(consumer)
            .fetch_all(&mut *c)
            .await?;
        let rows: Vec<(i64, Vec<u8>)> = query_as(&self.sql.take)
            .bind(ids(held.iter().map(|(_, message)| *message)))
            .fetch_all(c)
            .await?;
        let deliveries: HashMap<i64, i64> = held.into_iter().map(|(d, m)| (m, d)).collect();
        Ok(rows
            .into_iter()
            .map(|(id, payload)| {
                let taken = Taken {
                    place: deliveries.get(&id).map(|delivery| Place {
                        delivery: *delivery,
                        message: id,
                    }),
                    payload: payload.into(),
                };
                (id, taken)
            })
            .collect())
    }

    /// Settles, as the next two do: a number that is no longer held does nothing, whoever holds the message then.
    pub(super) async fn drop_held(&self, c: &mut SqliteConnection, held: &[i64]) -> Result<()> {
        self.settle(c, &self.sql.delete_held, held).await
    }

    pub(super) async fn restore_held(&self, c: &mut SqliteConnection, held: &[i64]) -> Result<()> {
        self.settle(c, &self.sql.restore_held, held).await
    }

    pub(super) async fn requeue_held(&self, c: &mut SqliteConnection, held: &[i64]) -> Result<()> {
        if held.is_empty() {
            return Ok(());
        }
        query(&self.sql.requeue_held)
            .bind(ids(held.iter().copied()))
            .execute(&mut *c)
            .await?;
        self.drop_held(c, held).await
    }

    async fn settle(&self, c: &mut SqliteConnection, sql: &Arc<str>, held: &[i64]) -> Result<()> {
        if held.is_empty() {
            return Ok(());
        }
        let list = ids(held.iter().copied());
        query(sql).bind(list.as_str()).execute(&mut *c).await?;
        query(&self.sql.release_held)
            .bind(list.as_str())
            .execute(c)
            .await?;
        Ok(())
    }
}

/// Ids as a JSON array.
fn ids(ids: impl IntoIterator<Item = i64>) -> String {
    let mut text = String::from("[");
    for id in ids {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&id.to_string());
    }
    text.push(']');
    text
}
