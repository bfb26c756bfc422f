//! From an outcome to what others see: follow-ups, result, chord, settlement, event, log line, in Celery's order.
//!
//! Mirrors `celery.app.trace` and `celery.worker.request` (`on_success`, `on_failure`, `on_retry`, `reject`). What follows
//! is published before the result is stored, so that its `children` are known; the message is acknowledged last.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;

use super::Request;
use super::core::Core;
use super::execute::event;
use super::follow;
use super::undone::{cancelled, no_caller, revoked};
use crate::backend::{BackendError, PartOutcome, Stored};
use crate::broker::Settle;
use crate::protocol::{Exception, ResultMeta, ResultTuple, State as TaskState, Value, repr};
use crate::task::{Caller, Outcome, RetryAt};

/// A run that has ended and is not recorded.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) request: Arc<Request>,
    /// What it has sent.
    pub(super) caller: Caller,
    /// How long it took.
    pub(super) took: Duration,
    /// Its place among those that are not settled, given up with it.
    pub(super) _unsettled: OwnedSemaphorePermit,
}

/// Deals with the end of a run. Returns when the next may begin: whatever has to wait goes on by itself.
pub(super) async fn complete(core: &Arc<Core>, run: Run, outcome: Outcome) {
    core.count_run(&run.request, run.took);
    match outcome {
        Outcome::Success(value) if is_plain(&run.request) => {
            if core.ignores_result(&run.request) {
                succeeded(core, &run, &value);
            } else {
                store_success(core, run, value).await;
            }
        }
        outcome => {
            let ends = Arc::clone(core);
            core.running.spawn(async move {
                end(&ends, &run, outcome).await;
                ends.remove(&run.request);
            });
        }
    }
}

/// Whether nothing follows a success but its record.
fn is_plain(request: &Request) -> bool {
    let embed = &request.message.embed;
    let none = |list: &Option<Vec<Value>>| list.as_ref().is_none_or(Vec::is_empty);
    none(&embed.callbacks) && none(&embed.chain) && embed.chord.is_none()
}

/// Has a success stored together with others, and records its end when that is done.
async fn store_success(core: &Arc<Core>, run: Run, value: Value) {
    let meta = core.meta(
        &run.request,
        TaskState::SUCCESS,
        value,
        children(&run.caller),
    );
    core.running.stores();
    let owner = Arc::clone(core);
    let storing = Storing(Arc::clone(core));
    let then = move |meta: ResultMeta, outcome| {
        let _storing = storing;
        match stored(&meta.task_id, &meta.status, outcome) {
            Ok(()) => succeeded(&owner, &run, &meta.result),
            Err(error) => {
                let ends = Arc::clone(&owner);
                owner.running.spawn(async move {
                    not_encoded(&ends, &run, &error).await;
                    ends.remove(&run.request);
                });
            }
        }
    };
    core.storer.store_then(meta, then).await;
}

/// A result on its way; dropping this says that it has arrived, or never will.
struct Storing(Arc<Core>);

impl Drop for Storing {
    fn drop(&mut self) {
        self.0.running.stored();
    }
}

/// Settles, counts, and tells of a success whose result is stored, or not wanted.
fn succeeded(core: &Core, run: &Run, value: &Value) {
    let Run { request, took, .. } = run;
    core.settle(request, Settle::Ack);
    let took = took.as_secs_f64();
    let shown = || repr::saferepr(value);
    if sends_events(request) {
        core.events.task("task-succeeded", || {
            event(
                request,
                [("result", shown().into()), ("runtime", took.into())],
            )
        });
    }
    if tracing::enabled!(tracing::Level::INFO) {
        let (seconds, shown) = (seconds(took), shown());
        tracing::info!(
            event = "task.succeeded",
            task = request.name(),
            id = request.id(),
            runtime = took,
            result = shown,
            "Task {} succeeded in {seconds}s: {shown}",
            request.label()
        );
    }
    core.end(request, "SUCCESS");
}

/// The value has no wire form: that is a failure of the task (celery.app.trace, EncodeError).
async fn not_encoded(core: &Core, run: &Run, error: &BackendError) {
    let exception = Exception::new(
        "kombu.exceptions",
        "EncodeError",
        vec![error.to_string().into()],
    );
    failure(
        core,
        &run.request,
        exception,
        None,
        &run.caller,
        Log::Unexpected,
    )
    .await;
}

