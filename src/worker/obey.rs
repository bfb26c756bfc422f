//! What remote control has the loop do.

use std::sync::Arc;
use std::time::Instant;

use super::Request;
use super::consumer::{Ask, Consumer};
use super::directive::Directive;
use super::execute::{discard, terminate};
use super::state::Phase;
use super::strategy::Discard;
use crate::broker::Command;

impl Consumer {
    /// Does what remote control asks; some of it only the session can do.
    pub(super) fn obey(&mut self, directive: Directive) -> Option<Ask> {
        match directive {
            Directive::Revoke {
                ids,
                terminate: signal,
            } => {
                self.revoke(&ids, signal.as_deref());
                None
            }
            Directive::RateLimit { task } => {
                let now = Instant::now();
                let own = self.core.tasks.get(&task);
                let own = own.and_then(|t| t.options().rate_limit);
                match (self.interval_of(&task, own), self.buckets.get_mut(&task)) {
                    (Some(interval), Some(bucket)) => bucket.set_interval(interval, now),
                    (None, Some(bucket)) => {
                        self.ready.extend(bucket.drain());
                        self.buckets.remove(&task);
                    }
                    (_, None) => {}
                }
                None
            }
            Directive::PoolGrow { n, answer } => {
                self.set_slots(self.core.slots.len().saturating_add(n));
                let _ = answer.send(Ok("pool will grow".to_owned()));
                None
            }
            Directive::PoolShrink { n, answer } => {
                let slots = self.core.slots.len();
                let result = if n < slots {
                    self.set_slots(slots - n);
                    Ok("pool will shrink".to_owned())
                } else {
                    Err(format!(
                        "ValueError(\"Can't shrink pool by {n}: it has {slots} slots\")"
                    ))
                };
                let _ = answer.send(result);
                None
            }
            Directive::Autoscale { max, min, answer } => {
                let mut state = self.core.state.lock();
                let result = if state.autoscale.is_some() {
                    state.autoscale = Some((max, min));
                    Ok(format!("autoscale now max={max} min={min}"))
                } else {
                    Err("ValueError('Autoscale not enabled')".to_owned())
                };
                drop(state);
                let _ = answer.send(result);
                None
            }
            Directive::AddConsumer(queue) => Some(Ask::AddQueue(queue)),
            Directive::CancelConsumer(name) => {
                self.core.state.lock().queues.shift_remove(&name);
                tracing::info!(
                    event = "worker.queue_canceled",
                    queue = name,
                    "Canceling queue {name}"
                );
                Some(Ask::Consumer(Command::Cancel(name)))
            }
            Directive::Elected(signature) => {
                let core = Arc::clone(&self.core);
                self.core.running.spawn(async move {
                    if let Err(error) = core.producer.apply(*signature, None).await {
                        tracing::error!(
                            "can't send the task that this node was elected for: {error}"
                        );
                    }
                });
                None
            }
        }
    }

    /// Discards what waits of these ids, and cuts off what runs if a signal is given.
    fn revoke(&mut self, ids: &[String], signal: Option<&str>) {
        let wanted = |request: &Request| ids.iter().any(|id| id == request.id());
        let mut waiting = {
            let mut state = self.core.state.lock();
            let taken = state.timer.take(ids);
            self.held = state.timer.len();
            taken
        };
        for bucket in self.buckets.values_mut() {
            waiting.extend(bucket.take(wanted));
        }
        waiting.extend(self.core.slots.take(wanted));
        waiting.extend(self.ready.extract_if(.., |r| wanted(r)));
        for request in waiting {
            let core = Arc::clone(&self.core);
            self.core.running.spawn(async move {
                let stamp = core.state.lock().revoked_by(&request).flatten();
                discard(&core, &request, Discard::Revoked, stamp).await;
                core.remove(&request);
            });
        }
        let Some(signal) = signal else { return };
        for id in ids {
            let running = self
                .core
                .state
                .lock()
                .get(id)
                .filter(|(phase, _)| *phase == Phase::Active);
            if let Some((_, request)) = running
                && request.stop(terminate(signal))
            {
                // Remote control has said so in Celery's words.
                tracing::debug!("{id} is cut off ({signal})");
            }
        }
    }
}
