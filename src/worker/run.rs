//! The worker from start to stop: opens its parts, keeps a session going, and closes in order.
//!
//! Mirrors `celery.worker.WorkController` and the reconnecting half of `celery.worker.consumer.Consumer`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::connect::{connect, say_lost};
use super::consumer::Consumer;
use super::control::Control;
use super::core::Core;
use super::python::{Pool, PoolOptions};
use super::reading::Reader;
use super::running::Running;
use super::session::{End, Session, Setup};
use super::slots::Slots;
use super::state::Link;
use super::store::{Retry, Storer};
use super::{Info, State, WorkerError, WorkerOptions, builtin, statedb};
use crate::app::App;
use crate::broker::{self, Broker, Held};
use crate::events::{Dispatcher, Groups};
use crate::pidbox::{self, Node};
use crate::pool::python::{Parent, Program, PythonError};
use crate::protocol::event::Origin;
use crate::protocol::{LamportClock, Nodename, Queue};
use crate::shutdown::Shutdown;
use crate::task::{Registry, TimeLimits};

/// Directives that may wait for the loop; remote control waits when it is full.
const DIRECTIVES: usize = 100;
/// Runs that have ended and are not stored and settled: enough to fill batches, little enough to bound memory.
const UNSETTLED: usize = 1000;
/// How long tasks that are cut off may take to go.
const CUT_OFF: Duration = Duration::from_secs(5);
/// How often a shutdown that waits says for what.
const SAY_WAITING: Duration = Duration::from_secs(10);

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
    app: App,
    options: WorkerOptions,
    info: Info,
    tasks: Registry,
    queues: Vec<Queue>,
    state: Arc<State>,
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
        let (queues, unknown_excluded) = queues(&app, &options)?;
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

    /// Lets running tasks finish, or cuts them off, and closes the connection last.
    async fn stop(
        &self,
        core: &Arc<Core>,
        mut consumer: Consumer,
        session: Option<Session>,
        mut orphans: Vec<Held>,
        give_up: &CancellationToken,
    ) -> Exit {
        let mut session = session;
        if let Some(session) = &mut session {
            session.leave(&mut consumer).await;
        }
        core.shutdown.warm();
        let mut cut_off = 0;
        let mut say = Instant::now() + SAY_WAITING;
        let mut deadline: Option<Instant> = None;
        let mut is_soft = false;
        while consumer.running() > 0 {
            tokio::select! {
                () = consumer.event() => {}
                () = core.shutdown.cold_asked(), if cut_off == 0 => {
                    cut_off = consumer.running();
                    consumer.cancel_running();
                    give_up_soon(core, give_up);
                    deadline = Some(Instant::now() + CUT_OFF);
                }
                () = core.shutdown.soft_asked(), if !is_soft && !core.shutdown.is_cold() => {
                    is_soft = true;
                    if core.soft_timeout.is_zero() {
                        core.shutdown.cold();
                    } else {
                        let seconds = core.soft_timeout.as_secs_f64();
                        tracing::warn!(event = "worker.soft_shutdown", "Initiating Soft Shutdown, terminating in {seconds:?} seconds");
                        deadline = Some(Instant::now() + core.soft_timeout);
                    }
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    if cut_off > 0 {
                        let left = consumer.running_labels();
                        tracing::error!(event = "worker.left_running", "{} task(s) could not be cut off and are left: {}", left.len(), left.join(", "));
                        break;
                    }
                    deadline = None;
                    core.shutdown.cold();
                }
                () = sleep_until(say) => {
                    say = Instant::now() + SAY_WAITING;
                    let running = consumer.running_labels();
                    let tasks = if running.len() == 1 { "task" } else { "tasks" };
                    tracing::warn!(
                        event = "worker.waiting",
                        tasks = running.len(),
                        "waiting for {} {tasks}: {}",
                        running.len(),
                        running.join(", ")
                    );
                }
            }
        }
        if let Some(session) = session {
            orphans.extend(session.close().await);
        }
        if !orphans.is_empty() {
            settle_orphans(core, &consumer, &orphans).await;
        }
        Exit { cut_off }
    }

    async fn core(
        &self,
        shutdown: Shutdown,
        directives: mpsc::Sender<super::Directive>,
        python: Option<Arc<Pool>>,
        finish: CancellationToken,
        give_up: CancellationToken,
    ) -> Result<(Arc<Core>, impl Future<Output = ()> + Send + use<>), WorkerError> {
        let settings = self.app.shared_settings();
        let backend = self.app.backend().await?;
        let retry = Retry {
            on: settings.result_backend_always_retry,
            max: settings.result_backend_max_retries,
            base: Duration::from_millis(settings.result_backend_base_sleep_between_retries_ms),
            longest: Duration::from_millis(settings.result_backend_max_sleep_between_retries_ms),
        };
        let (storer, writer) = Storer::new(Arc::clone(&backend), retry, finish, give_up);
        let clock = Arc::new(LamportClock::default());
        let accept = self.app.accept()?;
        let origin = Origin {
            hostname: self.info.nodename.to_string(),
            utcoffset: f64::from(
                settings
                    .time_zone()
                    .to_offset(jiff::Timestamp::now())
                    .seconds(),
            ) / -3600.0,
            pid: std::process::id(),
        };
        let workers = !(self.options.without_heartbeat && self.options.without_gossip)
            || self.info.task_events;
        let groups = Groups {
            tasks: self.info.task_events,
            workers,
        };
        let events = Arc::new(Dispatcher::new(
            origin,
            Arc::clone(&clock),
            self.app.event_options(),
            groups,
        ));
        let state = Arc::clone(&self.state);
        state.lock().autoscale = self.info.autoscale;
        let disable_prefetch = self.options.disable_prefetch || settings.worker_disable_prefetch;
        let tasks = Arc::new(self.tasks.clone());
        let core = Core {
            reader: Reader {
                tasks: Arc::clone(&tasks),
                accept: accept.clone(),
                hostname: self.info.nodename.as_str().into(),
            },
            python,
            tasks,
            nodename: self.info.nodename.clone(),
            hostname: self.info.nodename.as_str().into(),
            state,
            clock,
            events,
            producer: self.app.producer().await,
            backend,
            storer,
            directives,
            shutdown,
            accept,
            zone: settings.time_zone(),
            limits: self.info.limits,
            prefetch_multiplier: if disable_prefetch {
                1
            } else {
                self.info.prefetch_multiplier
            },
            soft_timeout: settings.worker_soft_shutdown_timeout,
            unsettled: Arc::new(Semaphore::new(UNSETTLED + self.info.concurrency)),
            slots: Slots::new(self.info.concurrency, self.options.max_tasks),
            running: Running::new(),
            nudge: Notify::new(),
            app: self.app.clone(),
            settings,
        };
        Ok((Arc::new(core), writer))
    }

    fn setup(&self, core: &Core) -> Setup {
        let settings = &core.settings;
        Setup {
            queues: self.queues.clone(),
            mingle: !self.options.without_mingle,
            burst: self.options.burst,
            gossip: !self.options.without_gossip,
            heartbeat: (!self.options.without_heartbeat).then(|| {
                self.options
                    .heartbeat_interval
                    .unwrap_or(Duration::from_secs(2))
            }),
            pidbox: pidbox::Options {
                namespace: settings.control_exchange.clone(),
                ttl: settings.control_queue_ttl,
                expires: settings.control_queue_expires,
                accept: core.accept.clone(),
            },
            events: self.app.event_options(),
        }
    }
}

