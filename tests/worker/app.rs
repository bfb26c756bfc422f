//! The worker of the suite `tests/worker`: rcelery's command line over tasks that show what a worker does with them.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rcelery::app::App;
use rcelery::protocol::Value;
use rcelery::task::{Autoretry, BlockingTask, Context, Task, TaskError, TaskOptions, TaskResult};
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    let app = App::new()
        .named("worker_app")
        .task::<CapAdd>()
        .task::<Mark>()
        .task::<Late>()
        .task::<Flaky>()
        .task::<Auto>()
        .task::<Reject>()
        .task::<Ignore>()
        .task::<Throws>()
        .task::<Panics>()
        .task::<Careful>()
        .task::<Whoami>()
        .blocking_task::<Block>();
    rcelery::cli::run(app.with_demo_tasks())
}

/// Adds a line to a file that several workers write to.
fn note(path: &str, line: &str) {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("the test's directory is there");
    file.write_all(format!("{line}\n").as_bytes())
        .expect("the test's file can be written");
}

fn pause(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

async fn run_marked(path: &str, n: &str, seconds: f64) {
    note(path, &format!("start {n}"));
    if seconds > 0.0 {
        tokio::time::sleep(pause(seconds)).await;
    }
    note(path, &format!("end {n}"));
}

/// The task of the recorded messages.
#[derive(Serialize, Deserialize)]
struct CapAdd {
    x: Value,
    y: Value,
}

impl Task for CapAdd {
    const NAME: &'static str = "cap.add";
    type Output = Value;

    async fn run(self, _cx: &Context) -> TaskResult<Value> {
        match (self.x, self.y) {
            (Value::Int(x), Value::Int(y)) => Ok((x + y).into()),
            (Value::Str(x), Value::Str(y)) => Ok((x + &y).into()),
            _ => Err(TaskError::msg("these can't be added")),
        }
    }
}

/// Writes `start N`, sleeps, writes `end N`.
#[derive(Serialize, Deserialize)]
struct Mark {
    path: String,
    n: String,
    #[serde(default)]
    seconds: f64,
}

impl Task for Mark {
    const NAME: &'static str = "w.mark";
    type Output = String;

    async fn run(self, _cx: &Context) -> TaskResult<String> {
        run_marked(&self.path, &self.n, self.seconds).await;
        Ok(self.n)
    }
}

/// The same, acknowledged after its run.
#[derive(Serialize, Deserialize)]
struct Late {
    path: String,
    n: String,
    #[serde(default)]
    seconds: f64,
}

impl Task for Late {
    const NAME: &'static str = "w.late";
    type Output = String;

    fn options() -> TaskOptions {
        TaskOptions {
            acks_late: Some(true),
            ..TaskOptions::default()
        }
    }

    async fn run(self, _cx: &Context) -> TaskResult<String> {
        run_marked(&self.path, &self.n, self.seconds).await;
        Ok(self.n)
    }
}

/// Retries until it has been retried `succeed_at` times.
#[derive(Serialize, Deserialize)]
struct Flaky {
    succeed_at: u32,
    #[serde(default)]
    countdown: f64,
}

impl Task for Flaky {
    const NAME: &'static str = "w.flaky";
    type Output = u32;

    async fn run(self, cx: &Context) -> TaskResult<u32> {
        if cx.retries() < self.succeed_at {
            let error = std::io::Error::other("not yet");
            return Err(cx
                .retry()
                .countdown(pause(self.countdown))
                .because(&error)
                .into());
        }
        Ok(cx.retries())
    }
}

/// Fails until it has been retried twice; the worker retries it by itself.
#[derive(Serialize, Deserialize)]
struct Auto {}

impl Task for Auto {
    const NAME: &'static str = "w.auto";
    type Output = u32;

    fn options() -> TaskOptions {
        TaskOptions {
            autoretry: Autoretry::For(vec!["ConnectionError".to_owned()]),
            default_retry_delay: Duration::ZERO,
            ..TaskOptions::default()
        }
    }

    async fn run(self, cx: &Context) -> TaskResult<u32> {
        match cx.retries() {
            2 => Ok(2),
            _ => Err(TaskError::exception("builtins", "ConnectionError", "away")),
        }
    }
}

/// Rejects its message; the second time it comes it is taken.
#[derive(Serialize, Deserialize)]
struct Reject {
    requeue: bool,
}

impl Task for Reject {
    const NAME: &'static str = "w.reject";
    type Output = String;

    fn options() -> TaskOptions {
        TaskOptions {
            acks_late: Some(true),
            ..TaskOptions::default()
        }
    }

    async fn run(self, cx: &Context) -> TaskResult<String> {
        if cx.request().delivery_info.redelivered {
            return Ok("taken".to_owned());
        }
        Err(cx.reject(self.requeue, "no good"))
    }
}

/// Wants nothing recorded.
#[derive(Serialize, Deserialize)]
struct Ignore {}

impl Task for Ignore {
    const NAME: &'static str = "w.ignore";
    type Output = ();

    async fn run(self, cx: &Context) -> TaskResult<()> {
        Err(cx.ignore())
    }
}

/// Fails in a way that it says is to be expected.
#[derive(Serialize, Deserialize)]
struct Throws {}

impl Task for Throws {
    const NAME: &'static str = "w.throws";
    type Output = ();

    fn options() -> TaskOptions {
        TaskOptions {
            throws: vec!["KeyError".to_owned()],
            ..TaskOptions::default()
        }
    }

    async fn run(self, _cx: &Context) -> TaskResult<()> {
        Err(TaskError::exception("builtins", "KeyError", "no such key"))
    }
}

/// Panics.
#[derive(Serialize, Deserialize)]
struct Panics {}

impl Task for Panics {
    const NAME: &'static str = "w.panics";
    type Output = ();

    async fn run(self, _cx: &Context) -> TaskResult<()> {
        panic!("all is lost")
    }
}

/// Handles its soft time limit.
#[derive(Serialize, Deserialize)]
struct Careful {
    seconds: f64,
}

impl Task for Careful {
    const NAME: &'static str = "w.careful";
    type Output = String;

    async fn run(self, cx: &Context) -> TaskResult<String> {
        tokio::select! {
            () = cx.soft_time_limit() => Ok("cleaned up".to_owned()),
            () = tokio::time::sleep(pause(self.seconds)) => Ok("in time".to_owned()),
        }
    }
}

/// What its message said.
#[derive(Serialize, Deserialize)]
struct Whoami {}

impl Task for Whoami {
    const NAME: &'static str = "w.whoami";
    type Output = (String, u32, String, bool);

    async fn run(self, cx: &Context) -> TaskResult<Self::Output> {
        let request = cx.request();
        Ok((
            cx.id().to_owned(),
            cx.retries(),
            request.delivery_info.routing_key.clone(),
            request.delivery_info.redelivered,
        ))
    }
}

/// Blocks its thread; ends early when it is cut off and `listens`.
#[derive(Serialize, Deserialize)]
struct Block {
    path: String,
    n: String,
    seconds: f64,
    #[serde(default)]
    listens: bool,
}

impl BlockingTask for Block {
    const NAME: &'static str = "w.block";
    type Output = String;

    fn run(self, cx: &Context) -> TaskResult<String> {
        note(&self.path, &format!("start {}", self.n));
        let end = Instant::now() + pause(self.seconds);
        while Instant::now() < end && !(self.listens && cx.is_cancelled()) {
            std::thread::sleep(Duration::from_millis(5));
        }
        note(&self.path, &format!("end {}", self.n));
        Ok(self.n)
    }
}