/// Deals with an end that has to wait for something.
async fn end(core: &Core, run: &Run, outcome: Outcome) {
    let Run {
        request, caller, ..
    } = run;
    match outcome {
        Outcome::Success(value) => success(core, run, value).await,
        Outcome::Failure {
            exception,
            traceback,
            expected,
        } => {
            let log = if expected {
                Log::Expected
            } else {
                Log::Unexpected
            };
            failure(core, request, exception, traceback, caller, log).await;
        }
        Outcome::Retry {
            at,
            exception,
            traceback,
        } => retry(core, request, at, exception, traceback, caller).await,
        Outcome::Reject { requeue, reason } => {
            reject(core, request, requeue, &reason, caller).await
        }
        Outcome::Ignored => {
            forget_started(core, request).await;
            core.settle(request, Settle::Ack);
            core.count_end(request, "IGNORED");
            tracing::info!(
                event = "task.ignored",
                task = request.name(),
                id = request.id(),
                "Task {} ignored",
                request.label()
            );
        }
        Outcome::TimedOut(limit) => timed_out(core, request, limit, caller).await,
        Outcome::Terminated { signal } => {
            revoked(core, request, "terminated", Some(&signal)).await;
        }
        Outcome::Cancelled => cancelled(core, request).await,
    }
}

/// A success after which something follows: that is sent before the result is stored.
async fn success(core: &Core, run: &Run, value: Value) {
    let Run {
        request, caller, ..
    } = run;
    if let Err(error) = follow::on_success(core, request, &value, caller).await {
        let exception = Exception::new(
            "kombu.exceptions",
            "OperationalError",
            vec![error.to_string().into()],
        );
        return failure(core, request, exception, None, caller, Log::Unexpected).await;
    }
    if !core.ignores_result(request) {
        let meta = core.meta(request, TaskState::SUCCESS, value.clone(), children(caller));
        if let Err(error) = store(core, meta).await {
            return not_encoded(core, run, &error).await;
        }
    }
    if request.message.embed.chord.is_some() {
        part_done(core, request, TaskState::SUCCESS, value.clone()).await;
    }
    succeeded(core, run, &value);
}

/// An ignored task has no state: STARTED would stand for ever. One that the task has stored itself stays.
async fn forget_started(core: &Core, request: &Request) {
    if core.ignores_result(request) {
        return;
    }
    let forget = async {
        core.storer.flush().await;
        match core.backend.get(request.id()).await? {
            Some(meta) if meta.status == TaskState::STARTED => {
                core.backend.forget(request.id()).await
            }
            _ => Ok(()),
        }
    };
    if let Err(error) = forget.await {
        tracing::debug!(
            "{} was ignored and still shows as started: {error}",
            request.label()
        );
    }
}

enum Log {
    Unexpected,
    Expected,
}

async fn failure(
    core: &Core,
    request: &Request,
    exception: Exception,
    traceback: Option<String>,
    caller: &Caller,
    log: Log,
) {
    record_failure(core, request, &exception, traceback.as_deref(), caller).await;
    let acks = core
        .settings
        .task_acks_on_failure
        .unwrap_or_else(|| acks_on_failure_or_timeout(core, request));
    core.settle(
        request,
        if acks || !core.acks_late(request) {
            Settle::Ack
        } else {
            Settle::Reject
        },
    );
    failed_event(core, request, &exception, traceback.as_deref());
    core.count_end(request, "FAILURE");
    let (label, exception) = (request.label(), exception.repr());
    let (task, id) = (request.name(), request.id());
    let traceback = traceback
        .map(|t| format!("\n{}", t.trim_end()))
        .unwrap_or_default();
    match log {
        Log::Unexpected => {
            tracing::error!(
                event = "task.failed",
                task,
                id,
                exception,
                "Task {label} raised unexpected: {exception}{traceback}"
            )
        }
        Log::Expected => tracing::info!(
            event = "task.failed",
            task,
            id,
            exception,
            "Task {label} raised expected: {exception}"
        ),
    }
}

