//! `terminate`: cuts tasks off: `revoke` with `terminate`, under its old name.

use super::base::{ArgKind, Args, ControlCommand, Kind, Run};
use super::revoke::revoke;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    args: Args {
        positional: &[("signal", ArgKind::Text)],
        variadic: Some("task_id"),
        usage: "<signal> [id1 [id2 [... [idN]]]]",
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
