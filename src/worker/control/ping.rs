//! `ping`: says that the worker is there.

use super::base::{ControlCommand, Kind, Run, ok};
use std::time::Duration;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    timeout: Some(Duration::from_millis(200)),
    ..ControlCommand::new(
        "ping",
        Kind::Inspect,
        "Ping worker(s)",
        Run::Now(|_, _| Ok(ok("pong"))),
    )
};
