//! One run of a task, ready to go.

use std::sync::Arc;

use super::{Context, Runnable, TimeLimits};
use crate::protocol::{Map, Value};

/// A task with its context and arguments: what a pool runs.
#[derive(Debug)]
pub struct Job {
    /// The task.
    pub task: Arc<dyn Runnable>,
    /// Its context.
    pub context: Context,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Keyword arguments.
    pub kwargs: Map,
    /// Time limits of this run.
    pub limits: TimeLimits,
}
