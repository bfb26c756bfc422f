//! `election`: starts an election among the workers; the winner does `action`.

use super::base::{Arg, ArgKind, Args, ControlCommand, Kind, Run};
use crate::protocol::{Map, Value};

/// The version of the consensus protocol (`celery/worker/consumer/gossip.py`).
const CONSENSUS_VERSION: i64 = 1;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    args: Args {
        // Celery's command line offers the command and passes no arguments on: it can only fail there.
        positional: &[
            Arg::required("id", ArgKind::Text, "Unique id of the election"),
            Arg::required("topic", ArgKind::Text, "What it is about"),
            Arg::optional(
                "action",
                ArgKind::Json,
                "What the winner does: a task's signature, for the topic `task`",
            ),
        ],
        usage: "<id> <topic> [action]",
        ..Args::NONE
    },
    ..ControlCommand::new(
        "election",
        Kind::Control,
        "Hold election",
        Run::Now(|control, arguments| {
            arguments.require(&["id", "topic"])?;
            if let Some(events) = &control.events {
                let mut fields = Map::new();
                for name in ["id", "topic", "action"] {
                    fields.insert(name.to_owned(), arguments.value(name).clone());
                }
                fields.insert("cver".to_owned(), CONSENSUS_VERSION.into());
                events.worker("worker-elect", fields);
            }
            Ok(Value::Null)
        }),
    )
};
