//! What a daemon needs: a pidfile, a life without a terminal, another user.
//!
//! Mirrors `celery.platforms` (`Pidfile`, `DaemonContext`, `maybe_drop_privileges`).

use std::ffi::{CString, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Group, Pid, Uid, User, initgroups, setgid, setsid, setuid};

use super::error::{Failure, Kind};

/// A pidfile that is ours; removed when dropped.
#[derive(Debug)]
pub(crate) struct Pidfile {
    path: PathBuf,
}

/// What stood in the way of a pidfile.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Held {
    No,
    /// The process of this id is gone.
    Stale,
    By(i32),
}

impl Pidfile {
    /// Creates it, replacing one whose process is gone; `say` is told of that.
    pub(crate) fn acquire(path: &Path, say: impl Fn(&str)) -> anyhow::Result<Self> {
        // Several tries: another starter may be replacing the same stale file.
        for _ in 0..5 {
            match OpenOptions::new().write(true).create_new(true).open(path) {
                Ok(mut file) => {
                    writeln!(file, "{}", std::process::id())
                        .with_context(|| format!("writing the pidfile `{}`", path.display()))?;
                    return Ok(Self {
                        path: path.to_owned(),
                    });
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => {
                    return Err(e)
                        .with_context(|| format!("creating the pidfile `{}`", path.display()));
                }
            }
            match held(path)? {
                Held::By(pid) => {
                    return Err(Failure::new(
                        Kind::Pidfile,
                        format!(
                            "ERROR: Pidfile ({}) already exists.\nSeems we're already running? (pid: {pid})",
                            path.display()
                        ),
                    )
                    .verbatim()
                    .into());
                }
                Held::Stale => {
                    say("Stale pidfile exists - Removing it.");
                    remove(path)?;
                }
                Held::No => {}
            }
        }
        anyhow::bail!("the pidfile `{}` keeps changing under us", path.display())
    }
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        // Someone else's by now, if it was removed and made anew.
        let ours = std::fs::read_to_string(&self.path)
            .is_ok_and(|text| text.trim() == std::process::id().to_string());
        if ours {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn held(path: &Path) -> anyhow::Result<Held> {
    let mut text = String::new();
    match File::open(path) {
        Ok(file) => file
            .take(64)
            .read_to_string(&mut text)
            .with_context(|| format!("reading the pidfile `{}`", path.display()))?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Held::No),
        Err(e) => {
            return Err(e).with_context(|| format!("reading the pidfile `{}`", path.display()));
        }
    };
    let Some(pid) = text.trim().parse::<i32>().ok().filter(|pid| *pid > 0) else {
        return Err(Failure::new(
            Kind::Pidfile,
            format!("the pidfile `{}` holds no process id", path.display()),
        )
        .hint("remove it if nothing runs")
        .into());
    };
    Ok(match kill(Pid::from_raw(pid), None) {
        Err(Errno::ESRCH) => Held::Stale,
        // A pidfile that survived a reboot in a container names our own id.
        _ if u32::try_from(pid).is_ok_and(|pid| pid == std::process::id()) => Held::Stale,
        _ => Held::By(pid),
    })
}

/// `--workdir`, `--umask`, `--gid`, `--uid`.
#[derive(Debug, Default, Clone)]
pub(crate) struct Identity {
    pub(crate) umask: Option<u32>,
    pub(crate) uid: Option<String>,
    pub(crate) gid: Option<String>,
}

impl Identity {
    /// Changes into it, the group first: afterwards there would be no permission to.
    pub(crate) fn assume(&self) -> anyhow::Result<()> {
        if let Some(bits) = self.umask {
            umask(Mode::from_bits_truncate(bits));
        }
        let user = self.uid.as_deref().map(find_user).transpose()?;
        let gid = match (&self.gid, &user) {
            (Some(name), _) => Some(find_group(name)?),
            (None, Some((_, gid, _))) => *gid,
            (None, None) => None,
        };
        let refused = |what: &str| format!("changing the {what}: are you root?");
        // A worker that starts over is somebody else already, and may not change its groups any more.
        let is_so = |uid: Uid| uid == Uid::current() && gid.is_none_or(|g| g == Gid::current());
        if user.as_ref().is_some_and(|(uid, _, _)| is_so(*uid)) {
            return Ok(());
        }
        if let Some(gid) = gid {
            if let Some((_, _, Some(name))) = &user {
                initgroups(name, gid).with_context(|| refused("groups"))?;
            }
            setgid(gid).with_context(|| refused("group"))?;
        }
        if let Some((uid, _, _)) = user {
            setuid(uid).with_context(|| refused("user"))?;
        }
        Ok(())
    }
}

fn find_user(name: &str) -> anyhow::Result<(Uid, Option<Gid>, Option<CString>)> {
    let found = match name.parse() {
        Ok(id) => User::from_uid(Uid::from_raw(id)),
        Err(_) => User::from_name(name),
    };
    match (
        found.with_context(|| format!("looking up the user `{name}`"))?,
        name.parse(),
    ) {
        (Some(user), _) => Ok((user.uid, Some(user.gid), CString::new(user.name).ok())),
        (None, Ok(id)) => Ok((Uid::from_raw(id), None, None)),
        (None, Err(_)) => Err(Failure::usage(format!("there is no user `{name}`")).into()),
    }
}

fn find_group(name: &str) -> anyhow::Result<Gid> {
    if let Ok(id) = name.parse() {
        return Ok(Gid::from_raw(id));
    }
    Group::from_name(name)
        .with_context(|| format!("looking up the group `{name}`"))?
        .map(|group| group.gid)
        .ok_or_else(|| Failure::usage(format!("there is no group `{name}`")).into())
}

/// The hidden option by which the detached process knows itself.
pub(crate) const DETACHED: &str = "--detached";

/// How long the parent waits for its child to be ready before it leaves it to its own.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs this program again, without a terminal, and returns when that is ready or has failed. What it says on stderr
/// until then is passed on.
pub(crate) fn detach() -> anyhow::Result<ExitCode> {
    let program = std::env::current_exe().context("finding this program")?;
    let mut argv = std::env::args_os().skip(1);
    let mut command = Command::new(program);
    command
        .arg(DETACHED)
        .args(argv.by_ref().collect::<Vec<OsString>>())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().context("starting in the background")?;
    let mut ready = child.stdout.take().context("starting in the background")?;
    let mut words = child.stderr.take().context("starting in the background")?;
    let passed_on = std::thread::spawn(move || io::copy(&mut words, &mut io::stderr()));
    let (say, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut said = String::new();
        // The child closes its end when it is ready, or by ending.
        let _ = ready.read_to_string(&mut said);
        let _ = say.send(said.contains(READY));
    });
    let begun = Instant::now();
    match heard.recv_timeout(PATIENCE) {
        Ok(true) => {
            // Its stderr is closed at the same time: nothing of it is lost.
            let _ = passed_on.join();
            Ok(ExitCode::SUCCESS)
        }
        Ok(false) => {
            let status = child.wait().context("waiting for the background process")?;
            let _ = passed_on.join();
            let code = status
                .code()
                .and_then(|c| u8::try_from(c).ok())
                .unwrap_or(1);
            Ok(ExitCode::from(if code == 0 { 1 } else { code }))
        }
        Err(_) => {
            writeln!(
                io::stderr(),
                "warning: started as process {}, but not ready after {} s: its log says why",
                child.id(),
                begun.elapsed().as_secs()
            )?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

const READY: &str = "ready";

/// In the detached process: leaves the terminal's session.
pub(crate) fn leave_session() -> anyhow::Result<()> {
    match setsid() {
        // It starts over, and leads a session of its own already.
        Err(Errno::EPERM) => Ok(()),
        left => left.map(|_| ()).context("leaving the terminal's session"),
    }
}

/// In the detached process: tells the parent that all is well, and closes what it had of the terminal.
pub(crate) fn report_ready() -> io::Result<()> {
    {
        // The parent may have stopped waiting.
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(READY.as_bytes());
        let _ = stdout.flush();
    }
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    nix::unistd::dup2_stdout(&null)?;
    nix::unistd::dup2_stderr(&null)?;
    Ok(())
}

/// `$XDG_STATE_HOME/rcelery`, else `~/.local/state/rcelery`.
pub(crate) fn state_dir() -> Option<PathBuf> {
    let var = |name| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    var("XDG_STATE_HOME")
        .filter(|p| p.is_absolute())
        .or_else(|| var("HOME").map(|home| home.join(".local/state")))
        .map(|base| base.join("rcelery"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pidfile_comes_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.pid");
        let pidfile = Pidfile::acquire(&path, |_| {}).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap().trim(),
            std::process::id().to_string()
        );
        drop(pidfile);
        assert!(!path.exists());
    }

    #[test]
    fn a_living_process_holds_its_pidfile() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.pid");
        std::fs::write(&path, "1\n").unwrap();
        let error = Pidfile::acquire(&path, |_| {}).unwrap_err();
        let failure = error.downcast_ref::<Failure>().unwrap();
        assert_eq!(failure.kind, Kind::Pidfile);
        assert_eq!(
            failure.message,
            format!(
                "ERROR: Pidfile ({}) already exists.\nSeems we're already running? (pid: 1)",
                path.display()
            )
        );
        assert!(path.exists());
    }

    #[test]
    fn a_stale_pidfile_is_replaced_and_garbage_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.pid");
        let mut child = Command::new("true").spawn().unwrap();
        let gone = child.id();
        child.wait().unwrap();
        std::fs::write(&path, format!("{gone}\n")).unwrap();
        drop(Pidfile::acquire(&path, |_| {}).unwrap());
        std::fs::write(&path, "not a number").unwrap();
        assert!(Pidfile::acquire(&path, |_| {}).is_err());
    }

    #[test]
    fn someone_elses_pidfile_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.pid");
        let pidfile = Pidfile::acquire(&path, |_| {}).unwrap();
        std::fs::write(&path, "1\n").unwrap();
        drop(pidfile);
        assert!(path.exists());
    }

    #[test]
    fn unknown_users_are_named() {
        let error = find_user("no-such-user-here").unwrap_err();
        assert!(error.to_string().contains("no-such-user-here"));
    }
}
