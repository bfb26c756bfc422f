//! A thread with a small runtime of its own, for the task that owns a connection.
//!
//! A transaction locks the file for all processes. If its task shared a runtime with user code, a handler that blocks
//! would keep the whole fleet waiting, and let leases run out. On a thread of its own only the machine can hold it up.

use std::future::Future;

use tokio::sync::oneshot;

use super::{Kind, SqliteError};

/// A running thread. Dropping this does not end it; what it runs must end by itself when its channels are closed.
#[derive(Debug)]
pub struct Thread {
    ended: oneshot::Receiver<()>,
}

impl Thread {
    /// Starts a thread that runs what `make` returns, to its end.
    ///
    /// # Errors
    /// `Failed` if the system allows no more threads.
    pub fn spawn<F, R>(name: &str, make: F) -> Result<Self, SqliteError>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = ()>,
    {
        let failed = |e: std::io::Error| {
            SqliteError::new(
                Kind::Failed,
                format!("can't start a thread for SQLite: {e}"),
            )
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(failed)?;
        let (end, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                runtime.block_on(make());
                let _ = end.send(());
            })
            .map_err(failed)?;
        Ok(Self { ended })
    }

    /// Waits until it has ended.
    pub async fn join(self) {
        // An error means that it ended by a panic.
        let _ = self.ended.await;
    }
}
