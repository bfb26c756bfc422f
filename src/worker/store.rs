//! Results on their way to the back end: gathered into few round trips, tried again until they are stored.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::backend::{Backend, BackendError, Stored};
use crate::protocol::ResultMeta;

/// Results that may wait for the back end before those who store are made to wait too.
const WAITING: usize = 1000;
/// Results in one round trip.
const BATCH: usize = 200;
/// How long a state that nobody waits for may wait for others.
const MOMENT: Duration = Duration::from_millis(1);
/// How long the last try may take once nothing is to be tried again.
const LAST_TRY: Duration = Duration::from_secs(2);

type Outcome = Result<Stored, BackendError>;

/// What to do once it is known what became of a meta.
enum Then {
    /// Nothing: a failure is logged.
    Nothing,
    /// Tell whoever waits; they may have been cut off.
    Tell(oneshot::Sender<Outcome>),
    /// Go on with what comes after. Must not block: others wait for their results.
    Call(Box<dyn FnOnce(ResultMeta, Outcome) + Send>),
}

impl Then {
    fn done(self, meta: ResultMeta, outcome: Outcome) {
        match self {
            Self::Nothing => {
                if let Err(error) = outcome {
                    tracing::error!(task_id = %meta.task_id, "can't store state {}: {error}", meta.status);
                }
            }
            Self::Tell(done) => drop(done.send(outcome)),
            Self::Call(then) => then(meta, outcome),
        }
    }
}

/// The writing end. Metas are stored in the order in which they are handed in.
#[derive(Debug, Clone)]
pub(super) struct Storer {
    entries: mpsc::Sender<Entry>,
    desk: Arc<Desk>,
}

/// Where metas are stored, and how.
#[derive(Debug)]
struct Desk {
    backend: Arc<dyn Backend>,
    retry: Retry,
    give_up: CancellationToken,
    /// Metas that are handed in and not stored yet.
    pending: AtomicUsize,
    /// Who is served, so that nothing overtakes what is tried again.
    turn: Mutex<()>,
}

/// One of [`Desk::pending`], until it is dropped.
struct Pending<'d>(&'d Desk);

