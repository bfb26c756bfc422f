//! `pool_restart`: new processes for a Python app, from what its parent has imported. Modules are not imported again: that
//! takes a restart of the worker (HUP).

use super::base::{ControlCommand, Kind, Run, ok, raised};

pub(super) const COMMAND: ControlCommand = ControlCommand::new(
    "pool_restart",
    Kind::Control,
    "Restart execution pool",
    Run::Now(|control, _| {
        if !control.settings.worker_pool_restarts {
            return Err(raised("ValueError", "Pool restarts not enabled"));
        }
        if let Some(pool) = control.python.as_ref().filter(|pool| pool.has_processes()) {
            pool.restart();
            return Ok(ok("reload started"));
        }
        // Compiled tasks have no modules to load again; Celery's pools that cannot restart say so in the same way.
        let pool = control.pool;
        Err(raised(
            "NotImplementedError",
            &format!("<class '{pool}'> does not implement restart"),
        ))
    }),
);
