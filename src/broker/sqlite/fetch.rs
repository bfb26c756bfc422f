//! Taking messages for a subscription, and reading them.

use sqlx::SqliteConnection;

use super::deliveries::Taken;
use super::store::Store;
use super::subscription::{BATCH, Subscription, pick};
use crate::broker::delivery::Garbled;
use crate::protocol::{Message, envelope};

/// Takes what a subscription has room for. The flag says that there may be more.
pub(super) async fn take_for(
    store: &Store,
    c: &mut SqliteConnection,
    subscription: &mut Subscription,
    consumer: i64,
    now: i64,
) -> sqlx::Result<(Vec<(String, Taken)>, bool)> {
    let mut taken = Vec::new();
    let mut more = false;
    let mut channel = subscription.channel_room();
    for source in subscription.sources.iter().filter(|s| s.transient) {
        let messages = store
            .take_transient(c, &source.name, consumer, channel, now)
            .await?;
        // Overdue ones are not among them, so any that came may be followed by others.
        more |= !messages.is_empty() || channel == 0;
        channel -= messages.len();
        taken.extend(messages.into_iter().map(|m| (source.name.clone(), m)));
    }
    for no_ack in [true, false] {
        let room = if no_ack {
            channel
        } else {
            subscription.room().min(channel)
        };
        let mut waiting = Vec::new();
        for (position, source) in subscription.sources.iter().enumerate() {
            if source.no_ack == no_ack && !source.transient {
                // One more than there is room for tells whether there is more.
                let limit = if room == 0 { 1 } else { room + 1 };
                waiting.push((position, store.waiting(c, &source.name, limit).await?));
            }
        }
        let there: usize = waiting.iter().map(|(_, messages)| messages.len()).sum();
        more |= there > room;
        if room == 0 || there == 0 {
            continue;
        }
        let picked = pick(&waiting, subscription.turn, room);
        subscription.turn = subscription.turn.wrapping_add(picked.len());
        let messages: Vec<i64> = picked.iter().map(|(_, id)| *id).collect();
        let mut messages = if no_ack {
            store.take_for_good(c, &messages).await?
        } else {
            store.take(c, consumer, &messages).await?
        };
        channel -= messages.len();
        for (source, id) in picked {
            if let Some(message) = messages.remove(&id) {
                taken.push((subscription.sources[source].name.clone(), message));
            }
        }
    }
    debug_assert!(taken.len() <= BATCH, "no more than one batch is taken");
    Ok((taken, more))
}

/// Reads a payload.
pub(super) fn read(payload: bytes::Bytes) -> Result<Message, Garbled> {
    envelope::decode(&payload).map_err(|error| Garbled {
        raw: payload,
        error,
    })
}
