//! `App`, and how its settings become options of brokers and back ends.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::Call;
use crate::backend::{self, Backend, BackendError};
use crate::broker::{self, Broker, BrokerError, BrokerUrl};
use crate::config::{ConfigError, Settings};
use crate::events::{self, Dispatcher, Groups};
use crate::producer::{Composer, Connect, Producer, SendError};
use crate::protocol::codec::Accept;
use crate::protocol::event::Origin;
use crate::protocol::{Map, ProtocolError, Queue, ResultTuple, Signature, Value};
use crate::result::{AsyncResult, GroupResult};
use crate::task::{self, BlockingTask, Context, Registry, Runnable, Task};

/// Settings and tasks. Clones share their connections; the first send or read opens them.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    name: String,
    settings: Arc<Settings>,
    tasks: Arc<Registry>,
    shared: Arc<Shared>,
}

/// What clones of an app share: opened once.
#[derive(Default)]
struct Shared {
    backend: OnceCell<Arc<dyn Backend>>,
    producer: OnceCell<Arc<Producer>>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "App({}, {} tasks)",
            self.0.name,
            self.0.tasks.names().count()
        )
    }
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}

impl App {
    /// An app without tasks, with default settings.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            name: "rcelery".to_owned(),
            settings: Arc::default(),
            tasks: Arc::default(),
            shared: Arc::default(),
        }))
    }

    pub(super) fn with(
        &self,
        change: impl FnOnce(&mut String, &mut Arc<Settings>, &mut Registry),
    ) -> Self {
        let mut name = self.0.name.clone();
        let mut settings = Arc::clone(&self.0.settings);
        let mut tasks = Registry::clone(&self.0.tasks);
        change(&mut name, &mut settings, &mut tasks);
        Self(Arc::new(Inner {
            name,
            settings,
            tasks: Arc::new(tasks),
            shared: Arc::default(),
        }))
    }

    /// The app under another name (shown in the banner).
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        self.with(|n, _, _| name.clone_into(n))
    }

    /// The app with an async task registered.
    #[must_use]
    pub fn task<T: Task>(self) -> Self {
        self.with(|_, _, tasks| tasks.add::<T>())
    }

    /// The app with a blocking task registered.
    #[must_use]
    pub fn blocking_task<T: BlockingTask>(self) -> Self {
        self.with(|_, _, tasks| tasks.add_blocking::<T>())
    }

    /// The app with any task registered.
    #[must_use]
    pub fn runnable(self, task: Arc<dyn Runnable>) -> Self {
        self.with(|_, _, tasks| tasks.insert(task))
    }

    /// The app with the built-in tasks for trying things out: `demo.add`, `demo.echo`, `demo.sleep`, `demo.fail`,
    /// `demo.long_task`.
    #[must_use]
    pub fn with_demo_tasks(self) -> Self {
        self.with(|_, _, tasks| super::demo::register(tasks))
    }

    /// The app without the built-in tasks of [`App::with_demo_tasks`].
    #[must_use]
    pub(crate) fn without_demo_tasks(self) -> Self {
        self.with(|_, _, tasks| super::demo::unregister(tasks))
    }

    /// The app with other settings. Connections that were open stay with the app as it was.
    ///
    /// Under [`cli::run`](crate::cli::run) they are what file, environment and options win over.
    #[must_use]
    pub fn configure(self, settings: Settings) -> Self {
        self.with(|_, old, _| *old = Arc::new(settings))
    }

    /// The same app with connections of its own, which are opened and closed without regard to this one's.
    #[must_use]
    pub fn detached(&self) -> Self {
        self.with(|_, _, _| {})
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Its settings, to keep.
    #[must_use]
    pub fn shared_settings(&self) -> Arc<Settings> {
        Arc::clone(&self.0.settings)
    }

    /// Its tasks.
    #[must_use]
    pub fn tasks(&self) -> &Arc<Registry> {
        &self.0.tasks
    }

    /// The queues that are configured.
    ///
    /// # Errors
    /// If `task_queues` cannot be read.
    pub fn queues(&self) -> Result<Vec<Queue>, ConfigError> {
        self.0.settings.queues()
    }

    /// The content types that may be decoded.
    ///
    /// # Errors
    /// `Refused` for an unknown name in `accept_content`.
    pub fn accept(&self) -> Result<Accept, ProtocolError> {
        Accept::new(&self.0.settings.accept_content)
    }

    /// The broker's URL for receiving.
    ///
    /// # Errors
    /// `Config` if it is not a URL, or no broker is set and there is no home to keep the default file in.
    pub fn read_url(&self) -> Result<BrokerUrl, BrokerError> {
        let s = &self.0.settings;
        self.url(s.broker_read_url.as_deref().or(s.broker_url.as_deref()))
    }

    /// The broker's URL for sending.
    ///
    /// # Errors
    /// As [`App::read_url`].
    pub fn write_url(&self) -> Result<BrokerUrl, BrokerError> {
        let s = &self.0.settings;
        self.url(s.broker_write_url.as_deref().or(s.broker_url.as_deref()))
    }

    fn url(&self, url: Option<&str>) -> Result<BrokerUrl, BrokerError> {
        match url {
            Some(url) => BrokerUrl::parse(url),
            None => Err(BrokerError::Config(
                "no broker is configured: set `broker_url`".to_owned(),
            )),
        }
    }

    /// Opens a connection for receiving and control.
    ///
    /// # Errors
    /// What the transport says.
    pub async fn broker(&self) -> Result<Arc<dyn Broker>, BrokerError> {
        broker::connect(&self.read_url()?, &self.broker_options()).await
    }

    /// Opens a connection for sending.
    ///
    /// # Errors
    /// What the transport says.
    pub async fn write_broker(&self) -> Result<Arc<dyn Broker>, BrokerError> {
        broker::connect(&self.write_url()?, &self.broker_options()).await
    }

    fn broker_options(&self) -> broker::Options {
        let s = &self.0.settings;
        broker::Options {
            connect_timeout: s.broker_connection_timeout,
            transport_options: s.broker_transport_options.clone(),
            use_ssl: s.broker_use_ssl.clone(),
        }
    }

    /// The result back end, opened once.
    ///
    /// # Errors
    /// `Config` for a bad URL or option; `Disabled` is not an error here but of the back end's calls.
    pub async fn backend(&self) -> Result<Arc<dyn Backend>, BackendError> {
        let open = || async {
            let url = self
                .0
                .settings
                .result_backend
                .clone()
                .unwrap_or_else(|| "disabled://".to_owned());
            backend::connect(&url, &self.backend_options()?).await
        };
        self.0.shared.backend.get_or_try_init(open).await.cloned()
    }

    fn backend_options(&self) -> Result<backend::Options, BackendError> {
        let s = &self.0.settings;
        let accept = match &s.result_accept_content {
            Some(names) => Accept::new(names)?,
            None => Accept::new(&s.accept_content)?,
        };
        Ok(backend::Options {
            connect_timeout: s
                .redis_socket_connect_timeout
                .unwrap_or(s.broker_connection_timeout),
            command_timeout: s
                .redis_socket_timeout
                .unwrap_or(std::time::Duration::from_secs(120)),
            transport_options: s.result_backend_transport_options.clone(),
            use_ssl: s.redis_backend_use_ssl.clone(),
            serializer: s.result_serializer.clone(),
            accept,
            compression: s.result_compression.clone(),
            expires: s.result_expires.filter(|d| !d.is_zero()),
            failure_expires: s.result_failure_expires,
            chord_join_timeout: s.result_chord_join_timeout,
            timezone: s.time_zone(),
            table_names: s.database_table_names.clone(),
        })
    }

    /// The producer, shared by all sends of this app.
    pub async fn producer(&self) -> Arc<Producer> {
        let make = || async { Arc::new(self.new_producer()) };
        Arc::clone(self.0.shared.producer.get_or_init(make).await)
    }

    fn new_producer(&self) -> Producer {
        let host = gethostname::gethostname();
        let composer = Composer {
            settings: Arc::clone(&self.0.settings),
            tasks: Arc::clone(&self.0.tasks),
            origin: format!("gen{}@{}", std::process::id(), host.to_string_lossy()),
            reply_to: Uuid::new_v4().to_string(),
        };
        let origin = Origin {
            hostname: composer.origin.clone(),
            utcoffset: utc_offset(&self.0.settings),
            pid: std::process::id(),
        };
        let groups = Groups {
            tasks: self.0.settings.task_send_sent_event,
            workers: false,
        };
        let events = Dispatcher::new(origin, Arc::default(), self.event_options(), groups);
        let connect = Box::new(Connector(self.without_connections()));
        Producer::new(composer, connect, events)
    }

    /// How events travel.
    #[must_use]
    pub fn event_options(&self) -> events::Options {
        let s = &self.0.settings;
        events::Options {
            exchange: s.event_exchange.clone(),
            queue_prefix: s.event_queue_prefix.clone(),
            ttl: s.event_queue_ttl,
            expires: s.event_queue_expires,
            control_exchange: s.control_exchange.clone(),
            accept: self.accept().unwrap_or_default(),
        }
    }

    /// The same app without its shared connections: what the producer holds, so that it does not hold itself.
    fn without_connections(&self) -> Self {
        let shared = Shared {
            backend: self.0.shared.backend.clone(),
            producer: OnceCell::new(),
        };
        Self(Arc::new(Inner {
            name: self.0.name.clone(),
            settings: Arc::clone(&self.0.settings),
            tasks: Arc::clone(&self.0.tasks),
            shared: Arc::new(shared),
        }))
    }

    /// A call of a task of this program, to be given options and sent.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a task is given away, as to `delay`"
    )]
    pub fn signature<T: Task>(&self, task: T) -> Call<T::Output> {
        self.typed(T::NAME, &task)
    }

    /// As [`App::signature`], for a blocking task.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a task is given away, as to `delay`"
    )]
    pub fn blocking_signature<T: BlockingTask>(&self, task: T) -> Call<T::Output> {
        self.typed(T::NAME, &task)
    }

    fn typed<T: serde::Serialize, R>(&self, name: &str, task: &T) -> Call<R> {
        let mut signature = Signature::new(name);
        let problem = match Value::from_serialize(task) {
            // A struct's fields travel as keywords, so that they mean the same to a Python function of that signature.
            Ok(Value::Map(kwargs)) => {
                signature.kwargs = kwargs;
                None
            }
            Ok(Value::List(args)) => {
                signature.args = args;
                None
            }
            Ok(Value::Null) => None,
            Ok(one) => {
                signature.args = vec![one];
                None
            }
            Err(error) => Some(error),
        };
        Call::new(self.clone(), signature, problem)
    }

    /// A call of a task of this program with some of its arguments, to be named one by one: for the steps of a chain
    /// that get the result of the one before as their first.
    ///
    /// ```
    /// # use rcelery::{App, Context, Task, TaskResult};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Add { x: i64, y: i64 }
    /// # impl Task for Add {
    /// #     const NAME: &'static str = "tasks.add";
    /// #     type Output = i64;
    /// #     async fn run(self, _cx: &Context) -> TaskResult<i64> { Ok(self.x + self.y) }
    /// # }
    /// # let app = App::new();
    /// let chain = app.signature(Add { x: 1, y: 2 }) | app.partial::<Add>().kwarg("y", &10);
    /// ```
    pub fn partial<T: Task>(&self) -> Call<T::Output> {
        self.send_task(T::NAME).cast()
    }

    /// As [`App::partial`], for a blocking task.
    pub fn blocking_partial<T: BlockingTask>(&self) -> Call<T::Output> {
        self.send_task(T::NAME).cast()
    }

    /// A call of any task, by name: `send_task("proj.add").args([2, 3])`.
    pub fn send_task(&self, name: &str) -> Call<Value> {
        Call::new(self.clone(), Signature::new(name), None)
    }

    /// A call from its data: a signature of any kind, canvas included.
    pub fn call(&self, signature: Signature) -> Call<Value> {
        Call::new(self.clone(), signature, None)
    }

    /// Sends a task now, with its default options.
    ///
    /// # Errors
    /// If it cannot be sent.
    pub async fn delay<T: Task>(&self, task: T) -> Result<AsyncResult<T::Output>, SendError> {
        self.signature(task).apply_async().await
    }

    /// As [`App::delay`], for a blocking task.
    ///
    /// # Errors
    /// As [`App::delay`].
    pub async fn blocking_delay<T: BlockingTask>(
        &self,
        task: T,
    ) -> Result<AsyncResult<T::Output>, SendError> {
        self.blocking_signature(task).apply_async().await
    }

    /// Sends many calls in one batch; the results are in their order.
    ///
    /// # Errors
    /// If one cannot be sent: before the first is sent if its arguments or options are wrong, else some may have been.
    pub async fn send_many<R>(
        &self,
        calls: impl IntoIterator<Item = Call<R>>,
    ) -> Result<Vec<AsyncResult<R>>, SendError> {
        let signatures: Result<Vec<Signature>, ProtocolError> =
            calls.into_iter().map(Call::into_signature).collect();
        let producer = self.producer().await;
        let backend = self.backend().await?;
        let caller = task::current();
        let sent = producer.apply_many(signatures?, caller.as_ref()).await?;
        let result = |result: ResultTuple| {
            if let Some(caller) = &caller {
                caller.add_child(result.clone());
            }
            AsyncResult::new(result, Arc::clone(&backend))
        };
        Ok(sent.into_iter().map(result).collect())
    }

    /// The result of a task that was sent before, by its id.
    ///
    /// # Errors
    /// As [`App::backend`].
    pub async fn async_result<R>(&self, task_id: &str) -> Result<AsyncResult<R>, BackendError> {
        Ok(AsyncResult::new(
            ResultTuple::task(task_id),
            self.backend().await?,
        ))
    }

    /// The members of a group that was saved with [`GroupResult::save`], by its id; none if it was not.
    ///
    /// # Errors
    /// If the back end cannot be reached or read.
    pub async fn group_result<R>(
        &self,
        group_id: &str,
    ) -> Result<Option<GroupResult<R>>, BackendError> {
        let backend = self.backend().await?;
        let saved = backend.restore_group(group_id).await?;
        Ok(saved.and_then(|saved| GroupResult::new(saved, backend)))
    }

    /// Closes the connections that clones of this app share.
    pub async fn close(&self) {
        if let Some(producer) = self.0.shared.producer.get() {
            producer.close().await;
        }
        if let Some(backend) = self.0.shared.backend.get() {
            backend.close().await;
        }
    }
}

/// Hours west of UTC, as events tell it.
pub(super) fn utc_offset(settings: &Settings) -> f64 {
    let offset = settings.time_zone().to_offset(jiff::Timestamp::now());
    f64::from(offset.seconds()) / -3600.0
}

#[derive(Debug)]
struct Connector(App);

impl Connect for Connector {
    fn broker(&self) -> BoxFuture<'_, Result<Arc<dyn Broker>, BrokerError>> {
        Box::pin(self.0.write_broker())
    }

    fn backend(&self) -> BoxFuture<'_, Result<Arc<dyn Backend>, BackendError>> {
        Box::pin(self.0.backend())
    }
}

impl Context {
    /// The app of the worker that runs this task: what is sent with it counts as sent by this task.
    ///
    /// # Panics
    /// Never in a worker; only under a test host that has no app.
    #[must_use]
    pub fn app(&self) -> App {
        let app: &(dyn Any + Send + Sync) = self.host().app();
        app.downcast_ref::<App>()
            .expect("a worker's host has an app")
            .clone()
    }
}

/// Options under their names, for [`Call::options`].
pub(super) fn merge(into: &mut Map, options: Map) {
    for (name, value) in options {
        into.insert(name, value);
    }
}
