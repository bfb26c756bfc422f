//! A task of a Python app: its name and options. What runs it is a child of the worker's Python pool.
//!
//! Mirrors the attributes of `celery.app.task.Task` that a worker acts on.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Context, Runnable, TaskError, TaskOptions};
use crate::protocol::{Map, Value};

/// A task of a Python app.
#[derive(Debug, Clone)]
pub struct PythonTask {
    name: String,
    options: TaskOptions,
    /// With late ack: acknowledge also after a failure (`task_acks_on_failure`).
    pub acks_on_failure: bool,
    /// With late ack: acknowledge also after the hard time limit (`task_acks_on_timeout`).
    pub acks_on_timeout: bool,
    /// Send it once more when its process is lost (`task_retry_on_worker_lost`).
    pub retry_on_worker_lost: bool,
}

impl PythonTask {
    /// The task with the attributes that its class has, under their Celery names; what has no meaning here is left out.
    #[must_use]
    pub fn new(name: &str, attributes: &Map) -> Self {
        let mut options = TaskOptions::default();
        for (attribute, value) in attributes {
            if TaskOptions::NAMES.contains(&attribute.as_str())
                && let Err(reason) = options.set(attribute, value)
            {
                tracing::debug!("{name}.{attribute} is not taken over: {reason}");
            }
        }
        let flag = |name: &str, default| {
            let value = attributes.get(name).filter(|v| !v.is_null());
            value.map_or(default, Value::truthy)
        };
        Self {
            name: name.to_owned(),
            options,
            acks_on_failure: flag("acks_on_failure", true),
            acks_on_timeout: flag("acks_on_timeout", true),
            retry_on_worker_lost: flag("retry_on_worker_lost", false),
        }
    }
}

impl Runnable for PythonTask {
    fn name(&self) -> &str {
        &self.name
    }

    fn options(&self) -> &TaskOptions {
        &self.options
    }

    fn with_options(&self, options: TaskOptions) -> Arc<dyn Runnable> {
        Arc::new(Self {
            options,
            ..self.clone()
        })
    }

    fn as_python(&self) -> Option<&PythonTask> {
        Some(self)
    }

    fn run(
        &self,
        _cx: Context,
        _args: Vec<Value>,
        _kwargs: Map,
    ) -> BoxFuture<'static, Result<Value, TaskError>> {
        let text = format!("`{}` is a Python task and runs in Python alone", self.name);
        Box::pin(std::future::ready(Err(TaskError::msg(text))))
    }
}
