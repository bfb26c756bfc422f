//! What a running task knows of itself, and what it may ask of whoever runs it.
//!
//! Mirrors `celery.app.task.Context` and `celery._state.current_task`.

use std::any::Any;
use std::error::Error;
use std::fmt::Debug;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{RetryRequest, Stop, TaskError, TimeLimits};
use crate::protocol::{DeliveryInfo, Map, ResultTuple, State, TaskHeader, TaskMessage, Value};

/// What can go wrong when a task asks its host for something.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct HostError {
    /// What was being done.
    pub what: String,
    /// Why it failed.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// Whoever runs tasks: keeps their states and gives them a client.
#[async_trait]
pub trait Host: Any + Debug + Send + Sync {
    /// Stores an intermediate state of a running task.
    async fn store_state(&self, cx: &Context, state: State, meta: Value) -> Result<(), HostError>;

    /// The state that is stored now.
    async fn stored_state(&self, task_id: &str) -> Result<Option<State>, HostError>;

    /// The app, for [`Context::app`].
    fn app(&self) -> &(dyn Any + Send + Sync);
}

/// The request that a task serves.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its message: headers and arguments.
    pub message: Arc<TaskMessage>,
    /// Whether nothing is stored for it.
    pub ignore_result: bool,
    /// Where its message came from.
    pub delivery_info: DeliveryInfo,
    /// Priority of its message.
    pub priority: Option<i64>,
    /// The sender's reply queue.
    pub reply_to: Option<String>,
    /// Correlation id of its message.
    pub correlation_id: Option<String>,
    /// Name of the node that runs it.
    pub hostname: Arc<str>,
}

/// Who is calling, when a task sends another: ids to pass on, and where the children are noted.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Id of the running task.
    pub task_id: String,
    /// Its root.
    pub root_id: String,
    /// Its priority, for `task_inherit_parent_priority`.
    pub priority: Option<i64>,
    /// What it has sent so far.
    pub children: Arc<Mutex<Vec<ResultTuple>>>,
    /// Whether it may wait for results ([`Context::allow_join_result`]).
    pub may_join: bool,
}

impl Caller {
    /// Notes a task or group that was sent.
    pub fn add_child(&self, child: ResultTuple) {
        self.children
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(child);
    }
}

tokio::task_local! {
    static CURRENT: Caller;
}

/// The task that this code runs in, if it runs in one.
#[must_use]
pub fn current() -> Option<Caller> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Runs a future as part of a task.
pub(super) async fn scope<F: Future>(caller: Caller, future: F) -> F::Output {
    CURRENT.scope(caller, future).await
}

/// Runs blocking code as part of a task.
pub(super) fn sync_scope<R>(caller: Caller, run: impl FnOnce() -> R) -> R {
    CURRENT.sync_scope(caller, run)
}

struct Inner {
    request: Request,
    host: Arc<dyn Host>,
    children: Arc<Mutex<Vec<ResultTuple>>>,
    /// The tokens are made when first asked for: most runs are over before.
    cancel: OnceLock<CancellationToken>,
    /// Why it was cut off; set before `cancel`.
    stop: OnceLock<Stop>,
    limits: OnceLock<TimeLimits>,
    soft: OnceLock<CancellationToken>,
    handles_soft: AtomicBool,
    /// Held until the last clone goes: a worker's slot, which a blocking task may keep after it was cut off.
    _slot: Box<dyn Any + Send + Sync>,
}

/// A running task's view of itself. Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

impl Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Context({}[{}])", self.task(), self.id())
    }
}

impl Context {
    /// For workers. `slot` is dropped when the run's code is gone.
    #[must_use]
    pub fn new(request: Request, host: Arc<dyn Host>, slot: Box<dyn Any + Send + Sync>) -> Self {
        Self(Arc::new(Inner {
            request,
            host,
            children: Arc::default(),
            cancel: OnceLock::new(),
            stop: OnceLock::new(),
            limits: OnceLock::new(),
            soft: OnceLock::new(),
            handles_soft: AtomicBool::new(false),
            _slot: slot,
        }))
    }

    fn header(&self) -> &TaskHeader {
        &self.0.request.message.header
    }

