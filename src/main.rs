//! The program `rcelery`: the command line over the built-in tasks.

#![warn(clippy::unwrap_used)]

use std::process::ExitCode;

use rcelery::app::App;

/// Messages are read on one thread and let go on another: this allocator takes a third less time for that.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    rcelery::cli::run(App::new().with_demo_tasks())
}
