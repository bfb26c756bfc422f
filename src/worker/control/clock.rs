//! `clock`: the logical clock of events.

use super::base::{ControlCommand, Kind, Run};
use crate::protocol::Value;

pub(super) const COMMAND: ControlCommand = ControlCommand::new(
    "clock",
    Kind::Inspect,
    "Get current logical clock value",
    Run::Now(|control, _| Ok(Value::from([("clock", control.clock.value().into())]))),
);
