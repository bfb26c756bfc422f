//! The tasks that `examples/worker.rs` runs and `examples/web.rs` sends.

use std::time::Duration;

use rcelery::{
    App, Autoretry, BlockingTask, Context, State, Task, TaskError, TaskOptions, TaskResult,
};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

/// Registers all of them.
pub(crate) fn register(app: App) -> App {
    app.task::<Add>()
        .task::<Automation>()
        .task::<Breaks>()
        .task::<Quiet>()
        .task::<LongTask>()
        .task::<Fetch>()
        .blocking_task::<CountPrimes>()
}

/// The least that a task is: parameters, a name, what it returns.
#[derive(Serialize, Deserialize)]
pub(crate) struct Add {
    /// Parameters are named and ordered as the fields: Python calls `add(10, 20)` or `add(x=10, y=20)`.
    pub(crate) x: i64,
    /// A default makes a parameter optional.
    #[serde(default)]
    pub(crate) y: i64,
}

impl Task for Add {
    const NAME: &'static str = "tasks.add";
    type Output = i64;

    async fn run(self, _cx: &Context) -> TaskResult<i64> {
        Ok(self.x + self.y)
    }
}

/// Takes a text.
#[derive(Serialize, Deserialize)]
pub(crate) struct Automation {
    /// What to do.
    pub(crate) task_name: String,
}

impl Task for Automation {
    const NAME: &'static str = "tasks.automation";
    type Output = String;

    async fn run(self, _cx: &Context) -> TaskResult<String> {
        Ok(format!("did {}", self.task_name))
    }
}

/// Fails, with an exception of a class that Python clients know.
#[derive(Serialize, Deserialize)]
pub(crate) struct Breaks;

impl Task for Breaks {
    const NAME: &'static str = "tasks.breaks";
    type Output = ();

    async fn run(self, _cx: &Context) -> TaskResult<()> {
        let message = "the reactor is out of bits";
        Err(TaskError::exception("builtins", "ValueError", message))
    }
}

/// Returns what nobody reads.
#[derive(Serialize, Deserialize)]
pub(crate) struct Quiet;

impl Task for Quiet {
    const NAME: &'static str = "tasks.quiet";
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

/// How far [`LongTask`] is; its last report is its result.
#[derive(Serialize, Deserialize)]
pub(crate) struct Report {
    /// Steps done.
    pub(crate) current: u32,
    /// Steps in all.
    pub(crate) total: u32,
    /// For people.
    pub(crate) status: String,
    /// At the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<u32>,
}

/// Works for a while and says how far it is.
#[derive(Serialize, Deserialize)]
pub(crate) struct LongTask {
    /// Steps to do.
    #[serde(default = "steps")]
    pub(crate) steps: u32,
    /// Seconds that a step takes.
    #[serde(default = "step_seconds")]
    pub(crate) step: f64,
}

impl Default for LongTask {
    fn default() -> Self {
        Self {
            steps: steps(),
            step: step_seconds(),
        }
    }
}

fn steps() -> u32 {
    12
}

fn step_seconds() -> f64 {
    0.2
}

impl Task for LongTask {
    const NAME: &'static str = "tasks.long_task";
    type Output = Report;

    async fn run(self, cx: &Context) -> TaskResult<Report> {
        let pause = Duration::try_from_secs_f64(self.step)?;
        for current in 0..self.steps {
            let report = Report {
                current,
                total: self.steps,
                status: format!("Repairing fibre {}...", current + 1),
                result: None,
            };
            cx.update_state(State::PROGRESS, &report).await?;
            sleep(pause).await;
        }
        Ok(Report {
            current: 100,
            total: 100,
            status: "Task completed!".to_owned(),
            result: Some(42),
        })
    }
}

/// Reads a file; tried again with growing pauses where that fails, at most five times.
#[derive(Serialize, Deserialize)]
pub(crate) struct Fetch {
    /// Its path.
    pub(crate) path: String,
}

impl Task for Fetch {
    const NAME: &'static str = "tasks.fetch";
    type Output = usize;

    fn options() -> TaskOptions {
        TaskOptions {
            // The name of the error's type; `Autoretry::All` is for any.
            autoretry: Autoretry::For(vec!["Error".to_owned()]),
            retry_backoff: Some(Duration::from_millis(500)),
            max_retries: Some(5),
            // A message that is acknowledged after the run survives a worker that does not.
            acks_late: Some(true),
            time_limit: Some(Duration::from_secs(30)),
            ..TaskOptions::default()
        }
    }

    async fn run(self, _cx: &Context) -> TaskResult<usize> {
        Ok(tokio::fs::read(self.path).await?.len())
    }
}

/// Keeps a thread busy, which an async task must not do.
#[derive(Serialize, Deserialize)]
pub(crate) struct CountPrimes {
    /// Primes below this.
    pub(crate) below: u32,
}

impl BlockingTask for CountPrimes {
    const NAME: &'static str = "tasks.count_primes";
    type Output = usize;

    fn run(self, cx: &Context) -> TaskResult<usize> {
        let mut primes: Vec<u32> = Vec::new();
        for n in 2..self.below {
            // Nothing can stop a thread from outside.
            if n % 1000 == 0 && cx.is_cancelled() {
                return Err(cx.ignore());
            }
            let mut smaller = primes.iter().take_while(|p| **p * **p <= n);
            if smaller.all(|p| n % p != 0) {
                primes.push(n);
            }
        }
        Ok(primes.len())
    }
}
