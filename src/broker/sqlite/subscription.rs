//! One `consume` call: which queues, how many messages may be out, and in which order they are picked.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use super::deliveries::Waiting;
use super::queues::is_transient;
use crate::broker::consumer::Command;
use crate::broker::delivery::Delivery;
use crate::protocol::Queue;

/// Deliveries that wait in the channel at most. It bounds memory where prefetch does not (no limit, or no acks).
pub(super) const CHANNEL: usize = 512;
/// Messages taken by one transaction at most, so that it stays short and other processes get their share.
pub(super) const BATCH: usize = 256;

/// A queue that is consumed.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) no_ack: bool,
    pub(super) transient: bool,
}

impl From<&Queue> for Source {
    fn from(queue: &Queue) -> Self {
        Self {
            name: queue.name.clone(),
            no_ack: queue.no_ack,
            transient: is_transient(queue),
        }
    }
}

/// One consumer of this connection.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) id: u64,
    pub(super) sources: Vec<Source>,
    pub(super) prefetch: u32,
    pub(super) unsettled: usize,
    pub(super) paused: bool,
    /// Whose turn it is among the queues.
    pub(super) turn: usize,
    pub(super) deliveries: mpsc::Sender<Delivery>,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
}

impl Subscription {
    /// How many messages of queues with acks may be fetched.
    pub(super) fn room(&self) -> usize {
        if self.paused {
            return 0;
        }
        let allowed = match self.prefetch {
            0 => BATCH,
            prefetch => (prefetch as usize).saturating_sub(self.unsettled),
        };
        allowed.min(self.channel_room())
    }

    /// How many messages of queues without acks may be fetched.
    pub(super) fn channel_room(&self) -> usize {
        self.deliveries.capacity().min(BATCH)
    }
}

/// Picks at most `room` of what waits in several queues: by priority first, then in turn. Returns (queue, message id).
pub(super) fn pick(waiting: &[(usize, Waiting)], turn: usize, room: usize) -> Vec<(usize, i64)> {
    let mut order: Vec<(i64, usize, usize, usize, i64)> = Vec::new();
    let queues = waiting.len().max(1);
    for (position, (source, messages)) in waiting.iter().enumerate() {
        let place = (position + queues - turn % queues) % queues;
        // The rank among messages of its queue and priority, so that queues alternate within a priority.
        let mut ranks: BTreeMap<i64, usize> = BTreeMap::new();
        for (id, priority) in messages {
            let rank = ranks.entry(*priority).or_default();
            order.push((*priority, *rank, place, *source, *id));
            *rank += 1;
        }
    }
    order.sort_unstable();
    order.truncate(room);
    order
        .into_iter()
        .map(|(_, _, _, source, id)| (source, id))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urgent_messages_go_first_and_queues_alternate() {
        let waiting = vec![(0, vec![(1, 0), (2, 0), (5, 9)]), (1, vec![(3, 0), (4, 3)])];
        assert_eq!(
            pick(&waiting, 0, 10),
            [(0, 1), (1, 3), (0, 2), (1, 4), (0, 5)]
        );
        assert_eq!(pick(&waiting, 1, 2), [(1, 3), (0, 1)]);
        assert_eq!(pick(&[], 3, 2), []);
    }
}
