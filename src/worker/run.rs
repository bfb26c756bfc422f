//! The worker from start to stop: opens its parts, keeps a session going, and closes in order.
//!
//! Mirrors `celery.worker.WorkController` and the reconnecting half of `celery.worker.consumer.Consumer`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::assemble::{queues, tasks};
use super::connect::{connect, say_lost};
use super::consumer::Consumer;
use super::control::Control;
use super::python::{Pool, PoolOptions};
use super::session::{End, Session};
use super::state::Link;
use super::stop::{Leftovers, announce_stop, close, give_up_soon, stop_without};
use super::{Info, State, WorkerError, WorkerOptions, statedb};
use crate::app::App;
use crate::broker::{self, Held};
use crate::pidbox::{self, Node};
use crate::pool::python::{Parent, Program, PythonError};
use crate::protocol::{Nodename, Queue};
use crate::shutdown::Shutdown;
use crate::task::{Registry, TimeLimits};

/// Directives that may wait for the loop; remote control waits when it is full.
const DIRECTIVES: usize = 100;

/// How a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// How many running tasks were cut off.
    pub cut_off: usize,
}

/// A worker that has not been started: what `rcelery worker` runs, to be run inside of a program of one's own.
///
/// ```no_run
/// # async fn example(app: rcelery::App) -> Result<(), Box<dyn std::error::Error>> {
/// use rcelery::{Shutdown, Worker, WorkerOptions};
///
/// let options = WorkerOptions { concurrency: Some(4), ..WorkerOptions::default() };
/// let worker = Worker::new(app, options).await?;
/// let shutdown = Shutdown::new();
/// let running = tokio::spawn(worker.run(shutdown.clone(), || println!("ready")));
/// // …
/// shutdown.warm(); // let running tasks finish
/// running.await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Worker {
    pub(super) app: App,
    pub(super) options: WorkerOptions,
    pub(super) info: Info,
    pub(super) tasks: Registry,
    pub(super) queues: Vec<Queue>,
    pub(super) state: Arc<State>,
    python: Option<(Program, PoolOptions)>,
}

impl Worker {
    /// Checks the settings and makes a worker of the app's tasks.
    ///
    /// # Errors
    /// `Config` for queues that are not known, `Annotation`, `Broker` and `Backend` for URLs that cannot be used.
    pub async fn new(app: App, options: WorkerOptions) -> Result<Self, WorkerError> {
        // A worker closes its connections at its end; whoever started it may go on with theirs.
        let app = app.detached();
        let settings = app.settings();
        let host = gethostname::gethostname();
        let nodename = Nodename::expand(
            options.hostname.as_deref().unwrap_or("celery@%h"),
            &host.to_string_lossy(),
        );
        let (queues, unknown_excluded) = queues(&app, &options, &nodename)?;
        let tasks = tasks(&app)?;
        let concurrency = match options
            .concurrency
            .or(settings.worker_concurrency.map(|n| n as usize))
        {
            _ if options.solo => 1,
            None | Some(0) => std::thread::available_parallelism().map_or(1, usize::from),
            Some(n) => n,
        };
        let concurrency = options.autoscale.map_or(concurrency, |(_, min)| min.max(1));
        let info = Info {
            nodename,
            app: app.name().to_owned(),
            transport: broker::as_uri(&app.read_url()?),
            results: app.backend().await?.as_uri(),
            result_serializer: settings.result_serializer.clone(),
            result_expires: settings.result_expires.filter(|e| !e.is_zero()),
            limits: TimeLimits {
                soft: options.soft_time_limit.or(settings.task_soft_time_limit),
                hard: options.time_limit.or(settings.task_time_limit),
            },
            concurrency,
            pool: if options.solo { "solo" } else { "threads" },
            autoscale: options.autoscale,
            task_events: options.task_events || settings.worker_send_task_events,
            prefetch_multiplier: options
                .prefetch_multiplier
                .unwrap_or(settings.worker_prefetch_multiplier),
            queues: queues.clone(),
            tasks: tasks.names().map(str::to_owned).collect(),
            unknown_excluded,
        };
        Ok(Self {
            app,
            options,
            info,
            tasks,
            queues,
            state: Arc::default(),
            python: None,
        })
    }

    /// The same worker with an interpreter that has loaded a Python app: the app's tasks, which are registered as
    /// [`PythonTask`](crate::task::PythonTask)s, run in its children.
    #[must_use]
    pub fn with_python(mut self, program: Program, options: PoolOptions) -> Self {
        self.info.pool = options.kind;
        self.python = Some((program, options));
        self
    }

    /// What it says of itself.
    #[must_use]
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// What it is doing, for whoever wants to look while it runs.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// Runs until `shutdown` asks to stop. `ready` is called whenever the worker starts to take tasks: at first, and
    /// after each reconnect.
    ///
    /// # Errors
    /// `Broker` if the broker refuses, `GaveUp` if it may not be waited for any longer.
    pub async fn run(
        self,
        shutdown: Shutdown,
        mut ready: impl FnMut() + Send,
    ) -> Result<Exit, WorkerError> {
        // A task of its own runs on the threads that run the tasks; the caller may sit on one that has to be woken each
        // time.
        let (says_ready, mut is_ready) = mpsc::unbounded_channel();
        let mut worker = JoinSet::new();
        let tell = move || {
            let _ = says_ready.send(());
        };
        worker.spawn(self.work(shutdown, tell));
        loop {
            tokio::select! {
                biased;
                Some(()) = is_ready.recv() => ready(),
                Some(ended) = worker.join_next() => return match ended {
                    Ok(exit) => exit,
                    Err(error) => match error.try_into_panic() {
                        Ok(panic) => std::panic::resume_unwind(panic),
                        // The runtime shuts down, and this future with it.
                        Err(_) => std::future::pending().await,
                    },
                },
            }
        }
    }

