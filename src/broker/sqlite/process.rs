//! Which process a consumer is, and whether it is gone for certain.

use std::sync::OnceLock;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// A process, told apart from others that had or will have its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    /// The boot and PID namespace in which `pid` means something.
    pub(super) place: String,
    /// Process id.
    pub(super) pid: i64,
    /// When it started, in the kernel's ticks; 0 if that cannot be known here.
    pub(super) started: i64,
}

impl Process {
    /// This process.
    pub(super) fn this() -> Self {
        let pid = i64::from(std::process::id());
        Self {
            place: place().to_owned(),
            pid,
            started: started(pid).unwrap_or(0),
        }
    }

    /// Whether the process has ended for certain. False as well where nothing can be known: another container, another host.
    pub(super) fn is_gone(&self) -> bool {
        if self.place != place() {
            return false;
        }
        let Ok(pid) = i32::try_from(self.pid) else {
            return true;
        };
        if kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH) {
            return true;
        }
        // The number is in use; by the same process?
        self.started != 0 && started(self.pid).is_some_and(|started| started != self.started)
    }
}

fn place() -> &'static str {
    static PLACE: OnceLock<String> = OnceLock::new();
    PLACE.get_or_init(|| {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        let namespace = std::fs::read_link("/proc/self/ns/pid");
        match (boot, namespace) {
            (Ok(boot), Ok(namespace)) => format!("{} {}", boot.trim(), namespace.display()),
            _ => gethostname::gethostname().to_string_lossy().into_owned(),
        }
    })
}

/// Field 22 of `/proc/PID/stat`; a zombie, whose process has ended, has none here.
fn started(pid: i64) -> Option<i64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may contain anything, so count from the last one.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return Some(-1);
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_an_ended_one_is_gone() {
        let this = Process::this();
        assert!(!this.is_gone());
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = i64::from(child.id());
        child.wait().unwrap();
        let ended = Process {
            pid,
            ..this.clone()
        };
        assert!(ended.is_gone());
        // A number that another process has taken over.
        let reused = Process {
            started: this.started - 1,
            ..this.clone()
        };
        assert!(reused.is_gone() || this.started == 0);
        let elsewhere = Process {
            place: "another container".to_owned(),
            ..ended
        };
        assert!(!elsewhere.is_gone());
    }
}
