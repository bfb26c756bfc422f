//! A worker with tasks of its own; the program is the whole command line, with these tasks in it.

use std::process::ExitCode;

use rcelery::app::App;
use rcelery::task::{Context, Task, TaskResult};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Add {
    x: i64,
    y: i64,
}

impl Task for Add {
    const NAME: &'static str = "tasks.add";
    type Output = i64;

    async fn run(self, _cx: &Context) -> TaskResult<i64> {
        Ok(self.x + self.y)
    }
}

fn main() -> ExitCode {
    rcelery::cli::run(App::new().task::<Add>())
}
