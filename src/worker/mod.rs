//! The worker: takes task messages, runs them, and settles them.
//!
//! Mirrors `celery.worker`.

mod assemble;
mod body;
mod builtin;
mod burst;
mod complete;
mod connect;
mod consumer;
pub mod control;
mod core;
pub mod directive;
mod error;
mod execute;
mod failed;
mod follow;
mod gossip;
mod mingle;
mod obey;
mod options;
mod pace;
mod python;
mod rate_limit;
mod reading;
mod receive;
mod record;
mod request;
mod run;
mod running;
mod session;
mod slots;
mod start;
pub mod state;
mod statedb;
mod stop;
mod store;
mod strategy;
mod tally;
mod timer;
mod undone;

use self::core::Core;
pub use self::directive::Directive;
pub use self::error::WorkerError;
pub use self::options::{Info, WorkerOptions};
pub use self::python::PoolOptions;
pub use self::request::Request;
pub use self::run::{Exit, Worker};
pub use self::state::State;
