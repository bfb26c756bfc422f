//! Tasks: what a user defines, and everything that is needed to run one.
//!
//! Mirrors `celery.app.task` and `celery.app.trace`.

mod args;
mod base;
pub mod command;
mod context;
mod error;
mod job;
mod limits;
mod mortal;
mod options;
mod outcome;
mod python;
mod registry;
mod stop;
mod trace;

pub use self::args::{bind, fields};
pub use self::base::{BlockingTask, Runnable, Task};
pub use self::context::{Caller, Context, Host, HostError, Request, current};
pub use self::error::{RetryRequest, TaskError, TaskResult};
pub use self::job::Job;
pub use self::limits::{RateLimit, TimeLimits};
pub(crate) use self::mortal::die_with_us;
pub use self::options::{Autoretry, TaskOptions};
pub use self::outcome::{Outcome, RetryAt};
pub use self::python::PythonTask;
pub use self::registry::Registry;
pub use self::stop::Stop;
pub use self::trace::run;
