//! What all parts of a worker share, and the worker as the host of its tasks.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{Notify, Semaphore, mpsc};

use super::python::Pool;
use super::reading::Reader;
use super::running::Running;
use super::slots::Slots;
use super::state::{Mark, Tables, UNREGISTERED};
use super::store::Storer;
use super::{Directive, Request, State};
use crate::app::App;
use crate::backend::{Backend, Stored};
use crate::broker::Settle;
use crate::config::Settings;
use crate::events::Dispatcher;
use crate::producer::Producer;
use crate::protocol::codec::Accept;
use crate::protocol::result::Extended;
use crate::protocol::{
    LamportClock, Nodename, ResultMeta, ResultTuple, State as TaskState, Value, time,
};
use crate::shutdown::Shutdown;
use crate::task::{Context, Host, HostError, Registry, TimeLimits};

/// What all parts of a worker share.
pub(super) struct Core {
    /// The app whose tasks it runs.
    pub(super) app: App,
    /// The app's settings, command line applied.
    pub(super) settings: Arc<Settings>,
    /// All tasks, annotations applied, `celery.*` included.
    pub(super) tasks: Arc<Registry>,
    /// Its node name.
    pub(super) nodename: Nodename,
    /// The same, for the requests of tasks.
    pub(super) hostname: Arc<str>,
    /// What it is doing now.
    pub(super) state: Arc<State>,
    /// The app clock: of events and `inspect clock`.
    pub(super) clock: Arc<LamportClock>,
    /// Sends events.
    pub(super) events: Arc<Dispatcher>,
    /// Sends follow-ups and retries.
    pub(super) producer: Arc<Producer>,
    /// The result back end.
    pub(super) backend: Arc<dyn Backend>,
    /// Stores results.
    pub(super) storer: Storer,
    /// To the consumer loop.
    pub(super) directives: mpsc::Sender<Directive>,
    /// Stopping.
    pub(super) shutdown: Shutdown,
    /// The content types that may be decoded.
    pub(super) accept: Accept,
    /// Reads messages.
    pub(super) reader: Reader,
    /// Runs Python tasks, if there is an app of them.
    pub(super) python: Option<Arc<Pool>>,
    /// The zone of `date_done`.
    pub(super) zone: TimeZone,
    /// Time limits of tasks that have none: the command line's, else the settings'.
    pub(super) limits: TimeLimits,
    /// Deliveries per slot; 0 means no limit.
    pub(super) prefetch_multiplier: u32,
    /// How long a soft shutdown waits.
    pub(super) soft_timeout: Duration,
    /// Bounds how many requests run or have run and are not settled, should the back end be slower than the tasks.
    pub(super) unsettled: Arc<Semaphore>,
    /// What is ready, and what runs it.
    pub(super) slots: Slots,
    /// What has begun and not ended.
    pub(super) running: Running,
    /// Makes the loop look again at what it may fetch.
    pub(super) nudge: Notify,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Core({})", self.nodename)
    }
}

impl Core {
    /// Whether nothing is stored for a request, its own wish first.
    #[must_use]
    pub(super) fn ignores_result(&self, request: &Request) -> bool {
        request
            .message
            .header
            .ignore_result
            .or_else(|| request.options()?.ignore_result)
            .unwrap_or(self.settings.task_ignore_result)
            || !self.backend.is_enabled()
    }

    /// Whether a failure is stored for a request.
    #[must_use]
    pub(super) fn stores_errors(&self, request: &Request) -> bool {
        if !self.ignores_result(request) {
            return true;
        }
        let option = request
            .options()
            .and_then(|o| o.store_errors_even_if_ignored);
        self.backend.is_enabled()
            && option.unwrap_or(self.settings.task_store_errors_even_if_ignored)
    }

    /// Forgets a request that is over, and counts how it ended.
    pub(super) fn end(&self, request: &Arc<Request>, state: &'static str) {
        let mut tables = self.state.lock();
        tables.tally.end(counted_name(request), state);
        self.forget(&mut tables, request);
    }

    /// Counts how a request ended.
    pub(super) fn count_end(&self, request: &Request, state: &'static str) {
        self.state.lock().tally.end(counted_name(request), state);
    }

    /// Counts a run.
    pub(super) fn count_run(&self, request: &Request, took: Duration) {
        self.state.lock().tally.ran(counted_name(request), took);
    }

    /// Forgets a request that is over.
    pub(super) fn remove(&self, request: &Arc<Request>) {
        self.forget(&mut self.state.lock(), request);
    }

    fn forget(&self, tables: &mut Tables, request: &Arc<Request>) {
        tables.remove(request);
        if tables.counts_runs {
            // How much may be fetched depends on what runs.
            self.nudge.notify_one();
        }
    }

    /// Whether a request is acknowledged after its run.
    #[must_use]
    pub(super) fn acks_late(&self, request: &Request) -> bool {
        let option = request.options().and_then(|o| o.acks_late);
        option.unwrap_or(self.settings.task_acks_late)
    }

