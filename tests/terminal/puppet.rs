//! The worker of the suite `tests/terminal`: its task says about itself what the test writes into a file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rcelery::app::App;
use rcelery::protocol::{State, Value};
use rcelery::task::{Context, Task, TaskError, TaskResult};
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    rcelery::cli::run(App::new().named("puppet").task::<Work>().with_demo_tasks())
}

/// Stores what stands in `path` as its progress whenever that changes; `path.end` is its result, `path.fail` its error.
#[derive(Serialize, Deserialize)]
struct Work {
    path: PathBuf,
}

impl Task for Work {
    const NAME: &'static str = "puppet.work";
    type Output = Value;

    async fn run(self, cx: &Context) -> TaskResult<Value> {
        let mut said = None;
        loop {
            let progress = read(&self.path);
            if let Some(progress) = progress.filter(|p| said.as_ref() != Some(p)) {
                cx.update_state(State::PROGRESS, &progress).await?;
                said = Some(progress);
            }
            if let Some(result) = read(&self.path.with_extension("end")) {
                return Ok(result);
            }
            if let Some(Value::Str(error)) = read(&self.path.with_extension("fail")) {
                return Err(TaskError::exception("builtins", "ValueError", &error));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The JSON in a file; none as long as it is not there.
fn read(path: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(path).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).expect("the test writes JSON");
    Some(Value::from_serialize(&json).expect("all JSON is a value"))
}
