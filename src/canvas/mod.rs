//! chain, group and chord as data: making them, freezing ids, linking, and what to publish in which order.
//!
//! `build.rs` makes them, `plan.rs` says what applying one means, with `chain.rs`, `parts.rs`, `options.rs` and `freeze.rs`
//! for what it is made of. Nothing is sent here. Mirrors `celery.canvas`.

mod build;
mod chain;
mod freeze;
mod options;
mod parts;
mod plan;
#[cfg(test)]
mod tests;

pub use self::build::{chain, chord, group, set_immutable, then};
pub use self::options::default_option;
pub use self::parts::with_result;
pub use self::plan::{Plan, Step, plan};
