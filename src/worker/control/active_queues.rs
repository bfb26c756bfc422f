//! `active_queues`: the queues consumed from.

use super::base::{ControlCommand, Kind, Run};
use crate::protocol::{Queue, Value};

pub(super) const COMMAND: ControlCommand = ControlCommand::new(
    "active_queues",
    Kind::Inspect,
    "List the task queues a worker is currently consuming from",
    Run::Now(|control, _| {
        let tables = control.state.lock();
        Ok(Value::List(
            tables.queues.values().map(Queue::to_value).collect(),
        ))
    }),
);
