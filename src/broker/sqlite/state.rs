//! What the engine remembers between two transactions, and what it is about to do.

use std::collections::HashMap;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::request::{Answer, Request};
use super::subscription::{CHANNEL, Source, Subscription};
use crate::broker::consumer::Consumer;
use crate::broker::delivery::{Settle, Settlement};
use crate::protocol::Queue;

/// What to do in one transaction.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) requests: Vec<Request>,
    pub(super) fetch: bool,
    pub(super) renew: bool,
}

/// What the engine remembers.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The row of this connection, once it consumes.
    pub(super) consumer: Option<i64>,
    /// When the lease of that row ends.
    pub(super) leased_until: Option<Instant>,
    pub(super) subscriptions: Vec<Subscription>,
    next_subscription: u64,
    /// Delivery → subscription.
    pub(super) held: HashMap<i64, u64>,
    /// Settlements that are not written yet.
    pub(super) pending: Vec<(i64, Settle)>,
    /// Messages may wait: the last fetch took all that it was allowed to, or has not been made.
    pub(super) more: bool,
    /// A locked or full file: no attempt before this.
    pub(super) pause_until: Option<Instant>,
}

impl State {
    pub(super) fn subscribe(
        &mut self,
        queues: &[Queue],
        prefetch: u32,
    ) -> (Subscription, Consumer) {
        let (deliveries, receiver) = mpsc::channel(CHANNEL);
        // Unbounded: commands are few and come from the worker itself.
        let (sender, commands) = mpsc::unbounded_channel();
        self.next_subscription += 1;
        let subscription = Subscription {
            id: self.next_subscription,
            sources: queues.iter().map(Source::from).collect(),
            prefetch,
            unsettled: 0,
            paused: false,
            turn: 0,
            deliveries,
            commands,
        };
        (subscription, Consumer::new(receiver, sender))
    }

    pub(super) fn settle(&mut self, settlement: &Settlement) {
        let Ok(delivery) = settlement.delivery_tag.parse::<i64>() else {
            return;
        };
        let Some(id) = self.held.remove(&delivery) else {
            return;
        };
        self.pending.push((delivery, settlement.how));
        if let Some(subscription) = self.subscriptions.iter_mut().find(|s| s.id == id) {
            subscription.unsettled = subscription.unsettled.saturating_sub(1);
        }
    }

    /// Whether messages wait for a receiver to read what it has.
    pub(super) fn is_clogged(&self) -> bool {
        self.more && self.subscriptions.iter().any(|s| s.channel_room() == 0)
    }

    /// Whether messages may wait and somebody has room for them.
    pub(super) fn can_go_on(&self) -> bool {
        self.more
            && self.subscriptions.iter().any(|s| {
                let takes = s.sources.iter().any(|source| !source.no_ack);
                (takes && s.room() > 0)
                    || (s.sources.iter().any(|s| s.no_ack) && s.channel_room() > 0)
            })
    }
}

impl Work {
    pub(super) fn take_close(&mut self) -> Option<Answer<()>> {
        let position = self
            .requests
            .iter()
            .position(|r| matches!(r, Request::Close(_)))?;
        match self.requests.remove(position) {
            Request::Close(answer) => Some(answer),
            _ => None,
        }
    }
}