    /// Settles a request. If its connection is gone the broker will deliver it again, and then it is settled as known.
    pub(super) fn settle(&self, request: &Request, how: Settle) {
        if let Some(marks) = settles(request, how) {
            self.state.lock().note_settled(marks);
        }
        hand_in(request, how);
    }

    /// The time limits of a request: its own, then remote control's, then the task's, then the worker's.
    #[must_use]
    pub(super) fn limits(&self, request: &Request, controlled: Option<TimeLimits>) -> TimeLimits {
        let seconds = |s: Option<f64>| {
            s.filter(|s| *s > 0.0)
                .and_then(|s| Duration::try_from_secs_f64(s).ok())
        };
        let (hard, soft) = request.message.header.timelimit;
        let options = request.options();
        let task = controlled.unwrap_or_else(|| TimeLimits {
            soft: options.and_then(|o| o.soft_time_limit),
            hard: options.and_then(|o| o.time_limit),
        });
        TimeLimits {
            soft: seconds(soft).or(task.soft).or(self.limits.soft),
            hard: seconds(hard).or(task.hard).or(self.limits.hard),
        }
    }

    /// A meta of a request, with everything that is known of it.
    #[must_use]
    pub(super) fn meta(
        &self,
        request: &Request,
        status: TaskState,
        result: Value,
        children: Vec<ResultTuple>,
    ) -> ResultMeta {
        let header = &request.message.header;
        let mut meta = ResultMeta::new(request.id(), status, result);
        meta.children = Some(children);
        meta.group_id.clone_from(&header.group);
        meta.parent_id.clone_from(&header.parent_id);
        if meta.status.is_ready() {
            meta.date_done = Some(time::isoformat(Timestamp::now(), &self.zone));
        }
        if self.settings.result_extended {
            meta.extended = Some(Extended {
                name: Some(request.task().to_owned()),
                args: request.message.args.clone().into(),
                kwargs: request.message.kwargs.clone().into(),
                worker: Some(self.nodename.to_string()),
                retries: Some(header.retries.into()),
                queue: Some(request.delivery_info.routing_key.clone()),
            });
            if header.stamped_headers.is_some() {
                meta.stamped_headers.clone_from(&header.stamped_headers);
                meta.stamps.clone_from(&header.stamps);
            }
        }
        meta
    }
}

/// The name under which a request is counted: its task's, if that is known.
fn counted_name(request: &Request) -> &str {
    if request.runnable.is_some() {
        request.task()
    } else {
        UNREGISTERED
    }
}

/// The marks under which this settlement is to be remembered, if it takes the message off the broker.
pub(super) fn settles(request: &Request, how: Settle) -> Option<[Mark; 2]> {
    matches!(how, Settle::Ack | Settle::Reject)
        .then(|| request.marks())
        .flatten()
}

/// Hands a settlement to the transport.
pub(super) fn hand_in(request: &Request, how: Settle) {
    if let Err(error) = request.settle(how) {
        tracing::debug!(
            "{} could not be settled, and will be when it is delivered again: {error}",
            request.label()
        );
    }
}

/// The worker as the host of its tasks.
#[derive(Debug)]
pub(super) struct WorkerHost {
    core: Arc<Core>,
}

impl WorkerHost {
    /// The host of tasks of this worker.
    #[must_use]
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The worker that runs a task; none if something else runs it.
    #[must_use]
    pub(super) fn core_of(cx: &Context) -> Option<Arc<Core>> {
        let host: &dyn Any = &**cx.host();
        host.downcast_ref::<Self>().map(|h| Arc::clone(&h.core))
    }
}

#[async_trait]
impl Host for WorkerHost {
    async fn store_state(
        &self,
        cx: &Context,
        state: TaskState,
        meta: Value,
    ) -> Result<(), HostError> {
        let request = cx.request();
        if request.ignore_result {
            return Ok(());
        }
        let core = &self.core;
        let mut stored = ResultMeta::new(cx.id(), state, meta);
        stored.children = Some(cx.children());
        stored.group_id.clone_from(&request.message.header.group);
        stored
            .parent_id
            .clone_from(&request.message.header.parent_id);
        if core.settings.result_extended {
            stored.extended = Some(Extended {
                name: Some(cx.task().to_owned()),
                args: request.message.args.clone().into(),
                kwargs: request.message.kwargs.clone().into(),
                worker: Some(core.nodename.to_string()),
                retries: Some(cx.retries().into()),
                queue: Some(request.delivery_info.routing_key.clone()),
            });
        }
        let what = || format!("storing a state of {}[{}]", cx.task(), cx.id());
        match core.storer.store(stored).await {
            Ok(Stored::Written | Stored::AlreadySuccess) => Ok(()),
            Err(error) => Err(HostError {
                what: what(),
                source: Some(Box::new(error)),
            }),
        }
    }

    async fn stored_state(&self, task_id: &str) -> Result<Option<TaskState>, HostError> {
        match self.core.backend.get(task_id).await {
            Ok(meta) => Ok(meta.map(|m| m.status)),
            Err(error) => Err(HostError {
                what: format!("reading the state of task {task_id}"),
                source: Some(Box::new(error)),
            }),
        }
    }

    fn app(&self) -> &(dyn Any + Send + Sync) {
        &self.core.app
    }
}
