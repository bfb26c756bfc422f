//! What is left to do when a run is over: Celery's tracer has done the rest, in the child.
//!
//! Mirrors `celery.worker.request.Request.on_success`, `on_retry` and `on_failure`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::broker::Settle;
use crate::pool::python::{End, Outcome};
use crate::protocol::{ResultMeta, Value};
use crate::worker::Request;
use crate::worker::complete::sends_events;
use crate::worker::core::Core;
use crate::worker::start::event;

/// A run that is over.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) request: Arc<Request>,
    pub(super) end: End,
    /// Whether results of it have been handed in.
    pub(super) has_stored: bool,
    /// How long it took, as seen from here.
    pub(super) took: Duration,
    /// Its place among those that are not settled.
    pub(super) _unsettled: OwnedSemaphorePermit,
}

/// Stores the last result of a run, if there is one, and concludes when all of its results are stored.
pub(super) async fn finish(core: &Arc<Core>, ran: Ran, last: Option<ResultMeta>) {
    let took = if ran.end.runtime > 0.0 {
        Duration::try_from_secs_f64(ran.end.runtime).unwrap_or(ran.took)
    } else {
        ran.took
    };
    core.count_run(&ran.request, took);
    if last.is_none() && !ran.has_stored {
        return conclude(core, &ran);
    }
    core.running.stores();
    let storing = Storing(Arc::clone(core));
    let owner = Arc::clone(core);
    match last {
        Some(meta) => {
            let then = move |meta: ResultMeta, outcome: Result<_, _>| {
                let _storing = storing;
                if let Err(error) = outcome {
                    tracing::error!(task_id = %meta.task_id, "state {} is not stored: {error}", meta.status);
                }
                conclude(&owner, &ran);
            };
            core.storer.store_then(meta, then).await;
        }
        None => {
            let then = move || {
                let _storing = storing;
                conclude(&owner, &ran);
            };
            core.storer.after(then).await;
        }
    }
}

/// A run whose results are on their way.
struct Storing(Arc<Core>);

impl Drop for Storing {
    fn drop(&mut self) {
        self.0.running.stored();
    }
}

/// Settles the message, tells of the end, and forgets the request.
pub(super) fn conclude(core: &Core, ran: &Ran) {
    let Ran { request, end, .. } = ran;
    let state = match end.outcome {
        Outcome::Success => {
            core.settle(request, Settle::Ack);
            tell(core, request, "task-succeeded", || {
                [
                    ("result", end.what.as_str().into()),
                    ("runtime", end.runtime.into()),
                ]
            });
            "SUCCESS"
        }
        Outcome::Failure => {
            settle_failure(core, request);
            failed(core, request, end);
            "FAILURE"
        }
        Outcome::Retry => {
            core.settle(request, Settle::Ack);
            tell(core, request, "task-retried", || explained(end));
            "RETRY"
        }
        Outcome::Ignored => {
            core.settle(request, Settle::Ack);
            "IGNORED"
        }
        Outcome::Rejected => {
            failed(core, request, end);
            reject(core, request, false);
            "REJECTED"
        }
        Outcome::Requeued => {
            reject(core, request, true);
            "REJECTED"
        }
        Outcome::Undecodable => {
            tracing::error!(
                event = "message.invalid",
                task = request.name(),
                id = request.id(),
                "The body of {} can't be read, rejecting the message: {}",
                request.label(),
                end.what
            );
            core.settle(request, Settle::Reject);
            "REJECTED"
        }
        Outcome::Revoked | Outcome::Exit => {
            core.settle(request, Settle::Ack);
            "REVOKED"
        }
    };
    core.end(request, state);
}

/// With late ack the policy of the task says whether a failure acknowledges.
fn settle_failure(core: &Core, request: &Request) {
    let acks = request.python().is_none_or(|task| task.acks_on_failure);
    let how = if acks || !core.acks_late(request) {
        Settle::Ack
    } else {
        Settle::Reject
    };
    core.settle(request, how);
}

/// Gives a message back, or up. One that is acknowledged already is neither (celery.worker.request.Request.reject).
pub(super) fn reject(core: &Core, request: &Request, requeue: bool) {
    if request.is_acknowledged() {
        return;
    }
    let how = if requeue {
        Settle::Requeue
    } else {
        Settle::Reject
    };
    core.settle(request, how);
    tell(core, request, "task-rejected", || {
        [("requeue", requeue.into())]
    });
}

/// Tells of a failure.
pub(super) fn failed(core: &Core, request: &Request, end: &End) {
    tell(core, request, "task-failed", || explained(end));
}

fn explained(end: &End) -> [(&'static str, Value); 2] {
    [
        ("exception", end.what.as_str().into()),
        ("traceback", Value::opt(end.traceback.as_deref())),
    ]
}

fn tell<const N: usize>(
    core: &Core,
    request: &Request,
    kind: &'static str,
    fields: impl FnOnce() -> [(&'static str, Value); N],
) {
    if sends_events(request) {
        core.events.task(kind, || event(request, fields()));
    }
}
