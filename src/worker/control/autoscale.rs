//! `autoscale`: another range for the number of slots.

use super::base::{Arg, ArgKind, Args, ControlCommand, Kind, Run, raised};
use crate::worker::Directive;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    args: Args {
        positional: &[
            Arg::optional("max", ArgKind::Int(1), "Most slots"),
            Arg::optional("min", ArgKind::Int(0), "Fewest slots"),
        ],
        usage: "[max [min]]",
        ..Args::NONE
    },
    ..ControlCommand::new(
        "autoscale",
        Kind::Control,
        "Modify autoscale settings",
        Run::Later(|control, arguments| {
            Box::pin(async move {
                let range = control.state.lock().autoscale;
                let Some((max, min)) = range else {
                    return Err(raised("ValueError", "Autoscale not enabled"));
                };
                let max = arguments.count("max")?.unwrap_or(max);
                let min = arguments.count("min")?.unwrap_or(min);
                control
                    .ask(|answer| Directive::Autoscale { max, min, answer })
                    .await
            })
        }),
    )
};
