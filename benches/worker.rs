//! rcelery as contender: the command line with the tasks of the benchmarks.

mod stamps;
mod tasks;

use std::process::ExitCode;

fn main() -> ExitCode {
    rcelery::cli::run(tasks::app())
}
