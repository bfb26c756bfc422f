//! One transaction of the engine: what is settled, asked and fetched at one time.

use sqlx::SqliteConnection;
use tokio::time::Instant;
use tracing::debug;

use super::adopt::Orphan;
use super::engine::{Batch, Engine, RENEWALS_PER_LEASE, now_ms};
use super::fetch::take_for;
use super::process::Process;
use super::queues::is_copied;
use super::request::{Done, Request};
use super::state::Pending;
use crate::broker::delivery::Settle;
use crate::sqlite::{Kind, SqliteError};

impl Engine {
    pub(super) async fn transaction(
        &mut self,
        pending: &[Pending],
        requests: &mut Vec<Request>,
        done: &mut Vec<Done>,
        fetch: bool,
        renew: bool,
    ) -> Result<Vec<Batch>, SqliteError> {
        let Self {
            connection,
            store,
            state,
            lease,
            ..
        } = self;
        let deeds = async |c: &mut SqliteConnection| {
            // Read the clock behind the lock, which may have been waited for.
            let now = now_ms();
            let deadline = now + i64::try_from(lease.as_millis()).unwrap_or(i64::MAX / 2);
            let leased_until = Instant::now() + *lease;
            let of = |how: &[Settle]| -> Vec<i64> {
                let held = pending.iter().filter(|p| how.contains(&p.how));
                held.map(|p| p.delivery).collect()
            };
            let mut consumer = state.consumer;
            if let Some(consumer) = consumer {
                // Before anything is settled or taken: what is settled under a lost lease must not count as written, and
                // what is taken under it would never come back.
                let lives = if renew {
                    store.renew(c, consumer, now, deadline).await?
                } else {
                    store.is_consumer(c, consumer).await?
                };
                if !lives {
                    return Ok(None);
                }
            }
            let dropped = of(&[Settle::Ack, Settle::Reject]);
            store.drop_held(c, &dropped).await?;
            store.requeue_held(c, &of(&[Settle::Requeue])).await?;
            store.restore_held(c, &of(&[Settle::Restore])).await?;
            if let Some(consumer) = consumer
                && renew
            {
                for dead in store.dead_consumers(c, consumer, now).await? {
                    debug!(consumer = dead, "restoring what a dead consumer held");
                    store.remove_consumer(c, dead).await?;
                }
                if store.is_overdue(c, now).await? {
                    store.sweep_passing(c, now).await?;
                }
            }
            // Those behind one that fails stay, to be refused with the same words.
            requests.reverse();
            while let Some(request) = requests.pop() {
                match request {
                    Request::Declare(queue, answer) => {
                        let result = store.declare(c, &queue, now).await;
                        done.push(Done::Unit(answer));
                        result?;
                    }
                    Request::DeleteQueue(queue, answer) => {
                        let result = if is_copied(&queue) {
                            store.leave_queue(c, &queue.name, consumer, now).await
                        } else {
                            store.delete_queue(c, &queue.name).await
                        };
                        done.push(Done::Unit(answer));
                        result?;
                    }
                    Request::Publish(batch, answer) => {
                        let result = store.publish(c, &batch, now).await;
                        done.push(Done::Routed(
                            answer,
                            result.as_ref().cloned().unwrap_or_default(),
                        ));
                        result?;
                    }
                    Request::Purge(name, answer) => {
                        let result = store.purge(c, &name).await;
                        done.push(Done::Count(
                            answer,
                            result.as_ref().copied().unwrap_or_default(),
                        ));
                        result?;
                    }
                    Request::Consume(queues, prefetch, answer) => {
                        let (subscription, receiver) = state.subscribe(&queues, prefetch);
                        done.push(Done::Consumer(answer, Box::new((subscription, receiver))));
                        let id = match consumer {
                            Some(id) => id,
                            None => store.enter(c, now, deadline).await?,
                        };
                        consumer = Some(id);
                        for queue in &queues {
                            store.subscribe(c, queue, id, now).await?;
                        }
                    }
                    Request::Adopt(held, answer) => {
                        let orphans = held.iter().filter_map(Orphan::of).collect();
                        let result = async {
                            let id = match consumer {
                                Some(id) => id,
                                None => store.add_consumer(c, &Process::this(), deadline).await?,
                            };
                            consumer = Some(id);
                            store.adopt(c, id, orphans).await
                        };
                        let result = result.await;
                        done.push(Done::Adopted(
                            answer,
                            result.as_ref().cloned().unwrap_or_default(),
                        ));
                        result?;
                    }
                    // Answered by reading, or the loop's own.
                    Request::Length(..)
                    | Request::Unacked(..)
                    | Request::Queues(..)
                    | Request::Close(..) => {}
                }
            }
            let mut batches = Vec::new();
            let mut more = false;
            if fetch && let Some(consumer) = consumer {
                for subscription in &mut state.subscriptions {
                    let (taken, full) = take_for(store, c, subscription, consumer, now).await?;
                    more |= full;
                    if !taken.is_empty() {
                        batches.push((subscription.id, taken));
                    }
                }
            }
            Ok(Some((consumer, leased_until, more, batches)))
        };
        let Some((consumer, leased_until, more, batches)) = connection.write(deeds).await? else {
            return Err(SqliteError::new(
                Kind::Lost,
                "the lease on held messages ran out (was this process stopped?); others may run them",
            ));
        };
        if renew || consumer != state.consumer {
            state.leased_until = Some(leased_until);
            state.renew_at = consumer.map(|_| Instant::now() + *lease / RENEWALS_PER_LEASE);
        }
        state.consumer = consumer;
        if fetch {
            state.more = more;
        }
        Ok(batches)
    }
}
