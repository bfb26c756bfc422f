//! `time_limit`: other time limits for a task.

use super::base::{
    Arg, ArgKind, Args, Arguments, Control, ControlCommand, Kind, Outcome, Run, nok, ok,
};
use std::time::Duration;

use tracing::{error, info};

use crate::protocol::repr;
use crate::task::TimeLimits;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    args: Args {
        positional: &[
            Arg::required("task_name", ArgKind::Text, "Name of the task"),
            Arg::required(
                "soft",
                ArgKind::Seconds,
                "Soft time limit: 30, 5m; 0 is no limit",
            ),
            Arg::optional(
                "hard",
                ArgKind::Seconds,
                "Hard time limit [default: no limit]",
            ),
        ],
        usage: "<task_name> <soft_secs> [hard_secs]",
        ..Args::NONE
    },
    ..ControlCommand::new(
        "time_limit",
        Kind::Control,
        "Tell worker(s) to modify the time limit for task by type",
        Run::Now(time_limit),
    )
};

fn time_limit(control: &Control, arguments: &Arguments) -> Outcome {
    let task = arguments.text("task_name")?.unwrap_or_default();
    if control.tasks.get(task).is_none() {
        error!("Change time limit attempt for unknown task {task}");
        return Ok(nok("unknown task"));
    }
    // 0 means no limit, as in the settings.
    let limit = |name| {
        let seconds = arguments.number(name)?.filter(|seconds| *seconds > 0.0);
        Ok::<_, crate::pidbox::Answer>(seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()))
    };
    let limits = TimeLimits {
        soft: limit("soft")?,
        hard: limit("hard")?,
    };
    control
        .state
        .lock()
        .time_limits
        .insert(task.to_owned(), limits);
    let (soft, hard) = (arguments.value("soft"), arguments.value("hard"));
    let (soft, hard) = (repr::pystr(soft), repr::pystr(hard));
    info!("New time limits for tasks of type {task}: soft={soft} hard={hard}");
    Ok(ok("time limits set successfully"))
}
