//! Word from the kernel that somebody writes to a file, where there is a kernel that gives it.

use std::path::Path;
use std::sync::Weak;

use tokio::sync::watch;

/// Starts counting writes to the file and its log, until nobody holds the counter; false if that cannot be had here.
#[cfg(target_os = "linux")]
pub(super) fn listen(path: &Path, writes: Weak<watch::Sender<u64>>) -> bool {
    linux::listen(path, writes)
}

/// Starts counting writes to the file and its log, until nobody holds the counter; false if that cannot be had here.
#[cfg(not(target_os = "linux"))]
pub(super) fn listen(_: &Path, _: Weak<watch::Sender<u64>>) -> bool {
    false
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::AsFd as _;
    use std::path::{Path, PathBuf};
    use std::sync::Weak;
    use std::time::{Duration, Instant};

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
    use tokio::sync::watch;

    use crate::sqlite::shared::bump;
    use crate::sqlite::watch::log_of;

    /// How often to see whether anybody still listens, and whether the log is another file.
    const LOOK_MS: u16 = 1000;
    /// A commit is many writes, and while a file is busy there is one commit after the other: this long, they count as one.
    /// The longest pause is for when writes never end, when nobody is idle who would have to hear of each.
    const PAUSES: [Duration; 2] = [Duration::from_micros(500), Duration::from_millis(4)];
    /// How long to pause while nobody waits. Who begins to looks by himself meanwhile.
    const IDLE: Duration = Duration::from_millis(50);
    /// How long a small commit takes from its first write until it counts.
    const COMMIT: Duration = Duration::from_micros(50);

    /// Writes to these are listened for.
    struct Files {
        inotify: Inotify,
        paths: [PathBuf; 2],
    }

    impl Files {
        /// Listens to what is there; where it does already, nothing changes.
        fn add(&self) -> nix::Result<()> {
            for path in &self.paths {
                match self.inotify.add_watch(path, AddWatchFlags::IN_MODIFY) {
                    // The log comes with the first write, and goes with the last connection.
                    Ok(_) | Err(nix::Error::ENOENT) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        }

        /// Waits for a write; false if there was none for a while.
        fn written(&self) -> nix::Result<bool> {
            let mut fds = [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::from(LOOK_MS)) {
                Ok(0) | Err(nix::Error::EINTR) => return Ok(false),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
            std::thread::sleep(COMMIT);
            self.inotify.read_events().map(|_| true)
        }
    }

    pub(super) fn listen(path: &Path, writes: Weak<watch::Sender<u64>>) -> bool {
        let flags = InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC;
        let Ok(inotify) = Inotify::init(flags) else {
            return false;
        };
        let files = Files {
            inotify,
            paths: [path.to_owned(), log_of(path)],
        };
        if files.add().is_err() {
            return false;
        }
        let run = move || {
            let [shortest, longest] = PAUSES;
            let mut pause = shortest;
            let mut asked = Instant::now();
            while let Ok(written) = files.written() {
                let Some(writes) = writes.upgrade() else {
                    return;
                };
                if written {
                    bump(&writes);
                    let nobody = writes.receiver_count() == 0;
                    drop(writes);
                    if nobody {
                        std::thread::sleep(IDLE);
                        continue;
                    }
                    pause = if asked.elapsed() < longest {
                        (pause * 2).min(longest)
                    } else {
                        shortest
                    };
                    std::thread::sleep(pause);
                    asked = Instant::now();
                } else if files.add().is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("sqlite-watch".to_owned())
            .spawn(run)
            .is_ok()
    }
}
