//! Stopping, in three degrees: warm → soft → cold, as cancellation tokens.
//!
//! Mirrors the shutdown levels of `celery.apps.worker`. Whoever stops calls the methods; whoever runs awaits the tokens.

use tokio_util::sync::CancellationToken;

/// A request to stop, shared by clones. Each degree implies the ones before it.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    warm: CancellationToken,
    soft: CancellationToken,
    cold: CancellationToken,
}

impl Shutdown {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Take no more tasks; let the running ones finish.
    pub fn warm(&self) {
        self.warm.cancel();
    }

    /// Let the running ones finish for `worker_soft_shutdown_timeout`, then cold.
    pub fn soft(&self) {
        self.warm.cancel();
        self.soft.cancel();
    }

    /// Cancel the running ones and give their messages back.
    pub fn cold(&self) {
        self.warm.cancel();
        self.soft.cancel();
        self.cold.cancel();
    }

    /// Whether any stop is asked.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        self.warm.is_cancelled()
    }

    /// Whether a cold stop is asked.
    #[must_use]
    pub fn is_cold(&self) -> bool {
        self.cold.is_cancelled()
    }

    /// Resolves when any stop is asked. Cancel safe.
    pub async fn warm_asked(&self) {
        self.warm.cancelled().await;
    }

    /// Resolves when a soft or cold stop is asked. Cancel safe.
    pub async fn soft_asked(&self) {
        self.soft.cancelled().await;
    }

    /// Resolves when a cold stop is asked. Cancel safe.
    pub async fn cold_asked(&self) {
        self.cold.cancelled().await;
    }
}
