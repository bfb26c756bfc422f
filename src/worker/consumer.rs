//! The loop: takes requests in, holds, throttles, and hands them to the slots when they are ready.
//!
//! Mirrors `celery.worker.consumer.Consumer` and `celery.worker.loops`. It outlives connections: a session lends it a
//! subscription, and running requests go on when that is lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinError;
use tokio::time::sleep;

use super::Request;
use super::core::Core;
use super::pace::{self, Pace};
use super::rate_limit::Bucket;
use super::state::{Mark, Phase};
use super::timer::Timer;
use crate::broker::{Acker, Command, Settle};
use crate::protocol::Queue;
use crate::task::{RateLimit, Stop};

/// Clocks can be set: what is due is looked for at least this often.
const LOOK: Duration = Duration::from_secs(1);
/// How long a worker that scales down must have been idle (`AUTOSCALE_KEEPALIVE`).
const KEEPALIVE: Duration = Duration::from_secs(30);

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
    /// How many requests are held for their time.
    pub(super) held: usize,
    /// How many have been so far.
    pub(super) taken_in: u64,
    pub(super) buckets: HashMap<String, Bucket>,
    /// Requests that go to the slots at the end of this turn.
    pub(super) ready: Vec<Arc<Request>>,
    prefetch: Option<u32>,
    pace: Pace,
    /// When the worker scaled down last.
    scaled: Instant,
    /// Deliveries so far.
    pub(super) received: u64,
}

impl Consumer {
    /// The loop of a worker.
    pub(super) fn new(core: Arc<Core>) -> Self {
        {
            let mut state = core.state.lock();
            state.concurrency = core.slots.len();
            state.counts_runs = core.slots.left().is_some();
            state.timer = Timer::new(core.reader.clone());
        }
        Self {
            core,
            held: 0,
            taken_in: 0,
            buckets: HashMap::new(),
            ready: Vec::new(),
            prefetch: None,
            pace: Pace::new(Instant::now()),
            scaled: Instant::now(),
            received: 0,
        }
    }

    /// How many deliveries may be unsettled: slots × multiplier, and one more for each held request; never more than
    /// may be run.
    pub(super) fn prefetch_count(&self) -> u32 {
        let count = self.window();
        let Some(left) = self.core.slots.left() else {
            return if count == 0 {
                0
            } else {
                count.saturating_add(self.pace.extra())
            };
        };
        // What runs and is acknowledged at its end takes its place in the window until then.
        let taken = self.core.state.lock().taken();
        let late = taken.iter().filter(|r| self.core.acks_late(r)).count();
        let most = left
            .saturating_add(late as u64)
            .saturating_add(self.held as u64);
        let most = u32::try_from(most).unwrap_or(u32::MAX).max(1);
        if count == 0 { most } else { count.min(most) }
    }

