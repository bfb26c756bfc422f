//! A worker's parts, made from its settings and options.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::core::Core;
use super::python::Pool;
use super::reading::Reader;
use super::run::Worker;
use super::running::Running;
use super::session::Setup;
use super::slots::Slots;
use super::store::{Retry, Storer};
use super::{Directive, WorkerError, WorkerOptions, builtin};
use crate::app::App;
use crate::events::{Dispatcher, Groups};
use crate::pidbox;
use crate::protocol::event::Origin;
use crate::protocol::{Exchange, ExchangeType, LamportClock, Nodename, Queue};
use crate::shutdown::Shutdown;
use crate::task::Registry;

/// Runs that have ended and are not stored and settled: enough to fill batches, little enough to bound memory.
const UNSETTLED: usize = 1000;

impl Worker {
    pub(super) async fn core(
        &self,
        shutdown: Shutdown,
        directives: mpsc::Sender<Directive>,
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

    pub(super) fn setup(&self, core: &Core) -> Setup {
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

/// The queues to consume from (`-Q`, `-X`, `worker_direct`), and the excluded names that are none of them.
pub(super) fn queues(
    app: &App,
    options: &WorkerOptions,
    nodename: &Nodename,
) -> Result<(Vec<Queue>, Vec<String>), WorkerError> {
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
    if app.settings().worker_direct {
        queues.push(direct(nodename));
    }
    if queues.is_empty() {
        return Err(WorkerError::NoQueues);
    }
    let mut seen = std::collections::HashSet::new();
    queues.retain(|q| seen.insert(q.name.clone()));
    Ok((queues, unknown))
}

/// The queue of one worker alone (celery.utils.nodenames.worker_direct).
fn direct(nodename: &Nodename) -> Queue {
    let exchange = Exchange::new("C.dq2", ExchangeType::Direct);
    Queue::bound(&format!("{nodename}.dq2"), exchange, nodename.as_str())
}

/// The app's tasks with their annotations, and those that every worker has.
pub(super) fn tasks(app: &App) -> Result<Registry, WorkerError> {
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
