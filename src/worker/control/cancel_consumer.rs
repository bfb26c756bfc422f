//! `cancel_consumer`: stops consuming from a queue.

use super::base::{Arg, ArgKind, Args, ControlCommand, Kind, Run, ok};
use crate::worker::Directive;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    args: Args {
        positional: &[Arg::required(
            "queue",
            ArgKind::Text,
            "Queue to stop consuming from",
        )],
        usage: "<queue>",
        ..Args::NONE
    },
    ..ControlCommand::new(
        "cancel_consumer",
        Kind::Control,
        "Tell worker(s) to stop consuming from task queue by name",
        Run::Later(|control, arguments| {
            Box::pin(async move {
                arguments.require(&["queue"])?;
                let name = arguments.text("queue")?.unwrap_or_default();
                control
                    .direct(Directive::CancelConsumer(name.to_owned()))
                    .await?;
                Ok(ok(&format!("no longer consuming from {name}")))
            })
        }),
    )
};
