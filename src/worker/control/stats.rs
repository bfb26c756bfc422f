//! `stats`: counts, pool, broker and resource usage.

use super::base::{Control, ControlCommand, Kind, Run};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::config::Settings;
use crate::protocol::{Map, Value};
use crate::worker::state::Phase;

pub(super) const COMMAND: ControlCommand = ControlCommand::new(
    "stats",
    Kind::Inspect,
    "Request worker statistics/information",
    Run::Now(|control, _| Ok(Value::Map(stats(control)))),
);

fn stats(control: &Control) -> Map {
    let tables = control.state.lock();
    let total: Map = tables
        .total
        .iter()
        .map(|(task, count)| (task.clone(), (*count).into()))
        .collect();
    let started: u64 = tables.total.values().sum();
    let (concurrency, active) = (tables.concurrency, tables.count(Phase::Active));
    let (autoscale, prefetch_count) = (tables.autoscale, tables.prefetch_count);
    drop(tables);
    let mut stats = Map::new();
    let mut put = |name: &str, value: Value| stats.insert(name.to_owned(), value);
    put("total", total.into());
    put("pid", std::process::id().into());
    // Text, as in Celery (worker/worker.py, info).
    put("clock", control.clock.value().to_string().into());
    put("uptime", control.state.uptime().as_secs().into());
    put("pool", pool(control, concurrency, active, started));
    if let Some((max, min)) = autoscale {
        let scaler = Value::from([
            ("max", max.into()),
            ("min", min.into()),
            ("current", concurrency.into()),
            ("qty", active.into()),
        ]);
        put("autoscaler", scaler);
    }
    put("broker", broker(&control.settings));
    put("prefetch_count", prefetch_count.into());
    put(
        "rusage",
        getrusage(UsageWho::RUSAGE_SELF).map_or_else(|_| "N/A".into(), |usage| rusage(&usage)),
    );
    stats
}

/// The pool, with the keys of Celery's prefork pool: monitors ask for them. Without a Python app all slots are in one
/// process.
fn pool(control: &Control, concurrency: usize, active: usize, started: u64) -> Value {
    let settings = &control.settings;
    let seconds = |limit: Option<std::time::Duration>| {
        limit.map_or(Value::Int(0), |l| Value::Float(l.as_secs_f64()))
    };
    let share = if started == 0 { "0.00" } else { "1.00" };
    let (processes, max_tasks) = match &control.python {
        Some(pool) => (pool.pids(), pool.options().max_tasks.map(Value::from)),
        None => (vec![std::process::id()], None),
    };
    Value::from([
        ("implementation", control.pool.into()),
        ("max-concurrency", concurrency.into()),
        (
            "processes",
            Value::List(processes.into_iter().map(Value::from).collect()),
        ),
        ("threads", active.into()),
        (
            "max-tasks-per-child",
            max_tasks.unwrap_or_else(|| "N/A".into()),
        ),
        ("put-guarded-by-semaphore", true.into()),
        (
            "timeouts",
            Value::List(vec![
                seconds(settings.task_soft_time_limit),
                seconds(settings.task_time_limit),
            ]),
        ),
        (
            "writes",
            Value::from([
                ("total", started.into()),
                ("avg", share.into()),
                ("all", share.into()),
                ("raw", started.to_string().into()),
                ("strategy", "fair".into()),
                (
                    "inqueues",
                    Value::from([("total", concurrency.into()), ("active", active.into())]),
                ),
            ]),
        ),
    ])
}

