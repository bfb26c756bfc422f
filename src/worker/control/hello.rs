//! `hello`: another worker starts: tell it our clock and what is revoked, and take over what it knows.

use super::base::{ControlCommand, Kind, Run};
use std::time::Instant;

use tracing::info;

use crate::protocol::Value;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    visible: false,
    ..ControlCommand::new(
        "hello",
        Kind::Inspect,
        "Request mingle sync-data",
        Run::Now(|control, arguments| {
            arguments.require(&["from_node"])?;
            let from_node = arguments.text("from_node")?.unwrap_or_default();
            if from_node == control.hostname {
                return Ok(Value::Null);
            }
            info!("sync with {from_node}");
            // Celery 5 sends a list of ids, older versions an object of ids and times.
            let ids: Vec<&str> = match arguments.value("revoked") {
                Value::Map(map) => map.keys().map(String::as_str).collect(),
                other => super::base::as_list(other)
                    .iter()
                    .filter_map(Value::as_str)
                    .collect(),
            };
            let mut tables = control.state.lock();
            tables.revoke(ids, Instant::now());
            let revoked = tables.revoked().into_iter().map(Value::from).collect();
            drop(tables);
            Ok(Value::from([
                ("revoked", Value::List(revoked)),
                ("clock", control.clock.forward().into()),
            ]))
        }),
    )
};
