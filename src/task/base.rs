//! What a task is: a type that is its own signature.

use std::fmt::Debug;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Context, PythonTask, TaskError, TaskOptions, TaskResult, args};
use crate::protocol::{Exception, Map, Value};

/// A task: the struct's fields are its parameters, in order, read from positional arguments, keywords or a mix.
///
/// ```
/// use rcelery::task::{Context, Task, TaskResult};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Add {
///     x: i64,
///     y: i64,
/// }
///
/// impl Task for Add {
///     const NAME: &'static str = "tasks.add";
///     type Output = i64;
///     async fn run(self, _cx: &Context) -> TaskResult<i64> {
///         Ok(self.x + self.y)
///     }
/// }
/// ```
pub trait Task: Serialize + DeserializeOwned + Send + 'static {
    /// The name on the wire: `proj.add`.
    const NAME: &'static str;
    /// What it returns.
    type Output: Serialize + DeserializeOwned + Send + 'static;

    /// Queue, retries, limits…
    #[must_use]
    fn options() -> TaskOptions {
        TaskOptions::default()
    }

    /// Runs it. Code that blocks the thread belongs in a [`BlockingTask`].
    fn run(self, cx: &Context) -> impl Future<Output = TaskResult<Self::Output>> + Send;
}

/// A task whose code blocks: it runs on a thread of a bounded pool, one per slot of the worker.
///
/// A thread cannot be killed: when a hard time limit or a termination hits a blocking task, its end is recorded at
/// once, and its slot stays taken until the thread comes back. Poll [`Context::is_cancelled`] in long loops.
pub trait BlockingTask: Serialize + DeserializeOwned + Send + 'static {
    /// The name on the wire: `proj.add`.
    const NAME: &'static str;
    /// What it returns.
    type Output: Serialize + DeserializeOwned + Send + 'static;

    /// Queue, retries, limits…
    #[must_use]
    fn options() -> TaskOptions {
        TaskOptions::default()
    }

    /// Runs it. [`Context::block_on`] waits for async calls.
    ///
    /// # Errors
    /// Whatever the task fails with.
    fn run(self, cx: &Context) -> TaskResult<Self::Output>;
}

/// A registered task with its types erased: what a worker runs.
pub trait Runnable: Debug + Send + Sync + 'static {
    /// The name on the wire.
    fn name(&self) -> &str;

    /// Its options, annotations applied.
    fn options(&self) -> &TaskOptions;

    /// The same task with other options (`task_annotations`).
    fn with_options(&self, options: TaskOptions) -> Arc<dyn Runnable>;

    /// Whether the code runs on a thread of its own, which nothing can interrupt.
    fn is_blocking(&self) -> bool {
        false
    }

    /// Whether a run that is cut off ends by itself, in bounded time, once it is told ([`Context::stopped`]). It is
    /// waited for and keeps its slot until then; any other run is dropped.
    fn winds_down(&self) -> bool {
        false
    }

    /// What will keep it from running on this machine, as far as that can be told beforehand.
    fn problem(&self) -> Option<String> {
        None
    }

    /// The Python task that this is, if it is one: a child of the worker runs it, and not [`Runnable::run`].
    fn as_python(&self) -> Option<&PythonTask> {
        None
    }

    /// Binds the arguments and runs.
    fn run(
        &self,
        cx: Context,
        args: Vec<Value>,
        kwargs: Map,
    ) -> BoxFuture<'static, Result<Value, TaskError>>;
}

pub(super) struct Native<T> {
    options: TaskOptions,
    kind: PhantomData<fn() -> T>,
}

impl<T> Native<T> {
    pub(super) fn new(options: TaskOptions) -> Self {
        Self {
            options,
            kind: PhantomData,
        }
    }
}

impl<T: Task> Debug for Native<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Native({})", T::NAME)
    }
}

impl<T: Task> Runnable for Native<T> {
    fn name(&self) -> &str {
        T::NAME
    }

    fn options(&self) -> &TaskOptions {
        &self.options
    }

    fn with_options(&self, options: TaskOptions) -> Arc<dyn Runnable> {
        Arc::new(Native::<T>::new(options))
    }

    fn run(
        &self,
        cx: Context,
        args: Vec<Value>,
        kwargs: Map,
    ) -> BoxFuture<'static, Result<Value, TaskError>> {
        Box::pin(async move {
            let task: T = args::bind(T::NAME, args, kwargs)?;
            encode(&task.run(&cx).await?)
        })
    }
}

pub(super) struct Blocking<T> {
    options: TaskOptions,
    kind: PhantomData<fn() -> T>,
}

impl<T> Blocking<T> {
    pub(super) fn new(options: TaskOptions) -> Self {
        Self {
            options,
            kind: PhantomData,
        }
    }
}

impl<T: BlockingTask> Debug for Blocking<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Blocking({})", T::NAME)
    }
}

impl<T: BlockingTask> Runnable for Blocking<T> {
    fn name(&self) -> &str {
        T::NAME
    }

    fn options(&self) -> &TaskOptions {
        &self.options
    }

    fn with_options(&self, options: TaskOptions) -> Arc<dyn Runnable> {
        Arc::new(Blocking::<T>::new(options))
    }

    fn is_blocking(&self) -> bool {
        true
    }

    fn run(
        &self,
        cx: Context,
        args: Vec<Value>,
        kwargs: Map,
    ) -> BoxFuture<'static, Result<Value, TaskError>> {
        Box::pin(async move {
            let task: T = args::bind(T::NAME, args, kwargs)?;
            let caller = cx.caller();
            let span = tracing::Span::current();
            let run = move || {
                let run = || encode(&task.run(&cx)?);
                span.in_scope(|| super::context::sync_scope(caller, run))
            };
            match tokio::task::spawn_blocking(run).await {
                Ok(result) => result,
                Err(lost) if lost.is_panic() => std::panic::resume_unwind(lost.into_panic()),
                Err(_) => Err(TaskError::exception(
                    "builtins",
                    "RuntimeError",
                    "the worker is shutting down",
                )),
            }
        })
    }
}

/// Celery reports a result that has no wire form as an `EncodeError`.
fn encode<T: Serialize>(output: &T) -> Result<Value, TaskError> {
    Value::from_serialize(output).map_err(|e| {
        TaskError::Failed(Box::new(super::error::Failed::new(Exception::new(
            "kombu.exceptions",
            "EncodeError",
            vec![e.to_string().into()],
        ))))
    })
}
