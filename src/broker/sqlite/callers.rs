//! The engine's dealings with its callers: answers, deliveries, the commands of subscriptions.

use std::collections::HashSet;
use std::future::poll_fn;
use std::task::Poll;

use sqlx::SqliteConnection;

use super::adopt::Orphan;
use super::engine::{Batch, Engine, now_ms};
use super::fetch::read;
use super::request::Done;
use super::state::Out;
use super::subscription::{Source, Subscription};
use crate::broker::consumer::Command;
use crate::broker::delivery::{Acker, Delivery};
use crate::sqlite::SqliteError;

impl Engine {
    pub(super) fn answer(&mut self, done: Done) {
        // Who asked may have stopped waiting.
        match done {
            Done::Unit(answer) => drop(answer.send(Ok(()))),
            Done::Routed(answer, routed) => drop(answer.send(Ok(routed))),
            Done::Count(answer, count) => drop(answer.send(Ok(count))),
            Done::Unacked(answer, count) => drop(answer.send(Ok(count))),
            Done::Adopted(answer, orphans) => {
                let mut ackers = Vec::with_capacity(orphans.len());
                for Orphan { place, tag, .. } in orphans {
                    let out = Out {
                        subscription: None,
                        message: place.message,
                        tag: Some(tag),
                    };
                    self.state.held.insert(place.delivery, out);
                    let settle = Some(self.settle.clone());
                    ackers.push(Acker::new(place.delivery.to_string(), settle));
                }
                drop(answer.send(Ok(ackers)));
            }
            Done::Names(answer, names) => drop(answer.send(Ok(names))),
            Done::Consumer(answer, both) => {
                let (subscription, consumer) = *both;
                self.state.subscriptions.push(subscription);
                self.state.more = true;
                drop(answer.send(Ok(consumer)));
            }
        }
    }

    pub(super) fn deliver(&mut self, (id, taken): Batch) {
        let state = &mut self.state;
        let Some(subscription) = state.subscriptions.iter_mut().find(|s| s.id == id) else {
            return;
        };
        for (queue, taken) in taken {
            let message = read(taken.payload);
            if let Some(place) = taken.place {
                let properties = message.as_ref().ok().map(|m| &m.properties);
                let out = Out {
                    subscription: Some(id),
                    message: place.message,
                    tag: properties.and_then(|p| p.delivery_tag.clone()),
                };
                state.held.insert(place.delivery, out);
                subscription.unsettled += 1;
            }
            let acker = match taken.place {
                Some(place) => Acker::new(place.delivery.to_string(), Some(self.settle.clone())),
                None => Acker::new("0".to_owned(), None),
            };
            let delivery = Delivery {
                queue,
                message,
                acker,
            };
            // There is room: only this task sends, and it has taken no more than that. If the receiver is gone, the
            // message is given back when the subscription ends.
            let _ = subscription.deliveries.try_send(delivery);
        }
    }

    /// Obeys a command of a subscription.
    pub(super) async fn command(
        &mut self,
        id: u64,
        command: Option<Command>,
    ) -> Result<(), SqliteError> {
        let Some(position) = self.state.subscriptions.iter().position(|s| s.id == id) else {
            return Ok(());
        };
        let Some(consumer) = self.state.consumer else {
            return Ok(());
        };
        let store = &self.store;
        let subscription = &mut self.state.subscriptions[position];
        let left: Vec<String> = match command {
            Some(Command::Prefetch(prefetch)) => {
                subscription.prefetch = prefetch;
                self.state.more = true;
                return Ok(());
            }
            Some(Command::Pause) => {
                subscription.paused = true;
                return Ok(());
            }
            Some(Command::Add(queue)) => {
                if !subscription.sources.iter().any(|s| s.name == queue.name) {
                    subscription.sources.push(Source::from(&*queue));
                }
                self.state.more = true;
                let subscribe =
                    async |c: &mut _| store.subscribe(c, &queue, consumer, now_ms()).await;
                return self.connection.write(subscribe).await;
            }
            Some(Command::Cancel(queue)) => {
                subscription.sources.retain(|s| s.name != queue);
                vec![queue]
            }
            // The receiver is dropped. What it held stays held until the broker is closed.
            None => {
                let ended = self.state.subscriptions.remove(position);
                ended.sources.into_iter().map(|s| s.name).collect()
            }
        };
        // Another subscription of this connection may listen to the same queue.
        let kept: HashSet<String> = self
            .state
            .subscriptions
            .iter()
            .flat_map(|s| s.sources.iter().map(|s| s.name.clone()))
            .collect();
        let unsubscribe = async |c: &mut SqliteConnection| {
            for queue in left.iter().filter(|queue| !kept.contains(*queue)) {
                store.unsubscribe(c, queue, consumer).await?;
            }
            Ok(())
        };
        self.connection.write(unsubscribe).await
    }
}

/// The next command of any subscription; `None` as the command if its consumer has been dropped.
///
/// # Cancel safety
/// Safe.
pub(super) async fn next_command(subscriptions: &mut [Subscription]) -> (u64, Option<Command>) {
    poll_fn(|cx| {
        for subscription in subscriptions.iter_mut() {
            if let Poll::Ready(command) = subscription.commands.poll_recv(cx) {
                return Poll::Ready((subscription.id, command));
            }
        }
        Poll::Pending
    })
    .await
}
