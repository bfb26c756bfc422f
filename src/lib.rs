//! Celery in Rust.

pub mod backend;
pub mod broker;
pub mod canvas;
pub mod config;
pub mod producer;
pub mod protocol;
pub mod shutdown;
pub mod task;
pub mod worker;
