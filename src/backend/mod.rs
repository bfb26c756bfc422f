//! Result back ends: where states and results are kept.
//!
//! `base.rs` is the contract, `registry.rs` maps URL schemes to back ends. Mirrors `celery.backends`.

mod base;
mod database;
mod disabled;
mod error;
mod redis;
mod registry;

pub use self::base::{Backend, Changes, ChordProgress, PartOutcome, Stored};
pub use self::error::BackendError;
pub use self::registry::{Options, SCHEMES, connect};
