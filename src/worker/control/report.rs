//! `report`: versions and settings, for bug reports.

use super::base::{ControlCommand, Kind, Run, ok};
use crate::config::mask_url;
use crate::protocol::{Value, repr};

pub(super) const COMMAND: ControlCommand = ControlCommand::new(
    "report",
    Kind::Inspect,
    "Information about Celery installation for bug reports",
    Run::Later(|control, _| {
        Box::pin(async move {
            let settings = &control.settings;
            let broker = settings.broker_url.as_deref().unwrap_or_default();
            let transport = broker.split("://").next().unwrap_or_default();
            let results = settings.result_backend.as_deref().unwrap_or("disabled");
            let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
            let (os, _) = super::heartbeat::system();
            let mut text = format!(
                "\nsoftware -> rcelery:{} celery:5.7 (protocol 2)\n\
             platform -> system:{os} arch:{} kernel version:{} imp:Rust\n\
             loader   -> rcelery\n\
             settings -> transport:{transport} results:{}\n\n",
                env!("CARGO_PKG_VERSION"),
                std::env::consts::ARCH,
                kernel.trim(),
                mask_url(results),
            );
            for (name, value) in settings.to_map(false) {
                text.push_str(&format!("{name}: {}\n", repr::pyrepr(&value)));
            }
            if let Some(pool) = &control.python
                && let Some(Value::Str(app)) = pool.parent().report().await
            {
                text.push_str(&app);
            }
            Ok(ok(&text))
        })
    }),
);