/// Stores a failure where failures are stored, fails what would have followed, and sends the errbacks.
pub(super) async fn record_failure(
    core: &Core,
    request: &Request,
    exception: &Exception,
    traceback: Option<&str>,
    caller: &Caller,
) {
    if core.stores_errors(request) {
        let mut meta = core.meta(
            request,
            TaskState::FAILURE,
            exception.to_value(),
            children(caller),
        );
        meta.traceback = traceback.map(str::to_owned);
        if let Err(error) = store(core, meta).await {
            // An argument of the exception has no wire form: its text has.
            let plain = Exception {
                exc_message: vec![exception.message().into()],
                ..exception.clone()
            };
            let meta = core.meta(
                request,
                TaskState::FAILURE,
                plain.to_value(),
                children(caller),
            );
            if let Err(again) = store(core, meta).await {
                tracing::error!(
                    "can't store the failure of {}: {error}; {again}",
                    request.label()
                );
            }
        }
    }
    follow::on_failure(core, request, TaskState::FAILURE, exception, traceback).await;
    part_done(core, request, TaskState::FAILURE, exception.to_value()).await;
}

fn failed_event(core: &Core, request: &Request, exception: &Exception, traceback: Option<&str>) {
    if sends_events(request) {
        core.events.task("task-failed", || {
            event(
                request,
                [
                    ("exception", exception.repr().into()),
                    ("traceback", Value::opt(traceback)),
                ],
            )
        });
    }
}

async fn retry(
    core: &Core,
    request: &Request,
    at: RetryAt,
    exception: Exception,
    traceback: Option<String>,
    caller: &Caller,
) {
    let when = match at {
        RetryAt::After(delay) => format!("in {}s", short(delay)),
        RetryAt::At(eta) => format!("at {eta}"),
    };
    let text = format!("Retry {when}: {}", exception.repr());
    let traceback = traceback.unwrap_or_else(|| format!("{text}\n"));
    // Its place among the states comes before the message: a retry that runs at once may fail before this is stored.
    let mut storing = None;
    if !core.ignores_result(request) {
        let mut sent = children(caller);
        sent.push(ResultTuple::task(request.id()));
        let mut meta = core.meta(request, TaskState::RETRY, exception.to_value(), sent);
        meta.traceback = Some(traceback.clone());
        storing = Some(core.storer.begin(meta).await);
    }
    if let Err(error) = follow::resend(core, request, at).await {
        let exception = Exception::new(
            "kombu.exceptions",
            "OperationalError",
            vec![error.to_string().into()],
        );
        return failure(core, request, exception, None, caller, Log::Unexpected).await;
    }
    if let Some(storing) = storing
        && let Err(error) = stored(request.id(), &TaskState::RETRY, storing.await)
    {
        tracing::error!("can't store the retry of {}: {error}", request.label());
    }
    core.settle(request, Settle::Ack);
    if sends_events(request) {
        core.events.task("task-retried", || {
            event(
                request,
                [
                    ("exception", exception.repr().into()),
                    ("traceback", traceback.as_str().into()),
                ],
            )
        });
    }
    core.count_end(request, "RETRY");
    tracing::info!(
        event = "task.retried",
        task = request.name(),
        id = request.id(),
        exception = exception.repr(),
        "Task {} retry: {text}",
        request.label()
    );
}

async fn reject(core: &Core, request: &Request, requeue: bool, reason: &str, caller: &Caller) {
    let label = request.label();
    let flag = repr::pyrepr(&requeue.into());
    let note = if request.is_acknowledged() {
        " (without effect: it needs acks_late)"
    } else {
        ""
    };
    core.count_end(request, "REJECTED");
    tracing::warn!(
        event = "task.rejected",
        task = request.name(),
        id = request.id(),
        requeue,
        "Task {label} reject requeue={flag}: {reason}{note}"
    );
    if !requeue {
        let exception = Exception::new(
            "celery.exceptions",
            "Reject",
            vec![reason.into(), false.into()],
        );
        core.settle(request, Settle::Reject);
        record_failure(core, request, &exception, None, caller).await;
        failed_event(core, request, &exception, None);
    } else {
        core.settle(request, Settle::Requeue);
    }
    if sends_events(request) {
        core.events.task("task-rejected", || {
            event(request, [("requeue", requeue.into())])
        });
    }
}

