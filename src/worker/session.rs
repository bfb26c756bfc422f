//! One broker connection, from declaring to losing it.
//!
//! Mirrors the bootsteps of `celery.worker.consumer`: connection, events, mingle, tasks, control, gossip, heart, loop.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::burst::{Burst, Look};
use super::consumer::{Ask, Consumer};
use super::core::Core;
use super::directive::Directive;
use super::{gossip, mingle};
use crate::broker::{self, Broker, BrokerError, Command, Delivery, Held, Settle};
use crate::pidbox::Node;
use crate::protocol::{Map, Queue, Value};

/// Deliveries taken in before other things get their turn.
const GULP: usize = 256;

/// What a session needs to know besides what the core holds.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) queues: Vec<Queue>,
    pub(super) mingle: bool,
    /// Stop once nothing is left to do.
    pub(super) burst: bool,
    pub(super) gossip: bool,
    /// None: no heartbeats.
    pub(super) heartbeat: Option<Duration>,
    pub(super) pidbox: crate::pidbox::Options,
    pub(super) events: crate::events::Options,
}

/// Why a session ended.
#[derive(Debug)]
pub(super) enum End {
    /// A shutdown was asked for.
    Shutdown,
    /// The connection is lost.
    Lost(BrokerError),
}

/// A session that consumes.
#[derive(Debug)]
pub(super) struct Session {
    core: Arc<Core>,
    broker: Arc<dyn Broker>,
    tasks: broker::Consumer,
    control: Option<broker::Consumer>,
    node: Option<Arc<Node>>,
    /// What this session runs besides the loop; ends with it.
    errands: JoinSet<Errand>,
    heartbeat: Option<Duration>,
    burst: Option<Burst>,
}

/// What an errand brings back.
#[derive(Debug)]
enum Errand {
    /// Nothing.
    Done,
    /// This queue is declared: consume from it.
    Declared(Box<Queue>),
    /// How much there is to do, for a worker that stops when there is nothing.
    Looked(Look),
}

impl Session {
    /// Takes over what lost connections held, declares and subscribes; returns when the worker is ready.
    pub(super) async fn open(
        core: &Arc<Core>,
        broker: Arc<dyn Broker>,
        setup: &Setup,
        consumer: &mut Consumer,
        node: Option<Arc<Node>>,
        orphans: &mut Vec<Held>,
    ) -> Result<Self, BrokerError> {
        if !orphans.is_empty() {
            consumer.adopt(broker.adopt(orphans).await?);
            orphans.clear();
        }
        let fanout = broker.capabilities().fanout;
        if setup.mingle && fanout {
            mingle::mingle(core, Arc::clone(&broker), setup.pidbox.clone()).await?;
        }
        let queues: Vec<Queue> = {
            let mut state = core.state.lock();
            for queue in &setup.queues {
                state
                    .queues
                    .entry(queue.name.clone())
                    .or_insert_with(|| queue.clone());
            }
            state.queues.values().cloned().collect()
        };
        for queue in &queues {
            broker.declare(queue).await?;
        }
        let tasks = broker.consume(&queues, consumer.prefetch_count()).await?;
        let node = node.filter(|_| fanout);
        let control = match &node {
            None => None,
            Some(node) => {
                broker.declare(node.queue()).await?;
                Some(
                    broker
                        .consume(std::slice::from_ref(node.queue()), 0)
                        .await?,
                )
            }
        };
        let mut errands = JoinSet::new();
        if fanout {
            let (events, connection) = (Arc::clone(&core.events), Arc::clone(&broker));
            errands.spawn(async move {
                if let Err(error) = events.run(&*connection).await {
                    tracing::debug!("events wait for the next connection: {error}");
                }
                Errand::Done
            });
            if setup.gossip {
                let (core, connection, options) =
                    (Arc::clone(core), Arc::clone(&broker), setup.events.clone());
                errands.spawn(async move {
                    if let Err(error) = gossip::listen(&core, connection, options).await {
                        tracing::warn!("gossip: {error}");
                    }
                    Errand::Done
                });
            }
        }
        let heartbeat = setup.heartbeat;
        let session = Self {
            core: Arc::clone(core),
            broker,
            tasks,
            control,
            node,
            errands,
            heartbeat,
            burst: setup.burst.then(Burst::default),
        };
        session
            .core
            .events
            .worker("worker-online", vitals(core, heartbeat));
        Ok(session)
    }

