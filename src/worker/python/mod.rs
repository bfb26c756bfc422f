//! Python tasks: requests go to the children of a pool, and what the children say becomes settlements and events.
//!
//! `pool.rs` keeps the children; `line.rs` is one child at work, with the requests that it has; `ended.rs` does what is
//! left when a run is over, `after.rs` what is left for a run that did not end by itself. Results are handed over by the
//! child and stored by this process, many at once, in Celery's order: what follows a task was published by the child
//! before it handed the result over, and the message is acknowledged when the result is stored.
//!
//! Mirrors `celery.concurrency.prefork` and the callbacks of `celery.worker.request.Request`.

mod after;
mod ended;
mod line;
mod lost;
mod pool;
mod sending;

pub(super) use self::after::{revoked, unknown};
pub(super) use self::line::serve;
pub(super) use self::pool::Pool;
pub use self::pool::PoolOptions;
