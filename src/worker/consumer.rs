//! The loop that owns what waits: timer, buckets, ready requests and slots.
//!
//! Mirrors `celery.worker.consumer.Consumer` and `celery.worker.loops`. It outlives connections: a session lends it a
//! subscription, and running requests go on when that is lost.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::core::Core;
use super::directive::Directive;
use super::execute::{discard, execute, terminate};
use super::rate_limit::Bucket;
use super::state::Phase;
use super::timer::Timer;
use super::{Request, complete};
use crate::broker::{Acker, Command, Settle};
use crate::protocol::Queue;
use crate::task::Stop;

/// Clocks can be set: what is due is looked for at least this often.
const LOOK: Duration = Duration::from_secs(1);
/// How long a worker that scales down must have been idle (`AUTOSCALE_KEEPALIVE`).
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A slot in use; dropping it tells the loop.
#[derive(Debug)]
struct Slot(mpsc::UnboundedSender<()>);

impl Drop for Slot {
    fn drop(&mut self) {
        // The loop may be gone at shutdown.
        let _ = self.0.send(());
    }
}

/// What the loop asks its session to do, since only the session holds the connection.
#[derive(Debug)]
pub(super) enum Ask {
    /// For the subscription.
    Consumer(Command),
    /// Declare and consume from a queue.
    AddQueue(Box<Queue>),
}

/// The loop's state.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) core: Arc<Core>,
    pub(super) timer: Timer,
    buckets: HashMap<String, Bucket>,
    ready: VecDeque<Arc<Request>>,
    slots: usize,
    busy: usize,
    slot: mpsc::UnboundedSender<()>,
    /// One entry per slot that came free; unbounded because slots are.
    freed: mpsc::UnboundedReceiver<()>,
    pub(super) running: JoinSet<()>,
    prefetch: Option<u32>,
    idle_since: Instant,
    /// Deliveries so far.
    pub(super) received: u64,
    /// Requests that may still be handed to a slot; none means no limit.
    left: Option<u64>,
}

impl Consumer {
    /// A loop with that many slots that ends the worker after `max_tasks` runs.
    pub(super) fn new(core: Arc<Core>, slots: usize, max_tasks: Option<u64>) -> Self {
        let (slot, freed) = mpsc::unbounded_channel();
        core.state.lock().concurrency = slots;
        Self {
            core,
            timer: Timer::default(),
            buckets: HashMap::new(),
            ready: VecDeque::new(),
            slots,
            busy: 0,
            slot,
            freed,
            running: JoinSet::new(),
            prefetch: None,
            idle_since: Instant::now(),
            received: 0,
            left: max_tasks,
        }
    }

    /// How many deliveries may be unsettled: slots × multiplier, and one more for each held request; never more than
    /// may be run.
    pub(super) fn prefetch_count(&self) -> u32 {
        let count = self.window();
        let Some(left) = self.left else { return count };
        // What runs and is acknowledged at its end takes its place in the window until then.
        let taken = self.core.state.lock().taken();
        let late = taken.iter().filter(|r| self.core.acks_late(r)).count();
        let most = left
            .saturating_add(late as u64)
            .saturating_add(self.timer.len() as u64);
        let most = u32::try_from(most).unwrap_or(u32::MAX).max(1);
        if count == 0 { most } else { count.min(most) }
    }

    fn window(&self) -> u32 {
        let multiplier = self.core.prefetch_multiplier;
        if multiplier == 0 {
            return 0;
        }
        let held = self.timer.len();
        let held = self
            .core
            .settings
            .worker_eta_task_limit
            .map_or(held, |limit| held.min(limit as usize));
        u32::try_from(self.slots)
            .unwrap_or(u32::MAX)
            .saturating_mul(multiplier)
            .saturating_add(u32::try_from(held).unwrap_or(u32::MAX))
    }

    /// The command that brings the subscription's prefetch up to date, if it has changed.
    pub(super) fn prefetch_change(&mut self) -> Option<Ask> {
        let count = self.prefetch_count();
        if self.prefetch.replace(count) == Some(count) {
            return None;
        }
        self.core.state.lock().prefetch_count = count;
        Some(Ask::Consumer(Command::Prefetch(count)))
    }

    /// Starts over with a new subscription: what was held and not started will be delivered again.
    pub(super) fn reset(&mut self) {
        self.prefetch = None;
        for request in self.waiting() {
            self.core.state.lock().remove(&request);
        }
    }

