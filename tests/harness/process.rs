//! A child process in a group of its own, with its output gathered while it runs.

use std::fmt::{self, Debug, Formatter};
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::wait::{eventually, secs};

/// What a program that has ended left behind.
#[derive(Clone)]
pub(crate) struct Output {
    /// The command line, for messages.
    pub(crate) command: String,
    /// Exit code; the negative signal number where a signal ended it.
    pub(crate) code: i32,
    /// Everything on standard output.
    pub(crate) stdout: String,
    /// Everything on standard error.
    pub(crate) stderr: String,
}

impl Output {
    /// Asserts exit code 0 and returns standard output without the white space around it.
    #[track_caller]
    pub(crate) fn ok(&self) -> &str {
        self.exit(0).stdout.trim()
    }

    /// Asserts an exit code.
    #[track_caller]
    pub(crate) fn exit(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "exit code of {self:?}");
        self
    }

    /// Asserts exit code 0 and returns standard output, which must be one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.ok()).unwrap_or_else(|e| panic!("not JSON ({e}): {self:?}"))
    }
}

impl Debug for Output {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` → {}\n--- stdout\n{}\n--- stderr\n{}",
            self.command, self.code, self.stdout, self.stderr
        )
    }
}

/// A running child: killed with its whole process group when dropped.
pub(crate) struct Process {
    command: String,
    child: Child,
    stdout: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` as the leader of a new process group. `missing` says what to do when there is no such program.
    #[track_caller]
    pub(crate) fn start(command: &mut Command, missing: &str) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {:?}: {e}\n{missing}", command.get_program()));
        let stdout = Arc::default();
        let stderr = Arc::default();
        let readers = vec![
            gather(child.stdout.take().expect("it is piped"), &stdout),
            gather(child.stderr.take().expect("it is piped"), &stderr),
        ];
        Self {
            command: line(command),
            child,
            stdout,
            stderr,
            readers,
            status: None,
        }
    }

    /// The process id.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a pid fits"))
    }

    /// What it wrote on standard output so far.
    pub(crate) fn stdout(&self) -> String {
        text(&self.stdout)
    }

    /// What it wrote on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// Writes to its standard input.
    #[track_caller]
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let stdin = self.child.stdin.as_mut().expect("input is still open");
        stdin.write_all(bytes).expect("the child reads its input");
        stdin.flush().expect("the child reads its input");
    }

    /// Closes its standard input.
    pub(crate) fn close_input(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Sends a signal to the process alone, not to its children.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.status.is_none() {
            let _ = kill(self.pid(), signal);
        }
    }

    /// True until it has ended.
    pub(crate) fn is_running(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("the child is ours");
        }
        self.status.is_none()
    }

    /// Waits until standard error or standard output has `needle`; fails at once if the process ends before.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, needle: &str, deadline: Duration) {
        let what = format!("`{}` says {needle:?}", self.command);
        eventually(&what, deadline, || {
            let running = self.is_running();
            if self.stderr().contains(needle) || self.stdout().contains(needle) {
                return Ok(());
            }
            let seen = format!(
                "--- stdout\n{}\n--- stderr\n{}",
                self.stdout(),
                self.stderr()
            );
            assert!(running, "{what}: it ended with {:?}\n{seen}", self.status);
            Err(seen)
        });
    }

    /// Waits for its end and returns what it left; kills it and panics at the deadline.
    #[track_caller]
    pub(crate) fn wait(mut self, deadline: Duration) -> Output {
        let end = Instant::now() + deadline;
        while self.is_running() {
            if Instant::now() >= end {
                self.kill();
                panic!("still running after {deadline:?}: {:?}", self.output());
            }
            thread::sleep(Duration::from_millis(2));
        }
        // What it left in the background may hold the pipes open: they close with the group.
        let _ = killpg(self.pid(), Signal::SIGKILL);
        self.output()
    }

    /// Kills it and all of its group with SIGKILL, as a crash would, and waits for the end.
    pub(crate) fn kill(&mut self) {
        let _ = killpg(self.pid(), Signal::SIGKILL);
        if self.status.is_none() {
            self.status = self.child.wait().ok();
        }
    }

    fn output(&mut self) -> Output {
        for reader in self.readers.drain(..) {
            let end = Instant::now() + secs(2);
            while !reader.is_finished() && Instant::now() < end {
                thread::sleep(Duration::from_millis(2));
            }
        }
        let status = self.status.expect("it has ended");
        Output {
            command: self.command.clone(),
            code: status
                .code()
                .unwrap_or_else(|| -status.signal().unwrap_or(0)),
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }
}

impl Debug for Process {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}`\n--- stdout\n{}\n--- stderr\n{}",
            self.command,
            self.stdout(),
            self.stderr()
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a command to its end within `deadline`, with `input` on its standard input.
#[track_caller]
pub(crate) fn run(command: &mut Command, input: &str, deadline: Duration) -> Output {
    let mut process = Process::start(command, "is it installed? run `tests/setup`");
    if !input.is_empty() {
        process.write(input.as_bytes());
    }
    process.close_input();
    process.wait(deadline)
}

/// Asserts that `work` takes less than `limit`, and returns what it gives.
#[track_caller]
pub(crate) fn in_time<T>(limit: Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let value = work();
    let took = start.elapsed();
    assert!(took <= limit, "took {took:?}, more than {limit:?}");
    value
}

/// Asserts that `work` takes less than `limit` at least once in five times, and returns what it gives then.
///
/// For what is quick unless the machine is busy for a moment: what is always slow fails.
#[track_caller]
pub(crate) fn at_best<T>(limit: Duration, mut work: impl FnMut() -> T) -> T {
    let mut all = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        let value = work();
        let took = start.elapsed();
        if took <= limit {
            return value;
        }
        all.push(took);
    }
    panic!("took {all:?}, each more than {limit:?}");
}

fn gather(mut from: impl Read + Send + 'static, into: &Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    let into = Arc::clone(into);
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            into.lock()
                .expect("readers do not panic")
                .extend_from_slice(&buffer[..n]);
        }
    })
}

fn text(bytes: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&bytes.lock().expect("readers do not panic")).into_owned()
}

fn line(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}
