//! The connection on which an app sends, and the plan of a canvas carried out.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::{Composer, Outgoing, SendError};
use crate::backend::{Backend, BackendError};
use crate::broker::{Broker, BrokerError, Destination, Routed};
use crate::canvas::{self, Step};
use crate::events::Dispatcher;
use crate::protocol::{Map, Message, ResultTuple, Signature, Value};
use crate::task::Caller;

/// How a producer gets at its connections.
pub trait Connect: fmt::Debug + Send + Sync + 'static {
    /// Opens a connection to the broker.
    fn broker(&self) -> BoxFuture<'_, Result<Arc<dyn Broker>, BrokerError>>;

    /// The back end, for chords.
    fn backend(&self) -> BoxFuture<'_, Result<Arc<dyn Backend>, BackendError>>;
}

#[derive(Debug, Default)]
struct Link {
    broker: Option<Arc<dyn Broker>>,
    /// Queues declared on this connection.
    declared: HashSet<String>,
}

/// Sends calls, on one connection that it opens at the first send and again after a loss.
#[derive(Debug)]
pub struct Producer {
    composer: Composer,
    connect: Box<dyn Connect>,
    /// Makes `task-sent` events (`task_send_sent_event`).
    events: Dispatcher,
    link: Mutex<Link>,
}

impl Producer {
    /// A producer without a connection yet.
    #[must_use]
    pub fn new(composer: Composer, connect: Box<dyn Connect>, events: Dispatcher) -> Self {
        Self {
            composer,
            connect,
            events,
            link: Mutex::default(),
        }
    }

    /// How messages are made.
    #[must_use]
    pub fn composer(&self) -> &Composer {
        &self.composer
    }

    /// Applies a signature of any kind: task, chain, group, chord. The result stands for the whole.
    ///
    /// # Errors
    /// As [`Producer::send`]; what was sent before the error stays sent.
    pub async fn apply(
        &self,
        signature: Signature,
        caller: Option<&Caller>,
    ) -> Result<ResultTuple, SendError> {
        let mut results = self.apply_many(vec![signature], caller).await?;
        Ok(results.pop().expect("there is a result for each signature"))
    }

    /// Applies many in one batch; the results are in their order.
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub async fn apply_many(
        &self,
        signatures: Vec<Signature>,
        caller: Option<&Caller>,
    ) -> Result<Vec<ResultTuple>, SendError> {
        let now = Timestamp::now();
        let mut batch = Vec::with_capacity(signatures.len());
        let mut counted = Vec::new();
        let mut results = Vec::with_capacity(signatures.len());
        for signature in signatures {
            let plan = canvas::plan(signature)?;
            for step in plan.steps {
                match step {
                    Step::Send(sig) => batch.push(self.composer.compose(&sig, caller, now)?),
                    Step::ChordStart {
                        group_id,
                        size,
                        header,
                        body,
                    } => {
                        let backend = self.connect.backend().await?;
                        if backend.counts_chords() {
                            counted.push((backend, group_id, size));
                        } else {
                            let unlock = unlock(&group_id, &header, &body);
                            batch.push(self.composer.compose(&unlock, caller, now)?);
                        }
                    }
                }
            }
            results.push(plan.result);
        }
        for (backend, group_id, size) in counted {
            backend.chord_start(&group_id, size).await?;
        }
        self.send(batch).await?;
        Ok(results)
    }

    /// Publishes messages, in order, declaring their queues first. A lost connection is opened again and the publish
    /// repeated, as `task_publish_retry_policy` says.
    ///
    /// # Errors
    /// `Broker` once the policy is used up, `Unroutable` if a message reached no queue.
    pub async fn send(&self, batch: Vec<Outgoing>) -> Result<(), SendError> {
        let targets: Vec<Destination> = batch.iter().map(|o| o.destination.clone()).collect();
        let policy = RetryPolicy::new(
            self.composer.settings.task_publish_retry,
            &self.composer.settings.task_publish_retry_policy,
        );
        let mut tries = 0;
        let routed = loop {
            let queues: Vec<_> = batch.iter().filter_map(|o| o.queue.as_ref()).collect();
            match self.publish(&queues, &batch).await {
                Ok(routed) => break routed,
                Err(error) => match policy.pause(tries, &error) {
                    Some(pause) => {
                        tries += 1;
                        sleep(pause).await;
                    }
                    None => return Err(error.into()),
                },
            }
        };
        for (target, routed) in targets.into_iter().zip(routed) {
            if routed.queues == 0 && routed.receivers.is_none_or(|n| n == 0) {
                let Destination {
                    exchange,
                    routing_key,
                    ..
                } = target;
                return Err(SendError::Unroutable {
                    exchange,
                    routing_key,
                });
            }
        }
        Ok(())
    }

