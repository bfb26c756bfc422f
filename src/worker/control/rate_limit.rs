//! `rate_limit`: another rate limit for a task.

use super::base::{Arg, ArgKind, Args, ControlCommand, Kind, Outcome, Run, nok, ok, raised};
use crate::pidbox::Answer;
use tracing::{error, info};

use super::base::{Arguments, Control};
use crate::protocol::{Value, repr};
use crate::task::RateLimit;
use crate::worker::Directive;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    args: Args {
        positional: &[
            Arg::required("task_name", ArgKind::Text, "Name of the task"),
            Arg::required(
                "rate_limit",
                ArgKind::Rate,
                "How often it may start: 5/s, 100/m, 10/h; 0 is no limit",
            ),
        ],
        usage: "<task_name> <rate_limit (e.g., 5/s | 5/m | 5/h)>",
        ..Args::NONE
    },
    ..ControlCommand::new(
        "rate_limit",
        Kind::Control,
        "Tell worker(s) to modify the rate limit for a task by type",
        Run::Later(|control, arguments| Box::pin(rate_limit(control, arguments))),
    )
};

async fn rate_limit(control: &Control, arguments: &Arguments) -> Outcome {
    arguments.require(&["task_name", "rate_limit"])?;
    let task = arguments.text("task_name")?.unwrap_or_default();
    let given = arguments.value("rate_limit");
    let limit = match read(given)? {
        Ok(limit) => limit,
        Err(exception) => return Ok(nok(&format!("Invalid rate limit string: {exception}"))),
    };
    if control.tasks.get(task).is_none() {
        error!("Rate limit attempt for unknown task {task}");
        return Ok(nok("unknown task"));
    }
    let text = repr::pystr(given);
    let limit = limit.filter(|limit| limit.per_second > 0.0);
    control
        .state
        .lock()
        .rate_limits
        .insert(task.to_owned(), (text.clone(), limit));
    control
        .direct(Directive::RateLimit {
            task: task.to_owned(),
        })
        .await?;
    if given.truthy() {
        info!("New rate limit for tasks of type {task}: {text}.");
        Ok(ok("new rate limit set successfully"))
    } else {
        info!("Rate limits disabled for tasks of type {task}");
        Ok(ok("rate limit disabled successfully"))
    }
}

/// Reads a limit: none if there is to be none, an inner error for text that is no rate, an outer one for what makes
/// Celery's own reader fail.
fn read(given: &Value) -> Result<Result<Option<RateLimit>, String>, Answer> {
    let text = match given {
        falsy if !falsy.truthy() => return Ok(Ok(None)),
        Value::Str(text) => text.clone(),
        Value::Int(_) | Value::Float(_) => repr::pystr(given),
        other => {
            let kind = other.type_name();
            return Err(raised(
                "TypeError",
                &format!("a rate limit must not be {kind}"),
            ));
        }
    };
    let (amount, unit) = text.split_once('/').unwrap_or((&text, "s"));
    if !matches!(unit, "" | "s" | "m" | "h") {
        return Err(raised("KeyError", unit));
    }
    if amount.trim().parse::<f64>().is_err() {
        let message = format!(
            "could not convert string to float: {}",
            repr::pyrepr(&amount.into())
        );
        return Ok(Err(format!(
            "ValueError({})",
            repr::pyrepr(&message.as_str().into())
        )));
    }
    Ok(RateLimit::parse(&text)
        .map(Some)
        .map_err(|reason| format!("ValueError({})", repr::pyrepr(&reason.as_str().into()))))
}
