//! `scheduled`: what waits for its ETA.

use super::base::{ControlCommand, Kind, Run};
use jiff::tz::TimeZone;

use crate::protocol::{Value, time};
use crate::worker::state::Phase;

/// The timer priority that Celery gives tasks with an ETA (`worker/strategy.py`).
const TIMER_PRIORITY: i64 = 6;

pub(super) const COMMAND: ControlCommand = ControlCommand {
    alias: Some("dump_schedule"),
    ..ControlCommand::new(
        "scheduled",
        Kind::Inspect,
        "List of currently scheduled ETA/countdown tasks",
        Run::Now(|control, _| {
            let mut requests = control.state.lock().requests(Phase::Scheduled);
            requests.sort_by_key(|request| request.eta);
            let entries = requests.iter().map(|request| {
                let eta = request.eta.map(|at| time::isoformat(at, &TimeZone::UTC));
                Value::from([
                    ("eta", Value::opt(eta)),
                    ("priority", TIMER_PRIORITY.into()),
                    ("request", request.info(&control.hostname, false)),
                ])
            });
            Ok(Value::List(entries.collect()))
        }),
    )
};
