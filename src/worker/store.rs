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
/// How long the last try may take once nothing is to be tried again.
const LAST_TRY: Duration = Duration::from_secs(2);

type Done = oneshot::Sender<Result<Stored, BackendError>>;

/// The writing end. Metas are stored in the order in which they are handed in.
#[derive(Debug, Clone)]
pub(super) struct Storer(mpsc::Sender<Entry>);

/// A meta to store, and whoever waits for it; without a meta, whoever waits for all before it.
type Entry = (Option<ResultMeta>, Option<Done>);

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
    /// A storer and the future that does its work. At `finish` it takes no more (a task that could not be cut off may
    /// still hold a storer) and ends when everything is stored; at `give_up` nothing is tried again.
    pub(super) fn new(
        backend: Arc<dyn Backend>,
        retry: Retry,
        finish: CancellationToken,
        give_up: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (
            Self(sender),
            write(backend, receiver, retry, finish, give_up),
        )
    }

    /// Stores a meta and waits until that is done.
    ///
    /// # Errors
    /// `Protocol` if the value has no wire form, else what the back end says once trying again is over.
    pub(super) async fn store(&self, meta: ResultMeta) -> Result<Stored, BackendError> {
        let (done, stored) = oneshot::channel();
        let gone = || BackendError::connection("the worker is shutting down");
        self.0
            .send((Some(meta), Some(done)))
            .await
            .map_err(|_| gone())?;
        stored.await.map_err(|_| gone())?
    }

    /// Waits until everything that was handed in before is stored, or given up.
    pub(super) async fn flush(&self) {
        let (done, stored) = oneshot::channel();
        if self.0.send((None, Some(done))).await.is_ok() {
            // Its answer has no news.
            let _ = stored.await;
        }
    }

    /// Stores a meta in its turn, without waiting for it.
    pub(super) async fn post(&self, meta: ResultMeta) {
        if self.0.send((Some(meta), None)).await.is_err() {
            tracing::debug!("a state was not stored: the worker is shutting down");
        }
    }
}

async fn write(
    backend: Arc<dyn Backend>,
    mut waiting: mpsc::Receiver<Entry>,
    retry: Retry,
    finish: CancellationToken,
    give_up: CancellationToken,
) {
    let mut batch: Vec<Entry> = Vec::with_capacity(BATCH);
    loop {
        let received = tokio::select! {
            biased;
            received = waiting.recv_many(&mut batch, BATCH) => received,
            () = finish.cancelled(), if !waiting.is_closed() => {
                waiting.close();
                continue;
            }
        };
        if received == 0 {
            return;
        }
        let (metas, done): (Vec<Option<ResultMeta>>, Vec<Option<Done>>) = batch.drain(..).unzip();
        let is_meta: Vec<bool> = metas.iter().map(Option::is_some).collect();
        let metas: Vec<ResultMeta> = metas.into_iter().flatten().collect();
        let outcomes = persist(&*backend, &metas, retry, &give_up).await;
        let unstored = outcomes.as_ref().err().map(ToString::to_string);
        let mut outcomes = outcomes.unwrap_or_default().into_iter();
        let mut metas = metas.iter();
        for (is_meta, done) in is_meta.into_iter().zip(done) {
            let Some(meta) = metas.as_slice().first().filter(|_| is_meta) else {
                answer(done, Ok(Stored::Written));
                continue;
            };
            metas.next();
            let outcome = match (&unstored, outcomes.next()) {
                (None, Some(outcome)) => outcome,
                (Some(error), _) => Err(BackendError::connection(error.clone())),
                (None, None) => Err(BackendError::server(
                    "the back end did not say what became of it",
                )),
            };
            if let Err(error) = &outcome
                && done.is_none()
            {
                tracing::error!(task_id = %meta.task_id, "can't store state {}: {error}", meta.status);
            }
            answer(done, outcome);
        }
    }
}

fn answer(done: Option<Done>, outcome: Result<Stored, BackendError>) {
    if let Some(done) = done {
        // Whoever asked may have been cut off.
        let _ = done.send(outcome);
    }
}

async fn persist(
    backend: &dyn Backend,
    metas: &[ResultMeta],
    retry: Retry,
    give_up: &CancellationToken,
) -> Result<Vec<Result<Stored, BackendError>>, BackendError> {
    if metas.is_empty() {
        return Ok(Vec::new());
    }
    let mut pause = retry.base.max(Duration::from_millis(1));
    let mut tries = 0u64;
    loop {
        let stored = tokio::select! {
            stored = backend.store(metas) => stored,
            () = last_try(give_up) => Err(BackendError::connection("the worker shuts down and the back end does not answer")),
        };
        let error = match stored {
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

/// Ends when a try that is under way has had its time.
async fn last_try(give_up: &CancellationToken) {
    give_up.cancelled().await;
    sleep(LAST_TRY).await;
}
