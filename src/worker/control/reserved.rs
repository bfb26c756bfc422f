//! `reserved`: what was received and neither runs nor waits for its ETA.

use super::base::{ControlCommand, Kind, Run};
use crate::protocol::Value;
use crate::worker::state::Phase;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    alias: Some("dump_reserved"),
    ..ControlCommand::new(
        "reserved",
        Kind::Inspect,
        "List of currently reserved tasks, not including scheduled/active",
        Run::Now(|control, _| {
            let requests = control.state.lock().requests(Phase::Reserved);
            let info = requests.iter().map(|r| r.info(&control.hostname, false));
            Ok(Value::List(info.collect()))
        }),
    )
};
