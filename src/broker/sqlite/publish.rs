//! Putting messages into queues, and copies of broadcasts for all who listen.

use std::collections::{BTreeMap, HashMap};

use sqlx::SqliteConnection;

use super::process::Process;
use super::routing::matches;
use super::store::{Result, Store, query, query_as};
use crate::broker::base::{Destination, Routed};
use crate::protocol::{ExchangeType, Message, envelope};

impl Store {
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
                    let rows = query_as(&self.sql.bindings)
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
                let payload = envelope::encode(message);
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
    pub(super) async fn listening(
        &self,
        c: &mut SqliteConnection,
        queues: &[String],
        now: i64,
    ) -> Result<BTreeMap<String, Vec<i64>>> {
        let mut live: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        if queues.is_empty() {
            return Ok(live);
        }
        let rows: Vec<(String, i64, String, i64, i64, i64)> = query_as(&self.sql.subscribers)
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
}

/// Names as a JSON array.
fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    serde_json::Value::from(names).to_string()
}
