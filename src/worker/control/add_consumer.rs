//! `add_consumer`: consumes from one more queue.

use super::base::{Arg, ArgKind, Args, ControlCommand, Kind, Run, ok, raised};
use crate::protocol::{Map, Value};
use crate::worker::Directive;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    args: Args {
        positional: &[
            Arg::required("queue", ArgKind::Text, "Queue to consume from"),
            Arg::optional(
                "exchange",
                ArgKind::Text,
                "Exchange to bind it to [default: the queue's name]",
            ),
            Arg::optional(
                "exchange_type",
                ArgKind::Word(&["direct", "topic", "fanout"]),
                "Type of the exchange [default: direct]",
            ),
            Arg::optional(
                "routing_key",
                ArgKind::Text,
                "Routing key of the binding [default: the queue's name]",
            ),
        ],
        usage: "<queue> [exchange [type [routing_key]]]",
        ..Args::NONE
    },
    ..ControlCommand::new(
        "add_consumer",
        Kind::Control,
        "Tell worker(s) to consume from task queue by name",
        Run::Later(|control, arguments| {
            Box::pin(async move {
                arguments.require(&["queue"])?;
                let name = arguments.text("queue")?.unwrap_or_default();
                let mut options: Map = arguments.all().clone();
                options.shift_remove("queue");
                if options.get("exchange").is_none_or(Value::is_null) {
                    options.insert("exchange".to_owned(), name.into());
                }
                let queue = control
                    .settings
                    .queue_with(name, &options)
                    .map_err(|error| raised("ValueError", &error.to_string()))?;
                control
                    .direct(Directive::AddConsumer(Box::new(queue)))
                    .await?;
                Ok(ok(&format!("add consumer {name}")))
            })
        }),
    )
};
