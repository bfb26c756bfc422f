//! The cluster as seen from its events: which workers live, and what became of tasks.
//!
//! Mirrors `celery.events.state`.

use indexmap::IndexMap;

use super::Received;
use crate::protocol::event::Event;
use crate::protocol::{Map, State, Value};

/// How many tasks are remembered (`max_tasks_in_memory`).
const MAX_TASKS: usize = 10_000;
/// How many workers are remembered (`max_workers_in_memory`).
const MAX_WORKERS: usize = 5_000;
/// A worker is alive for this many of its heartbeat intervals (`HEARTBEAT_EXPIRE_WINDOW`, 200 %).
const HEARTBEAT_WINDOW: f64 = 2.0;
/// Seconds between heartbeats of a worker that does not say (`DEFAULT_FREQ` of celery.events.state).
const DEFAULT_FREQ: f64 = 60.0;

/// A worker as its events show it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeenWorker {
    /// Unix time of the last heartbeat, by our clock; none if it has said that it goes.
    pub heartbeat: Option<f64>,
    /// Seconds between heartbeats.
    pub freq: f64,
    /// The logical clock of its last event.
    pub clock: u64,
    /// Process id.
    pub pid: Option<i64>,
    /// How many tasks it runs.
    pub active: Option<i64>,
    /// How many it has run.
    pub processed: Option<i64>,
    /// All fields of its last events: `loadavg`, `sw_ident`, `sw_ver`, `sw_sys`…
    pub fields: Map,
}

impl SeenWorker {
    /// Whether it lives, at `now` (Unix time by our clock).
    #[must_use]
    pub fn is_alive(&self, now: f64) -> bool {
        self.heartbeat
            .is_some_and(|at| now < at + self.freq * HEARTBEAT_WINDOW)
    }
}

/// A task as its events show it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenTask {
    /// Where it has got to.
    pub state: State,
    /// Who told last: the worker, or the client if it was only sent.
    pub hostname: String,
    /// Unix time of the event that gave the state, by the sender's clock.
    pub timestamp: Option<f64>,
    /// All fields told: `name`, `args`, `kwargs`, `runtime`, `result`, `exception`…
    pub fields: Map,
}

impl SeenTask {
    /// The task's name, if an event told it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.fields.get("name").and_then(Value::as_str)
    }
}

/// The cluster. Its memory is bounded: the oldest tasks and workers go first.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    workers: IndexMap<String, SeenWorker>,
    tasks: IndexMap<String, SeenTask>,
    events: u64,
}

impl Cluster {
    /// Takes an event in.
    pub fn apply(&mut self, received: &Received) {
        self.events += 1;
        let event = &received.event;
        let Some(hostname) = event.text("hostname") else {
            return;
        };
        if let Some(kind) = event.kind.strip_prefix("worker-") {
            self.worker_event(hostname, kind, event, received.at);
        } else if let Some(kind) = event.kind.strip_prefix("task-") {
            if kind != "sent" {
                // Whoever runs tasks lives, even if its heartbeats are late.
                self.worker_event(hostname, "task", event, received.at);
            }
            self.task_event(hostname, kind, event);
        }
    }

    /// How many events came.
    #[must_use]
    pub fn event_count(&self) -> u64 {
        self.events
    }

    /// The workers by name, in the order in which they were first seen.
    pub fn workers(&self) -> impl Iterator<Item = (&str, &SeenWorker)> {
        self.workers.iter().map(|(name, w)| (name.as_str(), w))
    }

    /// The workers that live at `now`.
    pub fn alive(&self, now: f64) -> impl Iterator<Item = (&str, &SeenWorker)> {
        self.workers().filter(move |(_, w)| w.is_alive(now))
    }

    /// A task.
    #[must_use]
    pub fn task(&self, task_id: &str) -> Option<&SeenTask> {
        self.tasks.get(task_id)
    }

    /// The tasks by id, oldest first.
    pub fn tasks(&self) -> impl Iterator<Item = (&str, &SeenTask)> {
        self.tasks.iter().map(|(id, task)| (id.as_str(), task))
    }

    fn worker_event(&mut self, hostname: &str, kind: &str, event: &Event, at: f64) {
        make_room(&mut self.workers, hostname, MAX_WORKERS);
        let worker = self
            .workers
            .entry(hostname.to_owned())
            .or_insert_with(|| SeenWorker {
                freq: DEFAULT_FREQ,
                ..SeenWorker::default()
            });
        let clock = event.fields.get("clock").and_then(Value::as_i64);
        let clock = clock.and_then(|c| u64::try_from(c).ok()).unwrap_or(0);
        worker.clock = worker.clock.max(clock);
        worker.heartbeat = match kind {
            "offline" => None,
            _ => Some(worker.heartbeat.map_or(at, |before| before.max(at))),
        };
        if kind == "task" {
            return;
        }
        let number = |name: &str| event.fields.get(name).and_then(Value::as_i64);
        let freq = event.fields.get("freq").and_then(Value::as_f64);
        if let Some(freq) = freq.filter(|f| f.is_finite() && *f > 0.0) {
            worker.freq = freq;
        }
        worker.pid = number("pid").or(worker.pid);
        worker.active = number("active").or(worker.active);
        worker.processed = number("processed").or(worker.processed);
        worker.fields.extend(event.fields.clone());
    }

