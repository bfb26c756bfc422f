//! Command tasks: any program as a task, defined in `rcelery.toml`.
//!
//! ```toml
//! [tasks."images.resize"]
//! command     = ["convert", "{input}", "-resize", "{width}x", "{output}"]
//! params      = ["input", "output", "width"]
//! defaults    = { width = 640 }
//! types       = { width = "int" }
//! queue       = "images"
//! time_limit  = "5m"
//! retry_exit_codes = [75]
//! ```
//!
//! A worker that reads this file runs `images.resize`; whoever sends one, `rcelery send` or a Python client, sees a task
//! like any other. [`KEYS`] are the keys of the table; the options of every task ([`option_keys`]) stand there too.
//!
//! # Arguments
//!
//! `{name}` stands for an argument, wherever it is in a word; `{{` and `}}` are braces. The parameters are those of
//! `params`, in that order for positional arguments, or else the places in the order of their appearance. `*rest` and
//! `**more` take what is left, as in Python. `defaults` makes parameters optional, `types` has them checked. What does not
//! fit is a failure with Python's `TypeError`, and nothing is run.
//!
//! A place is always a part of one word: no shell sees it, so no blank, quote or `;` in it does harm. An empty text is an
//! empty word, null is an empty text, lists and objects are JSON. `{name...}` alone is as many words as the list has
//! items: none for null or an empty list.
//!
//! A text that starts with `-` where a word starts would be taken for an option by most programs: it is refused with a
//! `ValueError`, unless it is behind the word `--`, behind some text (`--name={name}`, `./{name}`), a number, or
//! `allow_dash` is set.
//!
//! With `shell = true` (or the name of a shell) `command` is a script in one text. Nothing is put into it: it finds the
//! arguments as `$1`, `$2`… and as variables by their names (`"$input"`, quoted, as in any script); `*rest` as the last of
//! `"$@"`. Text from outside can thus not become code, as long as the script does not `eval` it.
//!
//! # What the program sees
//!
//! - Standard input: the whole request as one JSON object with the names of Celery's `self.request`: `id`, `task`, `args`,
//!   `kwargs`, `retries`, `eta`, `root_id`, `parent_id`, `group`, `delivery_info`, `headers`… Nothing with `stdin = false`.
//! - The environment: that of the worker without `CELERY*`, `RCELERY*`, `BROKER_URL` and `RESULT_BACKEND`, whose
//!   URLs may hold passwords. With `clear_env` only `PATH`, `HOME`, language, time zone and a few like them. `pass_env`
//!   names what is passed on all the same, `env` sets. Then `RCELERY_TASK_ID`, `RCELERY_TASK_NAME`,
//!   `RCELERY_TASK_RETRIES`, `RCELERY_TASK_ROOT_ID`, `RCELERY_TASK_PARENT_ID`, `RCELERY_TASK_GROUP_ID`,
//!   `RCELERY_TASK_QUEUE`, `RCELERY_HOSTNAME`, `RCELERY_PROGRESS_FD`.
//! - The directory `cwd`, relative to the file, or else that of the worker. A program with a `/` in its name is looked for
//!   from the file's directory, any other in the program's `PATH`.
//! - Descriptors 0, 1, 2 and 3, and no other.
//!
//! # What becomes of it
//!
//! - Exit code 0: success. The result is standard output: JSON if it is JSON, else text without the last line break;
//!   nothing is null. `output` forces one or the other. Bytes that are no UTF-8 become U+FFFD. More than `max_output`
//!   bytes: the program is ended, and the task fails with an `OverflowError`.
//! - Another exit code, or death by a signal: failure, `subprocess.CalledProcessError` with `returncode` (negative for a
//!   signal), `cmd` and `stderr`, the end of standard error, which is also in the traceback. `retry_exit_codes` retries
//!   as `max_retries`, `default_retry_delay`, `retry_backoff`, `retry_backoff_max` and `retry_jitter` say; other lists
//!   ignore, reject or accept.
//! - A program that is not there: `FileNotFoundError`; that may not be run: `PermissionError`. The worker warns of both
//!   when it starts.
//! - Lines on standard error are logged with the task's name and id (`stderr` says how), up to 1000 of 2000 bytes.
//! - Progress: a line of JSON on descriptor 3, in a shell `echo '{"current": 1, "total": 3}' >&3`, is stored as the meta
//!   of the state PROGRESS; `{"state": "LOADING", "meta": …}` names another state. Of many in a short time the last
//!   counts; a line that is no JSON is logged and changes nothing.
//!
//! # Its end
//!
//! A program runs in a process group of its own, and all of the group ends with it: what it leaves in the background has a
//! second, then it is killed. (Whoever calls `setsid` leaves the group on purpose.) The worker's slot is free when the
//! group is gone.
//!
//! | what | the group gets | and after |
//! |---|---|---|
//! | soft time limit | SIGTERM | SIGKILL at the hard limit, or after `grace` where there is none; a program that still ends with 0 has succeeded, any other fails with `SoftTimeLimitExceeded` |
//! | hard time limit | SIGKILL | |
//! | revoke with terminate | the signal that was named | SIGKILL after `grace` |
//! | cold shutdown | SIGTERM | SIGKILL after `grace`, 2 s at most; the message goes back to the queue |
//! | the worker is killed | SIGKILL for the program itself, on Linux | |

mod definition;
mod failure;
mod params;
mod problem;
mod process;
mod progress;
mod request;
mod run;
mod shape;
mod streams;
mod template;

use std::sync::Arc;

use futures_util::future::BoxFuture;

use self::definition::Program;
pub use self::definition::{Definition, KEYS, option_keys};
pub use self::problem::{Problem, Reason};
pub use self::process::PROGRESS_FD;
use super::{Context, Runnable, TaskError, TaskOptions};
use crate::protocol::{Map, Value};

/// A command as a task to be registered.
#[derive(Debug)]
pub struct Command {
    definition: Arc<Definition>,
    options: TaskOptions,
}

impl Command {
    /// The task of a definition.
    #[must_use]
    pub fn new(definition: Definition) -> Self {
        Self {
            options: definition.options.clone(),
            definition: Arc::new(definition),
        }
    }
}

impl Runnable for Command {
    fn name(&self) -> &str {
        self.definition.name()
    }

    fn options(&self) -> &TaskOptions {
        &self.options
    }

    fn with_options(&self, options: TaskOptions) -> Arc<dyn Runnable> {
        Arc::new(Self {
            definition: Arc::clone(&self.definition),
            options,
        })
    }

    fn winds_down(&self) -> bool {
        true
    }

    fn problem(&self) -> Option<String> {
        let program = match &self.definition.program {
            Program::Words(words) => words.first()?.literal()?,
            Program::Script { shell, .. } => shell.clone(),
        };
        let env = request::inherited(&self.definition);
        let path = request::variable(&env, "PATH");
        if let Err(errno) = process::find(&program, path, &self.definition.base) {
            return Some(format!("`{program}` can't be run: {}", errno.desc()));
        }
        let cwd = self.definition.cwd.as_deref()?;
        (!cwd.is_dir()).then(|| format!("`{}` is no directory", cwd.display()))
    }

    fn run(
        &self,
        cx: Context,
        args: Vec<Value>,
        kwargs: Map,
    ) -> BoxFuture<'static, Result<Value, TaskError>> {
        Box::pin(run::run(Arc::clone(&self.definition), cx, args, kwargs))
    }
}
