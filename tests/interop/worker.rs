//! A worker with the tasks of `app/proj.py`, in Rust: whoever sends them cannot tell which of the two runs them.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use rcelery::app::App;
use rcelery::protocol::{Map, State, Value};
use rcelery::task::{BlockingTask, Context, Task, TaskError, TaskOptions, TaskResult};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Serialize, Deserialize)]
struct Add {
    x: Value,
    y: Value,
}

impl Task for Add {
    const NAME: &'static str = "proj.add";
    type Output = i64;

    async fn run(self, _cx: &Context) -> TaskResult<i64> {
        match (self.x.as_i64(), self.y.as_i64()) {
            (Some(x), Some(y)) => Ok(x + y),
            _ => Err(TaskError::exception(
                "builtins",
                "TypeError",
                "unsupported operand type(s) for +",
            )),
        }
    }
}

/// The task of the malformed messages.
#[derive(Serialize, Deserialize)]
struct CapturedAdd {
    x: i64,
    y: i64,
}

impl Task for CapturedAdd {
    const NAME: &'static str = "cap.add";
    type Output = i64;

    async fn run(self, _cx: &Context) -> TaskResult<i64> {
        Ok(self.x + self.y)
    }
}

#[derive(Serialize, Deserialize)]
struct Xsum {
    numbers: Vec<i64>,
}

impl Task for Xsum {
    const NAME: &'static str = "proj.xsum";
    type Output = i64;

    async fn run(self, _cx: &Context) -> TaskResult<i64> {
        Ok(self.numbers.iter().sum())
    }
}

#[derive(Serialize, Deserialize)]
struct Identity {
    value: Value,
}

impl Task for Identity {
    const NAME: &'static str = "proj.identity";
    type Output = Value;

    async fn run(self, _cx: &Context) -> TaskResult<Value> {
        Ok(self.value)
    }
}

#[derive(Serialize, Deserialize)]
struct Fail {
    #[serde(default = "boom")]
    message: String,
}

fn boom() -> String {
    "boom".to_owned()
}

impl Task for Fail {
    const NAME: &'static str = "proj.fail";
    type Output = ();

    async fn run(self, _cx: &Context) -> TaskResult<()> {
        Err(TaskError::exception(
            "builtins",
            "ValueError",
            &self.message,
        ))
    }
}

#[derive(Serialize, Deserialize)]
struct Panic {}

impl Task for Panic {
    const NAME: &'static str = "proj.panic";
    type Output = ();

    async fn run(self, _cx: &Context) -> TaskResult<()> {
        panic!("a bug of the task")
    }
}

#[derive(Serialize, Deserialize)]
struct Progress {
    total: u32,
    #[serde(default = "step")]
    step: f64,
}

fn step() -> f64 {
    0.05
}

impl Task for Progress {
    const NAME: &'static str = "proj.progress";
    type Output = serde_json::Value;

    async fn run(self, cx: &Context) -> TaskResult<serde_json::Value> {
        let total = self.total;
        for i in 0..total {
            let meta = json!({"current": i, "total": total, "status": format!("step {i}")});
            cx.update_state(State::PROGRESS, &meta).await?;
            tokio::time::sleep(Duration::from_secs_f64(self.step)).await;
        }
        Ok(json!({"current": total, "total": total, "status": "done"}))
    }
}

#[derive(Serialize, Deserialize)]
struct Flaky {
    succeed_at: u32,
}

impl Task for Flaky {
    const NAME: &'static str = "proj.flaky";
    type Output = u32;

    async fn run(self, cx: &Context) -> TaskResult<u32> {
        if cx.retries() < self.succeed_at {
            let cause = io::Error::new(io::ErrorKind::ConnectionReset, "not yet");
            return Err(cx.retry().countdown(Duration::ZERO).because(&cause).into());
        }
        Ok(cx.retries())
    }
}

#[derive(Serialize, Deserialize)]
struct Sleepy {
    seconds: f64,
}

impl Task for Sleepy {
    const NAME: &'static str = "proj.sleepy";
    type Output = f64;

    async fn run(self, _cx: &Context) -> TaskResult<f64> {
        tokio::time::sleep(Duration::from_secs_f64(self.seconds)).await;
        Ok(self.seconds)
    }
}

#[derive(Serialize, Deserialize)]
struct Blocks {
    seconds: f64,
}

impl BlockingTask for Blocks {
    const NAME: &'static str = "proj.blocks";
    type Output = f64;

    fn run(self, _cx: &Context) -> TaskResult<f64> {
        std::thread::sleep(Duration::from_secs_f64(self.seconds));
        Ok(self.seconds)
    }
}

#[derive(Serialize, Deserialize)]
struct Quiet {}

