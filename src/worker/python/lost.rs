//! Runs that did not end by themselves: their process is gone, or was ended.
//!
//! Mirrors `celery.worker.request.Request.on_failure` for a `WorkerLostError`, and `on_timeout`.

use tokio::time::sleep;

use super::after::{self, Fate};
use super::ended::{Ran, conclude, failed, finish, reject};
use super::line::{Line, SLOW, Sent, job};
use crate::broker::Settle;
use crate::pool::python::{End, Outcome, human_status};
use crate::protocol::{Exception, Value};
use crate::worker::Request;
use crate::worker::core::Core;
use crate::worker::failed::record_failure;
use crate::worker::undone::no_caller;

impl Line<'_> {
    /// The child is gone.
    pub(super) async fn lost(&mut self, code: i32) {
        self.fence = None;
        self.fences = 0;
        let last = self.last.take();
        let Some(mut child) = self.child.take() else {
            return;
        };
        let is_news = self.pool.forget(&child);
        let unread = child.recall();
        let is_unread = |sent: &Sent| unread.contains(&if sent.is_large { 0 } else { sent.number });
        let was_running = self.sent.front().is_some_and(|sent| !is_unread(sent));
        let status = human_status(code);
        let expected = self
            .sent
            .front()
            .is_some_and(|s| s.is_cut_off || s.timed_out);
        if is_news && !expected {
            child.say_exited(code);
        }
        if let Some(meta) = last {
            self.core.storer.post(meta).await;
        }
        if !was_running {
            if self.sent.front().is_some_and(|s| s.is_cut_off) {
                // It was to be cut off, and has never begun.
                self.sent.pop_front();
            } else {
                // It has not got so far as to take it: the next one will.
                sleep(SLOW).await;
            }
            return self.send_all().await;
        }
        let Some(sent) = self.sent.pop_front() else {
            return;
        };
        sent.request.mark_ended();
        if sent.is_cut_off {
            self.core.remove(&sent.request);
        } else if sent.timed_out {
            let limit = sent.limits.hard.unwrap_or_default().as_secs_f64();
            self.befall(sent, Fate::TimedOut(limit)).await;
        } else {
            let job = job((child.number(), child.runs));
            let text = format!("Worker exited prematurely: {status}{job}.");
            self.befall(sent, Fate::Lost(text)).await;
        }
        self.send_all().await;
    }

    /// A run that did not end by itself: the policy of its task, and Celery's code in another child.
    pub(super) async fn befall(&mut self, sent: Sent, fate: Fate) {
        let (core, request) = (self.core, &sent.request);
        let took = sent.since.elapsed();
        core.count_run(request, took);
        let late = core.acks_late(request);
        let task = request.python();
        if sent.has_succeeded {
            tracing::warn!(
                "Task {} succeeded before the worker was lost",
                request.label()
            );
            return self.finish_as(sent, Outcome::Success, String::new()).await;
        }
        if late && matches!(fate, Fate::Lost(_)) && self.pool.parent().is_lost() {
            // This worker is as good as gone itself: its unacknowledged messages come again.
            core.settle(request, Settle::Restore);
            return core.remove(request);
        }
        if let Fate::Lost(_) = fate {
            let rejects = request
                .options()
                .and_then(|o| o.reject_on_worker_lost)
                .or(core.settings.task_reject_on_worker_lost)
                .unwrap_or(false);
            if late && rejects && !task.is_some_and(|t| t.retry_on_worker_lost) {
                core.storer.flush().await;
                reject(core, request, true);
                core.end(request, "REQUEUED");
                return;
            }
        }
        let mut end = None;
        if self.child.is_some() || self.get_child().await {
            if let Some(child) = &mut self.child {
                end = after::work(core, child, request, &fate).await;
            }
            if end.is_none()
                && let Some(child) = self.child.take()
            {
                self.pool.forget(&child);
            }
        }
        let timed_out = matches!(fate, Fate::TimedOut(_));
        let end = match end {
            Some(end) => end,
            None => record(core, request, &fate).await,
        };
        if timed_out && late && !task.is_none_or(|t| t.acks_on_timeout) {
            reject(core, request, true);
            failed(core, request, &end);
            return core.end(request, "FAILURE");
        }
        let ran = Ran {
            request: sent.request,
            end,
            has_stored: false,
            took,
            _unsettled: sent.unsettled,
        };
        conclude(core, &ran);
    }

    async fn finish_as(&mut self, sent: Sent, outcome: Outcome, what: String) {
        let ran = Ran {
            end: End {
                number: sent.number,
                outcome,
                leaves: false,
                runtime: 0.0,
                what,
                traceback: None,
            },
            request: sent.request,
            has_stored: sent.has_stored,
            took: sent.since.elapsed(),
            _unsettled: sent.unsettled,
        };
        finish(self.core, ran, None).await;
    }
}

/// Records a failure without Python, where no child can be had for it.
async fn record(core: &Core, request: &Request, fate: &Fate) -> End {
    let exception = match fate {
        Fate::TimedOut(seconds) => {
            let seconds = Value::Float(*seconds);
            Exception::new("billiard.exceptions", "TimeLimitExceeded", vec![seconds])
        }
        Fate::Lost(text) => {
            let text = text.as_str().into();
            Exception::new("billiard.exceptions", "WorkerLostError", vec![text])
        }
        Fate::Revoked { reason, .. } => {
            let reason = reason.as_str().into();
            Exception::new("celery.exceptions", "TaskRevokedError", vec![reason])
        }
    };
    record_failure(core, request, &exception, None, &no_caller(request)).await;
    End {
        number: 0,
        outcome: Outcome::Failure,
        leaves: false,
        runtime: 0.0,
        what: exception.repr(),
        traceback: None,
    }
}
