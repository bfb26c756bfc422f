//! Options of a task.
//!
//! Mirrors the attributes of `celery.app.task.Task`.

use std::time::Duration;

use super::RateLimit;
use crate::protocol::{Exception, Map, Value};

/// Which failures are retried by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Autoretry {
    /// None.
    #[default]
    Off,
    /// All.
    All,
    /// Those of these exception types (`ConnectionError`, or a Rust error type's name).
    For(Vec<String>),
}

impl Autoretry {
    /// Whether a failure with this exception is retried.
    #[must_use]
    pub fn covers(&self, exception: &Exception) -> bool {
        match self {
            Self::Off => false,
            Self::All => true,
            Self::For(types) => types.contains(&exception.exc_type),
        }
    }
}

/// Options of a task. Those that are `None` follow the worker's settings (`task_acks_late`…).
#[derive(Debug, Clone, PartialEq)]
pub struct TaskOptions {
    /// Retries before the failure is final; `None` means no limit. 3.
    pub max_retries: Option<u32>,
    /// Delay before a retry that names none. 180 s.
    pub default_retry_delay: Duration,
    /// Exponential back-off of automatic retries: the factor, doubled each time.
    pub retry_backoff: Option<Duration>,
    /// Upper bound of the back-off. 600 s.
    pub retry_backoff_max: Duration,
    /// Whether the back-off is a random part of itself. True.
    pub retry_jitter: bool,
    /// Which failures are retried by themselves.
    pub autoretry: Autoretry,
    /// Acknowledge after the run instead of before.
    pub acks_late: Option<bool>,
    /// With late ack: acknowledge also after a failure or time-out (`task_acks_on_failure_or_timeout`).
    pub acks_on_failure_or_timeout: Option<bool>,
    /// With late ack: give the message back when the worker is lost.
    pub reject_on_worker_lost: Option<bool>,
    /// Keep no result.
    pub ignore_result: Option<bool>,
    /// Keep failures even if results are ignored.
    pub store_errors_even_if_ignored: Option<bool>,
    /// Store STARTED.
    pub track_started: Option<bool>,
    /// Hard time limit.
    pub time_limit: Option<Duration>,
    /// Soft time limit.
    pub soft_time_limit: Option<Duration>,
    /// Starts per second on each worker.
    pub rate_limit: Option<RateLimit>,
    /// The rate limit as written (`6/m`), for `inspect registered`.
    pub rate_limit_text: Option<String>,
    /// Queue to which calls go.
    pub queue: Option<String>,
    /// Exchange to which calls go.
    pub exchange: Option<String>,
    /// Routing key of calls.
    pub routing_key: Option<String>,
    /// Priority of calls.
    pub priority: Option<i64>,
    /// Serializer of calls.
    pub serializer: Option<String>,
    /// Compression of calls.
    pub compression: Option<String>,
    /// Calls expire after this long.
    pub expires: Option<Duration>,
    /// Whether task events are sent. True.
    pub send_events: bool,
    /// Expected exception types: logged at INFO, without a traceback.
    pub throws: Vec<String>,
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self {
            max_retries: Some(3),
            default_retry_delay: Duration::from_secs(180),
            retry_backoff: None,
            retry_backoff_max: Duration::from_secs(600),
            retry_jitter: true,
            autoretry: Autoretry::Off,
            acks_late: None,
            acks_on_failure_or_timeout: None,
            reject_on_worker_lost: None,
            ignore_result: None,
            store_errors_even_if_ignored: None,
            track_started: None,
            time_limit: None,
            soft_time_limit: None,
            rate_limit: None,
            rate_limit_text: None,
            queue: None,
            exchange: None,
            routing_key: None,
            priority: None,
            serializer: None,
            compression: None,
            expires: None,
            send_events: true,
            throws: Vec::new(),
        }
    }
}

impl TaskOptions {
    /// The delay before retry number `retries + 1` of an automatic retry; `random` is in 0..1.
    #[must_use]
    pub fn autoretry_delay(&self, retries: u32, random: f64) -> Duration {
        let Some(factor) = self.retry_backoff else {
            return self.default_retry_delay;
        };
        let full = factor
            .saturating_mul(2u32.saturating_pow(retries))
            .min(self.retry_backoff_max);
        if self.retry_jitter {
            full.mul_f64(random)
        } else {
            full
        }
    }

