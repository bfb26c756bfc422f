//! The app: settings and tasks, and the connections made of them.
//!
//! Mirrors `celery.app.base.Celery`.

mod base;
mod call;
mod canvas;
mod commands;
mod demo;

pub use self::base::App;
pub use self::call::Call;
