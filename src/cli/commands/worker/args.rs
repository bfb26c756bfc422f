//! The options of `rcelery worker`.

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::context::GlobalArgs;
use crate::cli::logging::{LogFormat, LogLevel};
use crate::cli::parse;
use crate::config::{Override, Settings};
use crate::worker::WorkerOptions;

/// Run tasks
///
/// Takes task messages from the queues and runs them until it is told to stop. TERM or Ctrl-C: running tasks finish.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery worker -l INFO
  rcelery -A proj worker -l INFO                           # the tasks of a Python app
  rcelery worker -c 8 -Q celery,video -n w1@%h -E
  rcelery worker --detach --pidfile /run/rcelery.pid -f /var/log/rcelery.log
  rcelery worker --burst                                   # do what waits, then exit
  rcelery worker --log-format json --http 127.0.0.1:9100   # for machines: JSON lines, /healthz, /metrics
  rcelery worker -- worker.prefetch_multiplier=1 task.acks_late=true")]
pub(crate) struct WorkerArgs {
    /// Name of the node; %h host name, %n its first part, %d its domain (celery@%h unless given)
    #[arg(
        short = 'n',
        long,
        value_name = "NAME",
        help_heading = "Worker options"
    )]
    pub(super) hostname: Option<String>,

    /// Logging level
    #[arg(
        short,
        long,
        value_name = "LEVEL",
        value_enum,
        ignore_case = true,
        default_value = "WARNING",
        help_heading = "Worker options"
    )]
    pub(super) loglevel: LogLevel,

    /// Form of the log: text as Celery writes it, or one JSON object per line
    ///
    /// As JSON, everything else that the worker says is such a line, too.
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        help_heading = "Worker options"
    )]
    pub(super) log_format: LogFormat,

    /// Exit once the queues are empty and nothing runs
    ///
    /// Retries are waited for, whenever they are due. Tasks that were sent for a later time (eta, countdown) are not:
    /// they go back to their queue.
    #[arg(long, help_heading = "Worker options")]
    pub(super) burst: bool,

    /// Exit after so many runs of tasks; never starts one more
    ///
    /// Retries count as runs; revoked and expired tasks do not.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Worker options")]
    pub(super) max_tasks: Option<u64>,

    /// Send task events, for monitors
    #[arg(
        short = 'E',
        long,
        visible_alias = "events",
        help_heading = "Worker options"
    )]
    pub(super) task_events: bool,

    /// File that keeps revoked ids over restarts
    #[arg(
        short = 'S',
        long,
        value_name = "FILE",
        help_heading = "Worker options"
    )]
    pub(super) statedb: Option<PathBuf>,

    /// Accepted for Celery's sake: the order is always fair
    #[arg(short = 'O', long, value_name = "APPLY", value_parser = ["default", "fair"], hide_short_help = true, help_heading = "Worker options")]
    pub(super) optimization: Option<String>,

    /// Deliveries to hold per slot; 0 means no limit
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        help_heading = "Worker options"
    )]
    pub(super) prefetch_multiplier: Option<u32>,

    /// Take a message only for a free slot
    #[arg(long, help_heading = "Worker options")]
    pub(super) disable_prefetch: bool,

    /// How many tasks run at a time; `auto` or 0 means as many as there are CPUs
    #[arg(short, long, value_name = "N", value_parser = concurrency, allow_negative_numbers = true, help_heading = "Pool options")]
    pub(super) concurrency: Option<usize>,

    /// Kind of pool: of a Python app prefork (the default), threads or solo
    ///
    /// prefork: a process for each slot, forked from one that has imported the app. threads: one process with a thread
    /// for each slot, which nothing can end. solo: one process. Without a Python app, threads or solo; other names
    /// mean threads.
    #[arg(short = 'P', long, value_name = "POOL", value_parser = ["threads", "solo", "prefork", "eventlet", "gevent", "processes", "custom"], hide_possible_values = true, help_heading = "Pool options")]
    pub(super) pool: Option<String>,

    /// Most and least slots, as the load demands
    #[arg(long, value_name = "MAX,MIN", value_parser = autoscale, help_heading = "Pool options")]
    pub(super) autoscale: Option<(usize, usize)>,

    /// Hard time limit of tasks: seconds, or 30s, 5m
    #[arg(long, value_name = "SECS", value_parser = parse::duration, allow_negative_numbers = true, help_heading = "Pool options")]
    pub(super) time_limit: Option<Duration>,

    /// Soft time limit of tasks: seconds, or 30s, 5m
    #[arg(long, value_name = "SECS", value_parser = parse::duration, allow_negative_numbers = true, help_heading = "Pool options")]
    pub(super) soft_time_limit: Option<Duration>,

    /// How long a cold shutdown lets running tasks finish [default: 0]
    #[arg(long, value_name = "SECS", value_parser = parse::duration, allow_negative_numbers = true, help_heading = "Pool options")]
    pub(super) drain_timeout: Option<Duration>,

    /// Replace a process of a Python app after so many tasks
    #[arg(
        long,
        value_name = "N",
        hide_short_help = true,
        help_heading = "Pool options"
    )]
    pub(super) max_tasks_per_child: Option<u64>,

    /// Replace a process of a Python app when it has used so much memory
    #[arg(
        long,
        value_name = "KIB",
        hide_short_help = true,
        help_heading = "Pool options"
    )]
    pub(super) max_memory_per_child: Option<u64>,

    /// Accepted for Celery's sake, without effect: processes are forked
    #[arg(
        long,
        value_name = "METHOD",
        hide_short_help = true,
        help_heading = "Pool options"
    )]
    pub(super) pool_start_method: Option<String>,

    /// Erase all waiting messages first, without asking
    #[arg(long, visible_alias = "discard", help_heading = "Queue options")]
    pub(super) purge: bool,

    /// Comma separated list of queues to consume from [default: all known]
    #[arg(
        short = 'Q',
        long,
        value_name = "QUEUES",
        value_delimiter = ',',
        value_parser = queue_name,
        help_heading = "Queue options"
    )]
    pub(super) queues: Vec<String>,

    /// Comma separated list of queues not to consume from
    #[arg(
        short = 'X',
        long,
        value_name = "QUEUES",
        value_delimiter = ',',
        value_parser = queue_name,
        help_heading = "Queue options"
    )]
    pub(super) exclude_queues: Vec<String>,

    /// Comma separated list of further Python modules to import
    #[arg(
        short = 'I',
        long,
        value_name = "MODULES",
        hide_short_help = true,
        help_heading = "Queue options"
    )]
    pub(super) include: Option<String>,

    /// Don't listen to other workers
    #[arg(long, help_heading = "Features")]
    pub(super) without_gossip: bool,

    /// Don't ask other workers for revoked tasks at start
    #[arg(long, help_heading = "Features")]
    pub(super) without_mingle: bool,

    /// Send no heartbeat events
    #[arg(long, help_heading = "Features")]
    pub(super) without_heartbeat: bool,

    /// Time between heartbeat events [default: 2]
    #[arg(long, value_name = "SECS", value_parser = parse::duration, allow_negative_numbers = true, help_heading = "Features")]
    pub(super) heartbeat_interval: Option<Duration>,

    /// Not here yet: run `celery beat` beside the worker
    #[arg(
        short = 'B',
        long,
        hide_short_help = true,
        help_heading = "Embedded beat options"
    )]
    pub(super) beat: bool,

    /// File of the embedded beat; without effect as long as there is none
    #[arg(
        short = 's',
        long = "schedule",
        alias = "schedule-filename",
        value_name = "FILE",
        hide_short_help = true,
        help_heading = "Embedded beat options"
    )]
    pub(super) schedule: Option<PathBuf>,

    /// Scheduler of the embedded beat; without effect as long as there is none
    #[arg(
        long,
        value_name = "NAME",
        hide_short_help = true,
        help_heading = "Embedded beat options"
    )]
    pub(super) scheduler: Option<String>,

    /// File that exists while the worker takes tasks; %n, %h and %d as in -f
    ///
    /// Made when the worker is ready, removed when it stops and while it has lost its broker. To systemd
    /// (NOTIFY_SOCKET, WATCHDOG_USEC) the same is said without an option.
    #[arg(long, value_name = "FILE", help_heading = "Monitoring options")]
    pub(super) ready_file: Option<String>,

    /// Serve /healthz, /readyz and /metrics over HTTP; a port alone means on 127.0.0.1
    #[arg(long, value_name = "HOST:PORT", help_heading = "Monitoring options")]
    pub(super) http: Option<String>,

    /// Run in the background; returns once the worker is ready, or says why it is not
    #[arg(short = 'D', long, help_heading = "Daemon options")]
    pub(super) detach: bool,

    /// File to log to; %n node name, %h host name, %d domain
    ///
    /// Without it: stderr, or a file in the state directory with -D.
    #[arg(
        short = 'f',
        long,
        value_name = "FILE",
        help_heading = "Daemon options"
    )]
    pub(super) logfile: Option<String>,

    /// File for the process id; exit code 73 if it belongs to a living process
    #[arg(long, value_name = "FILE", help_heading = "Daemon options")]
    pub(super) pidfile: Option<String>,

    /// User to run as
    #[arg(long, value_name = "USER", help_heading = "Daemon options")]
    pub(super) uid: Option<String>,

    /// Group to run as
    #[arg(long, value_name = "GROUP", help_heading = "Daemon options")]
    pub(super) gid: Option<String>,

    /// Mask of permissions of new files, octal
    #[arg(long, value_name = "MASK", value_parser = octal, help_heading = "Daemon options")]
    pub(super) umask: Option<u32>,

    /// Python interpreter of the app [default: of $VIRTUAL_ENV, else python3]
    #[arg(
        long,
        value_name = "PATH",
        hide_short_help = true,
        help_heading = "Pool options"
    )]
    pub(super) executable: Option<String>,

    /// Settings: worker.x=1, task.y=2, broker.z=3; a bare x=1 means worker.x=1
    #[arg(last = true, value_name = "KEY=VALUE")]
    pub(super) settings: Vec<String>,
}

