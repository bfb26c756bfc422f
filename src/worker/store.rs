//! Results on their way to the back end: gathered into few round trips, tried again until they are stored.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::backend::{Backend, BackendError, Stored};
use crate::protocol::ResultMeta;

/// Results that may wait for the back end before those who store are made to wait too.
const WAITING: usize = 1000;
/// Results in one round trip.
const BATCH: usize = 200;

type Done = oneshot::Sender<Result<Stored, BackendError>>;

/// The writing end. Metas are stored in the order in which they are handed in.
#[derive(Debug, Clone)]
pub(super) struct Storer(mpsc::Sender<(ResultMeta, Option<Done>)>);

/// How to try again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retry {
    /// Whether to (`result_backend_always_retry`).
    pub(super) on: bool,
    /// How often; none means until it is stored.
    pub(super) max: Option<u64>,
    /// First pause.
    pub(super) base: Duration,
    /// Longest pause.
    pub(super) longest: Duration,
}

impl Storer {
    /// A storer and the future that does its work: it ends when all storers are gone and everything is stored, or at
    /// `give_up`.
    pub(super) fn new(
        backend: Arc<dyn Backend>,
        retry: Retry,
        give_up: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self(sender), write(backend, receiver, retry, give_up))
    }

    /// Stores a meta and waits until that is done.
    ///
    /// # Errors
    /// `Protocol` if the value has no wire form, else what the back end says once trying again is over.
    pub(super) async fn store(&self, meta: ResultMeta) -> Result<Stored, BackendError> {
        let (done, stored) = oneshot::channel();
        let gone = || BackendError::connection("the worker is shutting down");
        self.0.send((meta, Some(done))).await.map_err(|_| gone())?;
        stored.await.map_err(|_| gone())?
    }

    /// Stores a meta in its turn, without waiting for it.
    pub(super) async fn post(&self, meta: ResultMeta) {
        if self.0.send((meta, None)).await.is_err() {
            tracing::debug!("a state was not stored: the worker is shutting down");
        }
    }
}

async fn write(
    backend: Arc<dyn Backend>,
    mut waiting: mpsc::Receiver<(ResultMeta, Option<Done>)>,
    retry: Retry,
    give_up: CancellationToken,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let (metas, done): (Vec<ResultMeta>, Vec<Option<Done>>) = batch.drain(..).unzip();
        match persist(&*backend, &metas, retry, &give_up).await {
            Ok(outcomes) => {
                for ((outcome, done), meta) in outcomes.into_iter().zip(done).zip(&metas) {
                    if let Err(error) = &outcome
                        && done.is_none()
                    {
                        tracing::error!(task_id = %meta.task_id, "can't store state {}: {error}", meta.status);
                    }
                    if let Some(done) = done {
                        // Whoever asked may have been cut off.
                        let _ = done.send(outcome);
                    }
                }
            }
            Err(error) => {
                for (meta, done) in metas.iter().zip(done) {
                    tracing::error!(task_id = %meta.task_id, "can't store state {}: {error}", meta.status);
                    if let Some(done) = done {
                        let _ = done.send(Err(BackendError::connection(error.to_string())));
                    }
                }
            }
        }
    }
}

async fn persist(
    backend: &dyn Backend,
    metas: &[ResultMeta],
    retry: Retry,
    give_up: &CancellationToken,
) -> Result<Vec<Result<Stored, BackendError>>, BackendError> {
    let mut pause = retry.base.max(Duration::from_millis(1));
    let mut tries = 0u64;
    loop {
        let error = match backend.store(metas.to_vec()).await {
            Ok(outcomes) => {
                if tries > 0 {
                    tracing::info!("results are stored again after {tries} tries");
                }
                return Ok(outcomes);
            }
            Err(error) => error,
        };
        let over = retry.max.is_some_and(|max| tries >= max) || give_up.is_cancelled();
        if !error.is_transient() || !retry.on || over {
            return Err(error);
        }
        if tries == 0 {
            tracing::warn!(
                "can't store {} result(s), trying again until it works: {error}",
                metas.len()
            );
        }
        tries += 1;
        tokio::select! {
            () = sleep(pause) => {}
            () = give_up.cancelled() => {}
        }
        pause = (pause * 2).min(retry.longest);
    }
}
