//! chain, group and chord as data: making them, freezing ids, linking, and what to publish in which order.
//!
//! `build.rs` makes them, `plan.rs` says what applying one means. Nothing is sent here. Mirrors `celery.canvas`.

mod build;
mod plan;

pub use self::build::{chain, chord, group, set_immutable, then};
pub use self::plan::{Plan, Step, default_option, plan, with_result};
