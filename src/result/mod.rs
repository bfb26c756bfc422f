//! Results of tasks that were sent: ask for their state, wait for them, forget them.
//!
//! `base.rs` is one result, `group.rs` many side by side, `gather.rs` what both are made of. Mirrors `celery.result`.

mod base;
mod error;
mod gather;
mod group;

pub use self::base::AsyncResult;
pub use self::error::ResultError;
pub use self::group::GroupResult;
