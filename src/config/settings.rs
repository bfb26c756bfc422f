//! All settings: one table of names, types, defaults and docs, from which the struct and its readers follow.
//!
//! Mirrors `celery.app.defaults`. Where rcelery's default differs from Celery's, the field says so. `0` seconds and
//! "none" mean the same wherever a duration is optional: no limit, or never.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use jiff::tz::TimeZone;

use super::ConfigError;
use super::annotations::Annotations;
use super::kind::Kind;
use super::mask::{mask, mask_url};
use super::queues::Queues;
use super::routes::Routes;
use crate::protocol::{Map, Value, codec};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// Nobody set it.
    #[default]
    Default,
    /// A configuration file.
    File(PathBuf),
    /// A Python app (`-A`), by name.
    App(String),
    /// An environment variable, by name.
    Env(String),
    /// An option of the command line, as written (`-b`, `--set`, `--`).
    Flag(String),
    /// The program: `settings.set(…)`, or a field.
    Code,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::App(name) => write!(f, "app {name}"),
            Self::Env(name) => write!(f, "env {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Code => f.write_str("code"),
        }
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct Entry {
    /// Celery's name.
    pub name: &'static str,
    /// What it takes: "a number", "a table"…
    pub expects: &'static str,
    /// Whether an environment variable `CELERY_<NAME>` sets it without JSON.
    pub scalar: bool,
    read: fn(&mut Settings, &Value) -> bool,
    parse: fn(&mut Settings, &str) -> bool,
    write: fn(&Settings) -> Value,
}

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr;)*) => {
        /// The settings of an app, under Celery's names. Fields may be set directly; [`Settings::set`] takes names.
        #[derive(Debug, Clone)]
        pub struct Settings {
            $($(#[$doc])* pub $name: $type,)*
            origins: IndexMap<&'static str, Origin>,
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($name: $default,)* origins: IndexMap::new() }
            }
        }

        /// Every setting, in the order of the groups below.
        pub static TABLE: &[Entry] = &[$(Entry {
            name: stringify!($name),
            expects: <$type as Kind>::EXPECTS,
            scalar: <$type as Kind>::SCALAR,
            read: |settings, value| <$type as Kind>::read(value).map(|v| settings.$name = v).is_some(),
            parse: |settings, text| <$type as Kind>::parse(text).map(|v| settings.$name = v).is_some(),
            write: |settings| settings.$name.write(),
        },)*];
    };
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

