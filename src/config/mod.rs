//! Settings: Celery's lowercase names, from flags, environment, file and defaults.
//!
//! `settings.rs` is the one table of names, types and defaults; `load.rs` fills it; `routes.rs` turns queues, routes and
//! annotations into data for senders and workers; `legacy.rs` knows the names of Celery 3. Mirrors `celery.app.defaults`
//! and `celery.app.routes`.

mod error;
mod kind;
mod legacy;
mod load;
mod routes;
mod settings;

pub use self::error::ConfigError;
pub use self::legacy::{current_name, namespaced};
pub use self::load::{ConfigFile, Loaded, Override, Sources, from_env, load};
pub use self::routes::{Annotations, Queues, Route, RouteOptions, Routes};
pub use self::settings::{Entry, Origin, Settings, TABLE, mask_url};
