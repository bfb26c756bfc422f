//! Remote control of a worker: one file per command.
//!
//! `base.rs` is the contract, `registry.rs` the table. Commands that look read [`State`](super::State); commands that
//! change something send a [`Directive`](super::Directive). Mirrors `celery.worker.control`.

mod active;
mod active_queues;
mod add_consumer;
mod autoscale;
mod base;
mod cancel_consumer;
mod clock;
mod conf;
mod disable_events;
mod election;
mod enable_events;
mod heartbeat;
mod hello;
mod memdump;
mod memsample;
mod objgraph;
mod ping;
mod pool_grow;
mod pool_restart;
mod pool_shrink;
mod query_task;
mod rate_limit;
mod registered;
mod registry;
mod report;
mod reserved;
mod revoke;
mod revoke_by_stamped_headers;
mod revoked;
mod scheduled;
mod shutdown;
mod stats;
mod terminate;
#[cfg(test)]
mod tests;
mod time_limit;

pub use self::base::{Arg, ArgKind, Args, Control, ControlCommand, Kind};
pub use self::heartbeat::software_info;
pub use self::registry::{COMMANDS, find};
