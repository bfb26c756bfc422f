//! Real Celery at the other end, over real Redis and real SQLite files, in both directions.
//!
//! `app/proj.py` is the Python side; `worker.rs` is a Rust worker with the same tasks, so that each test decides who runs
//! them. What needs remote control or events runs on Redis alone: kombu's SQLAlchemy transport has neither.

#[path = "../harness/mod.rs"]
mod harness;

mod canvas;
mod client;
mod command;
mod control;
mod events;
mod fleet;
mod inspect;
mod library;
mod malformed;
mod results;
mod scheduling;

use harness::{Rcelery, Store, Worker};

/// Makes of each function of a [`Store`] two tests: one on Redis and one on an SQLite file.
macro_rules! on_both {
    ($($name:ident)*) => {$(
        mod $name {
            #[test]
            fn redis() {
                super::$name(&crate::harness::Store::redis());
            }

            #[test]
            fn sqlite() {
                super::$name(&crate::harness::Store::sqlite());
            }
        }
    )*};
}
use on_both;

/// The name of the Rust worker in these tests.
const NODE: &str = "rs@test";

/// Starts a Rust worker that has the tasks of `proj`.
#[track_caller]
fn rust_worker(store: &Store, args: &[&str]) -> (Rcelery, Worker) {
    let program = Rcelery::example("interop_worker").with(store);
    let mut all = vec!["-n", NODE];
    if !args.contains(&"-c") {
        all.extend(["-c", "4"]);
    }
    all.extend_from_slice(args);
    let worker = program.worker(&all);
    (program, worker)
}
