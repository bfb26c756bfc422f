//! The parent of the children, as this process sees it: it forks, kills and reports when it is told to.

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixStream as StdStream;
use std::process::Child as Process;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair,
};
use tokio::io::{AsyncReadExt as _, Interest};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::child::Child;
use super::orders::{Order, Orders, Waiting};
use super::{Parts, Program, PythonError};
use crate::protocol::codec::json;
use crate::protocol::{Map, Value};

/// How long it is waited for a signal to have been sent.
const ANSWER: Duration = Duration::from_secs(1);

/// How many descriptors go with one piece of an order (`parent.py` takes no more).
const DESCRIPTORS: usize = 60;

/// What a new child is told.
#[derive(Debug, Clone)]
pub struct Fork {
    /// `prefork`, `threads` or `solo`.
    pub pool: &'static str,
    /// Threads in it; 1 for a process of its own.
    pub threads: usize,
    /// Its index among the children that live (`process_index`).
    pub index: usize,
    /// KiB of memory after which it is replaced.
    pub max_memory: Option<u64>,
    /// Whether it hands its results over.
    pub hands_over: bool,
}

/// The parent of the children. Clones are the same.
#[derive(Debug, Clone)]
pub struct Parent(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    orders: Orders,
    forks: AtomicU64,
    process: Mutex<Process>,
    gone: CancellationToken,
    /// It was told to end.
    is_ended: AtomicBool,
}

impl Parent {
    /// Takes an interpreter over that has loaded its app. The future does the talking; to be run until it ends, which
    /// it does when the process is gone or has been told to go.
    ///
    /// # Errors
    /// `Socket`, if there is no runtime to wait on its socket.
    pub fn new(program: Program) -> Result<(Self, impl Future<Output = ()> + Send), PythonError> {
        program.control.set_nonblocking(true)?;
        let control = UnixStream::from_std(program.control)?;
        let inner = Arc::new(Inner {
            orders: program.orders,
            forks: AtomicU64::new(0),
            process: Mutex::new(program.process),
            gone: CancellationToken::new(),
            is_ended: AtomicBool::new(false),
        });
        let talk = talk(control, program.waiting, inner.gone.clone());
        Ok((Self(inner), talk))
    }

    /// Resolves when the process is gone.
    pub async fn gone(&self) {
        self.0.gone.cancelled().await;
    }

    /// Whether the process is gone, and was not told to go.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.0.gone.is_cancelled() && !self.0.is_ended.load(Ordering::SeqCst)
    }

    /// Makes a child; one for each thread, with `threads`.
    ///
    /// # Errors
    /// `Fork` if the system refuses, `Gone` if there is no parent any more.
    pub async fn fork(&self, fork: &Fork) -> Result<Vec<Child>, PythonError> {
        let id = self.0.forks.fetch_add(1, Ordering::Relaxed) + 1;
        let mut ours = Vec::with_capacity(fork.threads);
        let mut theirs = Vec::with_capacity(fork.threads * 2);
        for _ in 0..fork.threads {
            let (inbox, its_inbox) = socketpair(
                AddressFamily::Unix,
                SockType::SeqPacket,
                None,
                SockFlag::SOCK_CLOEXEC,
            )?;
            let (stream, its_stream) = StdStream::pair()?;
            stream.set_nonblocking(true)?;
            ours.push((inbox, its_inbox.try_clone()?, stream));
            theirs.extend([its_inbox, OwnedFd::from(its_stream)]);
        }
        let order = [
            ("do", "fork".into()),
            ("id", id.into()),
            ("fds", theirs.len().into()),
            ("index", fork.index.into()),
            ("pool", fork.pool.into()),
            ("max_memory", Value::opt(fork.max_memory)),
            ("hands_over", fork.hands_over.into()),
        ];
        let (pid, exit) = self.0.orders.fork(id, order, theirs).await?;
        ours.into_iter()
            .map(|(inbox, theirs, stream)| {
                Child::new(self.clone(), id, pid, (inbox, theirs, stream), exit.clone())
            })
            .collect()
    }

    /// Sends a signal to a child that has not ended. When this returns it has arrived, and what is sent to the child
    /// after that is not what it hits; unless the app holds the parent up for longer than [`ANSWER`].
    pub(super) async fn kill(&self, id: u64, signal: i32) {
        let order = [
            ("do", "kill".into()),
            ("id", id.into()),
            ("signal", signal.into()),
        ];
        // Without a parent there is no child; one that is held up by the app does it when it can.
        let _ = tokio::time::timeout(ANSWER, self.0.orders.ask(order)).await;
    }

    /// Has the receivers of `worker_ready` called.
    pub async fn ready(&self) {
        self.0.orders.tell([("do", "ready".into())]).await;
    }

    /// Has the receivers of `heartbeat_sent` called, when there is time for that.
    pub fn beat(&self) {
        if !self.0.orders.post([("do", "beat".into())]) {
            tracing::debug!("the app is too busy to be told of a heartbeat");
        }
    }

    /// Has the receivers of a signal about a message called (`task_received`, `task_unknown`, `task_rejected`).
    pub fn heard(&self, signal: &str, parts: Parts<'_>) {
        let order = [
            ("do", "heard".into()),
            ("signal", signal.into()),
            ("plain", parts.is_plain.into()),
            ("head", base64(parts.head)),
            ("body", base64(parts.body)),
        ];
        if !self.0.orders.post(order) {
            tracing::warn!("the app is too busy to be told of {signal}");
        }
    }

    /// The app's settings as `inspect conf` shows them; none if there is nobody to ask.
    pub async fn conf(&self, with_defaults: bool) -> Option<Value> {
        let order = [
            ("do", "conf".into()),
            ("with_defaults", with_defaults.into()),
        ];
        self.0.orders.ask(order).await
    }

    /// What the app says of itself and its libraries, as `inspect report` shows it.
    pub async fn report(&self) -> Option<Value> {
        self.0.orders.ask([("do", "report".into())]).await
    }

    /// Has the receivers of `worker_shutting_down` called: `signal` is that which has asked for it, `how` is `Warm`,
    /// `Soft` or `Cold`.
    pub async fn stopping(&self, signal: &str, how: &str) {
        let order = [
            ("do", "stopping".into()),
            ("signal", signal.into()),
            ("how", how.into()),
        ];
        self.0.orders.tell(order).await;
    }

    /// Has the receivers of `worker_shutdown` called, and waits for them, within `patience`.
    pub async fn stopped(&self, patience: Duration) {
        let done = self.0.orders.ask([("do", "stopped".into())]);
        if tokio::time::timeout(patience, done).await.is_err() {
            tracing::warn!("the receivers of `worker_shutdown` take too long: not waited for");
        }
    }

    /// Gives it up: from now on it counts as lost.
    pub fn abandon(&self) {
        self.0.gone.cancel();
    }

    /// Ends the process, and with it all children that are left.
    pub fn end(&self) {
        self.0.is_ended.store(true, Ordering::SeqCst);
        self.0.gone.cancel();
        let mut process = self
            .0
            .process
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // It may have ended by itself.
        let _ = process.kill();
        let _ = process.wait();
    }
}

