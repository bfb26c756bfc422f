//! What is left to do for a run that did not end by itself: its process is gone, or it will never run.
//!
//! A child does it with Celery's own code (`aftermath.py`): results, errbacks, the chord, `on_failure`, signals. Mirrors
//! `celery.worker.request.Request.on_timeout`, `on_failure` and `_announce_revoked`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Pool;
use crate::pool::python::{Child, End, Packet, Said};
use crate::protocol::Value;
use crate::worker::Request;
use crate::worker::core::Core;

/// Numbers of the packets that are not for a run of a line.
static NUMBERS: AtomicU32 = AtomicU32::new(0x8000_0000);

/// What has become of a run.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    /// Its process is gone; why.
    Lost(String),
    /// Its hard time limit has passed; how many seconds that was.
    TimedOut(f64),
    /// It is revoked.
    Revoked {
        reason: String,
        terminated: bool,
        signum: Option<i32>,
    },
}

impl Fate {
    fn note(&self, request: &Request) -> Value {
        match self {
            Self::Lost(text) => Value::from([
                ("what", "lost".into()),
                ("text", text.as_str().into()),
                (
                    "retries",
                    request
                        .python()
                        .is_some_and(|task| task.retry_on_worker_lost)
                        .into(),
                ),
            ]),
            Self::TimedOut(seconds) => {
                Value::from([("what", "timed_out".into()), ("limit", number(*seconds))])
            }
            Self::Revoked {
                reason,
                terminated,
                signum,
            } => Value::from([
                ("what", "revoked".into()),
                ("reason", reason.as_str().into()),
                ("terminated", (*terminated).into()),
                ("signum", Value::opt(*signum)),
                ("expired", (reason == "expired").into()),
            ]),
        }
    }
}

/// Seconds as Python's worker has them: whole ones are an integer.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a limit that is a whole number of seconds fits"
)]
fn number(seconds: f64) -> Value {
    if seconds.fract() == 0.0 {
        Value::Int(seconds as i64)
    } else {
        Value::Float(seconds)
    }
}

/// Has a child that is idle do what is left, and stores what it hands over. None if the child is gone before its end.
pub(super) async fn work(
    core: &Core,
    child: &mut Child,
    request: &Request,
    fate: &Fate,
) -> Option<End> {
    let wire = request.wire.as_ref()?;
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let packet = Packet::after(number, wire.parts(), &fate.note(request));
    if !child.send(&packet).await.ok()? {
        return None;
    }
    loop {
        match child.said().await {
            Said::Up => {}
            Said::Stored(stored) => core.storer.post(stored.meta).await,
            Said::Fence => {
                core.storer.flush().await;
                child.fenced(1).await;
            }
            Said::End(end) => {
                core.storer.flush().await;
                return Some(*end);
            }
            Said::Gone(_) => return None,
        }
    }
}

/// Has it done by a child beside the slots. None if there is no child to be had, or it is gone before its end.
pub(super) async fn aside(
    core: &Core,
    pool: &Arc<Pool>,
    request: &Request,
    fate: &Fate,
) -> Option<End> {
    let (mut child, permit) = match pool.checkout_extra().await {
        Ok(child) => child,
        Err(error) => {
            tracing::debug!("no child for what is left of {}: {error}", request.label());
            return None;
        }
    };
    let end = work(core, &mut child, request, fate).await;
    match &end {
        Some(end) if !end.leaves => pool.put_back(child, core.slots.len()),
        Some(_) => pool.let_go(child),
        None => {
            pool.forget(&child);
        }
    }
    drop(permit);
    end
}

/// Tells the app of a task that it does not have, if it wants to know.
pub(in crate::worker) fn unknown(core: &Core, request: &Request) {
    let Some(pool) = core
        .python
        .as_ref()
        .filter(|pool| pool.hears("task_unknown"))
    else {
        return;
    };
    match request.message.to_message("json", None) {
        Ok(message) => {
            let wire = core.reader.as_it_came(&message);
            pool.parent().heard("task_unknown", wire.parts());
        }
        Err(error) => tracing::debug!("the app is not told of {}: {error}", request.label()),
    }
}

/// Records a request as revoked, with Celery's own code; false if that could not be done.
pub(in crate::worker) async fn revoked(
    core: &Core,
    request: &Request,
    reason: &str,
    signum: Option<i32>,
) -> bool {
    let (Some(pool), Some(_)) = (&core.python, request.python()) else {
        return false;
    };
    let fate = Fate::Revoked {
        reason: reason.to_owned(),
        terminated: reason == "terminated",
        signum,
    };
    aside(core, pool, request, &fate).await.is_some()
}
