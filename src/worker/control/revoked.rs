//! `revoked`: the ids that were revoked.

use super::base::{ControlCommand, Kind, Run};
use crate::protocol::Value;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    alias: Some("dump_revoked"),
    ..ControlCommand::new(
        "revoked",
        Kind::Inspect,
        "List of revoked task-ids",
        Run::Now(|control, _| {
            let ids = control.state.lock().revoked();
            Ok(Value::List(ids.into_iter().map(Value::from).collect()))
        }),
    )
};