fn base64(bytes: &[u8]) -> Value {
    base64_simd::STANDARD.encode_to_string(bytes).into()
}

impl Drop for Inner {
    fn drop(&mut self) {
        let process = self
            .process
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// Writes orders and hears reports until nobody is there.
async fn talk(mut control: UnixStream, mut orders: mpsc::Receiver<Order>, gone: CancellationToken) {
    let _gone = gone.clone().drop_guard();
    let mut waiting = Waiting::default();
    let mut read = BytesMut::new();
    loop {
        while let Some(report) = take(&mut read) {
            waiting.hear(report);
        }
        tokio::select! {
            biased;
            () = gone.cancelled() => return,
            got = control.read_buf(&mut read) => match got {
                Ok(n) if n > 0 => {}
                _ => return,
            },
            order = orders.recv() => {
                let Some(order) = order else { return };
                let (text, fds) = waiting.note(order);
                if let Err(error) = write(&control, &text, &fds).await {
                    tracing::debug!("the Python parent does not hear: {error}");
                    return;
                }
            }
        }
    }
}

fn take(read: &mut BytesMut) -> Option<Map> {
    let length = u32::from_le_bytes(*read.first_chunk()?) as usize;
    if read.len() < 4 + length {
        return None;
    }
    read.advance(4);
    match json::from_slice(&read.split_to(length)) {
        Ok(Value::Map(report)) => Some(report),
        _ => Some(Map::new()),
    }
}

/// Writes an order; its descriptors go with its first bytes.
async fn write(control: &UnixStream, text: &[u8], fds: &[OwnedFd]) -> io::Result<()> {
    let fds: Vec<RawFd> = fds.iter().map(|fd| fd.as_raw_fd()).collect();
    // The kernel takes so many at a time, each time with a byte of the text at least.
    let mut batches = fds.chunks(DESCRIPTORS).peekable();
    let mut done = 0;
    while done < text.len() {
        let batch = batches.next();
        let end = if batches.peek().is_some() {
            done + 1
        } else {
            text.len()
        };
        let rights = batch.map(ControlMessage::ScmRights);
        let mut with = rights.as_slice();
        while done < end {
            done += control
                .async_io(Interest::WRITABLE, || {
                    sendmsg::<()>(
                        control.as_raw_fd(),
                        &[IoSlice::new(&text[done..end])],
                        with,
                        MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT,
                        None,
                    )
                    .map_err(io::Error::from)
                })
                .await?;
            with = &[];
        }
    }
    Ok(())
}