/// One of a list: `-Q "a, b"` has two.
fn queue_name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("a queue has no name: expected NAME,NAME".to_owned()),
        name => Ok(name.to_owned()),
    }
}

fn concurrency(text: &str) -> Result<usize, String> {
    match text {
        "auto" => Ok(0),
        n => n
            .parse()
            .map_err(|_| "expected a number of slots, or auto".to_owned()),
    }
}

/// `10,3`, `3,10`, `3..10`, `10`.
fn autoscale(text: &str) -> Result<(usize, usize), String> {
    let wrong = || "expected MAX,MIN or MIN..MAX".to_owned();
    let number = |n: &str| n.trim().parse::<usize>().map_err(|_| wrong());
    let (a, b) = match text.split_once("..").or_else(|| text.split_once(',')) {
        Some((a, b)) => (number(a)?, number(b)?),
        None => (number(text)?, 0),
    };
    match (a.max(b), a.min(b)) {
        (0, _) => Err("at least one slot must be allowed".to_owned()),
        range => Ok(range),
    }
}

fn octal(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    u32::from_str_radix(digits, 8)
        .ok()
        .filter(|mask| *mask <= 0o777)
        .ok_or_else(|| "expected an octal number up to 777".to_owned())
}

impl WorkerArgs {
    /// Whether another process will do the work.
    pub(crate) fn will_detach(&self, global: &GlobalArgs) -> bool {
        self.detach && !global.detached
    }

