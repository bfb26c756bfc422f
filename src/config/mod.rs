//! Settings: Celery's lowercase names, from flags, environment, file and defaults.
//!
//! `settings.rs` is the one table of names, types and defaults; `load.rs` fills it, with `environment.rs` for the
//! variables; `routes.rs` turns queues, routes and annotations into data for senders and workers; `legacy.rs` knows the
//! names of Celery 3; `mask.rs` hides passwords. Mirrors `celery.app.defaults` and `celery.app.routes`.

mod effect;
mod environment;
mod error;
mod kind;
mod legacy;
mod load;
mod mask;
mod routes;
mod settings;
mod tasks;
#[cfg(test)]
mod tests;

pub use self::environment::knows_variable;
pub use self::error::{ConfigError, Excerpt};
pub use self::legacy::{current_name, namespaced};
pub use self::load::{Candidate, ConfigFile, Loaded, Override, Sources, from_env, load, search};
pub use self::mask::mask_url;
pub use self::routes::{Annotations, Queues, Route, RouteOptions, Routes};
pub use self::settings::{Entry, Origin, Settings, TABLE, setting};
pub use self::tasks::TaskTable;