    async fn publish(
        &self,
        queues: &[&crate::protocol::Queue],
        batch: &[Outgoing],
    ) -> Result<Vec<Routed>, BrokerError> {
        let broker = {
            let mut link = self.link.lock().await;
            let broker = match &link.broker {
                Some(broker) => Arc::clone(broker),
                None => {
                    link.declared.clear();
                    Arc::clone(link.broker.insert(self.connect.broker().await?))
                }
            };
            for queue in queues {
                if !link.declared.contains(&queue.name) {
                    if let Err(error) = broker.declare(queue).await {
                        link.broker = None;
                        return Err(error);
                    }
                    link.declared.insert(queue.name.clone());
                }
            }
            broker
        };
        let mut messages: Vec<(Destination, Message)> = batch
            .iter()
            .map(|o| (o.destination.clone(), o.message.clone()))
            .collect();
        if self.composer.settings.task_send_sent_event && broker.capabilities().fanout {
            let sent = |o| self.events.message(&*broker, "task-sent", sent(o));
            messages.extend(batch.iter().map(sent));
        }
        let mut result = broker.publish(messages).await;
        if let Ok(routed) = &mut result {
            // Nobody need listen to events.
            routed.truncate(batch.len());
        }
        if result.as_ref().is_err_and(BrokerError::is_transient) {
            let mut link = self.link.lock().await;
            if link
                .broker
                .as_ref()
                .is_some_and(|b| Arc::ptr_eq(b, &broker))
            {
                link.broker = None;
            }
        }
        result
    }

    /// Closes the connection, if there is one.
    pub async fn close(&self) {
        let broker = self.link.lock().await.broker.take();
        if let Some(broker) = broker
            && let Err(error) = broker.close().await
        {
            tracing::debug!("closing the producer's connection: {error}");
        }
    }
}

/// The fields of a `task-sent` event.
fn sent(outgoing: &Outgoing) -> Map {
    let headers = &outgoing.message.headers;
    let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
    let destination = &outgoing.destination;
    let queue = outgoing.queue.as_ref();
    let queue = queue.map_or(destination.routing_key.as_str(), |q| q.name.as_str());
    let fields = [
        ("uuid", outgoing.task_id.as_str().into()),
        ("root_id", header("root_id")),
        ("parent_id", header("parent_id")),
        ("name", header("task")),
        ("args", header("argsrepr")),
        ("kwargs", header("kwargsrepr")),
        ("retries", header("retries")),
        ("eta", header("eta")),
        ("expires", header("expires")),
        ("queue", queue.into()),
        ("exchange", destination.exchange.as_str().into()),
        ("routing_key", destination.routing_key.as_str().into()),
    ];
    let field = |(name, value): (&str, Value)| (name.to_owned(), value);
    fields.into_iter().map(field).collect()
}

/// The task that watches a chord where the back end has no counters.
fn unlock(group_id: &str, header: &[ResultTuple], body: &Signature) -> Signature {
    let mut unlock = Signature::new("celery.chord_unlock");
    unlock.args = vec![group_id.into(), body.to_value()];
    let parts: Vec<Value> = header.iter().map(ResultTuple::to_value).collect();
    for (name, value) in [
        ("interval", Value::Null),
        ("max_retries", Value::Null),
        ("result", parts.into()),
        ("_chord_unlock_exchange_type", "direct".into()),
    ] {
        unlock.kwargs.insert(name.to_owned(), value);
    }
    unlock.set_option("countdown", 1);
    unlock.set_option("ignore_result", true);
    for name in ["queue", "priority"] {
        if let Some(value) = body.option(name) {
            unlock.options.insert(name.to_owned(), value.clone());
        }
    }
    unlock
}

/// `task_publish_retry_policy`.
struct RetryPolicy {
    max_retries: u32,
    start: f64,
    step: f64,
    max: f64,
}

impl RetryPolicy {
    fn new(on: bool, policy: &Map) -> Self {
        let number =
            |name: &str, default: f64| policy.get(name).and_then(Value::as_f64).unwrap_or(default);
        let retries = match policy.get("max_retries") {
            Some(Value::Null) => u32::MAX,
            Some(v) => v.as_i64().and_then(|n| u32::try_from(n).ok()).unwrap_or(3),
            None => 3,
        };
        Self {
            max_retries: if on { retries } else { 0 },
            start: number("interval_start", 0.0),
            step: number("interval_step", 0.2),
            max: number("interval_max", 1.0),
        }
    }

    /// How long to wait before the next try; none if there is none.
    fn pause(&self, tries: u32, error: &BrokerError) -> Option<Duration> {
        if tries >= self.max_retries || !error.is_transient() {
            return None;
        }
        let pause = (self.start + self.step * f64::from(tries))
            .min(self.max)
            .max(0.0);
        Some(Duration::from_secs_f64(pause))
    }
}