    /// Sets the rate limit from its text; `0` or empty means none.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn set_rate_limit(&mut self, text: &str) -> Result<(), String> {
        let limit = if text.is_empty() {
            None
        } else {
            Some(RateLimit::parse(text)?)
        };
        self.rate_limit = limit.filter(|l| l.per_second > 0.0);
        self.rate_limit_text = self.rate_limit.is_some().then(|| text.to_owned());
        Ok(())
    }

    /// Sets options by their Celery names (`task_annotations`).
    ///
    /// # Errors
    /// Names the unknown option or the one of the wrong type.
    pub fn annotate(&mut self, annotations: &Map) -> Result<(), String> {
        for (name, value) in annotations {
            self.set(name, value)
                .map_err(|reason| format!("`{name}`: {reason}"))?;
        }
        Ok(())
    }

    /// The names that [`TaskOptions::annotate`] takes.
    pub(super) const NAMES: &'static [&'static str] = &[
        "max_retries",
        "default_retry_delay",
        "retry_backoff",
        "retry_backoff_max",
        "retry_jitter",
        "acks_late",
        "acks_on_failure_or_timeout",
        "reject_on_worker_lost",
        "ignore_result",
        "store_errors_even_if_ignored",
        "track_started",
        "time_limit",
        "soft_time_limit",
        "rate_limit",
        "queue",
        "exchange",
        "routing_key",
        "priority",
        "serializer",
        "compression",
        "expires",
        "send_events",
    ];

    /// Sets one option by its Celery name.
    pub(super) fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let wrong = |want: &str| format!("must be {want}, not {}", value.type_name());
        let flag = || {
            if value.is_null() {
                Ok(None)
            } else {
                value
                    .as_bool()
                    .map(Some)
                    .ok_or_else(|| wrong("true or false"))
            }
        };
        let text = || {
            if value.is_null() {
                Ok(None)
            } else {
                value
                    .as_str()
                    .map(|s| Some(s.to_owned()))
                    .ok_or_else(|| wrong("text"))
            }
        };
        let seconds = || {
            if value.is_null() {
                return Ok(None);
            }
            let seconds = value
                .as_f64()
                .filter(|s| s.is_finite() && *s >= 0.0)
                .ok_or_else(|| wrong("a number of seconds"))?;
            Ok::<_, String>(Some(Duration::from_secs_f64(seconds)))
        };
        match name {
            "max_retries" => {
                self.max_retries = match value {
                    Value::Null => None,
                    Value::Int(n) => {
                        Some(u32::try_from(*n).map_err(|_| wrong("a positive integer"))?)
                    }
                    _ => return Err(wrong("a positive integer")),
                }
            }
            "default_retry_delay" => self.default_retry_delay = seconds()?.unwrap_or_default(),
            "retry_backoff" => {
                self.retry_backoff = match value.as_bool() {
                    Some(on) => on.then_some(Duration::from_secs(1)),
                    None => seconds()?,
                }
            }
            "retry_backoff_max" => self.retry_backoff_max = seconds()?.unwrap_or(Duration::MAX),
            "retry_jitter" => self.retry_jitter = flag()?.unwrap_or(true),
            "acks_late" => self.acks_late = flag()?,
            "acks_on_failure_or_timeout" => self.acks_on_failure_or_timeout = flag()?,
            "reject_on_worker_lost" => self.reject_on_worker_lost = flag()?,
            "ignore_result" => self.ignore_result = flag()?,
            "store_errors_even_if_ignored" => self.store_errors_even_if_ignored = flag()?,
            "track_started" => self.track_started = flag()?,
            "time_limit" => self.time_limit = seconds()?,
            "soft_time_limit" => self.soft_time_limit = seconds()?,
            "rate_limit" => match value {
                Value::Null => self.set_rate_limit("")?,
                Value::Int(n) => self.set_rate_limit(&n.to_string())?,
                Value::Float(n) => self.set_rate_limit(&n.to_string())?,
                Value::Str(s) => self.set_rate_limit(s)?,
                _ => return Err(wrong("a rate such as 10/s")),
            },
            "queue" => self.queue = text()?,
            "exchange" => self.exchange = text()?,
            "routing_key" => self.routing_key = text()?,
            "priority" => self.priority = value.as_i64(),
            "serializer" => self.serializer = text()?,
            "compression" => self.compression = text()?,
            "expires" => self.expires = seconds()?,
            "send_events" => self.send_events = flag()?.unwrap_or(true),
            _ => return Err("no such task option".to_owned()),
        }
        Ok(())
    }
}
