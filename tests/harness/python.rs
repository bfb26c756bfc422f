//! Celery itself: an interpreter to talk to, its command line, and its worker.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::process::{self, Output, Process};
use super::store::Store;
use super::wait::{eventually, patience, secs};

/// The directory of the Python modules that the tests use.
const MODULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/app");

/// A Python interpreter with Celery that has imported the test app `proj` and runs what it is told.
///
/// The same module serves as producer, as worker and as the app of Celery's command line.
pub(crate) struct Python {
    process: Process,
    broker: String,
    backend: String,
    conf: Value,
    answers: usize,
}

impl Python {
    /// Starts an interpreter whose app uses this broker and back end.
    #[track_caller]
    pub(crate) fn on(store: &Store) -> Self {
        Self::with(store, &json!({}))
    }

    /// The same with further settings of the app, such as `{"task_serializer": "msgpack"}`.
    #[track_caller]
    pub(crate) fn with(store: &Store, conf: &Value) -> Self {
        let mut command = python(&store.broker, &store.backend, conf);
        command.arg(Path::new(MODULES).join("driver.py"));
        Self {
            process: Process::start(&mut command, MISSING),
            broker: store.broker.clone(),
            backend: store.backend.clone(),
            conf: conf.clone(),
            answers: 0,
        }
    }

    /// Runs statements; the value of the last, where it is an expression, comes back as JSON. Names stay from call to call.
    #[track_caller]
    pub(crate) fn run(&mut self, code: &str) -> Value {
        self.run_for(code, secs(60))
    }

    /// The same with a deadline of its own.
    #[track_caller]
    pub(crate) fn run_for(&mut self, code: &str, deadline: Duration) -> Value {
        self.process
            .write(format!("{}\n", json!({ "code": code })).as_bytes());
        let wanted = self.answers + 1;
        let answer = eventually("Python answers", deadline, || {
            let running = self.process.is_running();
            let out = self.process.stdout();
            // An answer is complete when its line break is there.
            match out.split_inclusive('\n').nth(self.answers) {
                Some(line) if line.ends_with('\n') => Ok(line.to_owned()),
                _ if !running => panic!("Python ended: {:?}", self.process),
                _ => Err(format!("{code}\n{:?}", self.process)),
            }
        });
        self.answers = wanted;
        let mut answer: Value =
            serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e} in {answer}"));
        if let Some(error) = answer.get("error") {
            panic!(
                "{}\nin:\n{code}\n{:?}",
                error.as_str().unwrap_or_default(),
                self.process
            );
        }
        answer["value"].take()
    }

    /// Runs Celery's own command line on the same app.
    #[track_caller]
    pub(crate) fn celery(&self, args: &[&str]) -> Output {
        process::run(&mut self.celery_command(args), "", secs(60))
    }

    /// Starts Celery's own command line on the same app and leaves it running.
    #[track_caller]
    pub(crate) fn celery_spawn(&self, args: &[&str]) -> Process {
        Process::start(&mut self.celery_command(args), MISSING)
    }

    fn celery_command(&self, args: &[&str]) -> Command {
        let mut command = python(&self.broker, &self.backend, &self.conf);
        command.args(["-m", "celery", "-A", "proj"]).args(args);
        command
    }
}

/// A running `celery worker` on the test app; killed with its children when dropped.
#[derive(Debug)]
pub(crate) struct PythonWorker(Process);

impl PythonWorker {
    /// Starts a worker of two threads on the app's default queue and waits until it is ready.
    #[track_caller]
    pub(crate) fn on(store: &Store) -> Self {
        Self::with(store, &json!({}), &["-P", "threads", "-c", "2"])
    }

    /// Starts a worker with further settings and arguments and waits until it is ready.
    #[track_caller]
    pub(crate) fn with(store: &Store, conf: &Value, args: &[&str]) -> Self {
        let mut command = python(&store.broker, &store.backend, conf);
        command
            .args(["-m", "celery", "-A", "proj", "worker", "-l", "INFO"])
            .args(["-n", "py@test", "--without-mingle", "--without-gossip"])
            .args(args);
        let mut process = Process::start(&mut command, MISSING);
        process.wait_for("ready.", secs(60));
        Self(process)
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> String {
        self.0.stderr()
    }

    /// Waits until its log has `needle`.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, needle: &str) {
        self.0.wait_for(needle, patience());
    }

    /// Sends SIGTERM and waits for the end.
    #[track_caller]
    pub(crate) fn terminate(self) -> Output {
        self.0.signal(Signal::SIGTERM);
        self.0.wait(secs(60))
    }
}

/// What to do when the interpreter or its packages are missing.
const MISSING: &str = "a Python with Celery is needed: run `tests/setup`";

/// The tests' interpreter: `RCELERY_TEST_PYTHON`, or the environment that `tests/setup` makes.
#[track_caller]
pub(crate) fn interpreter() -> PathBuf {
    let path = env::var_os("RCELERY_TEST_PYTHON").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-venv/bin/python"),
        PathBuf::from,
    );
    assert!(path.exists(), "{} is missing: {MISSING}", path.display());
    path
}

/// A command of the tests' interpreter, with the app's settings in its environment.
#[track_caller]
fn python(broker: &str, backend: &str, conf: &Value) -> Command {
    let mut command = Command::new(interpreter());
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("PYTHONPATH", MODULES)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONUNBUFFERED", "1")
        .env("C_FORCE_ROOT", "1")
        .env("BROKER", broker)
        .env("BACKEND", backend)
        .env("CONF", conf.to_string());
    command
}
