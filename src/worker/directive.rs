//! What remote control and signals ask of the consumer loop.

use tokio::sync::oneshot;

use crate::protocol::{Queue, Signature};

/// What became of a directive: Celery's words for the reply, or for its error.
pub type Answer = oneshot::Sender<Result<String, String>>;

/// A change that the consumer loop makes; it alone owns the timer, the buckets and the subscription.
#[derive(Debug)]
#[non_exhaustive]
pub enum Directive {
    /// Revoke ids that are in [`Tables`](super::state::Tables) as revoked already; cut off those that run, if a signal is given.
    Revoke {
        /// Task ids.
        ids: Vec<String>,
        /// `SIGTERM`…: cut running ones off. None: only keep the others from starting.
        terminate: Option<String>,
    },
    /// A task's rate limit has changed in the tables.
    RateLimit {
        /// Task name.
        task: String,
    },
    /// More slots.
    PoolGrow {
        /// How many.
        n: usize,
        /// `pool will grow`.
        answer: Answer,
    },
    /// Fewer slots.
    PoolShrink {
        /// How many.
        n: usize,
        /// `pool will shrink`, or why not.
        answer: Answer,
    },
    /// Another range for autoscaling.
    Autoscale {
        /// Upper bound.
        max: usize,
        /// Lower bound.
        min: usize,
        /// `autoscale now max=4 min=1`, or why not.
        answer: Answer,
    },
    /// Consume from one more queue.
    AddConsumer(Box<Queue>),
    /// Stop consuming from a queue.
    CancelConsumer(String),
    /// This node has won an election for a task.
    Elected(Box<Signature>),
}
