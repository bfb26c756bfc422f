//! `active`: what runs.

use super::base::{ControlCommand, Kind, Run};
use crate::protocol::Value;
use crate::worker::state::Phase;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    alias: Some("dump_active"),
    ..ControlCommand::new(
        "active",
        Kind::Inspect,
        "List of tasks currently being executed",
        Run::Now(|control, arguments| {
            let safe = arguments.flag("safe");
            let requests = control.state.lock().requests(Phase::Active);
            let info = requests.iter().map(|r| r.info(&control.hostname, safe));
            Ok(Value::List(info.collect()))
        }),
    )
};
