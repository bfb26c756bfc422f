//! A child, as this process sees it: where requests go in, and what it says.

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::time::Duration;

use bytes::BytesMut;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::socket::{MsgFlags, MultiHeaders, recv, send, sendmmsg};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::wire::{Frame, take};
use super::{End, Packet, Parent, PythonError, Stored};

/// Room for what is read at a time.
const READ: usize = 64 * 1024;
/// A packet that was not read fits into this.
const PACKET: usize = 64 * 1024;
/// How long a child that has closed its sockets may take to end.
const LAST_BREATH: Duration = Duration::from_secs(2);

/// What a child says.
#[derive(Debug)]
pub enum Said {
    /// It is ready for requests.
    Up,
    /// A result is to be stored.
    Stored(Box<Stored>),
    /// It waits until all results that it has handed over are stored: [`Child::fenced`].
    Fence,
    /// A run is over.
    End(Box<End>),
    /// It is gone. Negative: the signal that ended it.
    Gone(i32),
}

/// What became of the start of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It is ready for requests.
    Ready,
    /// Somebody has killed it, which says nothing of the next one.
    Killed,
    /// It has ended by itself, or takes too long.
    Failed,
}

/// A child of the pool: a process, or a thread of one.
#[derive(Debug)]
pub struct Child {
    parent: Parent,
    id: u64,
    pid: u32,
    inbox: OwnedFd,
    /// Its end of the inbox, to take back what it has not read.
    its_inbox: OwnedFd,
    stream: UnixStream,
    read: BytesMut,
    exit: watch::Receiver<Option<i32>>,
    /// It is ready for requests.
    is_up: bool,
    /// Its stream has ended: nothing more will come.
    is_silent: bool,
    /// Requests that were sent and not taken back.
    pub runs: u64,
}

impl Child {
    pub(super) fn new(
        parent: Parent,
        id: u64,
        pid: u32,
        (inbox, its_inbox, stream): (OwnedFd, OwnedFd, StdStream),
        exit: watch::Receiver<Option<i32>>,
    ) -> Result<Self, PythonError> {
        Ok(Self {
            parent,
            id,
            pid,
            inbox,
            its_inbox,
            stream: UnixStream::from_std(stream)?,
            read: BytesMut::with_capacity(READ),
            exit,
            is_up: false,
            is_silent: false,
            runs: 0,
        })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its number: `ForkPoolWorker-N`.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.id
    }

    /// Waits until it is ready for requests, for `patience`: after that it is killed.
    pub async fn up(&mut self, patience: Duration) -> Start {
        let number = self.id;
        let ready = async {
            while !self.is_up {
                if let Said::Gone(code) = self.said().await {
                    return Err(code);
                }
            }
            Ok(())
        };
        match tokio::time::timeout(patience, ready).await {
            Ok(Ok(())) => Start::Ready,
            Ok(Err(code)) => self.say_exited(code),
            Err(_) => {
                tracing::error!(
                    "Timed out waiting for UP message from ForkPoolWorker-{number} pid:{}: it is not ready after {}s (worker_proc_alive_timeout)",
                    self.pid,
                    patience.as_secs_f64()
                );
                self.kill(Signal::SIGKILL as i32).await;
                Start::Failed
            }
        }
    }

    /// How it has ended, if it has. Negative: the signal that ended it.
    #[must_use]
    pub fn exit_code(&self) -> Option<i32> {
        *self.exit.borrow()
    }

    /// Takes in what a child that is gone has said.
    pub fn hear_out(&mut self) {
        self.read_rest();
        while self.said_already().is_some() {}
    }

    /// Says in the log how it has ended, and returns what that says of its start.
    pub fn say_exited(&self, code: i32) -> Start {
        let when = if self.is_up {
            ""
        } else {
            " before it was ready"
        };
        tracing::error!(
            "Process 'ForkPoolWorker-{}' pid:{} exited with '{}'{when}",
            self.id,
            self.pid,
            human_status(code)
        );
        match code {
            _ if self.is_up => Start::Ready,
            _ if code == -(Signal::SIGKILL as i32) => Start::Killed,
            _ => Start::Failed,
        }
    }

    /// Sends a packet; false if there is no room for it until others are read. A large one is sent only to a child that
    /// has nothing else to read, and can't be taken back.
    ///
    /// # Errors
    /// `Socket` if the child is gone; [`Child::said`] says how.
    pub async fn send(&mut self, packet: &Packet) -> Result<bool, PythonError> {
        if !packet.is_large() {
            return self.post(packet.bytes());
        }
        if !self.post(&packet.announcement())? {
            return Ok(false);
        }
        self.stream.write_all(packet.bytes()).await?;
        Ok(true)
    }