/// The connection, as kombu's `Connection.info()` shows it, without the password.
fn broker(settings: &Settings) -> Value {
    let urls = settings
        .broker_read_url
        .as_deref()
        .or(settings.broker_url.as_deref())
        .unwrap_or_default();
    let mut urls = urls.split(';');
    let url = Url::split(urls.next().unwrap_or_default());
    let heartbeat = settings.broker_heartbeat.unwrap_or_default().as_secs_f64();
    let timeout = settings.broker_connection_timeout;
    let timeout = if timeout.subsec_nanos() == 0 {
        timeout.as_secs().into()
    } else {
        Value::Float(timeout.as_secs_f64())
    };
    let strategy = settings.broker_failover_strategy.as_deref();
    let masked = settings.to_map(true);
    let options = masked.get("broker_transport_options").cloned();
    Value::from([
        ("hostname", Value::opt(url.host)),
        ("userid", Value::opt(url.user)),
        ("virtual_host", url.path.into()),
        ("port", Value::opt(url.port)),
        ("insist", false.into()),
        (
            "ssl",
            (url.transport == "rediss" || settings.broker_use_ssl.is_some()).into(),
        ),
        ("transport", url.transport.into()),
        ("connect_timeout", timeout),
        ("transport_options", options.unwrap_or_default()),
        (
            "login_method",
            Value::opt(settings.broker_login_method.as_deref()),
        ),
        ("uri_prefix", Value::opt(url.prefix)),
        ("heartbeat", heartbeat.into()),
        (
            "failover_strategy",
            strategy.unwrap_or("round-robin").into(),
        ),
        (
            "alternates",
            Value::List(urls.map(|u| crate::config::mask_url(u).into()).collect()),
        ),
        ("credential_provider", Value::Null),
    ])
}

/// The parts of a broker's URL that `stats` shows.
#[derive(Debug, PartialEq)]
struct Url<'a> {
    prefix: Option<&'a str>,
    transport: &'a str,
    user: Option<&'a str>,
    host: Option<&'a str>,
    port: Option<u32>,
    path: &'a str,
}

impl<'a> Url<'a> {
    fn split(url: &'a str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
        let (prefix, transport) = match scheme.split_once('+') {
            Some((prefix, transport)) => (Some(prefix), transport),
            None => (None, scheme),
        };
        let rest = rest.split('?').next().unwrap_or_default();
        // A password may hold slashes: the last `@` ends it.
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) if transport != "sqlite" => (Some(login), place),
            _ => (None, rest),
        };
        let (address, path) = place.split_once('/').unwrap_or((place, ""));
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if port.parse::<u32>().is_ok() => (host, port.parse().ok()),
            _ => (address, None),
        };
        let redis = transport.starts_with("redis");
        Self {
            prefix,
            transport,
            user: login
                .and_then(|l| l.split(':').next())
                .filter(|user| !user.is_empty()),
            host: Some(host).filter(|host| !host.is_empty()),
            port: port.or(if redis { Some(6379) } else { None }),
            path: if redis && path.is_empty() { "0" } else { path },
        }
    }
}

fn rusage(usage: &Usage) -> Value {
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds since the start of the process"
    )]
    let seconds =
        |time: TimeVal| Value::Float(time.tv_sec() as f64 + time.tv_usec() as f64 / 1_000_000.0);
    Value::from([
        ("utime", seconds(usage.user_time())),
        ("stime", seconds(usage.system_time())),
        ("maxrss", usage.max_rss().into()),
        ("ixrss", usage.shared_integral().into()),
        ("idrss", usage.unshared_data_integral().into()),
        ("isrss", usage.unshared_stack_integral().into()),
        ("minflt", usage.minor_page_faults().into()),
        ("majflt", usage.major_page_faults().into()),
        ("nswap", usage.full_swaps().into()),
        ("inblock", usage.block_reads().into()),
        ("oublock", usage.block_writes().into()),
        ("msgsnd", usage.ipc_sends().into()),
        ("msgrcv", usage.ipc_receives().into()),
        ("nsignals", usage.signals().into()),
        ("nvcsw", usage.voluntary_context_switches().into()),
        ("nivcsw", usage.involuntary_context_switches().into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn broker_urls_are_shown_in_parts_without_their_passwords() {
        for (url, host, user, port, path) in [
            ("redis://u:p/w@h:1/2", Some("h"), Some("u"), Some(1), "2"),
            ("redis://:pw@h", Some("h"), None, Some(6379), "0"),
            ("sqlite:////var/a@b.db", None, None, None, "/var/a@b.db"),
            ("amqp://u@h//", Some("h"), Some("u"), None, "/"),
        ] {
            let split = Url::split(url);
            assert_eq!(
                (split.host, split.user, split.port, split.path),
                (host, user, port, path),
                "{url}"
            );
        }
        assert_eq!(Url::split("sqla+sqlite:///x").prefix, Some("sqla"));
    }
}