impl Desk {
    /// A place at a desk where nobody is; none if others are served or wait.
    fn alone(&self) -> Option<(Pending<'_>, MutexGuard<'_, ()>)> {
        let turn = self.turn.try_lock().ok()?;
        let free = self
            .pending
            .compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed);
        // Not made where it is not given: its end counts.
        free.is_ok().then(|| (Pending(self), turn))
    }

    fn one_more(&self) -> Pending<'_> {
        self.pending.fetch_add(1, Ordering::AcqRel);
        Pending(self)
    }

    async fn persist(
        &self,
        metas: &[ResultMeta],
    ) -> Result<Vec<Result<Stored, BackendError>>, BackendError> {
        persist(&*self.backend, metas, self.retry, &self.give_up).await
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What is handed in.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every entry is the large one"
)]
enum Entry {
    /// A meta to store, and what then.
    Store(ResultMeta, Then),
    /// Tell when all before it is done.
    Flush(oneshot::Sender<()>),
    /// Go on when all before it is done. Must not block.
    After(Box<dyn FnOnce() + Send>),
}

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
        let desk = Arc::new(Desk {
            backend,
            retry,
            give_up,
            pending: AtomicUsize::new(0),
            turn: Mutex::new(()),
        });
        let storer = Self {
            entries: sender,
            desk: Arc::clone(&desk),
        };
        (storer, write(desk, receiver, finish))
    }

    /// Stores a meta and waits until that is done.
    ///
    /// # Errors
    /// `Protocol` if the value has no wire form, else what the back end says once trying again is over.
    pub(super) async fn store(&self, meta: ResultMeta) -> Result<Stored, BackendError> {
        // Where it is the only one there is nothing to gather, and nothing that it could overtake.
        if !self.entries.is_closed()
            && let Some(_alone) = self.desk.alone()
        {
            let stored = self.desk.persist(std::slice::from_ref(&meta)).await?;
            return stored.into_iter().next().unwrap_or_else(unanswered);
        }
        self.begin(meta).await.await
    }

    /// Hands an entry in; waits for room.
    async fn send(&self, meta: ResultMeta, then: Then) -> Result<(), (ResultMeta, Then)> {
        // Whoever hands in may be cut off while there is no room.
        let pending = self.desk.one_more();
        match self.entries.send(Entry::Store(meta, then)).await {
            Err(mpsc::error::SendError(Entry::Store(meta, then))) => Err((meta, then)),
            _ => {
                // It ends with the entry.
                std::mem::forget(pending);
                Ok(())
            }
        }
    }

    /// Hands a meta in, and waits for room only; whatever is handed in later is stored later. The future that it returns
    /// waits until this one is stored.
    pub(super) async fn begin(
        &self,
        meta: ResultMeta,
    ) -> impl Future<Output = Result<Stored, BackendError>> + use<> {
        let (done, stored) = oneshot::channel();
        let sent = self.send(meta, Then::Tell(done)).await;
        async move {
            let gone = || BackendError::connection("the worker is shutting down");
            sent.map_err(|_| gone())?;
            stored.await.map_err(|_| gone())?
        }
    }

    /// Waits until everything that was handed in before is stored, or given up.
    pub(super) async fn flush(&self) {
        let (done, stored) = oneshot::channel();
        if self.entries.send(Entry::Flush(done)).await.is_ok() {
            // Its answer has no news.
            let _ = stored.await;
        }
    }

    /// Calls `then` when everything that was handed in before is stored, or given up. Waits for room only.
    pub(super) async fn after(&self, then: impl FnOnce() + Send + 'static) {
        let entry = Entry::After(Box::new(then));
        if let Err(mpsc::error::SendError(Entry::After(then))) = self.entries.send(entry).await {
            then();
        }
    }

    /// Stores a meta in its turn, without waiting for it.
    pub(super) async fn post(&self, meta: ResultMeta) {
        if self.send(meta, Then::Nothing).await.is_err() {
            tracing::debug!("a state was not stored: the worker is shutting down");
        }
    }

    /// Stores a meta in its turn; `then` is called with what became of it, and must not block. Waits for room only.
    pub(super) async fn store_then(
        &self,
        meta: ResultMeta,
        then: impl FnOnce(ResultMeta, Result<Stored, BackendError>) + Send + 'static,
    ) {
        if let Err((meta, then)) = self.send(meta, Then::Call(Box::new(then))).await {
            then.done(
                meta,
                Err(BackendError::connection("the worker is shutting down")),
            );
        }
    }
}

fn unanswered() -> Outcome {
    Err(BackendError::server(
        "the back end did not say what became of it",
    ))
}

async fn write(desk: Arc<Desk>, mut waiting: mpsc::Receiver<Entry>, finish: CancellationToken) {
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
        gather(&mut waiting, &mut batch).await;
        let mut metas = Vec::with_capacity(batch.len());
        let mut thens = Vec::with_capacity(received);
        let mut flushed = Vec::new();
        let mut after = Vec::new();
        let turn = desk.turn.lock().await;
        for entry in batch.drain(..) {
            match entry {
                Entry::Store(meta, then) => {
                    metas.push(meta);
                    thens.push(then);
                }
                Entry::Flush(done) => flushed.push(done),
                Entry::After(then) => after.push(then),
            }
        }
        let _pending: Vec<_> = metas.iter().map(|_| Pending(&desk)).collect();
        superseded(&mut metas, &mut thens);
        let outcomes = desk.persist(&metas).await;
        drop(turn);
        let unstored = outcomes.as_ref().err().map(ToString::to_string);
        let mut outcomes = outcomes.unwrap_or_default().into_iter();
        for (meta, then) in metas.into_iter().zip(thens) {
            let outcome = match (&unstored, outcomes.next()) {
                (None, Some(outcome)) => outcome,
                (Some(error), _) => Err(BackendError::connection(error.clone())),
                (None, None) => unanswered(),
            };
            // The writer goes on for all others, whatever one of them does.
            let then = std::panic::AssertUnwindSafe(|| then.done(meta, outcome));
            if std::panic::catch_unwind(then).is_err() {
                tracing::error!("recording the end of a task ended in a panic of the worker's own");
            }
        }
        for then in after {
            let then = std::panic::AssertUnwindSafe(then);
            if std::panic::catch_unwind(then).is_err() {
                tracing::error!("recording the end of a task ended in a panic of the worker's own");
            }
        }
        for done in flushed {
            // Whoever asked may have been cut off.
            let _ = done.send(());
        }
    }
}

