//! What the engine does without the write lock: requests that reading answers, and the look whether something waits.

use super::engine::Engine;
use super::request::{Done, Request};
use crate::sqlite::SqliteError;

impl Engine {
    /// Answers a request that needs no write; gives the others back.
    pub(super) async fn answer_from_reading(&mut self, request: Request) -> Option<Request> {
        let path = self.connection.file().path().to_owned();
        let sorted = |e: sqlx::Error| SqliteError::from_driver(&path, &e);
        let c = &mut self.connection;
        let done = match request {
            Request::Length(name, answer) => match self.store.length(c, &name).await {
                Ok(count) => Done::Count(answer, count),
                Err(e) => {
                    let _ = answer.send(Err(sorted(e)));
                    return None;
                }
            },
            Request::Unacked(answer) => match self.store.count_unacked(c).await {
                Ok(count) => Done::Unacked(answer, count),
                Err(e) => {
                    let _ = answer.send(Err(sorted(e)));
                    return None;
                }
            },
            Request::Queues(answer) => match self.store.queue_names(c).await {
                Ok(names) => Done::Names(answer, names),
                Err(e) => {
                    let _ = answer.send(Err(sorted(e)));
                    return None;
                }
            },
            Request::Declare(queue, answer) => match self.store.is_declared(c, &queue).await {
                Ok(true) => Done::Unit(answer),
                // An error shows again, and is answered, when it is written.
                Ok(false) | Err(_) => return Some(Request::Declare(queue, answer)),
            },
            other => return Some(other),
        };
        self.answer(done);
        None
    }

    /// Whether there is something to fetch, without taking the write lock.
    pub(super) async fn something_waits(&mut self) -> Result<bool, SqliteError> {
        let path = self.connection.file().path().to_owned();
        let sorted = |e: sqlx::Error| SqliteError::from_driver(&path, &e);
        let consumer = self.state.consumer.unwrap_or_default();
        for subscription in &self.state.subscriptions {
            for source in &subscription.sources {
                let c = &mut self.connection;
                let waits = if source.transient {
                    subscription.channel_room() > 0
                        && self
                            .store
                            .has_transient(c, &source.name, consumer)
                            .await
                            .map_err(sorted)?
                } else {
                    let room = if source.no_ack {
                        subscription.channel_room()
                    } else {
                        subscription.room()
                    };
                    room > 0
                        && !self
                            .store
                            .waiting(c, &source.name, 1)
                            .await
                            .map_err(sorted)?
                            .is_empty()
                };
                if waits {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
