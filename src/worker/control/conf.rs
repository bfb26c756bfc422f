//! `conf`: the settings.

use super::base::{Arg, ArgKind, Args, ControlCommand, Kind, Run};
use crate::protocol::Value;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    alias: Some("dump_conf"),
    args: Args {
        positional: &[Arg::optional(
            "with_defaults",
            ArgKind::Bool,
            "Also settings that nobody set: true or false",
        )],
        usage: "[include_defaults=False]",
        ..Args::NONE
    },
    ..ControlCommand::new(
        "conf",
        Kind::Inspect,
        "List configuration",
        Run::Later(|control, arguments| {
            Box::pin(async move {
                let with_defaults = arguments.flag("with_defaults");
                // An app has settings that only Python knows, and its users look for them.
                if let Some(pool) = &control.python
                    && let Some(conf) = pool.parent().conf(with_defaults).await
                {
                    return Ok(conf);
                }
                Ok(Value::Map(control.settings.to_map(with_defaults)))
            })
        }),
    )
};