    fn window(&self) -> u32 {
        let multiplier = self.core.prefetch_multiplier;
        if multiplier == 0 {
            return 0;
        }
        let held = self.held;
        let held = self
            .core
            .settings
            .worker_eta_task_limit
            .map_or(held, |limit| held.min(limit as usize));
        u32::try_from(self.core.slots.len())
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
        let waiting = self.waiting();
        let mut state = self.core.state.lock();
        for request in waiting {
            state.remove(&request);
        }
        state.timer.drain();
        self.held = 0;
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
            let settled = self
                .core
                .state
                .lock()
                .was_settled(Mark::delivery(acker.delivery_tag()));
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

    /// Looks at how fast things go, and gives back what was fetched in excess if they do not go so fast any more. Who
    /// sets the multiplier to 1 wants nothing in reserve.
    fn look_at_pace(&mut self) {
        if self.core.prefetch_multiplier <= 1 {
            return;
        }
        let now = Instant::now();
        // What is held for its time is dealt with, too, unless only so many may be held.
        let limit = self.core.settings.worker_eta_task_limit;
        let taken_in = limit.map_or(self.taken_in, |_| 0);
        let dealt_with = self.core.slots.begun() + taken_in;
        self.pace.look(dealt_with, now);
        if !self.pace.has_surplus(now) {
            return;
        }
        for request in self.core.slots.surplus(self.window() as usize) {
            self.core.remove(&request);
            self.core.settle(&request, Settle::Restore);
        }
    }

    /// Notes that a request is acknowledged at its end.
    pub(super) fn note_late(&mut self) {
        self.pace.late(Instant::now());
    }

    /// Takes out everything that has not started, in the order of its arrival per kind.
    fn waiting(&mut self) -> Vec<Arc<Request>> {
        let mut waiting = self.core.slots.drain();
        waiting.append(&mut self.ready);
        for bucket in self.buckets.values_mut() {
            waiting.extend(bucket.drain());
        }
        waiting
    }

    /// Gives back everything that has not started, the first last, so that it comes first again.
    pub(super) fn give_back(&mut self) -> usize {
        let waiting = self.waiting();
        let held = self.core.state.lock().timer.drain();
        self.held = 0;
        let count = waiting.len() + held.len();
        for out in held.into_iter().rev() {
            if let Err(error) = out.settle(Settle::Restore) {
                tracing::debug!("a message that was held will come again: {error}");
            }
        }
        for request in waiting.iter().rev() {
            self.core.state.lock().remove(request);
            self.core.settle(request, Settle::Restore);
        }
        count
    }

    /// How many deliveries have come in so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// How many requests are held for their time.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Whether nothing runs and nothing waits but tasks that were sent for a later time. A retry that waits is work
    /// that has begun.
    pub(super) fn is_idle(&self) -> bool {
        self.core.running.len() == 0
            && self.core.slots.load() == 0
            && self.ready.is_empty()
            && self.buckets.values().all(Bucket::is_empty)
            && self.core.state.lock().timer.retries() == 0
    }

    /// How many requests run, or are being completed.
    pub(super) fn running(&self) -> usize {
        self.core.running.len()
    }

    /// Waits for whatever happens by itself: something ending, something due, a reason to fetch more.
    ///
    /// Cancel safe: call it in `select!`, then [`Consumer::advance`].
    pub(super) async fn event(&mut self) {
        let due = self.next_due();
        tokio::select! {
            ended = self.core.running.ended() => if let Some(ended) = ended { note_end(ended) },
            () = self.core.nudge.notified() => {}
            () = sleep(due) => {}
        }
    }

    fn next_due(&self) -> Duration {
        let now = Timestamp::now();
        let due = if self.held > 0 {
            self.core.state.lock().timer.next_due()
        } else {
            None
        };
        let eta = due.map(|at| {
            at.duration_since(now)
                .max(jiff::SignedDuration::ZERO)
                .unsigned_abs()
        });
        let now = Instant::now();
        let turn = self.buckets.values().filter_map(Bucket::next_due).min();
        let turn = turn.map(|at| at.saturating_duration_since(now));
        let first = [eta, turn].into_iter().flatten().min();
        // At least that often, for the load to be looked at, and for others to see that the loop goes round.
        let look = if self.pace.extra() > 0 || self.pace.was_quick(Instant::now()) {
            pace::NOTICE
        } else {
            LOOK
        };
        first.map_or(look, |d| d.min(look))
    }

    /// Moves on what is due, and hands what is ready to the slots.
    pub(super) fn advance(&mut self) {
        self.core.running.reap(note_end);
        self.look_at_pace();
        if self.held > 0 {
            let now = Timestamp::now();
            while let Some(request) = self.pop_due(now) {
                tracing::debug!("Task {} is due", request.label());
                self.ready_or_throttled(request);
            }
        }
        if !self.buckets.is_empty() {
            let now = Instant::now();
            for bucket in self.buckets.values_mut() {
                while let Some(request) = bucket.pop_due(now) {
                    self.ready.push(request);
                }
            }
        }
        if !self.ready.is_empty() {
            self.core.slots.put(&self.core, self.ready.drain(..));
        }
        self.autoscale();
    }

    /// Takes a request whose time has come out of the timer.
    fn pop_due(&mut self, now: Timestamp) -> Option<Arc<Request>> {
        let mut state = self.core.state.lock();
        let request = state.timer.pop_due(now);
        if let Some(request) = &request {
            state.place(Phase::Reserved, request);
        }
        self.held = state.timer.len();
        request
    }

    fn autoscale(&mut self) {
        let Some((max, min)) = self.core.state.lock().autoscale else {
            return;
        };
        let slots = self.core.slots.len();
        let wanted = self.core.slots.load().clamp(min, max.max(min));
        if wanted > slots {
            tracing::info!(
                event = "worker.scaled",
                slots = wanted,
                "Scaling up {} processes.",
                wanted - slots
            );
            self.set_slots(wanted);
        } else if wanted < slots
            && self.core.slots.idle_since().max(self.scaled).elapsed() >= KEEPALIVE
        {
            tracing::info!(
                event = "worker.scaled",
                slots = wanted,
                "Scaling down {} processes.",
                slots - wanted
            );
            self.set_slots(wanted);
            self.scaled = Instant::now();
        }
    }

    pub(super) fn set_slots(&mut self, slots: usize) {
        self.core.slots.set_len(&self.core, slots);
        if let Some(pool) = &self.core.python {
            pool.resize(slots);
        }
        self.core.state.lock().concurrency = slots;
    }

    /// Lets a request run as soon as its rate limit and a slot allow.
    pub(super) fn ready_or_throttled(&mut self, request: Arc<Request>) {
        let interval = self.interval(&request);
        match (interval, self.buckets.get_mut(request.task())) {
            (Some(_), Some(bucket)) => bucket.push(request),
            (Some(interval), None) => {
                let mut bucket = Bucket::new(interval, Instant::now());
                let name = request.task().to_owned();
                bucket.push(request);
                self.buckets.insert(name, bucket);
            }
            (None, _) => self.ready.push(request),
        }
    }

    /// The time between two starts of a task: remote control's limit, then the task's, then the default.
    fn interval(&self, request: &Request) -> Option<Duration> {
        let own = request.options().and_then(|o| o.rate_limit);
        self.interval_of(request.task(), own)
    }

    pub(super) fn interval_of(&self, task: &str, own: Option<RateLimit>) -> Option<Duration> {
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
        controlled.unwrap_or(own).and_then(RateLimit::interval)
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

fn note_end(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(
            "a request ended in a panic of the worker's own; its message will come again: {error}"
        );
    }
}
