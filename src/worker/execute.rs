//! One request from its start to its end.
//!
//! Mirrors `celery.worker.request.Request.execute_using_pool` and `celery.app.trace`.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use super::core::Core;
use super::start::begin;
use super::strategy::{Decision, Discard, decide};
use super::{Request, complete, undone};
use crate::broker::Settle;
use crate::protocol::{State as TaskState, Value};
use crate::task::{self, Context, Host, Job, Stop};

/// Runs a request in a slot, which is given back when the task's code is gone. What comes after the run that has to
/// wait goes on by itself.
pub(super) async fn execute(
    core: &Arc<Core>,
    request: Arc<Request>,
    host: &Arc<dyn Host>,
    slot: Box<dyn Any + Send + Sync>,
) {
    // Held until its end is recorded: the back end being slow must slow the tasks down, not fill the memory.
    let Ok(unsettled) = Arc::clone(&core.unsettled).acquire_owned().await else {
        return;
    };
    if core.shutdown.is_cold() {
        // It has waited for its turn until it was too late.
        core.settle(&request, Settle::Restore);
        return core.remove(&request);
    }
    let now = jiff::Timestamp::now();
    let revoked = core.state.lock().revoked_by(&request);
    if let Decision::Discard(why) = decide(&request, revoked.is_some(), now) {
        discard(core, &request, why, revoked.flatten()).await;
        return core.remove(&request);
    }
    let Some(runnable) = request.runnable.clone() else {
        undone::unregistered(core, &request).await;
        return core.remove(&request);
    };
    if is_done_already(core, &request).await {
        tracing::info!(
            event = "task.skipped",
            task = request.name(),
            id = request.id(),
            "Task {} has succeeded before: skipped",
            request.label()
        );
        core.settle(&request, Settle::Ack);
        return core.remove(&request);
    }
    let pid = std::process::id();
    begin(core, &request, pid);
    let controlled = core.state.lock().time_limits.get(request.task()).copied();
    let limits = core.limits(&request, controlled);
    let options = runnable.options();
    let ignore_result = core.ignores_result(&request);
    let tracks = options
        .track_started
        .unwrap_or(core.settings.task_track_started);
    if tracks && !ignore_result {
        let who = [
            ("pid", pid.into()),
            ("hostname", core.nodename.as_str().into()),
        ];
        core.storer
            .post(core.meta(&request, TaskState::STARTED, Value::from(who), Vec::new()))
            .await;
    }

    let message = &request.message;
    let context = Context::new(
        task::Request {
            message: Arc::clone(message),
            ignore_result,
            delivery_info: request.delivery_info.clone(),
            priority: request.priority,
            reply_to: request.reply_to.clone(),
            correlation_id: request.correlation_id.clone(),
            hostname: Arc::clone(&core.hostname),
        },
        Arc::clone(host),
        slot,
    );
    let caller = context.caller();
    let job = Job {
        task: runnable,
        context,
        args: message.args.clone(),
        kwargs: message.kwargs.clone(),
        limits,
    };
    let started = Instant::now();
    let outcome = task::run(job, request.stopped(), random).await;
    request.mark_ended();
    let run = complete::Run {
        request,
        caller,
        took: started.elapsed(),
        _unsettled: unsettled,
    };
    complete::complete(core, run, outcome).await;
}

/// Records that a request is not run.
pub(super) async fn discard(core: &Core, request: &Request, why: Discard, stamp: Option<String>) {
    let by = stamp
        .map(|s| format!(" (revoked by header: {s})"))
        .unwrap_or_default();
    if why == Discard::Expired {
        tracing::info!(
            event = "task.expired",
            task = request.name(),
            id = request.id(),
            "Task {} expired",
            request.label()
        );
    } else {
        tracing::info!(
            event = "task.revoked",
            task = request.name(),
            id = request.id(),
            "Discarding revoked task: {}{by}",
            request.label()
        );
    }
    undone::revoked(core, request, why.as_str(), None).await;
}

/// A message that was delivered before and whose task has succeeded (`worker_deduplicate_successful_tasks`).
async fn is_done_already(core: &Core, request: &Request) -> bool {
    if !core.settings.worker_deduplicate_successful_tasks
        || !request.delivery_info.redelivered
        || !core.acks_late(request)
        || core.ignores_result(request)
    {
        return false;
    }
    match core.backend.get(request.id()).await {
        Ok(meta) => meta.is_some_and(|m| m.status == TaskState::SUCCESS),
        Err(error) => {
            tracing::warn!(
                "can't tell whether {} has succeeded before, running it: {error}",
                request.label()
            );
            false
        }
    }
}

/// A number in 0..1, to spread retries; not for secrets.
fn random() -> f64 {
    let bits = uuid::Uuid::new_v4().as_u128() & 0xFFFF_FFFF;
    f64::from(u32::try_from(bits).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
}

/// Why a running task is stopped, from the signal that a revoke names.
pub(super) fn terminate(signal: &str) -> Stop {
    Stop::Terminate(signal.to_owned())
}
