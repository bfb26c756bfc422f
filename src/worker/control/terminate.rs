//! `terminate`: cuts tasks off: `revoke` with `terminate`, under its old name.

use super::base::{Arg, ArgKind, Args, ControlCommand, Kind, Run};
use super::revoke::revoke;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    args: Args {
        positional: &[Arg::required(
            "signal",
            ArgKind::Signal,
            "Signal to end them with, such as SIGTERM or SIGKILL",
        )],
        variadic: Some(Arg::required("task_id", ArgKind::TaskId, "Task ids")),
        usage: "<signal> [id1 [id2 [... [idN]]]]",
        ..Args::NONE
    },
    ..ControlCommand::new(
        "terminate",
        Kind::Control,
        "Terminate task by task id (or list of ids)",
        Run::Later(|control, arguments| {
            Box::pin(async move {
                arguments.require(&["signal", "task_id"])?;
                revoke(control, arguments, true).await
            })
        }),
    )
};
