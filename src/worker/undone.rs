//! Requests that are not run, or not to their end: revoked, expired, terminated, cut off, of a name nobody knows.
//!
//! Mirrors `celery.worker.request.Request.revoked` and `celery.worker.consumer.Consumer.on_unknown_task`.

use super::Request;
use super::complete::sends_events;
use super::core::Core;
use super::failed::record_failure;
use super::follow;
use super::python;
use super::record::{part_done, store};
use super::request::one_line;
use super::start::event;
use crate::broker::Settle;
use crate::protocol::{Exception, State as TaskState, Value};
use crate::task::Caller;

/// Records a request as revoked: `reason` is `revoked`, `expired` or `terminated`, the last with its signal.
pub(super) async fn revoked(core: &Core, request: &Request, reason: &str, signal: Option<&str>) {
    let signum = signal.and_then(signal_number);
    if python::revoked(core, request, reason, signum).await {
        // Recorded by Celery's own code.
    } else {
        record_revoked(core, request, reason).await;
    }
    core.settle(request, Settle::Ack);
    if sends_events(request) {
        core.events.task("task-revoked", || {
            let expired = reason == "expired";
            let fields = [
                ("terminated", signal.is_some().into()),
                ("signum", Value::opt(signum)),
                ("expired", expired.into()),
            ];
            event(request, fields)
        });
    }
    core.count_end(request, "REVOKED");
    if let Some(signal) = signal {
        tracing::info!(
            event = "task.terminated",
            task = request.name(),
            id = request.id(),
            signal,
            "Task {} terminated ({signal})",
            request.label()
        );
    }
}

async fn record_revoked(core: &Core, request: &Request, reason: &str) {
    let exception = Exception::new("celery.exceptions", "TaskRevokedError", vec![reason.into()]);
    if core.stores_errors(request) {
        let meta = core.meta(
            request,
            TaskState::REVOKED,
            exception.to_value(),
            Vec::new(),
        );
        if let Err(error) = store(core, meta).await {
            tracing::error!("can't store that {} was {reason}: {error}", request.label());
        }
    }
    follow::fail_chain(core, request, TaskState::REVOKED, &exception, None).await;
    part_done(core, request, TaskState::REVOKED, exception.to_value()).await;
}

/// The number of a signal by its name or number; none if there is none of that name.
pub(super) fn signal_number(name: &str) -> Option<i32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let name = name.to_ascii_uppercase();
    let name = format!("SIG{}", name.strip_prefix("SIG").unwrap_or(&name));
    let signal = name.parse::<nix::sys::signal::Signal>();
    signal.ok().map(|signal| signal as i32)
}

/// Cut off by a cold shutdown: the message goes back, whoever held it.
pub(super) async fn cancelled(core: &Core, request: &Request) {
    if request.is_acknowledged() {
        // An early ack has taken the message off the broker: a copy goes back, so that the task is not lost.
        if let Err(error) = follow::give_back(core, request).await {
            tracing::error!(
                event = "task.lost",
                task = request.name(),
                id = request.id(),
                "Task {} was cut off by the shutdown and is lost: {error}",
                request.label()
            );
            return;
        }
    } else {
        core.settle(request, Settle::Restore);
    }
    core.count_end(request, "CANCELLED");
    tracing::warn!(
        event = "task.cancelled",
        task = request.name(),
        id = request.id(),
        "Task {} was cut off by the shutdown: its message goes back to the queue",
        request.label()
    );
    if sends_events(request) {
        core.events.task("task-cancelled", || event(request, []));
    }
}

/// A task of a name that this worker does not know.
pub(super) async fn unregistered(core: &Core, request: &Request) {
    let (name, id) = (request.task(), request.id());
    core.count_end(request, "FAILURE");
    tracing::error!(
        event = "task.unregistered",
        task = name,
        id,
        queue = request.queue,
        "Received unregistered task of type '{}'. The message has been rejected. [id: {}, queue: {}]",
        one_line(name),
        one_line(id),
        request.queue,
    );
    tracing::debug!(
        event = "task.unregistered",
        task = name,
        id,
        "{} was sent with args: {}, kwargs: {}, delivery_info: {:?}",
        request.label(),
        request.argsrepr(),
        request.kwargsrepr(),
        request.delivery_info,
    );
    python::unknown(core, request);
    core.settle(request, Settle::Reject);
    let exception = Exception::new("celery.exceptions", "NotRegistered", vec![name.into()]);
    let caller = no_caller(request);
    record_failure(core, request, &exception, None, &caller).await;
    // Celery's event has these two fields alone (events/_unregistered_and_reject.json).
    core.events.task("task-failed", || {
        event(request, [("exception", exception.repr().into())])
    });
}

/// A request as the caller of what follows it, where it has not run.
pub(super) fn no_caller(request: &Request) -> Caller {
    let header = &request.message.header;
    Caller {
        task_id: header.id.clone(),
        root_id: header.root_id.clone().unwrap_or_else(|| header.id.clone()),
        priority: request.priority,
        children: std::sync::Arc::default(),
        may_join: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        assert_eq!(signal_number("KILL"), Some(9));
        assert_eq!(signal_number("sigint"), Some(2));
        assert_eq!(signal_number("10"), Some(10));
        assert_eq!(signal_number("nonsense"), None);
    }
}