    /// Settings that stand in the options.
    pub(crate) fn overrides(&self) -> anyhow::Result<Vec<Override>> {
        let mut overrides = Vec::new();
        if let Some(timeout) = self.drain_timeout {
            overrides.push(Override::new(
                "--drain-timeout",
                "worker_soft_shutdown_timeout",
                timeout.as_secs_f64().to_string(),
            ));
        }
        for pair in &self.settings {
            overrides.push(Override::namespaced("worker", pair)?);
        }
        Ok(overrides)
    }

    /// The kind of pool that was asked for.
    pub(super) fn pool<'a>(&'a self, settings: &'a Settings) -> &'a str {
        self.pool.as_deref().unwrap_or(&settings.worker_pool)
    }

    pub(super) fn options(&self, settings: &Settings) -> WorkerOptions {
        let state_db = settings.worker_state_db.as_ref().map(PathBuf::from);
        WorkerOptions {
            hostname: self.hostname.clone(),
            concurrency: self.concurrency,
            autoscale: self.autoscale,
            prefetch_multiplier: self.prefetch_multiplier,
            disable_prefetch: self.disable_prefetch,
            queues: self.queues.clone(),
            exclude_queues: self.exclude_queues.clone(),
            task_events: self.task_events,
            time_limit: self.time_limit,
            soft_time_limit: self.soft_time_limit,
            without_gossip: self.without_gossip,
            without_mingle: self.without_mingle,
            without_heartbeat: self.without_heartbeat,
            heartbeat_interval: self.heartbeat_interval,
            statedb: self.statedb.clone().or(state_db),
            solo: self.pool(settings) == "solo",
            burst: self.burst,
            max_tasks: self.max_tasks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn autoscale_takes_either_order() {
        assert_eq!(autoscale("10,3"), Ok((10, 3)));
        assert_eq!(autoscale("3,10"), Ok((10, 3)));
        assert_eq!(autoscale("3..10"), Ok((10, 3)));
        assert_eq!(autoscale("4"), Ok((4, 0)));
        for bad in ["a,b", "", "0,0", "1,2,3", "-1,2"] {
            assert!(autoscale(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn concurrency_is_a_number_or_auto() {
        assert_eq!(concurrency("auto"), Ok(0));
        assert_eq!(concurrency("8"), Ok(8));
        assert!(concurrency("-1").is_err());
    }

    #[test]
    fn queue_names_are_trimmed_and_never_empty() {
        assert_eq!(queue_name(" video "), Ok("video".to_owned()));
        assert!(queue_name(" ").is_err() && queue_name("").is_err());
    }

    #[test]
    fn masks_are_octal() {
        assert_eq!(octal("022"), Ok(0o22));
        assert_eq!(octal("0o77"), Ok(0o77));
        assert!(octal("9").is_err() && octal("7777").is_err());
    }
}
