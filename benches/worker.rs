//! rcelery as contender: the command line with the tasks of the benchmarks.

mod stamps;
mod tasks;

use std::process::ExitCode;

/// As in the program `rcelery`.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    rcelery::cli::run(tasks::app())
}
