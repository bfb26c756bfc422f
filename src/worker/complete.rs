//! From an outcome to what others see: follow-ups, result, chord, settlement, event, log line, in Celery's order.
//!
//! Mirrors `celery.app.trace` and `celery.worker.request` (`on_success`, `on_failure`, `on_retry`, `reject`). What follows
//! is published before the result is stored, so that its `children` are known; the message is acknowledged last.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::Request;
use super::core::Core;
use super::failed::{Log, failure, reject, retry, timed_out};
use super::follow;
use super::record::{part_done, store, stored};
use super::start::event;
use super::undone::{cancelled, revoked};
use crate::backend::BackendError;
use crate::broker::Settle;
use crate::protocol::{Exception, ResultMeta, ResultTuple, State as TaskState, Value, repr};
use crate::task::{Caller, Outcome};

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

pub(super) fn sends_events(request: &Request) -> bool {
    request.options().is_none_or(|o| o.send_events)
}

pub(super) fn children(caller: &Caller) -> Vec<ResultTuple> {
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
