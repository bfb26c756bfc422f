//! `enable_events`: turns task events on.

use super::base::{ControlCommand, Kind, Run, nok, ok};
use tracing::info;

pub(super) const COMMAND: ControlCommand = ControlCommand::new(
    "enable_events",
    Kind::Control,
    "Tell worker(s) to send task-related events",
    Run::Now(|control, _| {
        let Some(events) = &control.events else {
            return Ok(nok("event dispatcher unavailable"));
        };
        if !events.enable(true) {
            return Ok(ok("task events already enabled"));
        }
        info!("Events of group {{task}} enabled by remote.");
        Ok(ok("task events enabled"))
    }),
);
