//! The worker: takes task messages, runs them, and settles them.
//!
//! Mirrors `celery.worker`.

pub mod directive;
mod request;
pub mod state;

pub use self::directive::Directive;
pub use self::request::Request;
pub use self::state::State;
