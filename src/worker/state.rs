//! What the worker is doing now, for whoever wants to look.
//!
//! Mirrors `celery.worker.state`. The loop, the runners and the writer of results write; remote control and heartbeats read.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use tokio::sync::watch;
use uuid::Uuid;

use super::Request;
pub use super::tally::{BOUNDS, Runtimes, Tally, UNREGISTERED};
use super::timer::Timer;
use crate::protocol::{Queue, Value};
use crate::task::{RateLimit, TimeLimits};

/// Revoked ids are kept for this long (`celery.worker.state.REVOKE_EXPIRES`).
const REVOKE_EXPIRES: Duration = Duration::from_secs(10_800);
/// At most this many of them (`REVOKES_MAX`).
const REVOKES_MAX: usize = 50_000;

/// A point in the life of a request that is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waits for its ETA.
    Scheduled,
    /// Waits for a slot or its rate limit.
    Reserved,
    /// Runs.
    Active,
}

/// How a worker stands with its broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// It connects, for the first time or again.
    Connecting,
    /// It takes tasks.
    Ready,
    /// It takes no more tasks, and lets running ones finish.
    Stopping,
}

/// What the worker is doing now.
#[derive(Debug)]
pub struct State {
    tables: Mutex<Tables>,
    started: Instant,
    link: watch::Sender<Link>,
    /// When the consumer loop went round last, in milliseconds since the start.
    turned: AtomicU64,
}

/// What a delivery can be known by later, in little space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark(u128, u64);

impl Mark {
    /// The mark of a delivery, by its tag on its connection.
    #[must_use]
    pub fn delivery(tag: &str) -> Self {
        Self(number(tag), 0)
    }

    /// The mark of a message in a queue, by the tag that its sender gave it: one message may be in several queues.
    #[must_use]
    pub fn message(tag: &str, queue: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        queue.hash(&mut hasher);
        Self(number(tag), hasher.finish() | 1)
    }
}

/// A uuid is the number that it is, other text 128 bits of hash.
fn number(text: &str) -> u128 {
    let other = |_| Uuid::new_v3(&Uuid::NAMESPACE_OID, text.as_bytes());
    Uuid::try_parse(text).unwrap_or_else(other).as_u128()
}

/// The tables behind the lock.
#[derive(Debug, Default)]
pub struct Tables {
    /// Every request that is not over and does not wait for its time, by task id.
    requests: IndexMap<String, (Phase, Arc<Request>)>,
    counts: [usize; 3],
    /// Requests that wait for their time: they are [`Phase::Scheduled`], and not among the others.
    pub(super) timer: Timer,
    /// How many of each task were accepted for a run.
    pub total: BTreeMap<String, u64>,
    revoked: IndexMap<String, Instant>,
    /// Stamp name → values whose tasks are revoked.
    pub revoked_stamps: HashMap<String, Vec<Value>>,
    /// Tags whose settlement may have been lost with a connection: not to be run again.
    settled: HashSet<Mark>,
    /// The same, oldest first.
    settled_order: VecDeque<Mark>,
    /// The queues consumed from, by name.
    pub queues: IndexMap<String, Queue>,
    /// Slots.
    pub concurrency: usize,
    /// How many deliveries may be unsettled; 0 means no limit.
    pub prefetch_count: u32,
    /// Rate limits by task, as remote control set them: text and limit.
    pub rate_limits: HashMap<String, (String, Option<RateLimit>)>,
    /// Time limits by task, as remote control set them.
    pub time_limits: HashMap<String, TimeLimits>,
    /// Autoscale range, if on: (max, min).
    pub autoscale: Option<(usize, usize)>,
    /// What has ended, and how.
    pub tally: Tally,
    /// Whether the worker ends after a number of runs.
    pub(super) counts_runs: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            tables: Mutex::default(),
            started: Instant::now(),
            link: watch::Sender::new(Link::Connecting),
            turned: AtomicU64::new(0),
        }
    }
}

impl State {
    /// The tables, locked: for short looks and changes, never across an `.await`.
    pub fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the worker has been up.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// How the worker stands with its broker.
    #[must_use]
    pub fn link(&self) -> Link {
        *self.link.borrow()
    }

    /// How the worker stands with its broker, to be told of changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    pub(super) fn set_link(&self, link: Link) {
        self.link.send_replace(link);
    }

    /// Whether the consumer loop goes round, as it does every second, while there is a loop.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        /// A loop that has not gone round for so long is stuck.
        const STUCK: Duration = Duration::from_secs(30);
        let turned = Duration::from_millis(self.turned.load(Ordering::Relaxed));
        self.link() != Link::Ready || self.uptime().saturating_sub(turned) < STUCK
    }

    /// Notes that the consumer loop goes round.
    pub(super) fn turn(&self) {
        let now = u64::try_from(self.uptime().as_millis()).unwrap_or(u64::MAX);
        self.turned.store(now, Ordering::Relaxed);
    }
}

