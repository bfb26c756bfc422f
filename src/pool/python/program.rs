//! The interpreter with the app: started, told what it is to load, and asked what is in it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::PythonError;
use super::orders::{Order, Orders};
use crate::protocol::codec::json;
use crate::protocol::{Map, Value};
use crate::task::die_with_us;

/// How long an interpreter that has closed its socket may take to end.
const LAST_BREATH: Duration = Duration::from_secs(2);
/// How often it is looked at until then.
const LOOK: Duration = Duration::from_millis(5);

/// What the interpreter runs: it takes the modules in over its standard input.
const BOOT: &str = include_str!("boot.py");

/// The modules, by their names in Python.
const MODULES: &[(&str, &str)] = &[
    ("_rcelery", ""),
    ("_rcelery.aftermath", include_str!("aftermath.py")),
    ("_rcelery.application", include_str!("application.py")),
    ("_rcelery.child", include_str!("child.py")),
    ("_rcelery.heard", include_str!("heard.py")),
    ("_rcelery.parent", include_str!("parent.py")),
    ("_rcelery.port", include_str!("port.py")),
    ("_rcelery.records", include_str!("records.py")),
    ("_rcelery.requests", include_str!("requests.py")),
    ("_rcelery.settings", include_str!("settings.py")),
    ("_rcelery.storage", include_str!("storage.py")),
];

/// Where goes what the app prints.
#[derive(Debug, Clone, Copy)]
pub enum Output<'a> {
    /// Where this process prints.
    Inherited,
    /// To where this process prints errors: what it prints itself is for programs.
    Errors,
    /// To a file, where there is no terminal.
    File(&'a File),
}

/// An interpreter that has loaded an app, and waits for orders.
#[derive(Debug)]
pub struct Program {
    pub(super) process: Child,
    pub(super) control: UnixStream,
    /// What it says of the app: settings, tasks, versions.
    pub described: Map,
    /// Where orders are handed in, for its whole life.
    pub orders: Orders,
    pub(super) waiting: mpsc::Receiver<Order>,
}

/// The interpreter of an app: the one that is named, else that of the virtual environment that is active, else the
/// first `python3` there is.
#[must_use]
pub fn interpreter(named: Option<&OsStr>, virtual_env: Option<&OsStr>) -> OsString {
    if let Some(named) = named {
        return named.to_owned();
    }
    let of_env = virtual_env
        .filter(|dir| !dir.is_empty())
        .map(|dir| PathBuf::from(dir).join("bin/python"));
    match of_env {
        Some(path) if path.exists() => path.into_os_string(),
        _ => OsString::from("python3"),
    }
}

impl Program {
    /// Starts the interpreter and has it load the app, as `order` says. Waits as long as that takes. `env` is added to
    /// the environment.
    ///
    /// # Errors
    /// `Interpreter` if it can't be started, `App` if the app can't be loaded or used, `Ended` if the process ends.
    pub fn start(
        interpreter: &OsStr,
        mut order: Map,
        env: &[(&str, String)],
        output: Output<'_>,
    ) -> Result<Self, PythonError> {
        let (control, theirs) = UnixStream::pair()?;
        let mut command = Command::new(interpreter);
        command
            .args(["-c", BOOT])
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::from(OwnedFd::from(theirs)));
        match output {
            Output::Inherited => {}
            Output::Errors => {
                command.stdout(io::stderr().as_fd().try_clone_to_owned()?);
            }
            Output::File(file) => {
                command.stdout(file.try_clone()?).stderr(file.try_clone()?);
            }
        }
        die_with_us(&mut command);
        let process = command.spawn().map_err(|source| PythonError::Interpreter {
            program: interpreter.to_string_lossy().into_owned(),
            source,
        })?;
        // Our copy of the other end goes with the command.
        drop(command);
        let sources = MODULES
            .iter()
            .map(|(name, text)| ((*name).to_owned(), Value::from(*text)));
        order.insert("sources".to_owned(), Value::Map(sources.collect()));
        let (orders, waiting) = Orders::new();
        let mut program = Self {
            process,
            control,
            described: Map::new(),
            orders,
            waiting,
        };
        let answer = program.ask(&Value::Map(order));
        match answer {
            Ok(Value::Map(mut answer)) => match answer.swap_remove("failed") {
                Some(failed) => {
                    // It ends by itself.
                    let _ = program.process.wait();
                    Err(failure(&failed))
                }
                None => {
                    program.described = answer;
                    Ok(program)
                }
            },
            _ => Err(PythonError::Ended {
                status: program.end_status(),
            }),
        }
    }

    fn ask(&mut self, order: &Value) -> io::Result<Value> {
        self.control.write_all(&framed(order))?;
        let mut length = [0; 4];
        self.control.read_exact(&mut length)?;
        let mut answer = vec![0; u32::from_le_bytes(length) as usize];
        self.control.read_exact(&mut answer)?;
        json::from_slice(&answer).map_err(io::Error::other)
    }

    /// How the interpreter ended that has closed its socket. One that goes on all the same is killed.
    fn end_status(&mut self) -> String {
        let until = Instant::now() + LAST_BREATH;
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => return status.to_string(),
                Ok(None) if Instant::now() < until => std::thread::sleep(LOOK),
                _ => break,
            }
        }
        let _ = self.process.kill();
        match self.process.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// Ends the interpreter of an app that was only looked at.
    #[must_use]
    pub fn end(mut self) -> Map {
        drop(self.control);
        // It ends by itself, too.
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.described
    }
}

/// An order or a report with its length before it.
pub(super) fn framed(value: &Value) -> Vec<u8> {
    let text = json::to_vec(value);
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes()[..], &text].concat()
}

fn failure(report: &Value) -> PythonError {
    let text = |name: &str| {
        let value = report.as_map()?.get(name)?;
        value.as_str().map(str::to_owned)
    };
    PythonError::App {
        message: text("message").unwrap_or_else(|| "the app can't be loaded".to_owned()),
        hint: text("hint"),
        traceback: text("traceback"),
    }
}
