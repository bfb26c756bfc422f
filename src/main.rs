//! The program `rcelery`: the command line over the built-in tasks.

#![warn(clippy::unwrap_used)]

use std::process::ExitCode;

use rcelery::app::App;

fn main() -> ExitCode {
    rcelery::cli::run(App::new().with_demo_tasks())
}