    async fn work(
        mut self,
        shutdown: Shutdown,
        mut ready: impl FnMut() + Send,
    ) -> Result<Exit, WorkerError> {
        let (directives, mut orders) = mpsc::channel(DIRECTIVES);
        let give_up = CancellationToken::new();
        let finish = CancellationToken::new();
        let mut talking = JoinSet::new();
        let python = match self.python.take() {
            Some((program, options)) => {
                let (parent, talk) = Parent::new(program)?;
                talking.spawn(talk);
                let pool = Arc::new(Pool::new(parent, options));
                pool.warm_up(self.info.concurrency).await?;
                Some(pool)
            }
            None => None,
        };
        let (core, writer) = self
            .core(
                shutdown,
                directives,
                python,
                finish.clone(),
                give_up.clone(),
            )
            .await?;
        if let Some(pool) = &core.python {
            let (slots, full) = (Arc::clone(&core), Arc::clone(pool));
            talking.spawn(async move { full.keep_full(|| slots.slots.len()).await });
            talking.spawn(announce_stop(Arc::clone(&core), Arc::clone(pool)));
            talking.spawn(stop_without(Arc::clone(&core), pool.parent().clone()));
        }
        for task in self.tasks.iter() {
            if let Some(problem) = task.problem() {
                tracing::warn!("Task {} will fail: {problem}", task.name());
            }
        }
        if let Some(path) = &self.options.statedb {
            statedb::load(path, &core.state)?;
        }
        let mut writers = JoinSet::new();
        writers.spawn(writer);
        let setup = self.setup(&core);
        let pool = match (&core.python, self.options.solo) {
            (Some(_), _) => "rcelery::pool::python",
            (None, true) => "rcelery::pool::Solo",
            (None, false) => "rcelery::pool::Threads",
        };
        let control: Arc<dyn pidbox::Handler> = Arc::new(Control::new(&core, pool));
        let remote_control = core.settings.worker_enable_remote_control;
        let mut consumer = Consumer::new(Arc::clone(&core));
        let _leftovers = Leftovers(Arc::clone(&core));
        let mut is_first = true;
        let mut orphans: Vec<Held> = Vec::new();
        let outcome = loop {
            let broker = match connect(&core, is_first).await {
                Ok(Some(broker)) => broker,
                Ok(None) => break Ok(None),
                Err(error) => break Err(error),
            };
            tracing::info!(
                event = "worker.connected",
                broker = broker.as_uri(),
                "Connected to {}",
                broker.as_uri()
            );
            let node = remote_control.then(|| {
                let clock = Arc::clone(&core.clock);
                Arc::new(Node::new(
                    core.nodename.as_str(),
                    &setup.pidbox,
                    clock,
                    Arc::clone(&control),
                ))
            });
            let opened = tokio::select! {
                opened = Session::open(&core, Arc::clone(&broker), &setup, &mut consumer, node, &mut orphans) => opened,
                () = core.shutdown.warm_asked() => {
                    close(&*broker).await;
                    break Ok(None);
                }
            };
            let mut session = match opened {
                Ok(session) => session,
                Err(error) if error.is_transient() => {
                    say_lost(&error);
                    consumer.reset();
                    close(&*broker).await;
                    orphans.extend(broker.held());
                    // It answered, and was lost at once: not to be asked again in a tight loop.
                    sleep(Duration::from_secs(1)).await;
                    continue;
                }
                Err(error) => {
                    close(&*broker).await;
                    break Err(error.into());
                }
            };
            if is_first && let Some(pool) = &core.python {
                pool.parent().ready().await;
            }
            is_first = false;
            tracing::info!(event = "worker.ready", "{} ready.", core.nodename);
            core.state.turn();
            core.state.set_link(Link::Ready);
            ready();
            match session.run(&mut consumer, &mut orders).await {
                End::Shutdown => break Ok(Some(session)),
                End::Lost(error) => {
                    core.state.set_link(Link::Connecting);
                    say_lost(&error);
                    consumer.reset();
                    if core
                        .settings
                        .worker_cancel_long_running_tasks_on_connection_loss
                    {
                        consumer.cancel_running();
                    }
                    session.abandon().await;
                    close(&*broker).await;
                    orphans.extend(broker.held());
                }
            }
        };
        core.state.set_link(Link::Stopping);
        let (session, error) = match outcome {
            Ok(session) => (session, None),
            Err(error) => (None, Some(error)),
        };
        let exit = self.stop(&core, consumer, session, orphans, &give_up).await;
        let mut lost_python = false;
        if let Some(pool) = &core.python {
            lost_python = pool.parent().is_lost();
            pool.close().await;
        }
        talking.shutdown().await;
        let saved = self.options.statedb.as_deref();
        let saved = saved.map_or(Ok(()), |path| statedb::save(path, &core.state));
        give_up_soon(&core, &give_up);
        finish.cancel();
        while let Some(ended) = writers.join_next().await {
            if let Err(error) = ended {
                tracing::error!("the writer of results ended: {error}");
            }
        }
        core.producer.close().await;
        core.app.close().await;
        match error {
            Some(error) => Err(error),
            None if lost_python => Err(PythonError::Gone.into()),
            None => saved.map(|()| exit),
        }
    }
}
