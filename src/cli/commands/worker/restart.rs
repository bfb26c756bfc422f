//! Becoming a new worker, for HUP.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

/// This program as it was started.
#[derive(Debug)]
pub(super) struct Program {
    /// Known before a newer one is put in its place: that is the one to become.
    path: PathBuf,
    directory: PathBuf,
}

impl Program {
    pub(super) fn this() -> anyhow::Result<Self> {
        Ok(Self {
            path: std::env::current_exe().context("finding this program")?,
            directory: std::env::current_dir().context("finding the working directory")?,
        })
    }

    /// Becomes a new worker of the same arguments; returns only if that fails.
    pub(super) fn restart(&self) -> anyhow::Error {
        let error = Command::new(&self.path).args(self.arguments()).exec();
        anyhow::Error::new(error).context(format!("restarting `{}`", self.path.display()))
    }

    /// Those it was given. A relative `--workdir` has been obeyed by now: the last one counts.
    fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
        let end = arguments.iter().position(|a| a == "--");
        let end = end.unwrap_or(arguments.len());
        let mut workdir = OsString::from("--workdir=");
        workdir.push(&self.directory);
        // It is there already after an earlier restart.
        if end == 0 || arguments[end - 1] != workdir {
            arguments.insert(end, workdir);
        }
        arguments
    }
}
