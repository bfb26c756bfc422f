//! The moment at which a request begins to run.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Request;
use super::complete::sends_events;
use super::core::{Core, hand_in, settles};
use super::state::Phase;
use crate::broker::Settle;
use crate::protocol::{Map, Value};

/// Marks a request as begun in the process `pid`: settled now if it is not acknowledged late, active, logged, announced.
///
/// Mirrors `celery.worker.request.Request.on_accepted`.
pub(super) fn begin(core: &Core, request: &Arc<Request>, pid: u32) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    request.mark_started(now.unwrap_or_default().as_secs_f64());
    let early = !core.acks_late(request);
    {
        let settled = early.then(|| settles(request, Settle::Ack)).flatten();
        let mut state = core.state.lock();
        if let Some(marks) = settled {
            state.note_settled(marks);
        }
        state.place(Phase::Active, request);
    }
    if early {
        hand_in(request, Settle::Ack);
    }
    tracing::debug!(
        event = "task.started",
        task = request.name(),
        id = request.id(),
        "Task accepted: {} pid:{pid}",
        request.label()
    );
    if sends_events(request) {
        core.events.task("task-started", || event(request, []));
    }
}

/// The fields of an event about a request.
pub(super) fn event<const N: usize>(request: &Request, more: [(&str, Value); N]) -> Map {
    let mut fields = Map::with_capacity(N + 1);
    fields.insert("uuid".to_owned(), request.id().into());
    fields.extend(more.into_iter().map(|(k, v)| (k.to_owned(), v)));
    fields
}
