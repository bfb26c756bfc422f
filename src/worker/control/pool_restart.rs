//! `pool_restart`: restarts the pool, where there is anything to restart.

use super::base::{ControlCommand, Kind, Run, raised};

pub(super) const COMMAND: ControlCommand = ControlCommand::new(
    "pool_restart",
    Kind::Control,
    "Restart execution pool",
    Run::Now(|control, _| {
        if !control.settings.worker_pool_restarts {
            return Err(raised("ValueError", "Pool restarts not enabled"));
        }
        // Compiled tasks have no modules to load again; Celery's pools that cannot restart say so in the same way.
        let pool = control.pool;
        Err(raised(
            "NotImplementedError",
            &format!("<class '{pool}'> does not implement restart"),
        ))
    }),
);
