//! The parent of the children, as this process sees it: it forks, kills and reports when it is told to.

use std::collections::HashMap;
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
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::child::Child;
use super::program::framed;
use super::{Program, PythonError};
use crate::protocol::codec::json;
use crate::protocol::{Map, Value};

/// Orders that may wait: each is for one child of a pool that nobody makes that large.
const ORDERS: usize = 1000;

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

/// What is asked of the parent.
struct Order {
    text: Vec<u8>,
    fds: Vec<OwnedFd>,
    /// Of a fork: its id, and who waits for its process id and for its end.
    child: Option<(u64, Started, watch::Sender<Option<i32>>)>,
}

type Started = oneshot::Sender<Result<u32, String>>;

/// The parent of the children. Clones are the same.
#[derive(Debug, Clone)]
pub struct Parent(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    orders: mpsc::Sender<Order>,
    forks: AtomicU64,
    process: Mutex<Process>,
    gone: CancellationToken,
    /// It has done what there is to do at the end.
    stopped: CancellationToken,
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
        let (orders, waiting) = mpsc::channel(ORDERS);
        let inner = Arc::new(Inner {
            orders,
            forks: AtomicU64::new(0),
            process: Mutex::new(program.process),
            gone: CancellationToken::new(),
            stopped: CancellationToken::new(),
            is_ended: AtomicBool::new(false),
        });
        let talk = talk(control, waiting, inner.gone.clone(), inner.stopped.clone());
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
        let order = Value::from([
            ("do", "fork".into()),
            ("id", id.into()),
            ("fds", theirs.len().into()),
            ("number", id.into()),
            ("index", fork.index.into()),
            ("pool", fork.pool.into()),
            ("max_memory", Value::opt(fork.max_memory)),
            ("hands_over", fork.hands_over.into()),
        ]);
        let (started, is_started) = oneshot::channel();
        let (exited, exit) = watch::channel(None);
        self.order(Order {
            text: framed(&order),
            fds: theirs,
            child: Some((id, started, exited)),
        })
        .await?;
        let pid = is_started.await.map_err(|_| PythonError::Gone)?;
        let pid = pid.map_err(|reason| PythonError::Fork { reason })?;
        ours.into_iter()
            .map(|(inbox, theirs, stream)| {
                Child::new(self.clone(), id, pid, (inbox, theirs, stream), exit.clone())
            })
            .collect()
    }

    /// Sends a signal to a child that has not ended.
    pub(super) async fn kill(&self, id: u64, signal: i32) {
        self.tell(Value::from([
            ("do", "kill".into()),
            ("id", id.into()),
            ("signal", signal.into()),
        ]))
        .await;
    }

    /// Has the receivers of `worker_ready` called.
    pub async fn ready(&self) {
        self.tell(Value::from([("do", "ready".into())])).await;
    }

    /// Has the receivers of `worker_shutting_down` called: `signal` is that which has asked for it, `how` is `Warm`,
    /// `Soft` or `Cold`.
    pub async fn stopping(&self, signal: &str, how: &str) {
        self.tell(Value::from([
            ("do", "stopping".into()),
            ("signal", signal.into()),
            ("how", how.into()),
        ]))
        .await;
    }

    /// Has the receivers of `worker_shutdown` called, and waits for them, within `patience`.
    pub async fn stopped(&self, patience: Duration) {
        self.tell(Value::from([("do", "stopped".into())])).await;
        let done = async {
            tokio::select! {
                () = self.0.stopped.cancelled() => {}
                () = self.gone() => {}
            }
        };
        if tokio::time::timeout(patience, done).await.is_err() {
            tracing::warn!("the receivers of `worker_shutdown` take too long: not waited for");
        }
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

    async fn tell(&self, order: Value) {
        let order = Order {
            text: framed(&order),
            fds: Vec::new(),
            child: None,
        };
        // Whoever is gone needs not be told.
        let _ = self.order(order).await;
    }

    async fn order(&self, order: Order) -> Result<(), PythonError> {
        self.0
            .orders
            .send(order)
            .await
            .map_err(|_| PythonError::Gone)
    }
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

/// What is known of the children that live.
#[derive(Default)]
struct Family {
    starting: HashMap<u64, Started>,
    living: HashMap<u64, watch::Sender<Option<i32>>>,
}

impl Family {
    fn hear(&mut self, report: &Map, stopped: &CancellationToken) {
        let number = |name: &str| report.get(name).and_then(Value::as_i64);
        let id = |name: &str| number(name).and_then(|n| u64::try_from(n).ok());
        if let Some(id) = id("forked") {
            if let (Some(started), Some(pid)) = (self.starting.remove(&id), number("pid")) {
                // Whoever asked for it may have been cut off.
                let _ = started.send(Ok(u32::try_from(pid).unwrap_or_default()));
            }
        } else if let Some(id) = id("unforked") {
            self.living.remove(&id);
            if let Some(started) = self.starting.remove(&id) {
                let reason = report.get("error").and_then(Value::as_str);
                let _ = started.send(Err(reason.unwrap_or("it refuses").to_owned()));
            }
        } else if let Some(id) = id("exited") {
            if let Some(exited) = self.living.remove(&id) {
                let code = number("code").and_then(|n| i32::try_from(n).ok());
                exited.send_replace(Some(code.unwrap_or_default()));
            }
        } else if report.contains_key("stopped") {
            stopped.cancel();
        }
    }
}

/// Writes orders and hears reports until nobody is there.
async fn talk(
    mut control: UnixStream,
    mut orders: mpsc::Receiver<Order>,
    gone: CancellationToken,
    stopped: CancellationToken,
) {
    let _gone = gone.clone().drop_guard();
    let mut family = Family::default();
    let mut read = BytesMut::new();
    loop {
        while let Some(report) = take(&mut read) {
            family.hear(&report, &stopped);
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
                if let Some((id, started, exited)) = order.child {
                    family.starting.insert(id, started);
                    family.living.insert(id, exited);
                }
                if let Err(error) = write(&control, &order.text, &order.fds).await {
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

/// Writes an order; its descriptors go with the first byte.
async fn write(control: &UnixStream, text: &[u8], fds: &[OwnedFd]) -> io::Result<()> {
    let fds: Vec<RawFd> = fds.iter().map(|fd| fd.as_raw_fd()).collect();
    let mut done = 0;
    while done < text.len() {
        done += control
            .async_io(Interest::WRITABLE, || {
                let rights = [ControlMessage::ScmRights(&fds)];
                let with = if done == 0 && !fds.is_empty() {
                    &rights[..]
                } else {
                    &[]
                };
                let part = [IoSlice::new(&text[done..])];
                sendmsg::<()>(
                    control.as_raw_fd(),
                    &part,
                    with,
                    MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT,
                    None,
                )
                .map_err(io::Error::from)
            })
            .await?;
    }
    Ok(())
}
