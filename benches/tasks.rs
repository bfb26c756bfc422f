//! The tasks of the benchmarks, which are also in `app.py`.
//!
//! Each task is told its number and stamps it, so that the harness knows when the first and the last ran, and that each
//! ran once.

use rcelery::{App, BlockingTask, Context, State, Task, TaskOptions, TaskResult};
use serde::{Deserialize, Serialize};

use crate::stamps::stamp;

/// An app that has them all.
pub(crate) fn app() -> App {
    App::new()
        .named("bench")
        .task::<Noop>()
        .task::<Ignored>()
        .task::<Yielding>()
        .blocking_task::<Blocking>()
        .task::<Payload>()
        .task::<Progress>()
}

fn ignoring() -> TaskOptions {
    TaskOptions {
        ignore_result: Some(true),
        ..TaskOptions::default()
    }
}

/// Its result is stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct Noop {
    pub(crate) n: usize,
}

impl Task for Noop {
    const NAME: &'static str = "bench.noop";
    type Output = usize;

    async fn run(self, _cx: &Context) -> TaskResult<usize> {
        stamp(self.n);
        Ok(self.n)
    }
}

/// Its result is ignored.
#[derive(Serialize, Deserialize)]
struct Ignored {
    n: usize,
}

impl Task for Ignored {
    const NAME: &'static str = "bench.ignored";
    type Output = ();

    fn options() -> TaskOptions {
        ignoring()
    }

    async fn run(self, _cx: &Context) -> TaskResult<()> {
        stamp(self.n);
        Ok(())
    }
}

/// Waits once, as a task does that asks somebody else.
#[derive(Serialize, Deserialize)]
struct Yielding {
    n: usize,
}

impl Task for Yielding {
    const NAME: &'static str = "bench.yielding";
    type Output = ();

    fn options() -> TaskOptions {
        ignoring()
    }

    async fn run(self, _cx: &Context) -> TaskResult<()> {
        tokio::task::yield_now().await;
        stamp(self.n);
        Ok(())
    }
}

/// Runs on a thread of the pool.
#[derive(Serialize, Deserialize)]
struct Blocking {
    n: usize,
}

impl BlockingTask for Blocking {
    const NAME: &'static str = "bench.blocking";
    type Output = ();

    fn options() -> TaskOptions {
        ignoring()
    }

    fn run(self, _cx: &Context) -> TaskResult<()> {
        stamp(self.n);
        Ok(())
    }
}

/// Comes with data.
#[derive(Serialize, Deserialize)]
struct Payload {
    n: usize,
    data: String,
}

impl Task for Payload {
    const NAME: &'static str = "bench.payload";
    type Output = ();

    fn options() -> TaskOptions {
        ignoring()
    }

    async fn run(self, _cx: &Context) -> TaskResult<()> {
        std::hint::black_box(&self.data);
        stamp(self.n);
        Ok(())
    }
}

/// Reports its progress `times` times; stamps the numbers from `n` on, each when that report is stored.
#[derive(Serialize, Deserialize)]
struct Progress {
    n: usize,
    times: usize,
}

impl Task for Progress {
    const NAME: &'static str = "bench.progress";
    type Output = ();

    async fn run(self, cx: &Context) -> TaskResult<()> {
        for current in 0..self.times {
            let report = Report {
                current,
                total: self.times,
            };
            cx.update_state(State::PROGRESS, &report).await?;
            stamp(self.n + current);
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Report {
    current: usize,
    total: usize,
}
