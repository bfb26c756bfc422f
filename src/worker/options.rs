//! How a worker is asked to run, and what it says of itself.

use std::path::PathBuf;
use std::time::Duration;

use crate::protocol::{Nodename, Queue};
use crate::task::TimeLimits;

/// How a worker is asked to run. What is `None` or false follows the settings.
#[derive(Debug, Clone, Default)]
pub struct WorkerOptions {
    /// `-n`: template of the node name; `celery@%h`.
    pub hostname: Option<String>,
    /// `-c`: slots; 0 means as many as there are CPUs.
    pub concurrency: Option<usize>,
    /// `--autoscale`: most and least slots.
    pub autoscale: Option<(usize, usize)>,
    /// `--prefetch-multiplier`: 0 means no limit.
    pub prefetch_multiplier: Option<u32>,
    /// `--disable-prefetch`: take a message only for a free slot.
    pub disable_prefetch: bool,
    /// `-Q`: consume from these only.
    pub queues: Vec<String>,
    /// `-X`: not from these.
    pub exclude_queues: Vec<String>,
    /// `-E`: send task events.
    pub task_events: bool,
    /// `--time-limit`.
    pub time_limit: Option<Duration>,
    /// `--soft-time-limit`.
    pub soft_time_limit: Option<Duration>,
    /// `--without-gossip`.
    pub without_gossip: bool,
    /// `--without-mingle`.
    pub without_mingle: bool,
    /// `--without-heartbeat`.
    pub without_heartbeat: bool,
    /// `--heartbeat-interval`; 2 s.
    pub heartbeat_interval: Option<Duration>,
    /// `-S`: file that keeps revoked ids over restarts.
    pub statedb: Option<PathBuf>,
    /// One slot, one task after the other (`-P solo`).
    pub solo: bool,
    /// `--burst`: stop once the queues are empty and nothing runs. Retries that wait for their time are waited for;
    /// tasks that were sent for a later time go back to their queue.
    pub burst: bool,
    /// `--max-tasks`: stop after that many runs; never one more.
    pub max_tasks: Option<u64>,
}

/// What a worker says of itself in its banner.
#[derive(Debug, Clone)]
pub struct Info {
    /// Node name.
    pub nodename: Nodename,
    /// Name of the app.
    pub app: String,
    /// The broker, password masked.
    pub transport: String,
    /// The result back end, password masked.
    pub results: String,
    /// How results are written (`result_serializer`).
    pub result_serializer: String,
    /// How long results are kept (`result_expires`); none means for ever.
    pub result_expires: Option<Duration>,
    /// Time limits of tasks that have none of their own.
    pub limits: TimeLimits,
    /// Slots.
    pub concurrency: usize,
    /// `threads` or `solo`.
    pub pool: &'static str,
    /// Most and least slots, if it scales.
    pub autoscale: Option<(usize, usize)>,
    /// Whether task events are sent.
    pub task_events: bool,
    /// Deliveries per slot; 0 means no limit.
    pub prefetch_multiplier: u32,
    /// What it consumes from.
    pub queues: Vec<Queue>,
    /// Names of its tasks, `celery.*` included, sorted.
    pub tasks: Vec<String>,
    /// Names given with `-X` that are no queue of this worker.
    pub unknown_excluded: Vec<String>,
}
