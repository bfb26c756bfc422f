//! The program in a real terminal (tmux): what a person sees, at 80×24 and at 140×40.

#[path = "../harness/mod.rs"]
mod harness;

mod progress;
mod prompt;
mod purge;
mod status;
