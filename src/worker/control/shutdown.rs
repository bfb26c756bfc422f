//! `shutdown`: stops the worker warmly. It never answers.

use super::base::{ControlCommand, Kind, Run};
use tracing::warn;

use crate::pidbox::Answer;

pub(super) const COMMAND: ControlCommand = ControlCommand::new(
    "shutdown",
    Kind::Control,
    "Shutdown worker(s)",
    Run::Now(|control, arguments| {
        let message = arguments.text("msg")?.unwrap_or("Got shutdown from remote");
        warn!("{message}");
        control.shutdown.warm();
        Err(Answer::Silent)
    }),
);