    /// Goes on with what a lost connection held and the new one has taken over: running requests get their acker, what was
    /// settled in vain is settled again, and all else goes back to the front of its queue.
    pub(super) fn adopt(&self, ackers: Vec<Acker>) {
        let running = self.core.state.lock().taken();
        let mut running: HashMap<String, Arc<Request>> = running
            .into_iter()
            .filter_map(|r| Some((r.delivery_tag()?, r)))
            .collect();
        for acker in ackers {
            let settled = self.core.state.lock().was_settled(acker.delivery_tag());
            let done = match running.remove(acker.delivery_tag()) {
                Some(request) => request.renew_acker(acker),
                None if settled => acker.ack(),
                None => acker.settle(Settle::Restore),
            };
            if let Err(error) = done {
                tracing::debug!("{error}");
            }
        }
    }

    /// Takes out everything that has not started, in the order of its arrival per kind.
    fn waiting(&mut self) -> Vec<Arc<Request>> {
        let mut waiting: Vec<_> = self.ready.drain(..).collect();
        for bucket in self.buckets.values_mut() {
            waiting.extend(bucket.drain());
        }
        waiting.extend(self.timer.take(|_| true));
        waiting
    }

    /// Gives back everything that has not started, the first last, so that it comes first again.
    pub(super) fn give_back(&mut self) -> usize {
        let waiting = self.waiting();
        for request in waiting.iter().rev() {
            self.core.state.lock().remove(request);
            complete::settle(&self.core, request, Settle::Restore);
        }
        waiting.len()
    }

    /// How many deliveries have come in so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// How many requests are held for their time.
    pub(super) fn held(&self) -> usize {
        self.timer.len()
    }