settings! {
    // Broker

    /// Where messages are; `a;b` is a failover list. None: the SQLite file of this user (Celery: RabbitMQ on localhost).
    broker_url: Option<String> = None;
    /// For receiving, if it differs from `broker_url`.
    broker_read_url: Option<String> = None;
    /// For sending, if it differs from `broker_url`.
    broker_write_url: Option<String> = None;
    /// A file whose first line is the broker's URL (for mounted secrets). None.
    broker_url_file: Option<String> = None;
    /// Bounds connecting, TLS and the handshake. 4 s.
    broker_connection_timeout: Duration = secs(4);
    /// Whether a worker connects again after a loss. True.
    broker_connection_retry: bool = true;
    /// Whether a worker tries again when its first connection fails. None: as `broker_connection_retry`.
    broker_connection_retry_on_startup: Option<bool> = None;
    /// How many times; 0 or none means for ever. 100.
    broker_connection_max_retries: Option<u64> = Some(100);
    /// Whether errors of a channel count as a lost connection (AMQP). False.
    broker_channel_error_retry: bool = false;
    /// Heartbeat of an AMQP connection; 0 or none means off. 120 s.
    broker_heartbeat: Option<Duration> = Some(secs(120));
    /// How many connections clients keep. None means no limit. 10.
    broker_pool_limit: Option<u32> = Some(10);
    /// Options of the transport: `visibility_timeout` (s), `global_keyprefix`, `priority_steps`… Empty.
    broker_transport_options: Map = Map::new();
    /// TLS: a table of `ssl_*` options, empty for `true`. None: plain, unless the URL says otherwise.
    broker_use_ssl: Option<Map> = None;
    /// `round-robin` or `shuffle`, for a list of brokers. None: round-robin.
    broker_failover_strategy: Option<String> = None;
    /// `PLAIN`, `AMQPLAIN` or `EXTERNAL` (AMQP). None: the driver's choice.
    broker_login_method: Option<String> = None;
    /// Queue type of the delayed delivery queues (AMQP). `quorum`.
    broker_native_delayed_delivery_queue_type: String = "quorum".to_owned();

    // Results

    /// Where results are. None: the SQLite file of this user if the broker is that too, else results are off.
    result_backend: Option<String> = None;
    /// A file whose first line is the result back end's URL (for mounted secrets). None.
    result_backend_file: Option<String> = None;
    /// How long results are kept; 0 or none means for ever. 1 day.
    result_expires: Option<Duration> = Some(secs(86_400));
    /// As `result_expires`, for failures. None: as `result_expires`.
    result_failure_expires: Option<Duration> = None;
    /// Whether results tell name, arguments, worker, retries and queue. True (Celery: false).
    result_extended: bool = true;
    /// Content type of results. `json`.
    result_serializer: String = "json".to_owned();
    /// Content types of results that are read. None: as `accept_content`.
    result_accept_content: Option<Vec<String>> = None;
    /// `gzip`, `bzip2`, `zstd`… None.
    result_compression: Option<String> = None;
    /// Options of the back end: `global_keyprefix`, `master_name`, `retry_policy`, `result_chord_ordered`. Empty.
    result_backend_transport_options: Map = Map::new();
    /// Whether a result that could not be stored is tried again. True (Celery: false, and the result is lost).
    result_backend_always_retry: bool = true;
    /// How many times; none means for ever. None.
    result_backend_max_retries: Option<u64> = None;
    /// First pause between tries, in milliseconds. 10.
    result_backend_base_sleep_between_retries_ms: u64 = 10;
    /// Longest pause between tries, in milliseconds. 10,000.
    result_backend_max_sleep_between_retries_ms: u64 = 10_000;
    /// TLS of a Redis back end: a table of `ssl_*` options. None.
    redis_backend_use_ssl: Option<Map> = None;
    /// Bounds a command of a Redis back end; 0 or none means no limit. 120 s.
    redis_socket_timeout: Option<Duration> = Some(secs(120));
    /// Bounds connecting to a Redis back end. None: as `broker_connection_timeout` (Celery: no limit).
    redis_socket_connect_timeout: Option<Duration> = None;
    /// How many connections a Redis back end opens. None: no limit of its own.
    redis_max_connections: Option<u32> = None;
    /// Whether a Redis connection sends TCP keep-alives. False.
    redis_socket_keepalive: bool = false;
    /// Whether a Redis command that timed out is tried again. False.
    redis_retry_on_timeout: bool = false;
    /// Names of the tables of a database back end (keys `task`, `group`). Empty: `celery_taskmeta`, `celery_tasksetmeta`.
    database_table_names: Map = Map::new();
    /// Schemas of those tables (keys `task`, `group`). Empty.
    database_table_schemas: Map = Map::new();
    /// Whether a database back end creates its tables when it connects, rather than at first use. True.
    database_create_tables_at_setup: bool = true;
    /// Whether results over `rpc://` survive a restart of the broker. None: false.
    result_persistent: Option<bool> = None;
    /// How often a chord looks whether its parts are done, where the back end cannot count them. 1 s.
    result_chord_retry_interval: Duration = secs(1);
    /// How long a chord waits for the results of its parts. 3 s.
    result_chord_join_timeout: Duration = secs(3);
    /// How long a chord's counters are kept. None: as `result_expires`.
    result_chord_expires: Option<Duration> = None;

    // Tasks

    /// The queue of tasks that no route sends elsewhere. `celery`.
    task_default_queue: String = "celery".to_owned();
    /// Exchange of queues that name none. None: as `task_default_queue`.
    task_default_exchange: Option<String> = None;
    /// Type of exchanges that name none: `direct`, `topic` or `fanout`. `direct`.
    task_default_exchange_type: String = "direct".to_owned();
    /// Binding key of the default queue. None: its name.
    task_default_routing_key: Option<String> = None;
    /// `classic` or `quorum` (AMQP). `classic`.
    task_default_queue_type: String = "classic".to_owned();
    /// The queues: `[[task_queues]]` with name, exchange, exchange_type, routing_key, queue_arguments… None: the default one.
    task_queues: Option<Queues> = None;
    /// Whether a queue that is not configured may be used. True.
    task_create_missing_queues: bool = true;
    /// Queue type of queues made so (AMQP). `classic`.
    task_create_missing_queue_type: String = "classic".to_owned();
    /// Exchange type of queues made so. None: as `task_default_exchange_type`.
    task_create_missing_queue_exchange_type: Option<String> = None;
    /// Which task goes where: name, glob or `/regex/` → queue or options. Empty.
    task_routes: Routes = Routes::default();
    /// Options of tasks by name, or of all (`*`): rate_limit, time_limit, acks_late… Empty.
    task_annotations: Annotations = Annotations::default();
    /// Content type of messages. `json`.
    task_serializer: String = "json".to_owned();
    /// Content types of messages that are read. `["json"]`.
    accept_content: Vec<String> = vec!["json".to_owned()];
    /// `gzip`, `bzip2`, `zstd`… None.
    task_compression: Option<String> = None;
    /// Version of the task message that is sent, 1 or 2. 2.
    task_protocol: u8 = 2;
    /// Whether a message is acknowledged after the task rather than before. False.
    task_acks_late: bool = false;
    /// With late acks, whether a failure or timeout acknowledges too. True.
    task_acks_on_failure_or_timeout: bool = true;
    /// As `task_acks_on_failure_or_timeout`, for failures alone. None: as that.
    task_acks_on_failure: Option<bool> = None;
    /// As `task_acks_on_failure_or_timeout`, for timeouts alone. None: as that.
    task_acks_on_timeout: Option<bool> = None;
    /// With late acks, whether the message of a task whose process died is put back. None: false.
    task_reject_on_worker_lost: Option<bool> = None;
    /// Whether a task whose process died is sent again as a retry. False.
    task_retry_on_worker_lost: bool = false;
    /// Whether STARTED is stored. True, so that `result` can tell who runs a task (Celery: false).
    task_track_started: bool = true;
    /// Whether results are dropped. False.
    task_ignore_result: bool = false;
    /// Whether failures are stored even so. False.
    task_store_errors_even_if_ignored: bool = false;
    /// When a running task is killed; 0 or none means no limit. None.
    task_time_limit: Option<Duration> = None;
    /// When a running task is asked to end; 0 or none means no limit. None.
    task_soft_time_limit: Option<Duration> = None;
    /// `10/s`, `6/m`, `100/h`, or a number a second. None: no limit.
    task_default_rate_limit: Option<String> = None;
    /// Whether sending is tried again when the connection is lost. True.
    task_publish_retry: bool = true;
    /// `max_retries` 3, `interval_start` 0, `interval_step` 0.2, `interval_max` 1 (s).
    task_publish_retry_policy: Map = publish_retry_policy();
    /// 2 or `persistent`, 1 or `transient`. 2.
    task_default_delivery_mode: u8 = 2;
    /// 0 to 9. None: the transport's.
    task_default_priority: Option<u8> = None;
    /// `x-max-priority` of queues that name none (AMQP). None.
    task_queue_max_priority: Option<u8> = None;
    /// Whether a task sends others with its own priority. False.
    task_inherit_parent_priority: bool = false;
    /// Whether sending a task sends an event. False.
    task_send_sent_event: bool = false;
    /// How deep arguments are shown in events and logs. 3.
    task_repr_maxlevels: u32 = 3;
    /// Whether the errbacks of a chord's body are called for each part of its header that fails. False.
    task_allow_error_cb_on_chord_header: bool = false;
    /// Whether times without a zone are UTC. True.
    enable_utc: bool = true;
    /// Time zone, by its IANA name. None: UTC, or the machine's zone if `enable_utc` is false.
    timezone: Option<String> = None;

    // Worker

    /// How many tasks run at once; none, 0 or `auto` means as many as there are CPUs. None.
    worker_concurrency: Option<u32> = None;
    /// How many messages are fetched ahead for each of them; 0 means no limit. 4.
    worker_prefetch_multiplier: u32 = 4;
    /// Whether messages are fetched only for a free slot. False.
    worker_disable_prefetch: bool = false;
    /// `threads` or `solo`. `threads` (Celery: `prefork`).
    worker_pool: String = "threads".to_owned();
    /// Whether `pool_restart` is obeyed. False.
    worker_pool_restarts: bool = false;
    /// Tasks after which a child of the Python pool is replaced; none means never. None.
    worker_max_tasks_per_child: Option<u64> = None;
    /// Resident KiB after which a child of the Python pool is replaced; none means never. None.
    worker_max_memory_per_child: Option<u64> = None;
    /// Whether task events are sent (`-E`). False.
    worker_send_task_events: bool = false;
    /// Whether remote control is obeyed. True.
    worker_enable_remote_control: bool = true;
    /// Whether rate limits are ignored. False.
    worker_disable_rate_limits: bool = false;
    /// Whether running tasks with late acks are cancelled when the connection is lost. False.
    worker_cancel_long_running_tasks_on_connection_loss: bool = false;
    /// Whether a worker that reconnects fetches less at first, by what still runs. True.
    worker_enable_prefetch_count_reduction: bool = true;
    /// How long a soft shutdown lets tasks finish; 0 goes straight to the cold one. 0.
    worker_soft_shutdown_timeout: Duration = Duration::ZERO;
    /// Whether it waits when nothing runs and tasks with an ETA are held. Without effect: they are given back at once.
    worker_enable_soft_shutdown_on_idle: bool = false;
    /// File that keeps revoked ids over a restart. None.
    worker_state_db: Option<String> = None;
    /// Log lines; placeholders `asctime`, `levelname`, `processName`, `message`, `name`.
    worker_log_format: String = "[%(asctime)s: %(levelname)s/%(processName)s] %(message)s".to_owned();
    /// Log lines of tasks; also `task_name` and `task_id`.
    worker_task_log_format: String =
        "[%(asctime)s: %(levelname)s/%(processName)s] %(task_name)s[%(task_id)s]: %(message)s".to_owned();
    /// Whether log lines are coloured. None: on a terminal.
    worker_log_color: Option<bool> = None;
    /// Whether a task that comes again and has succeeded is skipped (late acks). False.
    worker_deduplicate_successful_tasks: bool = false;
    /// How many tasks with an ETA are held at once; none means no limit. None.
    worker_eta_task_limit: Option<u32> = None;
    /// How long a process of a Python app may take until it is ready for tasks. 4 s.
    worker_proc_alive_timeout: Duration = Duration::from_secs(4);
    /// Whether the worker has a queue of its own, `<node>.dq2`. False.
    worker_direct: bool = false;

    // Events, remote control

    /// First part of the exchanges of remote control; all nodes must agree. `celery`.
    control_exchange: String = "celery".to_owned();
    /// After how long a request nobody heard goes. 300 s.
    control_queue_ttl: Duration = secs(300);
    /// After how long a queue of remote control that nobody reads goes. 10 s.
    control_queue_expires: Duration = secs(10);
    /// Whether those queues are durable. False.
    control_queue_durable: bool = false;
    /// Whether those queues are exclusive. True.
    control_queue_exclusive: bool = true;
    /// Exchange of events; all nodes must agree. `celeryev`.
    event_exchange: String = "celeryev".to_owned();
    /// After how long an event nobody read goes. 5 s.
    event_queue_ttl: Duration = secs(5);
    /// After how long a queue of events that nobody reads goes. 60 s.
    event_queue_expires: Duration = secs(60);
    /// First part of the names of those queues. `celeryev`.
    event_queue_prefix: String = "celeryev".to_owned();
    /// Whether those queues are durable. False.
    event_queue_durable: bool = false;
    /// Whether those queues are exclusive. True.
    event_queue_exclusive: bool = true;
    /// Content type of events. `json`.
    event_serializer: String = "json".to_owned();

    // Beat

    /// `[beat_schedule.NAME]`: task, schedule, args, kwargs, options. Empty.
    beat_schedule: Map = Map::new();
    /// File that keeps when each entry ran last. `celerybeat-schedule`.
    beat_schedule_filename: String = "celerybeat-schedule".to_owned();
    /// Longest pause between two looks at the schedule; 0 means the scheduler's own. 0.
    beat_max_loop_interval: Duration = Duration::ZERO;
    /// The scheduler. `celery.beat:PersistentScheduler`, the only one.
    beat_scheduler: String = "celery.beat:PersistentScheduler".to_owned();
    /// How many sends between two writes of the file; 0 means by time. 0.
    beat_sync_every: u32 = 0;
    /// Whether beat answers `ping`. False.
    beat_enable_remote_control: bool = false;
    /// How late a crontab entry may still run. None: however late.
    beat_cron_starting_deadline: Option<Duration> = None;
}

