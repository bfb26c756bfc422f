//! What the broker does to its tables, one function per deed. Each runs in a transaction that the engine opens and commits.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection};

use super::process::Process;
use super::routing::matches;
use super::sql::Sql;
use crate::broker::base::{Destination, Routed};
use crate::protocol::{ExchangeType, Message, Queue, envelope};

/// How long a queue that nobody listens to is kept if it was declared without `x-expires`.
const LIFETIME_MS: i64 = 3_600_000;
/// How long a message waits in a queue of that kind if it was declared without `x-message-ttl`.
const MESSAGE_TTL_MS: i64 = 3_600_000;

type Result<T> = sqlx::Result<T>;
type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// The statements, on a connection that the caller brings.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) sql: Sql,
}

/// A message taken from a table.
#[derive(Debug)]
pub(super) struct Taken {
    /// Names the delivery in settlements; none if it was deleted at once.
    pub(super) delivery: Option<i64>,
    pub(super) payload: Bytes,
}

/// The numbers of the messages to take from one queue, most urgent first.
pub(super) type Waiting = Vec<(i64, i64)>;

/// A statement; its text is prepared once per connection.
fn query<'q>(sql: &Arc<str>) -> Query<'q> {
    sqlx::query(sqlx::AssertSqlSafe(Arc::clone(sql)))
}

