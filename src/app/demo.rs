//! Tasks for trying things out: `rcelery send demo.long_task --progress`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::protocol::{Map, State, Value};
use crate::task::{Context, Registry, Task, TaskError, TaskResult};

pub(super) fn register(tasks: &mut Registry) {
    tasks.add::<Add>();
    tasks.add::<Echo>();
    tasks.add::<Sleep>();
    tasks.add::<Fail>();
    tasks.add::<LongTask>();
}

pub(super) fn unregister(tasks: &mut Registry) {
    for name in [
        Add::NAME,
        Echo::NAME,
        Sleep::NAME,
        Fail::NAME,
        LongTask::NAME,
    ] {
        tasks.remove(name);
    }
}

/// Adds two numbers, or joins two texts or lists, as Python's `+` does.
#[derive(Serialize, Deserialize)]
struct Add {
    x: Value,
    y: Value,
}

impl Task for Add {
    const NAME: &'static str = "demo.add";
    type Output = Value;

    async fn run(self, _cx: &Context) -> TaskResult<Value> {
        let sum = match (self.x, self.y) {
            (Value::Int(x), Value::Int(y)) => x.checked_add(y).map(Value::Int),
            (Value::Str(x), Value::Str(y)) => Some(Value::Str(x + &y)),
            (Value::List(x), Value::List(y)) => Some(Value::List([x, y].concat())),
            (x, y) => {
                let sum = x.as_f64().zip(y.as_f64()).map(|(x, y)| Value::Float(x + y));
                let (x, y) = (x.type_name(), y.type_name());
                let message = format!("unsupported operand type(s) for +: '{x}' and '{y}'");
                return sum.ok_or_else(|| TaskError::exception("builtins", "TypeError", &message));
            }
        };
        sum.ok_or_else(|| {
            TaskError::exception("builtins", "OverflowError", "the sum does not fit 64 bits")
        })
    }
}

/// Returns its argument.
#[derive(Serialize, Deserialize)]
struct Echo {
    #[serde(default)]
    value: Value,
}

impl Task for Echo {
    const NAME: &'static str = "demo.echo";
    type Output = Value;

    async fn run(self, _cx: &Context) -> TaskResult<Value> {
        Ok(self.value)
    }
}

/// Sleeps.
#[derive(Serialize, Deserialize)]
struct Sleep {
    #[serde(default = "one_second")]
    seconds: f64,
}

fn one_second() -> f64 {
    1.0
}

impl Task for Sleep {
    const NAME: &'static str = "demo.sleep";
    type Output = f64;

    async fn run(self, _cx: &Context) -> TaskResult<f64> {
        let duration = Duration::try_from_secs_f64(self.seconds).map_err(|_| {
            TaskError::exception(
                "builtins",
                "ValueError",
                "seconds must be a positive number",
            )
        })?;
        sleep(duration).await;
        Ok(self.seconds)
    }
}

/// Fails.
#[derive(Serialize, Deserialize)]
struct Fail {
    #[serde(default = "boom")]
    message: String,
}

fn boom() -> String {
    "boom".to_owned()
}

impl Task for Fail {
    const NAME: &'static str = "demo.fail";
    type Output = ();

    async fn run(self, _cx: &Context) -> TaskResult<()> {
        Err(TaskError::exception(
            "builtins",
            "ValueError",
            &self.message,
        ))
    }
}

/// Does nothing useful, slowly, and says how far it is.
#[derive(Serialize, Deserialize)]
struct LongTask {
    #[serde(default = "steps")]
    steps: u32,
    /// Seconds a step takes.
    #[serde(default = "step_seconds")]
    step: f64,
}

fn steps() -> u32 {
    20
}

fn step_seconds() -> f64 {
    0.2
}

const WORK: &[&str] = &[
    "warming up the solar array",
    "untangling the fibre optics",
    "polishing the reactor",
    "counting cosmic rays",
    "aligning the orbiter",
    "herding the packets",
];

impl Task for LongTask {
    const NAME: &'static str = "demo.long_task";
    type Output = Map;

    async fn run(self, cx: &Context) -> TaskResult<Map> {
        let pause = Duration::try_from_secs_f64(self.step).map_err(|_| {
            TaskError::exception("builtins", "ValueError", "step must be a positive number")
        })?;
        let report = |current: u32, status: &str| {
            Value::from([
                ("current", current.into()),
                ("total", self.steps.into()),
                ("status", status.into()),
            ])
        };
        for step in 0..self.steps {
            let work = WORK[(step / 4) as usize % WORK.len()];
            cx.update_state(State::PROGRESS, &report(step, work))
                .await?;
            sleep(pause).await;
        }
        match report(self.steps, "task completed") {
            Value::Map(done) => Ok(done),
            _ => unreachable!("a report is a map"),
        }
    }
}
