//! `disable_events`: turns task events off.

use super::base::{ControlCommand, Kind, Run, nok, ok};
use tracing::info;

pub(super) const COMMAND: ControlCommand = ControlCommand::new(
    "disable_events",
    Kind::Control,
    "Tell worker(s) to stop sending task-related events",
    Run::Now(|control, _| {
        let Some(events) = &control.events else {
            return Ok(nok("event dispatcher unavailable"));
        };
        if !events.enable(false) {
            return Ok(ok("task events already disabled"));
        }
        info!("Events of group {{task}} disabled by remote.");
        Ok(ok("task events disabled"))
    }),
);
