//! What a Redis URL and `broker_transport_options` say, checked and typed.
//!
//! Mirrors `kombu.transport.redis.Channel.from_transport_options` and `_connparams`.

use std::time::Duration;

use super::endpoint::Endpoint;
use crate::broker::registry::Options;
use crate::broker::virtual_exchange::SEP;
use crate::broker::{BrokerError, BrokerUrl};
use crate::protocol::{Map, Value};

/// In which order queues are polled (`queue_order_strategy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueueOrder {
    /// The queue that has just delivered goes to the end.
    RoundRobin,
    /// By name.
    Sorted,
    /// As listed.
    Priority,
}

/// The transport's options.
#[derive(Debug, Clone)]
pub(super) struct RedisOptions {
    pub(super) endpoint: Endpoint,
    pub(super) global_keyprefix: String,
    pub(super) sep: String,
    pub(super) priority_steps: Vec<i64>,
    pub(super) queue_order: QueueOrder,
    pub(super) visibility_timeout: Duration,
    pub(super) unacked_key: String,
    pub(super) unacked_index_key: String,
    pub(super) unacked_mutex_key: String,
    pub(super) unacked_mutex_expire: Duration,
    /// How many overdue messages one sweep looks at.
    pub(super) restore_limit: Option<usize>,
    /// Before each fanout topic: `/0.`.
    pub(super) fanout_prefix: String,
    pub(super) fanout_patterns: bool,
    /// Also use the topic `/{db}.…`, as kombu before 5.4 did with Sentinel.
    pub(super) fanout_compat: bool,
    /// Where messages without a route go.
    pub(super) deadletter_queue: Option<String>,
}

/// kombu's and redis-py's options that mean nothing here: our pool, retries and health checks have no such knobs.
const IGNORED: &[&str] = &[
    "ack_emulation",
    "additional_connection_errors",
    "body_encoding",
    "brpop_timeout",
    "confirm_publish",
    "interval_max",
    "interval_start",
    "interval_step",
    "max_connections",
    "max_retries",
    "min_other_sentinels",
    "polling_interval",
    "reauth_check_interval",
    "retry_on_timeout",
    "retry_policy",
    "socket_keepalive",
    "socket_keepalive_options",
    "supports_native_delayed_delivery",
    "unacked_restore_interval",
    "unacked_restore_throttle",
];

/// The options that are read.
const KNOWN: &[&str] = &[
    "client_name",
    "deadletter_queue",
    "fanout_patterns",
    "fanout_prefix",
    "global_keyprefix",
    "health_check_interval",
    "master_name",
    "priority_steps",
    "queue_order_strategy",
    "sentinel_fanout_compat",
    "sentinel_kwargs",
    "sep",
    "socket_connect_timeout",
    "socket_timeout",
    "unacked_index_key",
    "unacked_key",
    "unacked_mutex_expire",
    "unacked_mutex_key",
    "unacked_restore_limit",
    "visibility_timeout",
];

/// Commands are answered within this, or the connection counts as lost: with the poll every second and the time to
/// connect anew, a silent connection delays a task by less than 15 s.
const COMMAND_DEADLINE: Duration = Duration::from_secs(8);

impl RedisOptions {
    /// Checks the options; `url` is one of the failover list, or all of Sentinel's.
    pub(super) fn new(url: &BrokerUrl, options: &Options) -> Result<Self, BrokerError> {
        let map = &options.transport_options;
        for name in map.keys() {
            check_name(name)?;
        }
        let mut endpoint = Endpoint::for_broker(url, options.use_ssl.as_ref())?;
        endpoint.connect_timeout = seconds(map, "socket_connect_timeout")?
            .map_or(options.connect_timeout, |t| t.min(options.connect_timeout));
        endpoint.command_timeout = seconds(map, "socket_timeout")?.unwrap_or(COMMAND_DEADLINE);
        endpoint.client_name = text(map, "client_name")?;
        endpoint.sentinel_options(map)?;
        let steps = match map.get("priority_steps") {
            None | Some(Value::Null) => vec![0, 3, 6, 9],
            Some(value) => priority_steps(value)?,
        };
        let db = endpoint.db;
        Ok(Self {
            global_keyprefix: text(map, "global_keyprefix")?.unwrap_or_default(),
            sep: text(map, "sep")?.unwrap_or_else(|| SEP.to_owned()),
            priority_steps: steps,
            queue_order: match text(map, "queue_order_strategy")?.as_deref() {
                None | Some("round_robin") => QueueOrder::RoundRobin,
                Some("sorted") => QueueOrder::Sorted,
                Some("priority") => QueueOrder::Priority,
                Some(other) => {
                    return Err(BrokerError::Config(format!(
                        "`queue_order_strategy` is `{other}`: it must be round_robin, sorted or priority"
                    )));
                }
            },
            visibility_timeout: seconds(map, "visibility_timeout")?
                .unwrap_or(Duration::from_secs(3600)),
            unacked_key: text(map, "unacked_key")?.unwrap_or_else(|| "unacked".to_owned()),
            unacked_index_key: text(map, "unacked_index_key")?
                .unwrap_or_else(|| "unacked_index".to_owned()),
            unacked_mutex_key: text(map, "unacked_mutex_key")?
                .unwrap_or_else(|| "unacked_mutex".to_owned()),
            unacked_mutex_expire: seconds(map, "unacked_mutex_expire")?
                .unwrap_or(Duration::from_secs(300)),
            restore_limit: match map.get("unacked_restore_limit") {
                None | Some(Value::Null) => None,
                Some(value) => Some(
                    value
                        .as_i64()
                        .and_then(|n| usize::try_from(n).ok())
                        .ok_or_else(|| wrong("unacked_restore_limit", "a number"))?,
                ),
            },
            fanout_prefix: match map.get("fanout_prefix") {
                None | Some(Value::Null | Value::Bool(true)) => format!("/{db}."),
                Some(Value::Bool(false)) => String::new(),
                Some(Value::Str(prefix)) => prefix.replace("{db}", &db.to_string()),
                Some(_) => return Err(wrong("fanout_prefix", "true, false or text")),
            },
            fanout_patterns: boolean(map, "fanout_patterns")?.unwrap_or(true),
            fanout_compat: boolean(map, "sentinel_fanout_compat")?.unwrap_or(false)
                && endpoint.is_sentinel(),
            deadletter_queue: text(map, "deadletter_queue")?,
            endpoint,
        })
    }
}