    fn task_event(&mut self, hostname: &str, kind: &str, event: &Event) {
        let Some(id) = event.text("uuid") else { return };
        make_room(&mut self.tasks, id, MAX_TASKS);
        let timestamp = event.fields.get("timestamp").and_then(Value::as_f64);
        let state = state_of(kind);
        let Some(task) = self.tasks.get_mut(id) else {
            self.tasks.insert(
                id.to_owned(),
                SeenTask {
                    state,
                    hostname: hostname.to_owned(),
                    timestamp,
                    fields: event.fields.clone(),
                },
            );
            return;
        };
        let retry = state == State::RETRY || task.state == State::RETRY;
        if retry || rank(&state) >= rank(&task.state) {
            if kind != "sent" {
                hostname.clone_into(&mut task.hostname);
            }
            task.state = state;
            task.timestamp = timestamp;
            task.fields.extend(event.fields.clone());
        } else {
            // It happened before what we know: it may only fill gaps.
            for (name, value) in &event.fields {
                if !task.fields.contains_key(name) {
                    task.fields.insert(name.clone(), value.clone());
                }
            }
        }
    }
}

/// Drops the oldest tenth when the map is full, so that dropping costs little for each entry.
fn make_room<V>(map: &mut IndexMap<String, V>, key: &str, most: usize) {
    if map.len() >= most && !map.contains_key(key) {
        map.drain(..(most / 10).max(1));
    }
}

fn state_of(kind: &str) -> State {
    match kind {
        "sent" => State::PENDING,
        "received" => State::RECEIVED,
        "started" => State::STARTED,
        "succeeded" => State::SUCCESS,
        "failed" => State::FAILURE,
        "retried" => State::RETRY,
        "revoked" | "cancelled" => State::REVOKED,
        "rejected" => State::REJECTED,
        custom => State::new(&custom.to_uppercase()),
    }
}

/// Which state is later (`celery.states.PRECEDENCE`): the final ones beat those on the way.
fn rank(state: &State) -> u8 {
    match state.as_str() {
        "PENDING" => 0,
        "RETRY" => 1,
        "REJECTED" => 2,
        "RECEIVED" => 3,
        "STARTED" => 4,
        "REVOKED" => 5,
        "FAILURE" => 7,
        "SUCCESS" => 8,
        // The user's own states lie between REVOKED and FAILURE.
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::event::Origin;

    fn event(kind: &str, fields: &[(&str, Value)]) -> Received {
        let origin = Origin {
            hostname: "w1@h".to_owned(),
            utcoffset: 0.0,
            pid: 7,
        };
        let own = fields.iter().map(|(n, v)| ((*n).to_owned(), v.clone()));
        Received {
            event: Event::new(kind, &origin, 5, 100.0, own.collect()),
            at: 100.0,
        }
    }

    #[test]
    fn worker_lives_for_two_heartbeats() {
        let mut cluster = Cluster::default();
        let beat = [("freq", 2.0.into()), ("active", 3.into())];
        cluster.apply(&event("worker-heartbeat", &beat));
        assert_eq!(cluster.alive(103.9).count(), 1);
        assert_eq!(cluster.alive(104.0).count(), 0);
        let (_, worker) = cluster.workers().next().unwrap();
        assert_eq!((worker.active, worker.pid), (Some(3), Some(7)));
        cluster.apply(&event("worker-offline", &[]));
        assert_eq!(cluster.alive(100.0).count(), 0);
        cluster.apply(&event("worker-online", &[]));
        assert_eq!(cluster.alive(100.0).count(), 1);
    }

    #[test]
    fn late_event_fills_gaps_and_does_not_turn_back_the_state() {
        let mut cluster = Cluster::default();
        let id = ("uuid", Value::from("id"));
        cluster.apply(&event(
            "task-succeeded",
            &[id.clone(), ("result", "5".into())],
        ));
        cluster.apply(&event(
            "task-received",
            &[id.clone(), ("name", "add".into())],
        ));
        let task = cluster.task("id").unwrap();
        assert_eq!(task.state, State::SUCCESS);
        assert_eq!(task.name(), Some("add"));
        cluster.apply(&event("task-retried", std::slice::from_ref(&id)));
        cluster.apply(&event("task-received", &[id]));
        assert_eq!(cluster.task("id").unwrap().state, State::RECEIVED);
        assert_eq!(cluster.event_count(), 4);
    }

    #[test]
    fn memory_is_bounded() {
        let mut cluster = Cluster::default();
        for n in 0..MAX_TASKS + 1 {
            cluster.apply(&event("task-received", &[("uuid", n.to_string().into())]));
        }
        assert_eq!(cluster.tasks().count(), MAX_TASKS - MAX_TASKS / 10 + 1);
        assert!(cluster.task("0").is_none());
        assert!(cluster.task(&MAX_TASKS.to_string()).is_some());
    }

    #[test]
    fn events_without_what_they_need_are_passed_over() {
        let mut cluster = Cluster::default();
        cluster.apply(&event("task-received", &[]));
        cluster.apply(&event("custom-thing", &[]));
        let mut nobody = event("worker-online", &[]);
        nobody.event.fields.shift_remove("hostname");
        cluster.apply(&nobody);
        assert_eq!(cluster.tasks().count(), 0);
        assert_eq!(cluster.workers().count(), 1, "it sent a task event");
    }
}