    /// Whether nothing runs and nothing waits but tasks that were sent for a later time. A retry that waits is work
    /// that has begun.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
            && self.busy == 0
            && self.ready.is_empty()
            && self.buckets.values().all(Bucket::is_empty)
            && !self.timer.any(|r| r.message.header.retries > 0)
    }

    /// How many requests run, or are being completed.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Waits for whatever happens by itself: a slot coming free, a request ending, something due.
    ///
    /// Cancel safe: call it in `select!`, then [`Consumer::advance`].
    pub(super) async fn event(&mut self) {
        let due = self.next_due();
        tokio::select! {
            Some(()) = self.freed.recv() => self.busy = self.busy.saturating_sub(1),
            Some(ended) = self.running.join_next() => self.note_end(ended),
            () = sleep(due) => {}
        }
    }

    fn note_end(&mut self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended
            && error.is_panic()
        {
            tracing::error!(
                "a request ended in a panic of the worker's own; its message will come again: {error}"
            );
        }
        self.idle_since = Instant::now();
    }

    fn next_due(&self) -> Duration {
        let now = Timestamp::now();
        let eta = self.timer.next_due().map(|at| {
            at.duration_since(now)
                .max(jiff::SignedDuration::ZERO)
                .unsigned_abs()
        });
        let now = Instant::now();
        let turn = self.buckets.values().filter_map(Bucket::next_due).min();
        let turn = turn.map(|at| at.saturating_duration_since(now));
        let first = [eta, turn].into_iter().flatten().min();
        // At least that often, for the load to be looked at, and for others to see that the loop goes round.
        first.map_or(LOOK, |d| d.min(LOOK))
    }

    /// Moves on what is due, and starts what is ready while there are slots.
    pub(super) fn advance(&mut self) {
        while self.freed.try_recv().is_ok() {
            self.busy = self.busy.saturating_sub(1);
        }
        while let Some(ended) = self.running.try_join_next() {
            self.note_end(ended);
        }
        let now = Timestamp::now();
        while let Some(request) = self.timer.pop_due(now) {
            tracing::debug!("Task {} is due", request.label());
            self.core.state.lock().place(Phase::Reserved, &request);
            self.ready_or_throttled(request);
        }
        let now = Instant::now();
        for bucket in self.buckets.values_mut() {
            while let Some(request) = bucket.pop_due(now) {
                self.ready.push_back(request);
            }
        }
        self.autoscale();
        while self.busy < self.slots && self.left != Some(0) {
            let Some(request) = self.ready.pop_front() else {
                break;
            };
            self.busy += 1;
            if let Some(left) = &mut self.left {
                *left -= 1;
                if *left == 0 {
                    tracing::info!(
                        event = "worker.max_tasks",
                        "all tasks of --max-tasks are taken: stopping"
                    );
                    self.core.shutdown.warm();
                }
            }
            request.mark_taken();
            let slot: Box<dyn Any + Send + Sync> = Box::new(Slot(self.slot.clone()));
            self.running
                .spawn(execute(Arc::clone(&self.core), request, slot));
        }
    }

    fn autoscale(&mut self) {
        let Some((max, min)) = self.core.state.lock().autoscale else {
            return;
        };
        let wanted = (self.busy + self.ready.len()).clamp(min, max.max(min));
        if wanted > self.slots {
            tracing::info!(
                event = "worker.scaled",
                slots = wanted,
                "Scaling up {} processes.",
                wanted - self.slots
            );
            self.set_slots(wanted);
        } else if wanted < self.slots && self.idle_since.elapsed() >= KEEPALIVE {
            tracing::info!(
                event = "worker.scaled",
                slots = wanted,
                "Scaling down {} processes.",
                self.slots - wanted
            );
            self.set_slots(wanted);
            self.idle_since = Instant::now();
        }
    }

    fn set_slots(&mut self, slots: usize) {
        self.slots = slots;
        self.core.state.lock().concurrency = slots;
    }

    /// Lets a request run as soon as its rate limit and a slot allow.
    pub(super) fn ready_or_throttled(&mut self, request: Arc<Request>) {
        let interval = self.interval(request.task());
        match (interval, self.buckets.get_mut(request.task())) {
            (Some(_), Some(bucket)) => bucket.push(request),
            (Some(interval), None) => {
                let mut bucket = Bucket::new(interval, Instant::now());
                let name = request.task().to_owned();
                bucket.push(request);
                self.buckets.insert(name, bucket);
            }
            (None, _) => self.ready.push_back(request),
        }
    }

    /// The time between two starts of a task: remote control's limit, then the task's, then the default.
    fn interval(&self, task: &str) -> Option<Duration> {
        if self.core.settings.worker_disable_rate_limits {
            return None;
        }
        let controlled = self
            .core
            .state
            .lock()
            .rate_limits
            .get(task)
            .map(|(_, limit)| *limit);
        let limit = controlled.unwrap_or_else(|| {
            self.core
                .tasks
                .get(task)
                .and_then(|t| t.options().rate_limit)
        });
        limit.and_then(crate::task::RateLimit::interval)
    }

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
                match (self.interval(&task), self.buckets.get_mut(&task)) {
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
                self.set_slots(self.slots.saturating_add(n));
                let _ = answer.send(Ok("pool will grow".to_owned()));
                None
            }
            Directive::PoolShrink { n, answer } => {
                let result = if n < self.slots {
                    self.set_slots(self.slots - n);
                    Ok("pool will shrink".to_owned())
                } else {
                    Err(format!(
                        "ValueError(\"Can't shrink pool by {n}: it has {} slots\")",
                        self.slots
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
                self.running.spawn(async move {
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
        let mut waiting = self.timer.take(wanted);
        for bucket in self.buckets.values_mut() {
            waiting.extend(bucket.take(wanted));
        }
        let (revoked, kept) = self.ready.drain(..).partition(|r| wanted(r));
        self.ready = kept;
        waiting.extend::<VecDeque<_>>(revoked);
        for request in waiting {
            let core = Arc::clone(&self.core);
            self.running.spawn(async move {
                let stamp = core.revoked(&request).flatten();
                discard(&core, &request, super::strategy::Discard::Revoked, stamp).await;
                core.state.lock().remove(&request);
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

    /// Cuts off everything that runs.
    pub(super) fn cancel_running(&self) {
        for request in self.core.state.lock().requests(Phase::Active) {
            request.stop(Stop::Cancel);
        }
    }

    /// What runs and for how long, for the log of a shutdown that waits.
    pub(super) fn running_labels(&self) -> Vec<String> {
        let now = Timestamp::now().as_duration().as_secs_f64();
        let running = self.core.state.lock().requests(Phase::Active);
        let label = |request: &Arc<Request>| match request.time_start() {
            Some(start) => format!("{} {:.0} s", request.label(), (now - start).max(0.0)),
            None => request.label(),
        };
        running.iter().map(label).collect()
    }
}
