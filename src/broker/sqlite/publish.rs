//! Putting messages into queues, and copies of broadcasts for all who listen.

use std::collections::{BTreeMap, HashMap};

use sqlx::SqliteConnection;

use super::process::Process;
use super::routing::matches;
use super::sql::{PUT_ROWS, several};
use super::store::{Result, Store, query, query_as, query_scalar};
use crate::broker::base::{Destination, Routed};
use crate::protocol::{ExchangeType, Message, envelope};

/// Where messages for a queue go.
enum Place {
    /// Into our own table, for so many milliseconds.
    Transient(i64),
    /// Into kombu's; these do.
    Plain {
        queue_id: i64,
        payloads: Vec<String>,
    },
}

impl Store {
    pub(super) async fn publish(
        &self,
        c: &mut SqliteConnection,
        batch: &[(Destination, Message)],
        now: i64,
    ) -> Result<Vec<Routed>> {
        // Looked up once per batch, since nobody else can change them within the transaction.
        let mut bindings: HashMap<&str, Vec<(String, String)>> = HashMap::new();
        let mut places: HashMap<String, Place> = HashMap::new();
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
                    if !places.contains_key(queue) {
                        places.insert(queue.clone(), self.place(c, queue).await?);
                    }
                    match places.get_mut(queue) {
                        Some(Place::Transient(ttl)) => {
                            let deadline = now + *ttl;
                            receivers += self
                                .put_transient(c, queue, listeners, &payload, deadline)
                                .await?;
                        }
                        Some(Place::Plain { payloads, .. }) => {
                            payloads.push(payload.clone());
                            // Only one of them gets it.
                            receivers += u64::from(!listeners.is_empty());
                        }
                        None => {}
                    }
                }
            }
            let receivers = is_broadcast.then_some(receivers);
            routed.push(Routed {
                queues: queues.len() as u64,
                receivers,
            });
        }
        for place in places.into_values() {
            if let Place::Plain { queue_id, payloads } = place {
                self.put(c, queue_id, payloads).await?;
            }
        }
        Ok(routed)
    }

    /// Where messages for a queue go. kombu creates a queue with its first message as well.
    async fn place(&self, c: &mut SqliteConnection, queue: &str) -> Result<Place> {
        let place: (Option<i64>, Option<i64>) = query_as(&self.sql.queue_place)
            .bind(queue)
            .fetch_one(&mut *c)
            .await?;
        let queue_id = match place {
            (_, Some(ttl)) => return Ok(Place::Transient(ttl)),
            (Some(id), None) => id,
            (None, None) => {
                let add = query_scalar(&self.sql.add_queue).bind(queue);
                add.fetch_one(c).await?
            }
        };
        Ok(Place::Plain {
            queue_id,
            payloads: Vec::new(),
        })
    }

    /// Puts a message into a queue of our own table, with a copy for each listener of a broadcast. Returns how many of
    /// the listeners will get it.
    async fn put_transient(
        &self,
        c: &mut SqliteConnection,
        queue: &str,
        listeners: &[i64],
        payload: &str,
        deadline: i64,
    ) -> Result<u64> {
        for listener in listeners {
            query(&self.sql.put_copy)
                .bind(queue)
                .bind(payload)
                .bind(deadline)
                .bind(listener)
                .execute(&mut *c)
                .await?;
        }
        if listeners.is_empty() {
            // It waits for the first who listens.
            query(&self.sql.put_transient)
                .bind(queue)
                .bind(payload)
                .bind(deadline)
                .execute(c)
                .await?;
        }
        Ok(listeners.len() as u64)
    }

    /// Puts messages into one of kombu's queues, in this order.
    async fn put(
        &self,
        c: &mut SqliteConnection,
        queue_id: i64,
        payloads: Vec<String>,
    ) -> Result<()> {
        let mut left = payloads.len();
        let mut payloads = payloads.into_iter();
        for rows in PUT_ROWS {
            while left >= rows {
                left -= rows;
                let sql = several(&self.sql.put, rows);
                let mut put = query(&sql).bind(queue_id);
                for payload in payloads.by_ref().take(rows) {
                    put = put.bind(payload);
                }
                put.execute(&mut *c).await?;
            }
        }
        Ok(())
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
