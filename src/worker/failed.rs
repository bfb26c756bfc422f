//! Ends that are no success: failed, to be tried again, rejected, out of time.
//!
//! Mirrors `celery.app.trace.TraceInfo` and `celery.worker.request` (`on_failure`, `on_retry`, `reject`, `on_timeout`).

use std::time::Duration;

use super::Request;
use super::complete::{children, sends_events};
use super::core::Core;
use super::follow;
use super::record::{part_done, store, stored};
use super::start::event;
use crate::broker::Settle;
use crate::protocol::{Exception, ResultTuple, State as TaskState, Value, repr};
use crate::task::{Caller, RetryAt};

/// How loud a failure is logged: an error, or one of the task's `throws`.
pub(super) enum Log {
    Unexpected,
    Expected,
}

pub(super) async fn failure(
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

pub(super) async fn retry(
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

pub(super) async fn reject(
    core: &Core,
    request: &Request,
    requeue: bool,
    reason: &str,
    caller: &Caller,
) {
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

pub(super) async fn timed_out(core: &Core, request: &Request, limit: Duration, caller: &Caller) {
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

fn acks_on_failure_or_timeout(core: &Core, request: &Request) -> bool {
    let option = request.options().and_then(|o| o.acks_on_failure_or_timeout);
    option.unwrap_or(core.settings.task_acks_on_failure_or_timeout)
}

/// Seconds without a needless `.0`.
fn short(duration: Duration) -> String {
    let text = repr::float_repr(duration.as_secs_f64());
    text.strip_suffix(".0")
        .map_or_else(|| text.clone(), str::to_owned)
}
