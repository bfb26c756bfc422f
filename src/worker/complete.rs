//! From an outcome to what others see: follow-ups, result, chord, settlement, event, log line, in Celery's order.
//!
//! Mirrors `celery.app.trace` and `celery.worker.request` (`on_success`, `on_failure`, `on_retry`, `reject`). What follows
//! is published before the result is stored, so that its `children` are known; the message is acknowledged last.

use std::time::Duration;

use futures_util::future::BoxFuture;
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

/// Deals with the end of a run.
pub(super) async fn complete(
    core: &Core,
    request: &Request,
    outcome: Outcome,
    caller: &Caller,
    took: Duration,
) {
    core.count_run(request, took);
    match outcome {
        Outcome::Success(value) => success(core, request, value, caller, took).await,
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
            settle(core, request, Settle::Ack);
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

async fn success(core: &Core, request: &Request, value: Value, caller: &Caller, took: Duration) {
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
            // The value has no wire form: that is a failure of the task (celery.app.trace, EncodeError).
            let exception = Exception::new(
                "kombu.exceptions",
                "EncodeError",
                vec![error.to_string().into()],
            );
            return failure(core, request, exception, None, caller, Log::Unexpected).await;
        }
    }
    let shown = repr::saferepr(&value);
    part_done(core, request, TaskState::SUCCESS, value).await;
    settle(core, request, Settle::Ack);
    core.count_end(request, "SUCCESS");
    let seconds = seconds(took);
    if sends_events(core, request) {
        let runtime = took.as_secs_f64();
        core.events.task("task-succeeded", || {
            event(
                request,
                [
                    ("result", shown.as_str().into()),
                    ("runtime", runtime.into()),
                ],
            )
        });
    }
    tracing::info!(
        event = "task.succeeded",
        task = request.name(),
        id = request.id(),
        runtime = took.as_secs_f64(),
        result = shown,
        "Task {} succeeded in {seconds}s: {shown}",
        request.label()
    );
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
    settle(
        core,
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
    if sends_events(core, request) {
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
    if let Err(error) = follow::resend(core, request, at).await {
        let exception = Exception::new(
            "kombu.exceptions",
            "OperationalError",
            vec![error.to_string().into()],
        );
        return failure(core, request, exception, None, caller, Log::Unexpected).await;
    }
    let when = match at {
        RetryAt::After(delay) => format!("in {}s", short(delay)),
        RetryAt::At(eta) => format!("at {eta}"),
    };
    let text = format!("Retry {when}: {}", exception.repr());
    let traceback = traceback.unwrap_or_else(|| format!("{text}\n"));
    if !core.ignores_result(request) {
        let mut sent = children(caller);
        sent.push(ResultTuple::task(request.id()));
        let mut meta = core.meta(request, TaskState::RETRY, exception.to_value(), sent);
        meta.traceback = Some(traceback.clone());
        if let Err(error) = store(core, meta).await {
            tracing::error!("can't store the retry of {}: {error}", request.label());
        }
    }
    settle(core, request, Settle::Ack);
    if sends_events(core, request) {
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
        settle(core, request, Settle::Reject);
        record_failure(core, request, &exception, None, caller).await;
        failed_event(core, request, &exception, None);
    } else {
        settle(core, request, Settle::Requeue);
    }
    if sends_events(core, request) {
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
    settle(core, request, how);
    failed_event(core, request, &exception, None);
}

/// Settles a request. If its connection is gone the broker will deliver it again, and then it is settled as known.
pub(super) fn settle(core: &Core, request: &Request, how: Settle) {
    if let Some(tag) = request.delivery_tag()
        && matches!(how, Settle::Ack | Settle::Reject)
    {
        core.state.lock().note_settled(tag);
    }
    if let Err(error) = request.settle(how) {
        tracing::debug!(
            "{} could not be settled, and will be when it is delivered again: {error}",
            request.label()
        );
    }
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
    match core.storer.store(meta).await {
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
    let option = core
        .tasks
        .get(request.task())
        .and_then(|t| t.options().acks_on_failure_or_timeout);
    option.unwrap_or(core.settings.task_acks_on_failure_or_timeout)
}

pub(super) fn sends_events(core: &Core, request: &Request) -> bool {
    core.tasks
        .get(request.task())
        .is_none_or(|t| t.options().send_events)
}

fn children(caller: &Caller) -> Vec<ResultTuple> {
    caller
        .children
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .clone()
}

/// Seconds with six significant digits, as Python would print them.
fn seconds(took: Duration) -> String {
    let text = format!("{:.5e}", took.as_secs_f64());
    repr::float_repr(text.parse().unwrap_or_default())
}

/// Seconds without a needless `.0`.
fn short(duration: Duration) -> String {
    let text = repr::float_repr(duration.as_secs_f64());
    text.strip_suffix(".0")
        .map_or_else(|| text.clone(), str::to_owned)
}