    /// The loop: directives, what is due, remote control, deliveries, in that order of preference.
    pub(super) async fn run(
        &mut self,
        consumer: &mut Consumer,
        directives: &mut mpsc::Receiver<Directive>,
    ) -> End {
        let broker = Arc::clone(&self.broker);
        let lost = broker.lost();
        tokio::pin!(lost);
        let core = Arc::clone(&self.core);
        let mut heartbeat = interval(self.heartbeat.unwrap_or(Duration::from_secs(3600)));
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        loop {
            core.state.turn();
            consumer.advance();
            if let Some(ask) = consumer.prefetch_change() {
                self.answer(ask);
            }
            tokio::select! {
                biased;
                () = core.shutdown.warm_asked() => return End::Shutdown,
                error = &mut lost => return End::Lost(error),
                Some(directive) = directives.recv() => {
                    if let Some(ask) = consumer.obey(directive) {
                        self.answer(ask);
                    }
                }
                () = consumer.event() => {}
                Some(done) = self.errands.join_next() => {
                    match done {
                        Ok(Errand::Declared(queue)) => self.consume_from(queue),
                        Ok(Errand::Looked(look)) => {
                            if self.burst.as_mut().is_some_and(|b| b.is_over(&look, consumer)) {
                                tracing::info!(event = "worker.drained", "the queues are empty and nothing runs: stopping");
                                core.shutdown.warm();
                            }
                        }
                        Ok(Errand::Done) | Err(_) => {}
                    }
                }
                () = Burst::pause(self.burst.as_ref()) => self.look(consumer),
                Some(request) = next(&mut self.control) => self.control(request),
                _ = heartbeat.tick() => {
                    if self.heartbeat.is_some() {
                        core.events.worker("worker-heartbeat", vitals(&core, self.heartbeat));
                        if let Some(pool) = core.python.as_ref().filter(|p| p.hears("heartbeat_sent")) {
                            pool.parent().beat();
                        }
                    }
                }
                delivery = self.tasks.recv() => match delivery {
                    Some(delivery) => {
                        consumer.receive(delivery);
                        for _ in 0..GULP {
                            let Some(delivery) = self.tasks.try_recv() else { break };
                            consumer.receive(delivery);
                        }
                    }
                    None => return End::Lost(lost.await),
                },
            }
        }
    }

    /// Asks the broker how much there is left to do.
    fn look(&mut self, consumer: &Consumer) {
        let Some(burst) = &mut self.burst else { return };
        burst.begin(consumer);
        if !consumer.is_idle() {
            return;
        }
        let queues: Vec<String> = self.core.state.lock().queues.keys().cloned().collect();
        let received = consumer.received();
        let broker = Arc::clone(&self.broker);
        burst.asking = true;
        self.errands
            .spawn(async move { Errand::Looked(Look::at(&*broker, &queues, received).await) });
    }

    fn control(&mut self, request: Delivery) {
        let Some(node) = self.node.clone() else {
            return;
        };
        let broker = Arc::clone(&self.broker);
        self.errands.spawn(async move {
            if let Some(reply) = node.handle(request).await
                && let Err(error) = broker.publish(vec![reply]).await
            {
                tracing::warn!("can't answer a remote control request: {error}");
            }
            Errand::Done
        });
    }

    fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Consumer(command) => {
                if let Err(error) = self.tasks.command(command) {
                    tracing::debug!("{error}");
                }
            }
            Ask::AddQueue(queue) => {
                let broker = Arc::clone(&self.broker);
                self.errands.spawn(async move {
                    match broker.declare(&queue).await {
                        Ok(()) => Errand::Declared(queue),
                        Err(error) => {
                            tracing::error!("can't consume from queue `{}`: {error}", queue.name);
                            Errand::Done
                        }
                    }
                });
            }
        }
    }

    fn consume_from(&mut self, queue: Box<Queue>) {
        tracing::info!(
            event = "worker.queue_added",
            queue = queue.name,
            "Started consuming from {}",
            queue.name
        );
        self.core
            .state
            .lock()
            .queues
            .insert(queue.name.clone(), (*queue).clone());
        self.answer(Ask::Consumer(Command::Add(queue)));
    }

    /// Takes no more tasks and no more requests, says goodbye, and gives back what came in the meantime.
    pub(super) async fn leave(&mut self, consumer: &mut Consumer) {
        if let Err(error) = self.tasks.command(Command::Pause) {
            tracing::debug!("{error}");
        }
        self.errands.shutdown().await;
        self.core
            .events
            .worker("worker-offline", vitals(&self.core, self.heartbeat));
        if self.broker.capabilities().fanout
            && let Err(error) = self.core.events.flush(&*self.broker).await
        {
            tracing::debug!("the last events are not sent: {error}");
        }
        self.control = None;
        if let Some(node) = self.node.take()
            && let Err(error) = self.broker.delete_queue(node.queue()).await
        {
            tracing::debug!("the queue of remote control is left to expire: {error}");
        }
        let mut restored = 0;
        let mut late = Vec::new();
        while let Some(delivery) = self.tasks.try_recv() {
            late.push(delivery);
        }
        for delivery in late.into_iter().rev() {
            restored += 1;
            if let Err(error) = delivery.acker.settle(Settle::Restore) {
                tracing::debug!("{error}");
            }
        }
        restored += consumer.give_back();
        if restored > 0 {
            tracing::info!(
                event = "worker.restoring",
                messages = restored,
                "Restoring {restored} unacknowledged message(s)"
            );
        }
    }

    /// Ends what runs besides the loop; the subscription goes with the value.
    pub(super) async fn abandon(mut self) {
        self.errands.shutdown().await;
    }

    /// Sends what events there are, and closes the connection. Returns what it held if it was lost before.
    pub(super) async fn close(self) -> Vec<Held> {
        let is_lost = self.broker.lost().now_or_never().is_some();
        if self.broker.capabilities().fanout
            && let Err(error) = self.core.events.flush(&*self.broker).await
        {
            tracing::debug!("the last events are not sent: {error}");
        }
        if let Err(error) = self.broker.close().await {
            tracing::warn!("closing the connection to the broker: {error}");
        }
        if is_lost {
            self.broker.held()
        } else {
            Vec::new()
        }
    }
}

async fn next(consumer: &mut Option<broker::Consumer>) -> Option<Delivery> {
    match consumer {
        Some(consumer) => consumer.recv().await,
        None => std::future::pending().await,
    }
}

/// The fields of worker-online, -heartbeat and -offline.
pub(super) fn vitals(core: &Core, heartbeat: Option<Duration>) -> Map {
    let (active, processed) = {
        let state = core.state.lock();
        (
            state.count(super::state::Phase::Active),
            state.total.values().sum::<u64>(),
        )
    };
    let mut fields = software(heartbeat.unwrap_or(Duration::from_secs(2)));
    fields.insert("active".to_owned(), active.into());
    fields.insert("processed".to_owned(), processed.into());
    let load: Vec<Value> = load_average().into_iter().map(Value::Float).collect();
    fields.insert("loadavg".to_owned(), load.into());
    fields
}

/// The fields that say what runs here, and how often it beats.
pub(super) fn software(freq: Duration) -> Map {
    let mut fields = Map::new();
    fields.insert("freq".to_owned(), freq.as_secs_f64().into());
    fields.insert("sw_ident".to_owned(), "rcelery".into());
    fields.insert("sw_ver".to_owned(), env!("CARGO_PKG_VERSION").into());
    fields.insert("sw_sys".to_owned(), system().into());
    fields
}

/// `Linux`, as Python's `platform.system()`.
fn system() -> &'static str {
    match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "Darwin",
        "windows" => "Windows",
        other => other,
    }
}

fn load_average() -> [f64; 3] {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut numbers = text.split_whitespace().map(|n| n.parse().unwrap_or(0.0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0.0))
}
