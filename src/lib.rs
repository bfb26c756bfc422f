//! Celery in Rust.

pub mod app;
pub mod backend;
pub mod broker;
pub mod canvas;
pub mod cli;
pub mod config;
pub mod events;
pub mod pidbox;
pub mod producer;
pub mod protocol;
pub mod result;
pub mod shutdown;
pub mod sqlite;
pub mod task;
pub mod worker;

/// A fresh task id, for those who want to know it before they send.
#[must_use]
pub fn uuid() -> String {
    ::uuid::Uuid::new_v4().to_string()
}