/// Celery's other settings: Python only, or of back ends that are not built in. They are told apart from typing errors.
const NOT_APPLICABLE: &[&str] = &[
    "beat_remote_control_max_tick_age",
    "broker_heartbeat_checkrate",
    "broker_host",
    "broker_password",
    "broker_pool_acquire_timeout",
    "broker_port",
    "broker_transport",
    "broker_user",
    "broker_vhost",
    "cache_backend",
    "cache_backend_options",
    "database_engine_callback",
    "database_engine_options",
    "database_short_lived_sessions",
    "database_url",
    "imports",
    "include",
    "redis_db",
    "redis_host",
    "redis_password",
    "redis_port",
    "redis_username",
    "result_cache_max",
    "result_exchange",
    "result_exchange_type",
    "task_always_eager",
    "task_eager_propagates",
    "task_remote_tracebacks",
    "task_store_eager_result",
    "worker_agent",
    "worker_autoscaler",
    "worker_consumer",
    "worker_detect_quorum_queues",
    "worker_hijack_root_logger",
    "worker_log_datefmt",
    "worker_lost_wait",
    "worker_pool_putlocks",
    "worker_pool_start_method",
    "worker_redirect_stdouts",
    "worker_redirect_stdouts_level",
    "worker_task_log_datefmt",
    "worker_timer",
    "worker_timer_precision",
];

