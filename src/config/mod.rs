//! Settings: Celery's lowercase names, from flags, environment, file and defaults.
//!
//! `settings.rs` is the one table of names, types and defaults; `load.rs` fills it, with `environment.rs` for the
//! variables; `queues.rs`, `routes.rs` and `annotations.rs` are data for senders and workers; `legacy.rs` knows the
//! names of Celery 3; `mask.rs` hides passwords. Mirrors `celery.app.defaults` and `celery.app.routes`.

mod annotations;
mod effect;
mod environment;
mod error;
mod kind;
mod legacy;
mod load;
mod mask;
mod queues;
mod routes;
#[cfg(test)]
mod samples;
mod settings;
mod tasks;
#[cfg(test)]
mod tests;

pub use self::annotations::Annotations;
pub use self::environment::knows_variable;
pub use self::error::{ConfigError, Excerpt};
pub use self::legacy::{current_name, namespaced};
pub use self::load::{Candidate, ConfigFile, Loaded, Override, Sources, from_env, load, search};
pub use self::mask::mask_url;
pub use self::queues::Queues;
pub use self::routes::{Route, RouteOptions, Routes};
pub use self::settings::{Entry, Origin, Settings, TABLE, setting};
pub use self::tasks::TaskTable;
