//! The program's face; the only room that reads argv, prints, or sees a signal.
//!
//! `run.rs` is the way through: parse, context, command, exit code. One file per subcommand in `commands/`.

mod absent;
mod cluster;
mod commands;
mod complete;
mod context;
mod daemon;
mod error;
mod examples;
mod farewell;
mod logging;
mod output;
mod parse;
mod place;
mod python;
mod run;
mod signals;
mod suggest;
mod variables;

pub use self::run::run;
