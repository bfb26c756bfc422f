//! Telling others whether the worker takes tasks: a file that comes and goes (`--ready-file`), and systemd.
//!
//! The protocol is that of `sd_notify(3)`: datagrams of `NAME=value` lines to the socket in `NOTIFY_SOCKET`.

use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::worker::State;
use crate::worker::state::{Link, Phase};

/// How often the status is looked at where no watchdog asks for more.
const STATUS: Duration = Duration::from_secs(5);

/// Whoever is to know that the worker takes tasks.
#[derive(Debug)]
pub(super) struct Announcer {
    file: Option<ReadyFile>,
    systemd: Option<Systemd>,
    nodename: String,
}

impl Announcer {
    /// Looks for systemd in the environment, and removes a file that an earlier worker has left.
    pub(super) fn new(
        file: Option<PathBuf>,
        nodename: &str,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> anyhow::Result<Self> {
        let file = file.map(ReadyFile::new).transpose()?;
        Ok(Self {
            file,
            systemd: Systemd::find(env),
            nodename: nodename.to_owned(),
        })
    }

    /// Announces for ever. `restart` tells a stop from a start over.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn run(&mut self, state: &Arc<State>, restart: &CancellationToken) {
        let every = self.systemd.as_ref().and_then(|s| s.watchdog);
        let mut look = interval(every.map_or(STATUS, |w| w.min(STATUS)));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut link = state.watch();
        loop {
            let now = *link.borrow_and_update();
            if let Some(file) = &mut self.file {
                file.show(now == Link::Ready, &self.nodename);
            }
            if let Some(systemd) = &mut self.systemd {
                systemd.tell(now, restart.is_cancelled());
            }
            // Until the link changes: the status, and that the loop goes round.
            loop {
                tokio::select! {
                    changed = link.changed() => match changed {
                        Ok(()) => break,
                        // The worker is gone; `state` keeps the sender.
                        Err(_) => std::future::pending().await,
                    },
                    _ = look.tick() => if let Some(systemd) = &mut self.systemd {
                        systemd.status(&self.nodename, state);
                    },
                }
            }
        }
    }

    /// The last word: the worker is gone.
    pub(super) fn stopped(&mut self, restarts: bool) {
        if let Some(file) = &mut self.file {
            file.show(false, &self.nodename);
        }
        if let Some(systemd) = &mut self.systemd {
            systemd.tell(Link::Stopping, restarts);
        }
    }
}

/// The file of `--ready-file`; gone when this is.
#[derive(Debug)]
struct ReadyFile {
    path: PathBuf,
    is_shown: bool,
}

impl ReadyFile {
    fn new(path: PathBuf) -> anyhow::Result<Self> {
        let said = || format!("the ready file `{}` can't be used", path.display());
        if path.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory)).with_context(said);
        }
        let file = Self {
            path,
            is_shown: false,
        };
        // Tried out now: in the middle of the night nobody would see that it can't be made.
        let said = || format!("the ready file `{}` can't be used", file.path.display());
        std::fs::write(file.draft(), "").with_context(said)?;
        std::fs::remove_file(file.draft()).with_context(said)?;
        match std::fs::remove_file(&file.path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e).with_context(said),
            _ => Ok(file),
        }
    }

    /// What becomes the file once it is written: whoever sees the file can read it.
    fn draft(&self) -> PathBuf {
        let mut draft = self.path.clone().into_os_string();
        draft.push(format!(".{}", std::process::id()));
        draft.into()
    }

    fn show(&mut self, show: bool, nodename: &str) {
        if show == self.is_shown {
            return;
        }
        let done = if show {
            let draft = self.draft();
            std::fs::write(&draft, format!("{} {nodename}\n", std::process::id()))
                .and_then(|()| std::fs::rename(&draft, &self.path))
        } else {
            match std::fs::remove_file(&self.path) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
                other => other,
            }
        };
        match done {
            Ok(()) => self.is_shown = show,
            Err(error) => tracing::error!(
                "the ready file `{}` does not tell the truth: {error}",
                self.path.display()
            ),
        }
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The service manager that waits for word of us.
#[derive(Debug)]
struct Systemd {
    socket: UnixDatagram,
    address: OsString,
    /// How often it wants to hear that we are alive: half of what it allows.
    watchdog: Option<Duration>,
    was_ready: bool,
    said: String,
}

impl Systemd {
    fn find(env: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let address = env("NOTIFY_SOCKET").filter(|a| !a.is_empty())?;
        let number = |name: &str| env(name)?.to_str()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC")
            .filter(|usec| *usec > 0 && is_ours)
            .map(|usec| Duration::from_micros(usec.max(2)) / 2);
        let socket = UnixDatagram::unbound().and_then(|socket| {
            // A manager that is slow to read is waited for a little, and one that does not read does not stop the worker.
            socket.set_write_timeout(Some(Duration::from_millis(200)))?;
            Ok(socket)
        });
        match socket {
            Ok(socket) => Some(Self {
                socket,
                address,
                watchdog,
                was_ready: false,
                said: String::new(),
            }),
            Err(error) => {
                tracing::warn!("can't talk to the service manager: {error}");
                None
            }
        }
    }

    fn tell(&mut self, link: Link, restarts: bool) {
        self.said.clear();
        match link {
            Link::Ready => {
                self.was_ready = true;
                self.send("READY=1");
            }
            Link::Connecting if self.was_ready => {
                self.send("STATUS=connection to the broker lost, connecting again");
            }
            Link::Connecting => self.send("STATUS=connecting to the broker"),
            // READY=1 follows from the new program.
            Link::Stopping if restarts => self.send("RELOADING=1\nSTATUS=restarting"),
            Link::Stopping => self.send("STOPPING=1\nSTATUS=stopping: running tasks finish"),
        }
    }

    /// Says what the worker does, if that is news, and that it is alive, if somebody wants to know.
    fn status(&mut self, nodename: &str, state: &State) {
        let mut words = Vec::new();
        if self.watchdog.is_some() && state.is_alive() {
            words.push("WATCHDOG=1".to_owned());
        }
        if state.link() == Link::Ready {
            let tables = state.lock();
            let status = format!(
                "STATUS={nodename}: {} running, {} reserved, {} scheduled",
                tables.count(Phase::Active),
                tables.count(Phase::Reserved),
                tables.count(Phase::Scheduled)
            );
            drop(tables);
            if status != self.said {
                self.said.clone_from(&status);
                words.push(status);
            }
        }
        if !words.is_empty() {
            self.send(&words.join("\n"));
        }
    }

    fn send(&self, words: &str) {
        if let Err(error) = send(&self.socket, &self.address, words.as_bytes()) {
            tracing::debug!("the service manager does not hear: {error}");
        }
    }
}

/// Sends a datagram to a path, or to a name of Linux' abstract kind, which begins with `@`.
fn send(socket: &UnixDatagram, address: &OsString, words: &[u8]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::ffi::OsStrExt as _;
        use std::os::unix::net::SocketAddr;
        if let Some(name) = address.as_bytes().strip_prefix(b"@") {
            return socket.send_to_addr(words, &SocketAddr::from_abstract_name(name)?);
        }
    }
    socket.send_to(words, address)
}
