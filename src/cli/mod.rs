//! The program's face; the only room that reads argv, prints, or sees a signal.

mod daemon;
mod error;
mod logging;
mod output;
mod parse;
mod signals;
