//! Celery in Rust.

pub mod backend;
pub mod broker;
pub mod protocol;
