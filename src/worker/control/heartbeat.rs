//! `heartbeat`: sends a heartbeat now, for an event receiver that has just started.

use super::base::{ControlCommand, Kind, Run};
use tracing::debug;

use crate::protocol::{Map, Value};

/// Seconds to the next heartbeat that Celery claims in the one it sends on request.
const FREQ: i64 = 5;

pub(super) const COMMAND: ControlCommand = ControlCommand::new(
    "heartbeat",
    Kind::Control,
    "Tell worker(s) to send event heartbeat immediately",
    Run::Now(|control, _| {
        debug!("Heartbeat requested by remote.");
        if let Some(events) = &control.events {
            let mut fields = Map::new();
            fields.insert("freq".to_owned(), FREQ.into());
            fields.extend(software_info());
            events.worker("worker-heartbeat", fields);
        }
        Ok(Value::Null)
    }),
);

/// What worker events say about the program: `sw_ident`, `sw_ver`, `sw_sys`.
#[must_use]
pub fn software_info() -> Map {
    let (os, _) = system();
    [
        ("sw_ident", Value::from("rcelery")),
        ("sw_ver", env!("CARGO_PKG_VERSION").into()),
        ("sw_sys", os.into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// The operating system as Python's `platform.system()` names it, and the architecture.
pub(super) fn system() -> (String, &'static str) {
    let os = match std::env::consts::OS {
        "linux" => "Linux".to_owned(),
        "macos" => "Darwin".to_owned(),
        "freebsd" => "FreeBSD".to_owned(),
        other => other.to_owned(),
    };
    (os, std::env::consts::ARCH)
}
