//! Fanout queues: patterns of pub/sub channels.
//!
//! Mirrors `kombu.transport.redis.Channel._subscribe` and `_receive`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use super::connection::Push;
use super::{Shared, entry, locked};
use crate::broker::{Acker, BrokerError, Delivery, Garbled};
use crate::protocol::Queue;

/// A fanout queue and who consumes it.
#[derive(Debug, Clone)]
struct Listener {
    queue: String,
    deliveries: mpsc::Sender<Delivery>,
}

/// Who listens to which pattern.
#[derive(Debug, Default)]
pub(super) struct Listeners(Mutex<HashMap<String, Vec<Listener>>>);

impl Shared {
    /// Starts listening; returns once the server has confirmed, so that no later broadcast is missed.
    pub(super) async fn fanout_join(
        &self,
        queue: &Queue,
        deliveries: mpsc::Sender<Delivery>,
    ) -> Result<(), BrokerError> {
        let patterns = self.keys.patterns(queue);
        for pattern in &patterns {
            let listener = Listener {
                queue: queue.name.clone(),
                deliveries: deliveries.clone(),
            };
            let mut listeners = locked(&self.fanout.0);
            listeners.entry(pattern.clone()).or_default().push(listener);
        }
        self.ears().await?.psubscribe(&patterns).await
    }

    /// Stops listening; patterns that nobody else listens to are unsubscribed.
    pub(super) async fn fanout_leave(&self, queue: &Queue) -> Result<(), BrokerError> {
        let mut unused = self.keys.patterns(queue);
        {
            let mut listeners = locked(&self.fanout.0);
            unused.retain(|pattern| {
                let Some(those) = listeners.get_mut(pattern) else {
                    return false;
                };
                those.retain(|listener| listener.queue != queue.name);
                let none_left = those.is_empty();
                if none_left {
                    listeners.remove(pattern);
                }
                none_left
            });
        }
        if unused.is_empty() {
            return Ok(());
        }
        self.ears().await?.punsubscribe(&unused).await
    }
}

/// Hands broadcasts to their consumers.
pub(super) async fn run(shared: Arc<Shared>, mut broadcasts: mpsc::Receiver<Push>) {
    loop {
        let push = tokio::select! {
            biased;
            () = shared.stopping.cancelled() => return,
            _ = shared.connection.lost() => return locked(&shared.fanout.0).clear(),
            push = broadcasts.recv() => push,
        };
        let Some(push) = push else { return };
        let Push::Message {
            pattern: Some(pattern),
            channel,
            payload,
        } = push
        else {
            continue;
        };
        let listeners = locked(&shared.fanout.0)
            .get(&pattern)
            .cloned()
            .unwrap_or_default();
        for listener in listeners {
            let message = entry::decode(payload.clone()).map_err(|(raw, error)| {
                tracing::debug!(%channel, %error, "a broadcast that is no message");
                Garbled {
                    raw: raw.into(),
                    error,
                }
            });
            let tag = message
                .as_ref()
                .ok()
                .and_then(|m| m.properties.delivery_tag.clone())
                .unwrap_or_default();
            let delivery = Delivery {
                queue: listener.queue,
                message,
                acker: Acker::new(tag, None),
            };
            tokio::select! {
                biased;
                () = shared.stopping.cancelled() => return,
                // An error means that the consumer has gone.
                _ = listener.deliveries.send(delivery) => {}
            }
        }
    }
}