    /// The task id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.header().id
    }

    /// The task's name.
    #[must_use]
    pub fn task(&self) -> &str {
        &self.header().task
    }

    /// The whole request.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.0.request
    }

    /// Positional arguments, as received.
    #[must_use]
    pub fn args(&self) -> &[Value] {
        &self.0.request.message.args
    }

    /// Keyword arguments, as received.
    #[must_use]
    pub fn kwargs(&self) -> &Map {
        &self.0.request.message.kwargs
    }

    /// Number of retries so far; 0 at the first run.
    #[must_use]
    pub fn retries(&self) -> u32 {
        self.header().retries
    }

    /// The caller's own headers.
    #[must_use]
    pub fn headers(&self) -> &Map {
        &self.header().custom
    }

    /// The node that runs this.
    #[must_use]
    pub fn hostname(&self) -> &str {
        &self.0.request.hostname
    }

    /// The time limits of this run.
    #[must_use]
    pub fn time_limits(&self) -> TimeLimits {
        self.0.limits.get().copied().unwrap_or_default()
    }

    /// Stores a state of one's own choice with any meta: `update_state(State::PROGRESS, &json!({"current": 1}))`.
    ///
    /// # Errors
    /// If the meta has no wire form, or the back end cannot be reached.
    pub async fn update_state<T: Serialize + Sync + ?Sized>(
        &self,
        state: State,
        meta: &T,
    ) -> Result<(), HostError> {
        let meta = Value::from_serialize(meta).map_err(|e| HostError {
            what: format!("storing state {state}"),
            source: Some(Box::new(e)),
        })?;
        self.0.host.store_state(self, state, meta).await
    }

    /// Ends this run and asks for another: `return Err(cx.retry().countdown(secs(5)).into())`.
    #[must_use]
    pub fn retry(&self) -> RetryRequest {
        RetryRequest::default()
    }

    /// Ends this run without accepting the message; needs `acks_late`. With `requeue` it is delivered again.
    #[must_use]
    pub fn reject(&self, requeue: bool, reason: &str) -> TaskError {
        TaskError::Reject {
            requeue,
            reason: reason.to_owned(),
        }
    }

    /// Ends this run with nothing recorded.
    #[must_use]
    pub fn ignore(&self) -> TaskError {
        TaskError::Ignore
    }

    /// Whether this run has been cut off: by a revoke with terminate, a hard time limit or a cold shutdown. Blocking
    /// tasks should ask now and then.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.stop.get().is_some() || self.0.cancel.get().is_some_and(|c| c.is_cancelled())
    }

    /// Resolves when this run is cut off, with the reason: for tasks that wind down
    /// ([`Runnable::winds_down`](super::Runnable::winds_down)). Others are gone by then.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn stopped(&self) -> Stop {
        self.cancel_token().cancelled().await;
        self.0.stop.get().cloned().unwrap_or(Stop::Cancel)
    }

    /// Whether the run is cut off, or a client has stored the state ABORTED (Celery's abortable tasks).
    ///
    /// # Errors
    /// If the back end cannot be reached.
    pub async fn is_aborted(&self) -> Result<bool, HostError> {
        if self.is_cancelled() {
            return Ok(true);
        }
        Ok(self
            .0
            .host
            .stored_state(self.id())
            .await?
            .is_some_and(|s| s.as_str() == "ABORTED"))
    }

    /// Resolves at the soft time limit. A task that calls this handles the limit itself; any other one fails with
    /// `SoftTimeLimitExceeded` at that moment.
    pub fn soft_time_limit(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.handles_soft.store(true, Ordering::SeqCst);
        self.soft_token().clone().cancelled_owned()
    }

    /// Lets this clone's task wait for the results of others, which is otherwise an error: a worker whose slots all
    /// wait for tasks that need a slot never ends.
    pub async fn allow_join_result<F: Future>(&self, future: F) -> F::Output {
        scope(
            Caller {
                may_join: true,
                ..self.caller()
            },
            future,
        )
        .await
    }

    /// Waits for an async call in a blocking task.
    ///
    /// # Panics
    /// In an async task, where it would block the runtime: use `.await` there.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        tokio::runtime::Handle::current().block_on(scope(self.caller(), future))
    }

    /// Whoever runs this task.
    #[must_use]
    pub fn host(&self) -> &Arc<dyn Host> {
        &self.0.host
    }

    /// This task as the caller of others.
    #[must_use]
    pub fn caller(&self) -> Caller {
        let header = self.header();
        Caller {
            task_id: header.id.clone(),
            root_id: header.root_id.clone().unwrap_or_else(|| header.id.clone()),
            priority: self.0.request.priority,
            children: Arc::clone(&self.0.children),
            may_join: false,
        }
    }

    /// What this task has sent so far.
    #[must_use]
    pub fn children(&self) -> Vec<ResultTuple> {
        self.0
            .children
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn cancel_token(&self) -> &CancellationToken {
        self.0.cancel.get_or_init(CancellationToken::new)
    }

    fn soft_token(&self) -> &CancellationToken {
        self.0.soft.get_or_init(CancellationToken::new)
    }

    /// Sets the time limits, once.
    pub(super) fn limit(&self, limits: TimeLimits) {
        let _ = self.0.limits.set(limits);
    }

    /// Cuts the run off.
    pub(super) fn stop(&self, why: Stop) {
        // The first reason stands.
        let _ = self.0.stop.set(why);
        self.cancel_token().cancel();
    }

    /// Tells the task that its soft limit has passed; true if it handles that itself.
    pub(super) fn pass_soft_limit(&self) -> bool {
        self.soft_token().cancel();
        self.0.handles_soft.load(Ordering::SeqCst)
    }
}