fn check_name(name: &str) -> Result<(), BrokerError> {
    if KNOWN.contains(&name) || IGNORED.contains(&name) {
        return Ok(());
    }
    let close = KNOWN
        .iter()
        .chain(IGNORED)
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.8);
    Err(BrokerError::Config(match close {
        Some((_, known)) => {
            format!("the redis transport has no option `{name}`: did you mean `{known}`?")
        }
        None => format!("the redis transport has no option `{name}`"),
    }))
}

fn wrong(name: &str, what: &str) -> BrokerError {
    BrokerError::Config(format!("the transport option `{name}` must be {what}"))
}

/// A text option; none if it is absent or null.
pub(super) fn text(map: &Map, name: &str) -> Result<Option<String>, BrokerError> {
    match map.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Str(s)) => Ok(Some(s.clone())),
        Some(_) => Err(wrong(name, "text")),
    }
}

fn boolean(map: &Map, name: &str) -> Result<Option<bool>, BrokerError> {
    match map.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(b)) => Ok(Some(*b)),
        Some(_) => Err(wrong(name, "true or false")),
    }
}

/// A number of seconds above zero; none if it is absent or null.
pub(super) fn seconds(map: &Map, name: &str) -> Result<Option<Duration>, BrokerError> {
    let wrong = || wrong(name, "a number of seconds above 0");
    match map.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let seconds = value.as_f64().filter(|s| *s > 0.0).ok_or_else(wrong)?;
            Duration::try_from_secs_f64(seconds.min(1e9))
                .map(Some)
                .map_err(|_| wrong())
        }
    }
}

fn priority_steps(value: &Value) -> Result<Vec<i64>, BrokerError> {
    let wrong = || wrong("priority_steps", "an ascending list of numbers");
    let steps: Vec<i64> = value
        .as_list()
        .ok_or_else(wrong)?
        .iter()
        .map(|step| step.as_i64().ok_or_else(wrong))
        .collect::<Result<_, _>>()?;
    if steps.is_empty() || !steps.is_sorted() {
        return Err(wrong());
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str, options: &[(&str, Value)]) -> Result<RedisOptions, BrokerError> {
        let transport_options = options
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect();
        RedisOptions::new(
            &BrokerUrl::parse(url)?,
            &Options {
                transport_options,
                ..Options::default()
            },
        )
    }

    #[test]
    fn unknown_options_are_refused_by_name() {
        let error = parse("redis://h", &[("visibilty_timeout", 5.into())]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the redis transport has no option `visibilty_timeout`: did you mean `visibility_timeout`?"
        );
        assert!(parse("redis://h?socket_timeout=5", &[]).is_err());
        assert!(parse("redis://h", &[("max_connections", 5.into())]).is_ok());
    }

    #[test]
    fn values_are_checked() {
        assert!(parse("redis://h", &[("visibility_timeout", 0.into())]).is_err());
        assert!(parse("redis://h", &[("visibility_timeout", f64::NAN.into())]).is_err());
        assert!(
            parse(
                "redis://h",
                &[("priority_steps", vec![3.into(), 0.into()].into())]
            )
            .is_err()
        );
        assert!(parse("redis://h", &[("queue_order_strategy", "random".into())]).is_err());
        let options = parse("redis://h/4", &[("fanout_prefix", "/x{db}.".into())]).unwrap();
        assert_eq!(options.fanout_prefix, "/x4.");
    }
}