impl Tables {
    /// Takes a request in, or moves it to another phase.
    pub fn place(&mut self, phase: Phase, request: &Arc<Request>) {
        let placed = (phase, Arc::clone(request));
        let before = match self.requests.get_mut(request.id()) {
            Some(there) => Some(std::mem::replace(there, placed)),
            None => self.requests.insert(request.id().to_owned(), placed),
        };
        if let Some((before, _)) = before {
            self.counts[before as usize] -= 1;
        }
        self.counts[phase as usize] += 1;
        if phase == Phase::Active {
            match self.total.get_mut(request.task()) {
                Some(total) => *total += 1,
                None => *self.total.entry(request.task().to_owned()).or_default() += 1,
            }
        }
    }

    /// Forgets a request; only if it is that very one.
    pub fn remove(&mut self, request: &Arc<Request>) {
        if self
            .requests
            .get(request.id())
            .is_some_and(|(_, r)| Arc::ptr_eq(r, request))
            && let Some((phase, _)) = self.requests.swap_remove(request.id())
        {
            self.counts[phase as usize] -= 1;
        }
    }

    /// How many requests are in a phase.
    #[must_use]
    pub fn count(&self, phase: Phase) -> usize {
        let held = match phase {
            Phase::Scheduled => self.timer.len(),
            Phase::Reserved | Phase::Active => 0,
        };
        self.counts[phase as usize] + held
    }

    /// A request that is not over.
    #[must_use]
    pub fn get(&self, task_id: &str) -> Option<(Phase, Arc<Request>)> {
        let held = || Some((Phase::Scheduled, self.timer.get(task_id)?));
        self.at_hand(task_id).or_else(held)
    }

    /// A request that is not over and does not wait for its time.
    pub(super) fn at_hand(&self, task_id: &str) -> Option<(Phase, Arc<Request>)> {
        self.requests
            .get(task_id)
            .map(|(phase, request)| (*phase, Arc::clone(request)))
    }

    /// The requests of a phase.
    #[must_use]
    pub fn requests(&self, phase: Phase) -> Vec<Arc<Request>> {
        let placed = self.requests.values().filter(|(p, _)| *p == phase);
        let mut requests: Vec<_> = placed.map(|(_, r)| Arc::clone(r)).collect();
        if phase == Phase::Scheduled {
            requests.extend(self.timer.requests());
        }
        requests
    }

    /// The requests that have been handed to a slot and are not over.
    #[must_use]
    pub fn taken(&self) -> Vec<Arc<Request>> {
        let requests = self.requests.values().map(|(_, request)| request);
        requests.filter(|r| r.is_taken()).map(Arc::clone).collect()
    }

    /// Marks ids as revoked.
    pub fn revoke<'a>(&mut self, ids: impl IntoIterator<Item = &'a str>, now: Instant) {
        for id in ids {
            self.revoked.shift_remove(id);
            self.revoked.insert(id.to_owned(), now);
        }
        let surplus = self.revoked.len().saturating_sub(REVOKES_MAX);
        let old = |at: &Instant| now.saturating_duration_since(*at) > REVOKE_EXPIRES;
        let expired = self.revoked.values().take_while(|at| old(at)).count();
        self.revoked.drain(..surplus.max(expired));
    }

    /// Whether an id is revoked.
    #[must_use]
    pub fn is_revoked(&self, id: &str, now: Instant) -> bool {
        self.revoked
            .get(id)
            .is_some_and(|at| now.saturating_duration_since(*at) <= REVOKE_EXPIRES)
    }

    /// Whether a request is revoked, by its id or by a stamp; says by which stamp.
    pub(super) fn revoked_by(&self, request: &Request) -> Option<Option<String>> {
        if self.revoked.is_empty() && self.revoked_stamps.is_empty() {
            return None;
        }
        if self.is_revoked(request.id(), Instant::now()) {
            return Some(None);
        }
        for (name, revoked) in &self.revoked_stamps {
            let Some(stamp) = request.message.header.stamps.get(name) else {
                continue;
            };
            let stamps = stamp.as_list().unwrap_or(std::slice::from_ref(stamp));
            if let Some(hit) = stamps.iter().find(|s| revoked.contains(s)) {
                let hit = crate::protocol::repr::pyrepr(hit);
                return Some(Some(format!("{{'{name}': {hit}}}")));
            }
        }
        None
    }

    /// The revoked ids, oldest first.
    #[must_use]
    pub fn revoked(&self) -> Vec<String> {
        self.revoked.keys().cloned().collect()
    }

    /// Notes a delivery whose settlement is on its way.
    pub fn note_settled(&mut self, marks: [Mark; 2]) {
        /// Two for each of 10,000 messages: settlements are lost only with the connection they were written to.
        const KEPT: usize = 20_000;
        for mark in marks {
            if self.settled.insert(mark) {
                self.settled_order.push_back(mark);
            }
        }
        while self.settled.len() > KEPT
            && let Some(oldest) = self.settled_order.pop_front()
        {
            self.settled.remove(&oldest);
        }
    }

    /// Whether this delivery was settled before, on a connection that may have been lost in between.
    #[must_use]
    pub fn was_settled(&self, delivery: Mark) -> bool {
        self.settled.contains(&delivery)
    }
}