async fn scalar(sql: &Arc<str>, connection: &mut SqliteConnection, name: &str) -> Result<i64> {
    sqlx::query_scalar(sqlx::AssertSqlSafe(Arc::clone(sql)))
        .bind(name)
        .fetch_one(connection)
        .await
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

/// Names as a JSON array.
fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    serde_json::Value::from(names).to_string()
}

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
        let bound: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(Arc::clone(&self.sql.binding_exists)))
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
        if is_passing(queue) {
            let lifetime = millis(queue.expires, LIFETIME_MS);
            query(&self.sql.declare_passing)
                .bind(&queue.name)
                .bind(is_transient(queue))
                .bind(queue.auto_delete || queue.exclusive)
                .bind(lifetime)
                .bind(millis(queue.message_ttl, MESSAGE_TTL_MS))
                .bind(now + lifetime)
                .execute(&mut *c)
                .await?;
        }
        if !is_transient(queue) {
            query(&self.sql.create_queue)
                .bind(&queue.name)
                .execute(&mut *c)
                .await?;
        }
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
        Ok(scalar(&self.sql.queue_exists, c, name).await? == 1
            || self.passing(c, name).await?.is_some())
    }

    /// Of a queue that ends with its consumer: whether its messages are in our table, and how long they live.
    async fn passing(&self, c: &mut SqliteConnection, name: &str) -> Result<Option<(bool, i64)>> {
        sqlx::query_as(sqlx::AssertSqlSafe(Arc::clone(&self.sql.passing_queue)))
            .bind(name)
            .fetch_optional(c)
            .await
    }

    pub(super) async fn queue_names(&self, c: &mut SqliteConnection) -> Result<Vec<String>> {
        sqlx::query_scalar(sqlx::AssertSqlSafe(Arc::clone(&self.sql.queue_names)))
            .fetch_all(c)
            .await
    }

    pub(super) async fn count_unacked(&self, c: &mut SqliteConnection) -> Result<u64> {
        let count: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(Arc::clone(&self.sql.count_unacked)))
                .fetch_one(c)
                .await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    pub(super) async fn publish(
        &self,
        c: &mut SqliteConnection,
        batch: &[(Destination, Message)],
        now: i64,
    ) -> Result<Vec<Routed>> {
        // Looked up once per batch, since nobody else can change them within the transaction.
        let mut bindings: HashMap<&str, Vec<(String, String)>> = HashMap::new();
        let mut passing: HashMap<String, Option<i64>> = HashMap::new();
        let mut routed = Vec::with_capacity(batch.len());
        for (destination, message) in batch {
            let queues: Vec<String> = if destination.exchange.is_empty() {
                vec![destination.routing_key.clone()]
            } else {
                if !bindings.contains_key(destination.exchange.as_str()) {
                    let rows = sqlx::query_as(sqlx::AssertSqlSafe(Arc::clone(&self.sql.bindings)))
                        .bind(&destination.exchange)
                        .fetch_all(&mut *c)
                        .await?;
                    bindings.insert(&destination.exchange, rows);
                }
                let mut queues: Vec<String> = bindings[destination.exchange.as_str()]
                    .iter()
                    .filter(|(_, pattern)| {
                        matches(destination.kind, pattern, &destination.routing_key)
                    })
                    .map(|(queue, _)| queue.clone())
                    .collect();
                // Those of one queue are neighbours: the statement sorts by queue.
                queues.dedup();
                queues
            };
            let is_broadcast = destination.kind == ExchangeType::Fanout;
            let listening = if is_broadcast {
                self.listening(c, &queues, now).await?
            } else {
                BTreeMap::new()
            };
            let mut receivers = 0;
            if !queues.is_empty() {
                let payload = String::from_utf8_lossy(&envelope::encode(message)).into_owned();
                for queue in &queues {
                    let listeners = listening.get(queue).map_or(&[][..], Vec::as_slice);
                    receivers += self
                        .put(c, &mut passing, queue, listeners, &payload, now)
                        .await?;
                }
            }
            let receivers = is_broadcast.then_some(receivers);
            routed.push(Routed {
                queues: queues.len() as u64,
                receivers,
            });
        }
        Ok(routed)
    }

    /// Puts a message into a queue; a transient one gets a copy for each listener of a broadcast. Returns how many of
    /// the listeners will get it.
    async fn put(
        &self,
        c: &mut SqliteConnection,
        passing: &mut HashMap<String, Option<i64>>,
        queue: &str,
        listeners: &[i64],
        payload: &str,
        now: i64,
    ) -> Result<u64> {
        if !passing.contains_key(queue) {
            let found = self.passing(c, queue).await?;
            let ttl = found.and_then(|(transient, ttl)| transient.then_some(ttl));
            passing.insert(queue.to_owned(), ttl);
        }
        if let Some(ttl) = passing[queue] {
            for listener in listeners {
                query(&self.sql.put_copy)
                    .bind(queue)
                    .bind(payload)
                    .bind(now + ttl)
                    .bind(listener)
                    .execute(&mut *c)
                    .await?;
            }
            if listeners.is_empty() {
                // It waits for the first who listens.
                query(&self.sql.put_transient)
                    .bind(queue)
                    .bind(payload)
                    .bind(now + ttl)
                    .execute(c)
                    .await?;
            }
            return Ok(listeners.len() as u64);
        }
        let put = || query(&self.sql.put).bind(queue).bind(payload);
        if put().execute(&mut *c).await?.rows_affected() == 0 {
            // kombu creates the queue with its first message as well.
            query(&self.sql.create_queue)
                .bind(queue)
                .execute(&mut *c)
                .await?;
            put().execute(c).await?;
        }
        // Only one of them gets it.
        Ok(u64::from(!listeners.is_empty()))
    }

    /// The consumers that listen to each of the queues and are believed to live.
    async fn listening(
        &self,
        c: &mut SqliteConnection,
        queues: &[String],
        now: i64,
    ) -> Result<BTreeMap<String, Vec<i64>>> {
        let mut live: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        if queues.is_empty() {
            return Ok(live);
        }
        let rows: Vec<(String, i64, String, i64, i64, i64)> =
            sqlx::query_as(sqlx::AssertSqlSafe(Arc::clone(&self.sql.subscribers)))
                .bind(names(queues.iter().map(String::as_str)))
                .fetch_all(c)
                .await?;
        for (queue, consumer, place, pid, started, deadline) in rows {
            let process = Process {
                place,
                pid,
                started,
            };
            if deadline >= now && !process.is_gone() {
                live.entry(queue).or_default().push(consumer);
            }
        }
        Ok(live)
    }

    /// The first messages that wait in a queue, most urgent first: id and priority.
    pub(super) async fn waiting(
        &self,
        c: &mut SqliteConnection,
        queue: &str,
        limit: usize,
    ) -> Result<Waiting> {
        sqlx::query_as(sqlx::AssertSqlSafe(Arc::clone(&self.sql.waiting)))
            .bind(queue)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(c)
            .await
    }

    pub(super) async fn has_transient(
        &self,
        c: &mut SqliteConnection,
        queue: &str,
        consumer: i64,
    ) -> Result<bool> {
        let some: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(Arc::clone(&self.sql.some_transient)))
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
        let mut rows: Vec<(i64, Vec<u8>, i64)> =
            sqlx::query_as(sqlx::AssertSqlSafe(Arc::clone(&self.sql.take_transient)))
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
                delivery: None,
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
        let rows: Vec<(i64, Vec<u8>)> =
            sqlx::query_as(sqlx::AssertSqlSafe(Arc::clone(&self.sql.take_for_good)))
                .bind(ids(messages.iter().copied()))
                .fetch_all(c)
                .await?;
        Ok(rows
            .into_iter()
            .map(|(id, payload)| {
                let taken = Taken {
                    delivery: None,
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
        wall_clock: &str,
    ) -> Result<BTreeMap<i64, Taken>> {
        let list = ids(messages.iter().copied());
        let held: Vec<(i64, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(Arc::clone(&self.sql.hold)))
            .bind(list)
            .bind(consumer)
            .fetch_all(&mut *c)
            .await?;
        let rows: Vec<(i64, Vec<u8>)> =
            sqlx::query_as(sqlx::AssertSqlSafe(Arc::clone(&self.sql.take)))
                .bind(ids(held.iter().map(|(_, message)| *message)))
                .bind(wall_clock)
                .fetch_all(c)
                .await?;
        let deliveries: HashMap<i64, i64> = held.into_iter().map(|(d, m)| (m, d)).collect();
        Ok(rows
            .into_iter()
            .map(|(id, payload)| {
                let taken = Taken {
                    delivery: deliveries.get(&id).copied(),
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

    pub(super) async fn add_consumer(
        &self,
        c: &mut SqliteConnection,
        process: &Process,
        deadline: i64,
    ) -> Result<i64> {
        sqlx::query_scalar(sqlx::AssertSqlSafe(Arc::clone(&self.sql.add_consumer)))
            .bind(&process.place)
            .bind(process.pid)
            .bind(process.started)
            .bind(deadline)
            .fetch_one(c)
            .await
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
        let left: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(Arc::clone(&self.sql.left_queues)))
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
            sqlx::query_as(sqlx::AssertSqlSafe(Arc::clone(&self.sql.consumers)))
                .bind(own)
                .fetch_all(c)
                .await?;
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

    /// Whether [`Store::sweep_passing`] has something to do.
    pub(super) async fn is_overdue(&self, c: &mut SqliteConnection, now: i64) -> Result<bool> {
        let transient: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(Arc::clone(
            &self.sql.some_overdue_transient,
        )))
        .bind(now)
        .fetch_one(&mut *c)
        .await?;
        Ok(transient == 1 || !self.overdue(c, now).await?.is_empty())
    }

    async fn overdue(&self, c: &mut SqliteConnection, now: i64) -> Result<Vec<String>> {
        sqlx::query_scalar(sqlx::AssertSqlSafe(Arc::clone(&self.sql.overdue_passing)))
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
