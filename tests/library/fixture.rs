//! An app with the tests' tasks on a store of its own, and workers in this process.

use std::time::Duration;

use rcelery::{App, AsyncResult, Settings, Shutdown, State, Worker, WorkerOptions};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::harness::Store;
use crate::tasks;

/// How long something may take that takes milliseconds on an idle machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Shorthand for short times.
pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// An app on a store of its own.
pub(crate) struct Fixture {
    pub(crate) app: App,
    store: Store,
}

impl Fixture {
    pub(crate) fn redis() -> Self {
        Self::on(Store::redis())
    }

    pub(crate) fn sqlite() -> Self {
        Self::on(Store::sqlite())
    }

    fn on(store: Store) -> Self {
        let app = app(&store, |_| {});
        Self { app, store }
    }

    /// The same store with other settings.
    pub(crate) fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let app = app(&self.store, change);
        Self { app, ..self }
    }

    /// A worker of four slots that takes tasks when this returns.
    pub(crate) async fn worker(&self) -> TestWorker {
        self.worker_with(|_| {}).await
    }

    /// A worker with other options.
    pub(crate) async fn worker_with(&self, change: impl FnOnce(&mut WorkerOptions)) -> TestWorker {
        let mut options = WorkerOptions {
            concurrency: Some(4),
            without_gossip: true,
            without_mingle: true,
            ..WorkerOptions::default()
        };
        change(&mut options);
        let worker = Worker::new(self.app.clone(), options).await.unwrap();
        let shutdown = Shutdown::new();
        let (ready, is_ready) = oneshot::channel();
        let mut ready = Some(ready);
        let running = worker.run(shutdown.clone(), move || {
            if let Some(ready) = ready.take() {
                let _ = ready.send(());
            }
        });
        let running = tokio::spawn(async move { running.await.unwrap() });
        timeout(SOON, is_ready).await.unwrap().unwrap();
        TestWorker {
            shutdown,
            running: Some(running),
        }
    }
}

fn app(store: &Store, change: impl FnOnce(&mut Settings)) -> App {
    let mut settings = Settings::default();
    settings.broker_url = Some(store.broker.clone());
    settings.result_backend = Some(store.backend.clone());
    change(&mut settings);
    tasks::register(App::new().configure(settings))
}

/// A worker in this process; ended without mercy when dropped.
pub(crate) struct TestWorker {
    shutdown: Shutdown,
    running: Option<JoinHandle<rcelery::worker::Exit>>,
}

impl TestWorker {
    /// Asks it to stop and waits until its tasks are done.
    pub(crate) async fn stop(mut self) {
        self.shutdown.warm();
        let running = self.running.take().unwrap();
        timeout(SOON, running).await.unwrap().unwrap();
    }

    /// Cuts its tasks off and waits until their messages are back.
    pub(crate) async fn cut(mut self) {
        self.shutdown.cold();
        let running = self.running.take().unwrap();
        let exit = timeout(SOON, running).await.unwrap().unwrap();
        assert_eq!(exit.cut_off, 1);
    }
}

impl Drop for TestWorker {
    fn drop(&mut self) {
        self.shutdown.cold();
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

/// Waits until a task is in this state.
pub(crate) async fn reaches<T>(result: &AsyncResult<T>, state: State) {
    let deadline = Instant::now() + SOON;
    loop {
        let now = result.state().await.unwrap();
        if now == state {
            return;
        }
        assert!(Instant::now() < deadline, "it is {now}, not {state}");
        sleep(ms(10)).await;
    }
}

/// Waits for a value and panics if there is none soon.
pub(crate) async fn value<T: DeserializeOwned>(result: &AsyncResult<T>) -> T {
    result.get(SOON).await.unwrap()
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < deadline, "not soon: {what}");
        sleep(ms(5)).await;
    }
}
