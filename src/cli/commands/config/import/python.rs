//! Settings by way of Python: it is run once, and prints what it has read as JSON.

use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Found;
use crate::cli::error::{Failure, Kind};
use crate::cli::output::table::printable;
use crate::protocol::Value;
use crate::protocol::codec::json;

/// First what the pool of a Python app uses as well.
const SCRIPT: &str = concat!(
    include_str!("../../../../pool/python/settings.py"),
    include_str!("dump.py")
);

/// What is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    /// A file of assignments: `celeryconfig.py`, or a Django settings file.
    File(&'a str),
    /// An app, as Celery's `-A` names it.
    App(&'a str),
}

/// Runs `program` on the source; none if there is no such program.
///
/// # Errors
/// A configuration error with the last line that Python said, or that it took longer than `limit`.
pub(super) fn read(
    program: &str,
    source: Source<'_>,
    limit: Duration,
) -> Result<Option<Found>, Failure> {
    let (kind, target) = match source {
        Source::File(path) => ("file", path),
        Source::App(name) => ("app", name),
    };
    let child = Command::new(program)
        .args(["-c", SCRIPT, kind, target])
        // No files of compiled code beside a configuration that was only looked at.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(failure(format!(
                "can't run `{}`: {error}",
                printable(program)
            )));
        }
    };
    let pid = child.id();
    let (done, outcome) = mpsc::sync_channel(1);
    let reader = std::thread::spawn(move || {
        // Nobody listens any more only if it took too long.
        let _ = done.send(child.wait_with_output());
    });
    let Ok(output) = outcome.recv_timeout(limit) else {
        if let Ok(pid) = i32::try_from(pid) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        return Err(failure(format!(
            "Python took longer than {} s to read `{}`",
            limit.as_secs_f64(),
            printable(target)
        ))
        .hint("--timeout gives it more; --no-python reads plain assignments without it"));
    };
    // It has sent its one message.
    let _ = reader.join();
    let output = output.map_err(|error| failure(format!("waiting for Python: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        let what = last.map_or_else(|| output.status.to_string(), |line| printable(line.trim()));
        let hint = match source {
            Source::App(_) if what.contains("No module named 'celery'") => {
                "run it where Celery is installed, or name that Python with --python"
            }
            Source::App(_) => "run it in the directory of the app, with its environment variables",
            Source::File(_) => "--no-python reads plain assignments without running the file",
        };
        let target = printable(target);
        return Err(failure(format!("Python can't load `{target}`: {what}")).hint(hint));
    }
    let answer = json::from_slice(&output.stdout).ok();
    let found = answer.as_ref().and_then(found);
    found
        .map(Some)
        .ok_or_else(|| failure("Python's answer can't be read".to_owned()))
}

fn failure(message: String) -> Failure {
    Failure::new(Kind::Config, message)
}

fn found(answer: &Value) -> Option<Found> {
    let answer = answer.as_map()?;
    let pairs = |key: &str| answer.get(key)?.as_list();
    let pair = |item: &Value| match item.as_list()? {
        [Value::Str(name), value] => Some((name.clone(), value.clone())),
        _ => None,
    };
    let settings = pairs("settings")?.iter().map(pair).collect::<Option<_>>()?;
    let left = pairs("left")?
        .iter()
        .map(|item| Some((pair(item)?.0, item.as_list()?.get(1)?.as_str()?.to_owned())))
        .collect::<Option<_>>()?;
    let tasks = pairs("tasks")?
        .iter()
        .map(|task| task.as_str().map(str::to_owned))
        .collect::<Option<_>>()?;
    Some(Found {
        settings,
        left,
        tasks,
    })
}