/// As [`NOT_APPLICABLE`], by the first part of the name.
const NOT_APPLICABLE_PREFIXES: &[&str] = &[
    "arangodb_",
    "azureblockblob_",
    "cassandra_",
    "cosmosdbsql_",
    "couchbase_",
    "elasticsearch_",
    "gcs_",
    "mongodb_",
    "s3_",
    "security_",
];

fn publish_retry_policy() -> Map {
    [
        ("max_retries", Value::Int(3)),
        ("interval_start", Value::Int(0)),
        ("interval_max", Value::Int(1)),
        ("interval_step", Value::Float(0.2)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

impl Settings {
    /// Sets one setting from a value: of a file, or of a program.
    ///
    /// # Errors
    /// `UnknownKey` with the nearest name, `NotApplicable`, `WrongType`, or `Invalid` for a value that no transport,
    /// calendar or route can use. The setting then keeps its value.
    pub fn set(&mut self, key: &str, value: &Value, origin: Origin) -> Result<(), ConfigError> {
        let entry = entry(key)?;
        let value = normalise(entry.name, value);
        self.change(entry, origin, &found(&value), |settings| {
            (entry.read)(settings, &value)
        })
    }

    /// Sets one setting from text: of the environment, `--set` or `--`. Lists and tables are JSON.
    ///
    /// # Errors
    /// As [`Settings::set`].
    pub fn set_text(&mut self, key: &str, text: &str, origin: Origin) -> Result<(), ConfigError> {
        let entry = entry(key)?;
        let normal = normalise(entry.name, &Value::from(text));
        let found = format!("`{}`", mask_url(text));
        match normal {
            Value::Str(text) => self.change(entry, origin, &found, |settings| {
                (entry.parse)(settings, &text)
            }),
            other => self.change(entry, origin, &found, |settings| {
                (entry.read)(settings, &other)
            }),
        }
    }

    fn change(
        &mut self,
        entry: &'static Entry,
        origin: Origin,
        found: &str,
        write: impl FnOnce(&mut Self) -> bool,
    ) -> Result<(), ConfigError> {
        let before = self.clone();
        let outcome = if write(self) {
            self.validate(entry.name)
        } else {
            // The tables say more about what is wrong with them than their type.
            Err(ConfigError::WrongType {
                key: entry.name.to_owned(),
                expected: entry.expects.to_owned(),
                found: found.to_owned(),
            })
        };
        match outcome {
            Ok(()) => {
                self.origins.insert(entry.name, origin);
                Ok(())
            }
            Err(error) => {
                *self = before;
                Err(error)
            }
        }
    }

    /// One setting's value.
    ///
    /// # Errors
    /// `UnknownKey` or `NotApplicable`.
    pub fn get(&self, key: &str) -> Result<Value, ConfigError> {
        Ok((entry(key)?.write)(self))
    }

    /// Where a setting's value comes from; unknown names have none and count as defaults.
    #[must_use]
    pub fn origin(&self, key: &str) -> &Origin {
        let by_hand = || match entry(key) {
            Ok(entry) if self.differs(entry) => &Origin::Code,
            _ => &Origin::Default,
        };
        self.origins.get(key).unwrap_or_else(by_hand)
    }

    /// The settings changed by a function that sets fields.
    ///
    /// ```
    /// use rcelery::config::Settings;
    ///
    /// let settings = Settings::default().with(|s| {
    ///     s.broker_url = Some("redis://localhost:6379/0".to_owned());
    ///     s.task_acks_late = true;
    /// });
    /// assert_eq!(settings.origin("task_acks_late").to_string(), "code");
    /// ```
    ///
    /// A value that comes as text or from elsewhere is checked by [`Settings::set`], [`Settings::set_text`]; a field is
    /// not.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Sets a broker's URL back to none.
    pub(super) fn reset(&mut self, key: &str) {
        match key {
            "broker_read_url" => self.broker_read_url = None,
            _ => self.broker_write_url = None,
        }
        self.origins.shift_remove(key);
    }

    /// Fills in a default that depends on the machine.
    pub(super) fn assume(&mut self, key: &'static str, url: &str) {
        match key {
            "broker_url" => self.broker_url = Some(url.to_owned()),
            _ => self.result_backend = Some(url.to_owned()),
        }
        self.origins.insert(key, Origin::Default);
    }

    /// The settings by name, with the passwords in URLs masked; without `with_defaults`, only those somebody set.
    #[must_use]
    pub fn to_map(&self, with_defaults: bool) -> Map {
        let rows = TABLE.iter().filter(|entry| {
            with_defaults || self.origins.contains_key(entry.name) || self.differs(entry)
        });
        rows.map(|entry| (entry.name.to_owned(), mask(entry.name, (entry.write)(self))))
            .collect()
    }

    /// Whether a field was set directly, past [`Settings::set`].
    fn differs(&self, entry: &Entry) -> bool {
        (entry.write)(self) != (entry.write)(&Self::default())
    }

    /// The zone of `date_done`, naive ETAs and crontabs.
    #[must_use]
    pub fn time_zone(&self) -> TimeZone {
        match &self.timezone {
            Some(name) => TimeZone::get(name).unwrap_or(TimeZone::UTC),
            None if self.enable_utc => TimeZone::UTC,
            None => TimeZone::system(),
        }
    }

    /// Checks what the type alone does not say.
    fn validate(&self, key: &str) -> Result<(), ConfigError> {
        let one_of = |value: &str, allowed: &[&str]| {
            if allowed.contains(&value) {
                return Ok(());
            }
            let allowed: Vec<String> = allowed.iter().map(|a| format!("`{a}`")).collect();
            Err(ConfigError::WrongType {
                key: key.to_owned(),
                expected: format!("one of {}", allowed.join(", ")),
                found: format!("`{value}`"),
            })
        };
        match key {
            "timezone" => match &self.timezone {
                Some(name) if TimeZone::get(name).is_err() => Err(ConfigError::invalid(
                    key,
                    format!("there is no time zone `{name}`"),
                )),
                _ => Ok(()),
            },
            "task_default_exchange_type" => one_of(
                &self.task_default_exchange_type,
                &["direct", "topic", "fanout"],
            ),
            "task_create_missing_queue_exchange_type" => {
                match &self.task_create_missing_queue_exchange_type {
                    Some(kind) => one_of(kind, &["direct", "topic", "fanout"]),
                    None => Ok(()),
                }
            }
            "task_protocol" => one_of(&self.task_protocol.to_string(), &["1", "2"]),
            "task_default_delivery_mode" => {
                one_of(&self.task_default_delivery_mode.to_string(), &["1", "2"])
            }
            "broker_failover_strategy" => match &self.broker_failover_strategy {
                Some(strategy) => one_of(strategy, &["round-robin", "shuffle"]),
                None => Ok(()),
            },
            "task_default_rate_limit" => match &self.task_default_rate_limit {
                Some(rate) if !is_rate(rate) => Err(ConfigError::WrongType {
                    key: key.to_owned(),
                    expected: "a rate such as `10/s`, `6/m` or `100/h`".to_owned(),
                    found: format!("`{rate}`"),
                }),
                _ => Ok(()),
            },
            "broker_connection_timeout" if self.broker_connection_timeout.is_zero() => {
                Err(ConfigError::invalid(key, "must be more than 0"))
            }
            "task_serializer" => serializer(key, &self.task_serializer),
            "result_serializer" => serializer(key, &self.result_serializer),
            "event_serializer" => serializer(key, &self.event_serializer),
            "accept_content" => accepted(key, &self.accept_content),
            "result_accept_content" => accepted(
                key,
                self.result_accept_content.as_deref().unwrap_or_default(),
            ),
            "task_compression" => compression(key, self.task_compression.as_deref()),
            "result_compression" => compression(key, self.result_compression.as_deref()),
            "worker_pool" => one_of(&self.worker_pool, POOLS),
            "task_queues" => self.task_queues.as_ref().map_or(Ok(()), Queues::check),
            "task_routes" => self.task_routes.check(),
            "task_annotations" => self.task_annotations.check(),
            _ => Ok(()),
        }
    }
}

/// Celery's names of pools; all but `solo` mean threads here.
const POOLS: &[&str] = &[
    "threads",
    "solo",
    "prefork",
    "processes",
    "eventlet",
    "gevent",
    "custom",
];

fn serializer(key: &str, name: &str) -> Result<(), ConfigError> {
    accepted(key, &[name.to_owned()])
}

fn accepted(key: &str, names: &[String]) -> Result<(), ConfigError> {
    for name in names {
        if codec::Accept::new(&[name]).is_err() {
            let known: Vec<String> = codec::serializer_names()
                .iter()
                .map(|known| format!("`{known}`"))
                .collect();
            let found = format!("`{name}`");
            return Err(ConfigError::WrongType {
                key: key.to_owned(),
                expected: format!("one of {}", known.join(", ")),
                found,
            });
        }
    }
    Ok(())
}

fn compression(key: &str, name: Option<&str>) -> Result<(), ConfigError> {
    match name {
        Some(name) if !codec::compression::is_known(name) => Err(ConfigError::WrongType {
            key: key.to_owned(),
            expected: "one of `gzip`, `bzip2`, `zstd`".to_owned(),
            found: format!("`{name}`"),
        }),
        _ => Ok(()),
    }
}

/// Whether this is a rate: a number, or one with `/s`, `/m` or `/h`.
fn is_rate(text: &str) -> bool {
    let (amount, unit) = text.split_once('/').unwrap_or((text, "s"));
    matches!(unit, "s" | "m" | "h") && amount.trim().parse::<f64>().is_ok_and(|n| n >= 0.0)
}

/// Whether Celery has this setting and it means nothing here.
pub(super) fn is_not_applicable(key: &str) -> bool {
    NOT_APPLICABLE.contains(&key) || NOT_APPLICABLE_PREFIXES.iter().any(|p| key.starts_with(p))
}

/// The name of a setting.
///
/// # Errors
/// `UnknownKey` with the nearest name, or `NotApplicable`.
pub fn setting(key: &str) -> Result<&'static str, ConfigError> {
    entry(key).map(|entry| entry.name)
}

fn entry(key: &str) -> Result<&'static Entry, ConfigError> {
    if let Some(entry) = TABLE.iter().find(|entry| entry.name == key) {
        return Ok(entry);
    }
    let key = key.to_owned();
    if is_not_applicable(&key) {
        return Err(ConfigError::NotApplicable { key });
    }
    let suggestion = TABLE
        .iter()
        .map(|entry| (strsim::jaro_winkler(&key, entry.name), entry.name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned());
    Err(ConfigError::UnknownKey { key, suggestion })
}

/// The forms that Celery takes besides the type's own.
fn normalise(name: &str, value: &Value) -> Value {
    match (name, value) {
        (
            "broker_url" | "broker_read_url" | "broker_write_url" | "result_backend",
            Value::List(urls),
        ) => {
            let urls: Option<Vec<&str>> = urls.iter().map(Value::as_str).collect();
            urls.map_or_else(|| value.clone(), |urls| urls.join(";").into())
        }
        ("broker_use_ssl" | "redis_backend_use_ssl", Value::Bool(true)) => Map::new().into(),
        ("broker_use_ssl" | "redis_backend_use_ssl", Value::Bool(false)) => Value::Null,
        ("broker_use_ssl" | "redis_backend_use_ssl", Value::Str(s)) => match s.as_str() {
            "true" | "1" | "yes" => Map::new().into(),
            "false" | "0" | "no" => Value::Null,
            _ => value.clone(),
        },
        ("task_default_rate_limit", Value::Int(n)) => n.to_string().into(),
        ("task_default_rate_limit", Value::Float(n)) => n.to_string().into(),
        ("task_default_delivery_mode", Value::Str(s)) => match s.as_str() {
            "persistent" => Value::Int(2),
            "transient" => Value::Int(1),
            _ => value.clone(),
        },
        ("worker_concurrency", Value::Str(s)) if s == "auto" => Value::Null,
        ("worker_concurrency" | "broker_connection_max_retries", Value::Int(0)) => Value::Null,
        ("worker_concurrency" | "broker_connection_max_retries", Value::Str(s)) if s == "0" => {
            Value::Null
        }
        ("result_backend_max_retries", Value::Float(f)) if *f == f64::INFINITY => Value::Null,
        ("result_backend_max_retries", Value::Str(s)) if s == "inf" => Value::Null,
        ("database_table_names" | "database_table_schemas", Value::Null) => Map::new().into(),
        ("task_routes" | "task_annotations", Value::List(l)) if l.is_empty() => Value::Null,
        _ => value.clone(),
    }
}

/// What was given, for a message about it: the value where it is short and no secret.
fn found(value: &Value) -> String {
    match value {
        Value::Str(text) => format!("the text `{}`", mask_url(text)),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Float(f) => f.to_string(),
        Value::Null => "null".to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a table".to_owned(),
        other => format!("a {}", other.type_name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, value: impl Into<Value>) -> Result<Settings, String> {
        let mut settings = Settings::default();
        settings
            .set(key, &value.into(), Origin::Code)
            .map(|()| settings)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_unique_and_disjoint_from_what_does_not_apply() {
        let mut seen = std::collections::HashSet::new();
        for entry in TABLE {
            assert!(seen.insert(entry.name), "{} is there twice", entry.name);
            assert!(!NOT_APPLICABLE.contains(&entry.name), "{}", entry.name);
        }
    }

    #[test]
    fn every_default_can_be_set_again_from_its_own_value() {
        let defaults = Settings::default();
        for entry in TABLE {
            let value = (entry.write)(&defaults);
            let mut settings = Settings::default();
            settings
                .set(entry.name, &value, Origin::Code)
                .unwrap_or_else(|error| panic!("{}: {error}", entry.name));
            assert_eq!((entry.write)(&settings), value, "{}", entry.name);
        }
    }

    #[test]
    fn unknown_setting_names_the_nearest() {
        let mut settings = Settings::default();
        let error = settings
            .set("task_ack_late", &true.into(), Origin::Code)
            .unwrap_err();
        assert_eq!(error.to_string(), "unknown setting `task_ack_late`");
        assert_eq!(
            error.hint().as_deref(),
            Some("did you mean `task_acks_late`?")
        );
        let error = settings
            .set("zebra", &true.into(), Origin::Code)
            .unwrap_err();
        assert_eq!(error.hint(), None);
    }

    #[test]
    fn python_only_setting_is_told_apart_from_a_typing_error() {
        for key in ["worker_hijack_root_logger", "s3_bucket", "imports"] {
            let error = set(key, true).unwrap_err();
            assert!(error.ends_with("does not apply to rcelery"), "{error}");
        }
    }

    #[test]
    fn wrong_type_says_what_is_expected_and_changes_nothing() {
        assert_eq!(
            set("task_acks_late", "maybe").unwrap_err(),
            "`task_acks_late` must be true or false, not the text `maybe`"
        );
        assert_eq!(
            set("result_expires", "soon").unwrap_err(),
            "`result_expires` must be a number of seconds, or text such as \"30s\", \"5m\", \"1h\", \"1d\", \
             not the text `soon`"
        );
        let mut settings = Settings::default();
        settings
            .set("timezone", &"Mars/Olympus".into(), Origin::Code)
            .unwrap_err();
        assert_eq!(settings.timezone, None);
        assert_eq!(settings.origin("timezone"), &Origin::Default);
    }

    #[test]
    fn celerys_other_forms_are_taken() {
        let settings = set(
            "broker_url",
            vec![Value::from("redis://a"), Value::from("redis://b")],
        )
        .unwrap();
        assert_eq!(settings.broker_url.as_deref(), Some("redis://a;redis://b"));
        assert_eq!(
            set("broker_use_ssl", true).unwrap().broker_use_ssl,
            Some(Map::new())
        );
        assert_eq!(set("broker_use_ssl", false).unwrap().broker_use_ssl, None);
        let settings = set("task_default_delivery_mode", "transient").unwrap();
        assert_eq!(settings.task_default_delivery_mode, 1);
        let settings = set("task_default_rate_limit", 5).unwrap();
        assert_eq!(settings.task_default_rate_limit.as_deref(), Some("5"));
        let settings = set("result_expires", Value::Null).unwrap();
        assert_eq!(settings.result_expires, None);
        let settings = set("worker_concurrency", "auto").unwrap();
        assert_eq!(settings.worker_concurrency, None);
    }

    #[test]
    fn zero_is_never_where_a_duration_is_optional() {
        assert_eq!(set("result_expires", 0).unwrap().result_expires, None);
        assert_eq!(set("task_time_limit", 0).unwrap().task_time_limit, None);
        assert_eq!(
            set("control_queue_ttl", 0).unwrap().control_queue_ttl,
            Duration::ZERO
        );
    }

    #[test]
    fn text_is_read_as_the_settings_type() {
        let mut settings = Settings::default();
        for (key, text) in [
            ("worker_concurrency", "4"),
            ("task_acks_late", "Yes"),
            ("task_time_limit", "5m"),
            ("accept_content", "json,yaml"),
            ("broker_transport_options", r#"{"visibility_timeout": 60}"#),
            ("task_routes", r#"{"a.*": {"queue": "a"}}"#),
            ("timezone", "Europe/Rome"),
        ] {
            settings.set_text(key, text, Origin::Code).unwrap();
        }
        assert_eq!(settings.worker_concurrency, Some(4));
        assert!(settings.task_acks_late);
        assert_eq!(settings.task_time_limit, Some(Duration::from_secs(300)));
        assert_eq!(settings.accept_content, ["json", "yaml"]);
        assert_eq!(
            settings.broker_transport_options["visibility_timeout"],
            Value::Int(60)
        );
        assert_eq!(
            settings.task_routes.of("a.b").unwrap().queue.as_deref(),
            Some("a")
        );
        assert_eq!(settings.time_zone().iana_name(), Some("Europe/Rome"));
        let error = settings
            .set_text("worker_concurrency", "four", Origin::Code)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "`worker_concurrency` must be a whole number of at least 0, not `four`"
        );
    }

    #[test]
    fn map_has_what_was_set_and_hides_passwords() {
        let mut settings = Settings::default();
        settings
            .set("broker_url", &"redis://u:geheim@h/0".into(), Origin::Code)
            .unwrap();
        settings.task_acks_late = true;
        let options = Value::from([
            ("password", "geheim".into()),
            ("visibility_timeout", 5.into()),
        ]);
        settings
            .set("broker_transport_options", &options, Origin::Code)
            .unwrap();
        let map = settings.to_map(false);
        assert_eq!(
            map.keys().collect::<Vec<_>>(),
            ["broker_url", "broker_transport_options", "task_acks_late"]
        );
        assert_eq!(map["broker_url"], Value::from("redis://u:**@h/0"));
        assert!(!format!("{map:?}").contains("geheim"));
        assert_eq!(settings.to_map(true).len(), TABLE.len());
    }
}
