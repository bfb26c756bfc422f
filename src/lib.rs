//! Celery in Rust: define tasks, send them, run them, wait for their results, on the wire that Celery 5 speaks.
//!
//! A Python producer, a Python worker, Flower or `celery inspect` can stand at the other end of all of it. Messages and
//! results are kept in one SQLite file (the default: nothing to install or to start) or in Redis.
//!
//! # A program with tasks of its own
//!
//! A task is a type: its fields are its parameters. This is a whole program, with the command line of `rcelery` in it:
//! `worker`, `send`, `status`, `inspect` and the others, each of which knows `tasks.add`.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use rcelery::{App, Context, Task, TaskResult};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Add {
//!     x: i64,
//!     y: i64,
//! }
//!
//! impl Task for Add {
//!     const NAME: &'static str = "tasks.add";
//!     type Output = i64;
//!
//!     async fn run(self, _cx: &Context) -> TaskResult<i64> {
//!         Ok(self.x + self.y)
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     rcelery::cli::run(App::new().task::<Add>())
//! }
//! ```
//!
//! Code that blocks its thread is a [`BlockingTask`]. What a task may be told, queue, retries, limits, is in its
//! [`TaskOptions`]; what it may ask and say while it runs, in its [`Context`]:
//!
//! ```
//! # use rcelery::{Autoretry, Context, State, Task, TaskOptions, TaskResult};
//! # use serde::{Deserialize, Serialize};
//! use std::time::Duration;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Convert {
//!     pages: u32,
//! }
//!
//! #[derive(Serialize)]
//! struct Progress {
//!     current: u32,
//!     total: u32,
//! }
//!
//! impl Task for Convert {
//!     const NAME: &'static str = "tasks.convert";
//!     type Output = u32;
//!
//!     fn options() -> TaskOptions {
//!         TaskOptions {
//!             acks_late: Some(true),
//!             autoretry: Autoretry::All,
//!             retry_backoff: Some(Duration::from_secs(1)),
//!             time_limit: Some(Duration::from_secs(600)),
//!             ..TaskOptions::default()
//!         }
//!     }
//!
//!     async fn run(self, cx: &Context) -> TaskResult<u32> {
//!         for page in 0..self.pages {
//!             let progress = Progress { current: page, total: self.pages };
//!             cx.update_state(State::PROGRESS, &progress).await?;
//!             convert(page).await?; // any error fails the task, or has it retried as here
//!         }
//!         Ok(self.pages)
//!     }
//! }
//! # async fn convert(_: u32) -> std::io::Result<()> { Ok(()) }
//! ```
//!
//! # A service that sends
//!
//! An [`App`] is cheap to clone and opens its connections at the first use. [`config::from_env`] reads the same settings
//! as the command line: `CELERY_BROKER_URL`, `CELERY_RESULT_BACKEND`, `rcelery.toml`, and without any of them the
//! SQLite file of this user. What the program itself wants to set goes through [`Settings::with`] (fields) or
//! [`Settings::set_text`] (names and text, checked); under [`cli::run`] file, environment and options win over it:
//!
//! ```
//! use rcelery::{App, config::Settings};
//!
//! let settings = Settings::default().with(|s| {
//!     s.task_default_queue = "thumbnails".to_owned();
//!     s.task_acks_late = true;
//! });
//! let app = App::new().configure(settings);
//! ```
//!
//! [`Settings::with`]: config::Settings::with
//! [`Settings::set_text`]: config::Settings::set_text
//!
//! ```no_run
//! # use rcelery::{App, Context, ResultError, State, Task, TaskResult, config};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Serialize, Deserialize)]
//! # struct Add { x: i64, y: i64 }
//! # impl Task for Add {
//! #     const NAME: &'static str = "tasks.add";
//! #     type Output = i64;
//! #     async fn run(self, _cx: &Context) -> TaskResult<i64> { Ok(self.x + self.y) }
//! # }
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! let app = App::new().configure(config::from_env()?);
//!
//! let sum = app.delay(Add { x: 1, y: 2 }).await?;
//! match sum.get(Duration::from_secs(10)).await {
//!     Ok(three) => println!("{three}"),
//!     Err(ResultError::Failed { exception, .. }) => println!("it failed: {exception}"),
//!     Err(other) => return Err(other.into()),
//! }
//!
//! // Later, on a queue of its own, under an id that is known beforehand.
//! let id = rcelery::uuid();
//! let call = app.signature(Add { x: 1, y: 2 });
//! call.task_id(&id).countdown(Duration::from_secs(60)).queue("slow").apply_async().await?;
//!
//! // Somewhere else, with nothing but the id: how far is it?
//! let result = app.async_result::<i64>(&id).await?;
//! if result.state().await? == State::PROGRESS {
//!     println!("{:?}", result.info().await?);
//! }
//!
//! // A task of another program, by its name, and tasks one after the other.
//! app.send_task("proj.mail").kwarg("to", "somebody").apply_async().await?;
//! let chain = app.signature(Add { x: 1, y: 2 }) | app.partial::<Add>().kwarg("y", &10);
//! assert_eq!(chain.apply_async().await?.wait().await?, 13);
//! # Ok(())
//! # }
//! ```
//!
//! To run a worker inside of a program of one's own, without the command line, see [`Worker`].
//!
//! # Where to look
//!
//! | to | see |
//! |---|---|
//! | define a task | [`Task`], [`BlockingTask`], [`TaskOptions`] |
//! | report progress, retry, send more from a task | [`Context`] |
//! | fail with an exception that Python knows | [`TaskError`] |
//! | send: when, where, under which id | [`Call`], from [`App::signature`] and [`App::send_task`] |
//! | wait for a result, or look at it | [`AsyncResult`], [`GroupResult`], [`ResultError`] |
//! | chain, group, chord | [`Call::then`], [`App::group`], [`App::chord`]; as data in [`canvas`] |
//! | configure | [`config::from_env`], [`Settings`] |
//! | run a worker | [`cli::run`], [`Worker`] |
//! | watch workers and tasks | [`events`]; ask and command workers: [`pidbox`] |
//!
//! # The rooms, for those who change them
//!
//! Each module is a room on a floor and knows its own and those below; nothing inside the crate is imported from this
//! root. `tests/layers.rs` checks both.
//!
//! | floor | room | what is in it |
//! |---|---|---|
//! | 7 | [`cli`] | the program's face: the only room that reads arguments, prints, or sees a signal |
//! | 6 | [`worker`] | takes messages, runs tasks, settles; its remote control |
//! | 5 | [`app`] | settings and tasks; opens brokers and back ends; calls |
//! | 4 | [`producer`] | signature → routed, published message |
//! | | [`result`] | results of tasks that were sent |
//! | 3 | [`backend`] | where results are kept: a contract, a registry, one file or folder each |
//! | | [`events`] | what workers tell: sending, receiving, the cluster as seen from events |
//! | | [`pidbox`] | what workers are asked: mailbox and node |
//! | 2 | [`broker`] | where messages are kept: a contract, a registry, one file or folder each |
//! | | [`task`] | what a task is, and one run of it |
//! | | [`canvas`] | chain, group and chord as data |
//! | | [`config`] | the table of settings, and where they come from |
//! | 1 | [`protocol`] | everything on the wire as plain data: no I/O, no async, no clock |
//! | | [`sqlite`] | one SQLite file for several processes |
//! | | [`shutdown`] | warm → soft → cold |

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod app;
pub mod backend;
pub mod broker;
pub mod canvas;
pub mod cli;
pub mod config;
pub mod events;
pub mod pidbox;
pub mod pool;
pub mod producer;
pub mod protocol;
pub mod result;
pub mod shutdown;
pub mod sqlite;
pub mod task;
pub mod worker;

pub use app::{App, Call};
pub use config::Settings;
pub use producer::SendError;
pub use protocol::{Exception, Map, Signature, State, Value};
pub use result::{AsyncResult, GroupResult, ResultError};
pub use shutdown::Shutdown;
pub use task::{
    Autoretry, BlockingTask, Context, RateLimit, Task, TaskError, TaskOptions, TaskResult,
};
pub use worker::{Worker, WorkerOptions};

/// A fresh task id, for those who want to know it before they send.
#[must_use]
pub fn uuid() -> String {
    ::uuid::Uuid::new_v4().to_string()
}