impl Task for Quiet {
    const NAME: &'static str = "proj.quiet";
    type Output = String;

    fn options() -> TaskOptions {
        TaskOptions {
            ignore_result: Some(true),
            ..TaskOptions::default()
        }
    }

    async fn run(self, _cx: &Context) -> TaskResult<String> {
        Ok("nobody reads this".to_owned())
    }
}

/// Leaves a line in a file; the message is acknowledged after that.
#[derive(Serialize, Deserialize)]
struct Late {
    path: String,
    n: i64,
    #[serde(default)]
    seconds: f64,
}

impl Task for Late {
    const NAME: &'static str = "proj.late";
    type Output = i64;

    fn options() -> TaskOptions {
        acks_late()
    }

    async fn run(self, _cx: &Context) -> TaskResult<i64> {
        mark(&self.path, self.n)?;
        tokio::time::sleep(Duration::from_secs_f64(self.seconds)).await;
        Ok(self.n)
    }
}

#[derive(Serialize, Deserialize)]
struct Ignored {}

impl Task for Ignored {
    const NAME: &'static str = "proj.ignored";
    type Output = ();

    async fn run(self, cx: &Context) -> TaskResult<()> {
        Err(cx.ignore())
    }
}

#[derive(Serialize, Deserialize)]
struct Rejected {}

impl Task for Rejected {
    const NAME: &'static str = "proj.rejected";
    type Output = ();

    fn options() -> TaskOptions {
        acks_late()
    }

    async fn run(self, cx: &Context) -> TaskResult<()> {
        Err(cx.reject(false, "no good"))
    }
}

#[derive(Serialize, Deserialize)]
struct Whoami {
    #[serde(default)]
    seconds: f64,
}

impl Task for Whoami {
    const NAME: &'static str = "proj.whoami";
    type Output = serde_json::Value;

    async fn run(self, cx: &Context) -> TaskResult<serde_json::Value> {
        tokio::time::sleep(Duration::from_secs_f64(self.seconds)).await;
        let header = &cx.request().message.header;
        Ok(json!({
            "id": header.id, "root_id": header.root_id, "parent_id": header.parent_id,
            "retries": header.retries, "hostname": cx.hostname(), "headers": custom(cx.headers())?,
        }))
    }
}

#[derive(Serialize, Deserialize)]
struct Errback {
    failed_id: String,
}

impl Task for Errback {
    const NAME: &'static str = "proj.errback";
    type Output = String;

    async fn run(self, _cx: &Context) -> TaskResult<String> {
        Ok(format!("handled {}", self.failed_id))
    }
}

/// Sends another task by name and does not wait for it.
#[derive(Serialize, Deserialize)]
struct Sends {
    name: String,
    args: Vec<Value>,
}

impl Task for Sends {
    const NAME: &'static str = "proj.sends";
    type Output = String;

    async fn run(self, cx: &Context) -> TaskResult<String> {
        let call = cx.app().send_task(&self.name).args(self.args);
        Ok(call.apply_async().await?.id().to_owned())
    }
}

/// Waits for another task where that is not allowed.
#[derive(Serialize, Deserialize)]
struct Joins {}

impl Task for Joins {
    const NAME: &'static str = "proj.joins";
    type Output = String;

    async fn run(self, cx: &Context) -> TaskResult<String> {
        let sent = cx.app().send_task("proj.identity").args(vec![Value::Null]);
        let waited = sent
            .apply_async()
            .await?
            .get(Some(Duration::from_secs(5)))
            .await;
        match waited {
            Ok(value) => Ok(format!("waited: {value:?}")),
            Err(error) => Ok(error.to_string()),
        }
    }
}

fn acks_late() -> TaskOptions {
    TaskOptions {
        acks_late: Some(true),
        ..TaskOptions::default()
    }
}

fn custom(headers: &Map) -> serde_json::Result<serde_json::Value> {
    serde_json::to_value(headers)
}

fn mark(path: &str, n: i64) -> io::Result<()> {
    // One write of one line: several processes append to the file.
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(format!("{n}\n").as_bytes())
}

fn main() -> ExitCode {
    rcelery::cli::run(
        App::new()
            .task::<Add>()
            .task::<CapturedAdd>()
            .task::<Xsum>()
            .task::<Identity>()
            .task::<Fail>()
            .task::<Panic>()
            .task::<Progress>()
            .task::<Flaky>()
            .task::<Sleepy>()
            .blocking_task::<Blocks>()
            .task::<Quiet>()
            .task::<Late>()
            .task::<Ignored>()
            .task::<Rejected>()
            .task::<Whoami>()
            .task::<Errback>()
            .task::<Sends>()
            .task::<Joins>(),
    )
}
