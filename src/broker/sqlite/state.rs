//! What the engine remembers between two transactions, and what it is about to do.

use std::collections::HashMap;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::adopt::Orphan;
use super::deliveries::Place;
use super::request::{Answer, Request};
use super::subscription::{CHANNEL, Source, Subscription};
use crate::broker::base::Held;
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

/// A delivery that is out.
#[derive(Debug)]
pub(super) struct Out {
    /// Whose prefetch it counts for; none if it was taken over from a lost connection.
    pub(super) subscription: Option<u64>,
    /// The row of its message.
    pub(super) message: i64,
    /// Its publisher's delivery tag; none if it cannot be read.
    pub(super) tag: Option<String>,
}

/// A settlement that is not written yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) delivery: i64,
    pub(super) how: Settle,
    out: Out,
}

impl Pending {
    /// Whether its message waits again, for others too.
    pub(super) fn gives_back(&self) -> bool {
        matches!(self.how, Settle::Requeue | Settle::Restore)
    }
}

/// What the engine remembers.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The row of this connection, once it consumes.
    pub(super) consumer: Option<i64>,
    /// When the lease of that row ends.
    pub(super) leased_until: Option<Instant>,
    /// When to renew it.
    pub(super) renew_at: Option<Instant>,
    pub(super) subscriptions: Vec<Subscription>,
    next_subscription: u64,
    /// What is out, by its delivery.
    pub(super) held: HashMap<i64, Out>,
    /// Settlements that are not written yet.
    pub(super) pending: Vec<Pending>,
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
        let Some(out) = self.held.remove(&delivery) else {
            return;
        };
        let id = out.subscription;
        if let Some(subscription) = self.subscriptions.iter_mut().find(|s| Some(s.id) == id) {
            subscription.unsettled = subscription.unsettled.saturating_sub(1);
        }
        self.pending.push(Pending {
            delivery,
            how: settlement.how,
            out,
        });
    }

    /// What is out, or was settled in vain, in the order of delivery: for the next connection to take over.
    pub(super) fn orphans(&mut self) -> Vec<Held> {
        let Some(consumer) = self.consumer else {
            return Vec::new();
        };
        let settled = self.pending.drain(..).map(|p| (p.delivery, p.out));
        let mut all: Vec<_> = self.held.drain().chain(settled).collect();
        all.sort_unstable_by_key(|(delivery, _)| *delivery);
        let orphan = |(delivery, out): (i64, Out)| {
            Some(Orphan {
                consumer,
                place: Place {
                    delivery,
                    message: out.message,
                },
                tag: out.tag?,
            })
        };
        all.into_iter().filter_map(orphan).map(Held::from).collect()
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
