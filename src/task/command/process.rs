//! A child process in a process group of its own, and how all of the group is ended.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{AccessFlags, Pid, access};
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, sleep};

use crate::task::die_with_us;

/// The descriptor on which a program tells its progress. Shells can name one digit only (`>&3`).
pub const PROGRESS_FD: RawFd = 3;

/// How often a group is looked at until it is gone.
const LOOK: Duration = Duration::from_millis(10);
/// How many looks there are before one at each process: where nobody waits for orphans, they stay as zombies.
const LOOKS: u32 = 5;

/// What is started.
#[derive(Debug)]
pub(super) struct Plan {
    /// A path that was found.
    pub(super) program: PathBuf,
    /// The name under which it is called.
    pub(super) called: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) cwd: Option<PathBuf>,
    pub(super) stdin: bool,
    pub(super) stdout: bool,
}

/// A running program with our ends of its pipes.
#[derive(Debug)]
pub(super) struct Running {
    /// Before the child: a group that is not gone is killed while its leader can't have lost its number.
    pub(super) group: Group,
    pub(super) child: Child,
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
    pub(super) stderr: Option<ChildStderr>,
    pub(super) progress: pipe::Receiver,
}

/// Starts a program.
pub(super) fn start(plan: &Plan) -> io::Result<Running> {
    occupy_progress_fd()?;
    let (reader, writer) = io::pipe()?;
    let progress = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
    let pipe_or_null = |wanted| {
        if wanted {
            Stdio::piped()
        } else {
            Stdio::null()
        }
    };
    let mut command = Command::new(&plan.program);
    command
        .arg0(&plan.called)
        .args(&plan.args)
        .env_clear()
        .envs(plan.env.iter().map(|(k, v)| (k, v)))
        .stdin(pipe_or_null(plan.stdin))
        .stdout(pipe_or_null(plan.stdout))
        .stderr(Stdio::piped())
        .process_group(0);
    if let Some(cwd) = &plan.cwd {
        command.current_dir(cwd);
    }
    die_with_us(command.as_std_mut());
    before_exec(&mut command, writer.as_raw_fd());
    let mut child = command.spawn()?;
    drop(writer);
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    let pid = pid.ok_or_else(|| io::Error::other("the program has no process id"))?;
    Ok(Running {
        group: Group(Some(Pid::from_raw(pid))),
        stdin: child.stdin.take(),
        stdout: child.stdout.take(),
        stderr: child.stderr.take(),
        progress,
        child,
    })
}

/// Sees to it that the pipe by which a failed exec is reported, which is made in the middle of the start, does not get
/// the number that the program's progress descriptor has.
fn occupy_progress_fd() -> io::Result<()> {
    let file = File::open("/dev/null")?;
    if file.as_raw_fd() <= PROGRESS_FD {
        // Stays open for good: one descriptor, once.
        std::mem::forget(file);
    }
    Ok(())
}

/// What happens in the child before the program takes over: it gets the progress descriptor and nothing else of ours.
#[expect(
    unsafe_code,
    reason = "descriptors of the child can be set there alone; only system calls that are safe between fork and exec \
              are made there, and nothing is allocated"
)]
fn before_exec(command: &mut Command, progress: RawFd) {
    let hook = move || {
        // SAFETY: each call takes plain numbers and touches nothing but this process's own table of descriptors.
        unsafe {
            #[cfg(target_os = "linux")]
            {
                // What this process was given without CLOEXEC by whoever started it. Kernels before 5.11 do without.
                libc::syscall(
                    libc::SYS_close_range,
                    3 as libc::c_uint,
                    libc::c_uint::MAX,
                    libc::CLOSE_RANGE_CLOEXEC,
                );
            }
            // A copy has no CLOEXEC; a descriptor that stands there already is no copy.
            let done = if progress == PROGRESS_FD {
                libc::fcntl(progress, libc::F_SETFD, 0)
            } else {
                libc::dup2(progress, PROGRESS_FD)
            };
            if done < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: the hook above is safe to run between fork and exec, as it says.
    unsafe {
        command.pre_exec(hook);
    }
}

/// A process group of ours; killed when dropped before it is gone.
#[derive(Debug)]
pub(super) struct Group(Option<Pid>);

impl Group {
    /// Sends a signal to all of it.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(id) = self.0 {
            // It may be gone already.
            let _ = killpg(id, signal);
        }
    }

    pub(super) fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// Whether none of it is left. To be asked when its leader has been waited for: until then that counts.
    pub(super) fn is_gone(&mut self) -> bool {
        let Some(id) = self.0 else { return true };
        // As the first process of a container we inherit orphans, and nobody else waits for them.
        let orphans = Pid::from_raw(-id.as_raw());
        while let Ok(status) = waitpid(orphans, Some(WaitPidFlag::WNOHANG)) {
            if status == WaitStatus::StillAlive {
                break;
            }
        }
        if killpg(id, None) == Err(Errno::ESRCH) {
            self.0 = None;
        }
        self.0.is_none()
    }

    /// Waits until none of it is left; false if `patience` ends before. Cancel safe.
    pub(super) async fn gone(&mut self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let mut looks = 0;
        while !self.is_gone() {
            looks += 1;
            if looks % LOOKS == 0 && self.0.is_some_and(is_dead) {
                self.0 = None;
                break;
            }
            if Instant::now() >= end {
                return false;
            }
            sleep(LOOK).await;
        }
        true
    }
}

/// Whether all that is left of a group are zombies, as far as `/proc` can tell.
fn is_dead(group: Pid) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return false;
    };
    let mut zombies = 0;
    for process in processes.flatten() {
        let Ok(stat) = std::fs::read_to_string(process.path().join("stat")) else {
            continue;
        };
        // `pid (name) state ppid pgrp …`, where the name may have anything in it.
        let Some((_, fields)) = stat.rsplit_once(')') else {
            continue;
        };
        let mut fields = fields.split_whitespace();
        let (state, group_id) = (fields.next(), fields.nth(1));
        if group_id.and_then(|id| id.parse().ok()) != Some(group.as_raw()) {
            continue;
        }
        if !matches!(state, Some("Z" | "X")) {
            return false;
        }
        zombies += 1;
    }
    zombies > 0
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The path of a program: as it stands if it has a slash, relative to `base`; else the first in `path` that can be run.
pub(super) fn find(program: &str, path: Option<&OsStr>, base: &Path) -> Result<PathBuf, Errno> {
    let runnable = |path: &Path| {
        if !path.is_file() {
            return Err(if path.is_dir() {
                Errno::EACCES
            } else {
                Errno::ENOENT
            });
        }
        access(path, AccessFlags::X_OK)
    };
    if program.contains('/') {
        let path = base.join(program);
        return runnable(&path).map(|()| path);
    }
    let mut worst = Errno::ENOENT;
    let path = path.unwrap_or(OsStr::new("/usr/local/bin:/usr/bin:/bin"));
    for directory in path.as_bytes().split(|b| *b == b':') {
        // An empty entry means the working directory, which no task should run programs from.
        if directory.is_empty() {
            continue;
        }
        let candidate = Path::new(OsStr::from_bytes(directory)).join(program);
        match runnable(&candidate) {
            Ok(()) => return Ok(candidate),
            Err(Errno::ENOENT) => {}
            Err(error) => worst = error,
        }
    }
    Err(worst)
}
