//! The worker as a program: what it does with tasks, signals, remote control, bad messages and lost servers.

#[path = "../harness/mod.rs"]
mod harness;

mod burst;
mod cluster;
mod command;
mod eta;
mod events;
mod fixture;
mod lifecycle;
mod limits;
mod log;
mod malformed;
mod outage;
mod outcomes;
mod process;
mod queues;
mod revoke;
