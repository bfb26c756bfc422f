//! The built program, run from an empty environment in a home of its own.

use std::collections::BTreeMap;
use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Once};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::process::{self, Output, Process};
use super::store::Store;
use super::wait::{patience, secs};

/// How long a command that waits for nothing may take.
const COMMAND: Duration = Duration::from_secs(60);

/// How many seconds workers get to reply where a command says nothing else: the second that is usual is soon over on a
/// busy machine. Where all have replied, nobody waits for the rest.
const REPLIES: &str = "5";

/// The program `rcelery` (or another built on the library) with a home directory and an environment of its own.
pub(crate) struct Rcelery {
    binary: PathBuf,
    env: BTreeMap<String, String>,
    home: Arc<Home>,
}

/// A home directory, and whatever was started in it and left our process groups.
#[derive(Debug)]
struct Home(TempDir);

impl Rcelery {
    /// The program as a newcomer has it: no configuration, nothing in the environment but a home and patience with workers.
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self::of(Path::new(env!("CARGO_BIN_EXE_rcelery")))
    }

    /// The program with its broker and result back end in the environment.
    #[track_caller]
    pub(crate) fn on(store: &Store) -> Self {
        Self::new().with(store)
    }

    /// A program of `examples/` or of `[[example]]` in Cargo.toml.
    #[track_caller]
    pub(crate) fn example(name: &str) -> Self {
        // `cargo test --test NAME` builds the program, and leaves examples as they were.
        static BUILT: Once = Once::new();
        BUILT.call_once(|| {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
            cargo.args(["build", "--quiet", "--locked", "--examples"]);
            // What cargo says to a test is not said to cargo: build scripts that look at these would run again, each time.
            for (name, _) in std::env::vars_os() {
                let name = name.to_string_lossy();
                if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                    cargo.env_remove(&*name);
                }
            }
            process::run(&mut cargo, "", Duration::from_secs(600)).ok();
        });
        let built = Path::new(env!("CARGO_BIN_EXE_rcelery"))
            .with_file_name("examples")
            .join(name);
        Self::of(&built)
    }

    /// Sets broker and result back end.
    pub(crate) fn with(self, store: &Store) -> Self {
        self.env("CELERY_BROKER_URL", &store.broker)
            .env("CELERY_RESULT_BACKEND", &store.backend)
    }

    /// Sets one more variable of the environment.
    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.env.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Removes a variable of the environment, one of its own or one that every program of the tests has.
    pub(crate) fn without(mut self, key: &str) -> Self {
        self.env.remove(key);
        self
    }

    /// Its home, which is also its working directory.
    pub(crate) fn home(&self) -> &Path {
        self.home.0.path()
    }

    /// A command line of the program, ready to start.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(args);
        self.furnish(&mut command);
        command
    }

    /// Gives any command the program's environment and working directory.
    pub(crate) fn furnish(&self, command: &mut Command) {
        command
            .env_clear()
            .envs(&self.env)
            .current_dir(self.home.0.path());
    }

    /// Runs a command to its end, with nothing on standard input.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, "", COMMAND)
    }

    /// Runs a command to its end within `deadline`, with `input` on standard input.
    #[track_caller]
    pub(crate) fn run_with(&self, args: &[&str], input: &str, deadline: Duration) -> Output {
        process::run(&mut self.command(args), input, deadline)
    }

    /// Starts a command and leaves it running.
    #[track_caller]
    pub(crate) fn spawn(&self, args: &[&str]) -> Process {
        Process::start(&mut self.command(args), "build the program first")
    }

    /// Starts `worker -l INFO` with these arguments and waits until it is ready.
    #[track_caller]
    pub(crate) fn worker(&self, args: &[&str]) -> Worker {
        let mut worker = self.starting_worker(args);
        worker.wait_for("ready.", patience());
        worker
    }

    /// Starts `worker -l INFO` with these arguments and does not wait.
    #[track_caller]
    pub(crate) fn starting_worker(&self, args: &[&str]) -> Worker {
        let mut all = vec!["worker", "-l", "INFO"];
        all.extend_from_slice(args);
        Worker {
            process: self.spawn(&all),
            _home: Arc::clone(&self.home),
        }
    }

    fn of(binary: &Path) -> Self {
        let home = TempDir::new().expect("a temporary directory");
        let at = |name: &str| home.path().join(name).to_string_lossy().into_owned();
        let env = BTreeMap::from([
            ("HOME".to_owned(), at("")),
            ("XDG_STATE_HOME".to_owned(), at("state")),
            ("XDG_CONFIG_HOME".to_owned(), at("config")),
            ("XDG_CACHE_HOME".to_owned(), at("cache")),
            ("XDG_RUNTIME_DIR".to_owned(), at("run")),
            ("TMPDIR".to_owned(), at("")),
            ("CELERY_STATUS_TIMEOUT".to_owned(), REPLIES.to_owned()),
            ("CELERY_INSPECT_TIMEOUT".to_owned(), REPLIES.to_owned()),
            ("CELERY_CONTROL_TIMEOUT".to_owned(), REPLIES.to_owned()),
        ]);
        Self {
            binary: binary.to_owned(),
            env,
            home: Arc::new(Home(home)),
        }
    }
}

impl Drop for Home {
    /// Kills detached workers: all that has this home in its environment.
    fn drop(&mut self) {
        let mark = format!("HOME={}\0", self.0.path().join("").display()).into_bytes();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else {
                continue;
            };
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            if environment.windows(mark.len()).any(|part| part == mark) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

/// A running `rcelery worker`, killed when dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    process: Process,
    _home: Arc<Home>,
}

impl Worker {
    /// Sends SIGTERM and returns what it left, once it has ended.
    #[track_caller]
    pub(crate) fn terminate(self) -> Output {
        self.process.signal(Signal::SIGTERM);
        self.process.wait(secs(60))
    }

    /// Its log and banner so far.
    pub(crate) fn log(&self) -> String {
        format!("{}{}", self.process.stdout(), self.process.stderr())
    }

    /// Waits for its end by itself.
    #[track_caller]
    pub(crate) fn wait(self, deadline: Duration) -> Output {
        self.process.wait(deadline)
    }
}

impl Deref for Worker {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Worker {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}