/// Tells a Python app that the worker is to stop, when it is.
async fn announce_stop(core: Arc<Core>, pool: Arc<Pool>) {
    core.shutdown.warm_asked().await;
    let how = if core.shutdown.is_cold() {
        "Cold"
    } else {
        "Warm"
    };
    let signal = if how == "Cold" { "SIGQUIT" } else { "SIGTERM" };
    pool.parent().stopping(signal, how).await;
}

/// Stops the worker when the process of its Python app is gone: no task could be run any more.
async fn stop_without(core: Arc<Core>, parent: Parent) {
    parent.gone().await;
    if !parent.is_lost() {
        return;
    }
    tracing::error!(
        event = "worker.python_gone",
        "the Python process of the app is gone: shutting down"
    );
    core.shutdown.cold();
}

/// What runs when the worker is gone is cut off.
struct Leftovers(Arc<Core>);

impl Drop for Leftovers {
    fn drop(&mut self) {
        self.0.running.cut_off();
    }
}

/// Tasks have ended while the connection was lost: one try on a new one, so that they do not run again.
async fn settle_orphans(core: &Core, consumer: &Consumer, orphans: &[Held]) {
    let settled = async {
        let broker = core.app.broker().await?;
        consumer.adopt(broker.adopt(orphans).await?);
        broker.close().await
    };
    if let Err(error) = settled.await {
        tracing::warn!(
            "{} message(s) could not be acknowledged and will come again: {error}",
            orphans.len()
        );
    }
}

/// After a cold shutdown a result that cannot be stored is not waited for.
fn give_up_soon(core: &Core, give_up: &CancellationToken) {
    if core.shutdown.is_cold() {
        give_up.cancel();
    }
}

async fn close(broker: &dyn Broker) {
    if let Err(error) = broker.close().await {
        tracing::debug!("closing a lost connection: {error}");
    }
}

/// The queues to consume from (`-Q`, `-X`), and the excluded names that are none of them.
fn queues(app: &App, options: &WorkerOptions) -> Result<(Vec<Queue>, Vec<String>), WorkerError> {
    let mut queues = if options.queues.is_empty() {
        app.queues()?
    } else {
        let queue = |name: &String| app.settings().queue(name);
        options.queues.iter().map(queue).collect::<Result<_, _>>()?
    };
    let unknown = options
        .exclude_queues
        .iter()
        .filter(|x| !queues.iter().any(|q| q.name == **x))
        .cloned()
        .collect();
    queues.retain(|q| !options.exclude_queues.contains(&q.name));
    if queues.is_empty() {
        return Err(WorkerError::NoQueues);
    }
    let mut seen = std::collections::HashSet::new();
    queues.retain(|q| seen.insert(q.name.clone()));
    Ok((queues, unknown))
}

/// The app's tasks with their annotations, and those that every worker has.
fn tasks(app: &App) -> Result<Registry, WorkerError> {
    let mut tasks = Registry::clone(app.tasks());
    builtin::register(&mut tasks);
    let settings = app.settings();
    let names: Vec<String> = tasks.names().map(str::to_owned).collect();
    for name in names {
        let mut annotations = settings.task_annotations.of(&name);
        if let Some(limit) = &settings.task_default_rate_limit {
            let has_own = tasks
                .get(&name)
                .is_some_and(|t| t.options().rate_limit.is_some());
            if !has_own && !annotations.contains_key("rate_limit") {
                annotations.insert("rate_limit".to_owned(), limit.as_str().into());
            }
        }
        if annotations.is_empty() {
            continue;
        }
        let reason = |reason| WorkerError::Annotation {
            task: name.clone(),
            reason,
        };
        tasks.annotate(&name, &annotations).map_err(reason)?;
    }
    Ok(tasks)
}
