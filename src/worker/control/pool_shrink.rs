//! `pool_shrink`: fewer slots.

use super::base::{Arg, ArgKind, Args, ControlCommand, Kind, Run, nok};
use crate::worker::Directive;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    args: Args {
        positional: &[Arg::optional(
            "n",
            ArgKind::Int(1),
            "By how many slots [default: 1]",
        )],
        usage: "[N=1]",
        ..Args::NONE
    },
    ..ControlCommand::new(
        "pool_shrink",
        Kind::Control,
        "Shrink pool by n processes/threads",
        Run::Later(|control, arguments| {
            Box::pin(async move {
                let n = arguments.count("n")?.unwrap_or(1);
                if control.state.lock().autoscale.is_some() {
                    return Ok(nok(
                        "pool_shrink is not supported with autoscale. Adjust autoscale range instead.",
                    ));
                }
                control
                    .ask(|answer| Directive::PoolShrink { n, answer })
                    .await
            })
        }),
    )
};
