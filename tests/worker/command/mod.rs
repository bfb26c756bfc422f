//! Command tasks: programs of `rcelery.toml`, run by the real worker, with real shells and interpreters.

mod arguments;
mod definitions;
mod ending;
mod outcomes;
mod progress;
mod request;

use std::fs;

use crate::fixture::{Marks, Running, Start as _};
use crate::harness::{Rcelery, Store, eventually, interpreter, patience};

/// The program in a home with these command tasks.
#[track_caller]
fn defined(store: &Store, tasks: &str) -> Rcelery {
    let program = Rcelery::on(store);
    let file = program.home().join("rcelery.toml");
    // Without a PATH, as here, only the system's own Python is found, which may not be there.
    let python = format!("{:?}", interpreter().display().to_string());
    let tasks = tasks.replace("\"python3\"", &python);
    fs::write(file, tasks).expect("the home is ours");
    program
}

/// A worker with these command tasks.
#[track_caller]
fn worker(store: &Store, tasks: &str, args: &[&str]) -> Running {
    defined(store, tasks).start(args)
}

/// Whether a process runs; one that only waits to be waited for does not.
fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').map(|(_, fields)| fields.trim_start());
    state.is_some_and(|state| !state.starts_with(['Z', 'X']))
}

/// The process ids that a program has noted, once there are that many.
#[track_caller]
fn pids(marks: &Marks, count: usize) -> Vec<String> {
    eventually(&format!("{count} processes"), patience(), || {
        let pids = marks.lines();
        if pids.len() >= count {
            Ok(pids)
        } else {
            Err(format!("{pids:?}"))
        }
    })
}
