//! What the suites share: real servers, real Python, the real program, and a way to wait for them.
//!
//! Each suite takes it in with `#[path = "../harness/mod.rs"] mod harness;`. Everything started here belongs to the value
//! that started it and is killed when that value is dropped; a missing server or interpreter fails the test and says
//! what to run.
#![allow(
    dead_code,
    unused_imports,
    reason = "each suite compiles the harness for itself and uses a part of it"
)]

mod process;
mod program;
mod python;
mod redis;
mod store;
mod tmux;
mod wait;

pub(crate) use self::redis::RedisServer;
pub(crate) use process::{Output, Process, at_best, in_time, run};
pub(crate) use program::{Rcelery, Worker};
pub(crate) use python::{Python, PythonWorker, interpreter};
pub(crate) use store::Store;
pub(crate) use tmux::{Terminal, plain};
pub(crate) use wait::{eventually, holds, patience, secs};