/// Waits a moment for more while there are only states that nobody waits for: the task that has just STARTED may be over
/// before that could be stored.
async fn gather(waiting: &mut mpsc::Receiver<Entry>, batch: &mut Vec<Entry>) {
    let deadline = Instant::now() + MOMENT;
    while batch.len() < BATCH
        && batch
            .iter()
            .all(|entry| matches!(entry, Entry::Store(_, Then::Nothing)))
    {
        let room = BATCH - batch.len();
        tokio::select! {
            received = waiting.recv_many(batch, room) => if received == 0 { return },
            () = sleep_until(deadline) => return,
        }
    }
}

/// Leaves out states that nobody waits for and that are followed by another of the same task: a STARTED whose SUCCESS
/// is here already would be overwritten in the same round trip.
fn superseded(metas: &mut Vec<ResultMeta>, thens: &mut Vec<Then>) {
    if !thens.iter().any(|then| matches!(then, Then::Nothing)) {
        return;
    }
    let mut seen = HashSet::new();
    let mut kept: Vec<bool> = Vec::with_capacity(metas.len());
    for (meta, then) in metas.iter().zip(&*thens).rev() {
        let is_last = seen.insert(meta.task_id.as_str());
        kept.push(is_last || !matches!(then, Then::Nothing));
    }
    kept.reverse();
    let mut keep = kept.iter();
    metas.retain(|_| keep.next().is_some_and(|keep| *keep));
    let mut keep = kept.iter();
    thens.retain(|_| keep.next().is_some_and(|keep| *keep));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{self, Options};
    use crate::protocol::{State, Value};

    #[tokio::test]
    async fn a_desk_where_somebody_waits_has_no_free_place() {
        let desk = Desk {
            backend: backend::connect("disabled://", &Options::default())
                .await
                .unwrap(),
            retry: Retry {
                on: false,
                max: None,
                base: Duration::ZERO,
                longest: Duration::ZERO,
            },
            give_up: CancellationToken::new(),
            pending: AtomicUsize::new(0),
            turn: Mutex::new(()),
        };
        let waits = desk.one_more();
        for _ in 0..3 {
            assert!(desk.alone().is_none());
        }
        drop(waits);
        let place = desk.alone().expect("nobody waits");
        assert!(desk.alone().is_none());
        drop(place);
        let served = desk.turn.try_lock();
        assert!(desk.alone().is_none());
        drop(served);
        assert!(desk.alone().is_some());
    }

    #[test]
    fn a_state_that_nobody_waits_for_gives_way_to_the_next() {
        let meta = |id: &str, state: State| ResultMeta::new(id, state, Value::Null);
        let tell = || Then::Tell(oneshot::channel().0);
        let mut metas = vec![
            meta("a", State::STARTED),
            meta("b", State::STARTED),
            meta("a", State::SUCCESS),
            meta("c", State::PROGRESS),
            meta("c", State::SUCCESS),
        ];
        let mut thens = vec![Then::Nothing, Then::Nothing, tell(), tell(), tell()];
        superseded(&mut metas, &mut thens);
        let left: Vec<_> = metas
            .iter()
            .map(|m| (m.task_id.as_str(), m.status.as_str()))
            .collect();
        let want = [
            ("b", "STARTED"),
            ("a", "SUCCESS"),
            ("c", "PROGRESS"),
            ("c", "SUCCESS"),
        ];
        assert_eq!(left, want);
        assert_eq!(thens.len(), 4);
    }
}
