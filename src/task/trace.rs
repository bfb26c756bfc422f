//! Runs one job to its outcome: panics, time limits, automatic retries.
//!
//! Mirrors `celery.app.trace.build_tracer`.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::sleep;
use tracing::Instrument as _;

use super::error::{Failed, RetryRequest};
use super::{Context, Job, Outcome, RetryAt, Stop, TaskError, TaskOptions, context};
use crate::protocol::{Exception, Value, repr};

/// Runs a job. `stop` resolves when the run is to be cut off; `random` makes a number (0..1) that spreads automatic
/// retries.
///
/// An async task that is cut off is dropped at its next `.await`. A blocking one cannot be: its outcome is reported
/// at once, and its context (with the worker's slot in it) lives on until its thread is back. A task that winds down
/// ([`Runnable::winds_down`](super::Runnable::winds_down)) is told why, and its outcome is reported when it has ended.
pub async fn run(job: Job, stop: impl Future<Output = Stop>, random: fn() -> f64) -> Outcome {
    let Job {
        task,
        context,
        args,
        kwargs,
        limits,
    } = job;
    let winds_down = task.winds_down();
    context.limit(limits);
    // What the task logs is shown as its own. At the highest level, so that no filter of a log leaves it out.
    let span = tracing::error_span!("task", task_name = context.task(), task_id = context.id());
    let body = task.run(context.clone(), args, kwargs).instrument(span);
    let body = AssertUnwindSafe(context::scope(context.caller(), body)).catch_unwind();
    tokio::pin!(body, stop);

    let soft = limit(limits.soft);
    let hard = limit(limits.hard);
    tokio::pin!(soft, hard);
    let mut soft_passed = false;
    let mut stopped: Option<Stop> = None;
    let ended = loop {
        let why = tokio::select! {
            biased;
            ended = &mut body => break ended,
            why = &mut stop, if stopped.is_none() => why,
            () = &mut hard, if stopped.is_none() => Stop::TimeLimit(limits.hard.unwrap_or_default()),
            () = &mut soft, if !soft_passed && stopped.is_none() => {
                soft_passed = true;
                if context.pass_soft_limit() {
                    continue;
                }
                let seconds = repr::float_repr(limits.soft.unwrap_or_default().as_secs_f64());
                let seconds = seconds.strip_suffix(".0").unwrap_or(&seconds);
                tracing::warn!("Soft time limit ({seconds}s) exceeded for {}[{}]", context.task(), context.id());
                context.cancel_token().cancel();
                let exception = Exception::new("billiard.exceptions", "SoftTimeLimitExceeded", Vec::new());
                break Ok(Err(TaskError::from_exception(exception)));
            }
        };
        context.stop(why.clone());
        if !winds_down {
            return why.into();
        }
        stopped = Some(why);
    };
    if let Some(why) = stopped {
        return why.into();
    }
    match ended {
        Ok(result) => conclude(result, &context, task.options(), random),
        Err(panic) => conclude(Err(panicked(&*panic)), &context, task.options(), random),
    }
}

async fn limit(after: Option<Duration>) {
    match after {
        Some(after) => sleep(after).await,
        None => std::future::pending().await,
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> TaskError {
    let message = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the task panicked".to_owned());
    TaskError::Failed(Box::new(Failed {
        exception: Exception::new("rcelery", "Panic", vec![message.as_str().into()]),
        traceback: Some(format!("panicked: {message}\n")),
    }))
}

/// What a returned value or error means, retries counted.
fn conclude(
    result: Result<Value, TaskError>,
    cx: &Context,
    options: &TaskOptions,
    random: fn() -> f64,
) -> Outcome {
    let failure = |exception: Exception, traceback: Option<String>| {
        let expected = options.throws.contains(&exception.exc_type);
        let traceback = traceback.or_else(|| Some(format!("{exception}\n")));
        Outcome::Failure {
            exception,
            traceback,
            expected,
        }
    };
    match result {
        Ok(value) => Outcome::Success(value),
        Err(TaskError::Ignore) => Outcome::Ignored,
        Err(TaskError::Reject { requeue, reason }) => Outcome::Reject { requeue, reason },
        Err(TaskError::Retry(request)) => {
            let RetryRequest {
                countdown,
                eta,
                backoff,
                max_retries,
                cause,
                traceback,
            } = *request;
            let max_retries = max_retries.unwrap_or(options.max_retries);
            if max_retries.is_some_and(|max| cx.retries() >= max) {
                return match cause {
                    Some(cause) => failure(cause, traceback),
                    None => failure(retries_exceeded(cx), None),
                };
            }
            let at = match (eta, countdown) {
                (Some(eta), _) => RetryAt::At(eta),
                (None, Some(countdown)) => RetryAt::After(countdown),
                (None, None) if backoff => {
                    RetryAt::After(options.autoretry_delay(cx.retries(), random()))
                }
                (None, None) => RetryAt::After(options.default_retry_delay),
            };
            let exception =
                cause.unwrap_or_else(|| Exception::new("celery.exceptions", "Retry", Vec::new()));
            Outcome::Retry {
                at,
                exception,
                traceback,
            }
        }
        Err(TaskError::Failed(failed)) => {
            let Failed {
                exception,
                traceback,
            } = *failed;
            let retries_left = options.max_retries.is_none_or(|max| cx.retries() < max);
            if options.autoretry.covers(&exception) && retries_left {
                let at = RetryAt::After(options.autoretry_delay(cx.retries(), random()));
                return Outcome::Retry {
                    at,
                    exception,
                    traceback,
                };
            }
            failure(exception, traceback)
        }
    }
}

fn retries_exceeded(cx: &Context) -> Exception {
    let (args, kwargs) = (repr::args_repr(cx.args()), repr::kwargs_repr(cx.kwargs()));
    let message = format!(
        "Can't retry {}[{}] args:{args} kwargs:{kwargs}",
        cx.task(),
        cx.id()
    );
    Exception::new(
        "celery.exceptions",
        "MaxRetriesExceededError",
        vec![message.into()],
    )
}