    fn post(&mut self, bytes: &[u8]) -> Result<bool, PythonError> {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        match send(self.inbox.as_raw_fd(), bytes, flags) {
            Ok(_) => {
                self.runs += 1;
                Ok(true)
            }
            Err(Errno::EAGAIN | Errno::ENOBUFS) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Sends packets, none of which is large, in one go; how many there was room for.
    pub fn send_all(&mut self, packets: &[Packet]) -> usize {
        let slices: Vec<[IoSlice<'_>; 1]> = packets
            .iter()
            .map(|packet| [IoSlice::new(packet.bytes())])
            .collect();
        let mut headers = MultiHeaders::<()>::preallocate(slices.len(), None);
        let none = vec![None; slices.len()];
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        let sent = sendmmsg(
            self.inbox.as_raw_fd(),
            &mut headers,
            &slices,
            none,
            [],
            flags,
        );
        let sent = sent.map_or(0, Iterator::count);
        self.runs += sent as u64;
        sent
    }

    /// Takes back all that the child has not read; the numbers of the runs, in the order in which they were sent.
    pub fn recall(&mut self) -> Vec<u32> {
        let mut room = vec![0; PACKET];
        let mut numbers = Vec::new();
        loop {
            let got = recv(
                self.its_inbox.as_raw_fd(),
                &mut room,
                MsgFlags::MSG_DONTWAIT,
            );
            match got {
                Ok(n) if n > 0 => numbers.extend(Packet::number_in(&room[..n])),
                Err(Errno::EINTR) => {}
                _ => break,
            }
        }
        self.runs = self.runs.saturating_sub(numbers.len() as u64);
        numbers
    }

    /// What the child says next, if that has been read already.
    pub fn said_already(&mut self) -> Option<Said> {
        match take(&mut self.read) {
            Ok(frame) => {
                self.is_up |= matches!(frame, Some(Frame::Up));
                frame.map(Said::from)
            }
            Err(error) => {
                tracing::error!("a Python child has lost its way and is replaced: {error}");
                self.is_silent = true;
                self.read.clear();
                None
            }
        }
    }

    /// Waits for what the child says next; all of it comes before its end.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn said(&mut self) -> Said {
        loop {
            if let Some(said) = self.said_already() {
                return said;
            }
            if self.is_silent {
                return Said::Gone(self.end().await);
            }
            self.read.reserve(READ);
            tokio::select! {
                biased;
                got = self.stream.read_buf(&mut self.read) => {
                    self.is_silent = got.is_err() || got.is_ok_and(|n| n == 0);
                }
                // Whoever has a copy of its sockets may hold them open.
                code = exit_code(&mut self.exit) => {
                    let _ = code;
                    self.read_rest();
                    self.is_silent = true;
                }
            }
        }
    }

    /// Reads what a child has left behind.
    fn read_rest(&mut self) {
        loop {
            self.read.reserve(READ);
            match self.stream.try_read_buf(&mut self.read) {
                Ok(n) if n > 0 => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    }

    /// Waits for the end of a child that has nothing more to say; one that does not end is killed.
    async fn end(&mut self) -> i32 {
        if let Ok(code) = tokio::time::timeout(LAST_BREATH, exit_code(&mut self.exit)).await {
            return code;
        }
        self.kill(Signal::SIGKILL as i32).await;
        exit_code(&mut self.exit).await
    }

    /// Tells the child that all results it has handed over are stored, as often as it has asked.
    pub async fn fenced(&mut self, times: usize) {
        if let Err(error) = self.stream.write_all(&b"k".repeat(times)).await {
            tracing::debug!("a Python child does not wait any more: {error}");
        }
    }

    /// Sends it a signal, if it has not ended.
    pub async fn kill(&self, signal: i32) {
        self.parent.kill(self.id, signal).await;
    }

    /// Lets it end, and waits for that; after `patience` it is killed.
    pub async fn leave(mut self, patience: Duration) {
        let _ = self.post(Packet::leave().bytes());
        let over = async { while !matches!(self.said().await, Said::Gone(_)) {} };
        if tokio::time::timeout(patience, over).await.is_err() {
            self.kill(Signal::SIGKILL as i32).await;
            let over = async { while !matches!(self.said().await, Said::Gone(_)) {} };
            let _ = tokio::time::timeout(patience, over).await;
        }
    }
}

impl From<Frame> for Said {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Up => Self::Up,
            Frame::Fence => Self::Fence,
            Frame::Stored(stored) => Self::Stored(stored),
            Frame::End(end) => Self::End(end),
        }
    }
}

/// How a process ended, in billiard's words (billiard.common, human_status).
#[must_use]
pub fn human_status(code: i32) -> String {
    if code >= 0 {
        return format!("exitcode {code}");
    }
    match Signal::try_from(-code) {
        Ok(signal) => format!("signal {} ({})", -code, signal.as_str()),
        Err(_) => format!("signal {}", -code),
    }
}

/// Waits for the end of the process. If its parent is gone, it is too.
async fn exit_code(exit: &mut watch::Receiver<Option<i32>>) -> i32 {
    match exit.wait_for(Option::is_some).await {
        Ok(code) => code.unwrap_or_default(),
        Err(_) => -(Signal::SIGKILL as i32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_in_billiards_words() {
        assert_eq!(human_status(3), "exitcode 3");
        assert_eq!(human_status(-9), "signal 9 (SIGKILL)");
        assert_eq!(human_status(-15), "signal 15 (SIGTERM)");
    }
}
