//! A program with tasks of its own: `rcelery`'s command line, which knows them.
//!
//! ```text
//! cargo run --example worker -- worker -l INFO
//! cargo run --example worker -- send tasks.add -a '[2, 3]' --wait
//! cargo run --example worker -- send tasks.long_task --progress
//! ```
//!
//! Without settings, messages and results are kept in one SQLite file. `CELERY_BROKER_URL` and `CELERY_RESULT_BACKEND`
//! name other places: `redis://localhost:6379/0`.

mod tasks;

use std::process::ExitCode;

use rcelery::App;

fn main() -> ExitCode {
    rcelery::cli::run(tasks::register(App::new().named("examples")))
}