async fn timed_out(core: &Core, request: &Request, limit: Duration, caller: &Caller) {
    let seconds = short(limit);
    core.count_end(request, "FAILURE");
    tracing::error!(
        event = "task.timed_out",
        task = request.name(),
        id = request.id(),
        limit = limit.as_secs_f64(),
        "Hard time limit ({seconds}s) exceeded for {}",
        request.label()
    );
    let limit = repr::float_repr(limit.as_secs_f64());
    let limit = limit
        .strip_suffix(".0")
        .and_then(|s| s.parse().ok())
        .map_or_else(
            || Value::Float(limit.parse().unwrap_or_default()),
            Value::Int,
        );
    let exception = Exception::new("billiard.exceptions", "TimeLimitExceeded", vec![limit]);
    let settings = &core.settings;
    let acks = settings
        .task_acks_on_timeout
        .unwrap_or_else(|| acks_on_failure_or_timeout(core, request));
    record_failure(core, request, &exception, None, caller).await;
    let how = if acks || !core.acks_late(request) {
        Settle::Ack
    } else {
        Settle::Requeue
    };
    core.settle(request, how);
    failed_event(core, request, &exception, None);
}

/// Counts this request as a part of its chord, and deals with the body once all parts are in.
pub(super) async fn part_done(core: &Core, request: &Request, state: TaskState, result: Value) {
    let header = &request.message.header;
    let (Some(body), Some(group_id)) = (&request.message.embed.chord, &header.group) else {
        return;
    };
    let part = PartOutcome {
        group_id: group_id.clone(),
        group_index: header.group_index,
        task_id: header.id.clone(),
        state,
        result,
    };
    follow::chord_part(core, body, &part, &no_caller(request)).await;
}

/// Stores a meta; only a value that has no wire form is an error. An outage has been waited for, or logged.
pub(super) async fn store(core: &Core, meta: ResultMeta) -> Result<(), BackendError> {
    let (id, status) = (meta.task_id.clone(), meta.status.clone());
    stored(&id, &status, core.storer.store(meta).await)
}

/// What became of a meta, as [`store`] tells it.
fn stored(
    id: &str,
    status: &TaskState,
    outcome: Result<Stored, BackendError>,
) -> Result<(), BackendError> {
    match outcome {
        Ok(Stored::Written) => Ok(()),
        Ok(Stored::AlreadySuccess) => {
            tracing::debug!(task_id = %id, "state {status} not stored: the task has succeeded before");
            Ok(())
        }
        Err(error @ BackendError::Protocol(_)) => Err(error),
        Err(error) => {
            tracing::error!(task_id = %id, "state {status} is not stored: {error}");
            Ok(())
        }
    }
}

/// Does something until it works, fails for good, or a cold shutdown asks to leave it.
pub(super) async fn persist<'a, T, E: std::fmt::Display>(
    core: &Core,
    what: &str,
    is_transient: fn(&E) -> bool,
    attempt: impl Fn() -> BoxFuture<'a, Result<T, E>> + Send,
) -> Result<T, E> {
    let mut pause = Duration::from_millis(100);
    loop {
        match attempt().await {
            Err(error) if is_transient(&error) && !core.shutdown.is_cold() => {
                tracing::warn!("{what}: {error}; trying again");
            }
            other => return other,
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = core.shutdown.cold_asked() => {}
        }
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

fn acks_on_failure_or_timeout(core: &Core, request: &Request) -> bool {
    let option = request.options().and_then(|o| o.acks_on_failure_or_timeout);
    option.unwrap_or(core.settings.task_acks_on_failure_or_timeout)
}

pub(super) fn sends_events(request: &Request) -> bool {
    request.options().is_none_or(|o| o.send_events)
}

fn children(caller: &Caller) -> Vec<ResultTuple> {
    caller
        .children
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .clone()
}

/// Seconds with six significant digits, as Python would print them.
fn seconds(took: f64) -> String {
    let text = format!("{took:.5e}");
    repr::float_repr(text.parse().unwrap_or_default())
}

/// Seconds without a needless `.0`.
fn short(duration: Duration) -> String {
    let text = repr::float_repr(duration.as_secs_f64());
    text.strip_suffix(".0")
        .map_or_else(|| text.clone(), str::to_owned)
}
