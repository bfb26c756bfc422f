//! `rcelery worker`.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Zoned;

use super::banner;
use crate::app::App;
use crate::cli::context::{Context, Farewell, GlobalArgs, is_config_file};
use crate::cli::daemon::{self, Identity, Pidfile};
use crate::cli::error::{Failure, Kind, Silent};
use crate::cli::logging::{self, LogLevel};
use crate::cli::output::progress::rough;
use crate::cli::parse;
use crate::cli::signals::{Asked, WorkerSignals};
use crate::config::Override;
use crate::protocol::Nodename;
use crate::shutdown::Shutdown;
use crate::worker::state::Phase;
use crate::worker::{State, Worker, WorkerOptions};

/// Run tasks
///
/// Takes task messages from the queues and runs them until it is told to stop. TERM or Ctrl-C: running tasks finish.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery worker -l INFO
  rcelery worker -c 8 -Q celery,video -n w1@%h -E
  rcelery worker --detach --pidfile /run/rcelery.pid -f /var/log/rcelery.log
  rcelery worker -- worker.prefetch_multiplier=1 task.acks_late=true")]
pub(crate) struct WorkerArgs {
    /// Name of the node; %h host name, %n its first part, %d its domain (celery@%h unless given)
    #[arg(
        short = 'n',
        long,
        value_name = "NAME",
        help_heading = "Worker options"
    )]
    hostname: Option<String>,

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
    loglevel: LogLevel,

    /// Send task events, for monitors
    #[arg(
        short = 'E',
        long,
        visible_alias = "events",
        help_heading = "Worker options"
    )]
    task_events: bool,

    /// File that keeps revoked ids over restarts
    #[arg(
        short = 'S',
        long,
        value_name = "FILE",
        help_heading = "Worker options"
    )]
    statedb: Option<PathBuf>,

    /// Accepted for Celery's sake: the order is always fair
    #[arg(short = 'O', long, value_name = "APPLY", value_parser = ["default", "fair"], hide_short_help = true, help_heading = "Worker options")]
    optimization: Option<String>,

    /// Deliveries to hold per slot; 0 means no limit
    #[arg(long, value_name = "N", help_heading = "Worker options")]
    prefetch_multiplier: Option<u32>,

    /// Take a message only for a free slot
    #[arg(long, help_heading = "Worker options")]
    disable_prefetch: bool,

    /// How many tasks run at a time; `auto` or 0 means as many as there are CPUs
    #[arg(short, long, value_name = "N", value_parser = concurrency, help_heading = "Pool options")]
    concurrency: Option<usize>,

    /// Kind of pool: threads or solo; Celery's other names mean threads
    #[arg(short = 'P', long, value_name = "POOL", value_parser = ["threads", "solo", "prefork", "eventlet", "gevent", "processes", "custom"], hide_possible_values = true, help_heading = "Pool options")]
    pool: Option<String>,

    /// Most and least slots, as the load demands
    #[arg(long, value_name = "MAX,MIN", value_parser = autoscale, help_heading = "Pool options")]
    autoscale: Option<(usize, usize)>,

    /// Hard time limit of tasks: seconds, or 30s, 5m
    #[arg(long, value_name = "SECS", value_parser = parse::duration, help_heading = "Pool options")]
    time_limit: Option<Duration>,

    /// Soft time limit of tasks: seconds, or 30s, 5m
    #[arg(long, value_name = "SECS", value_parser = parse::duration, help_heading = "Pool options")]
    soft_time_limit: Option<Duration>,

    /// How long a cold shutdown lets running tasks finish [default: 0]
    #[arg(long, value_name = "SECS", value_parser = parse::duration, help_heading = "Pool options")]
    drain_timeout: Option<Duration>,

    /// Accepted for Celery's sake, without effect: there are no child processes
    #[arg(
        long,
        value_name = "N",
        hide_short_help = true,
        help_heading = "Pool options"
    )]
    max_tasks_per_child: Option<u64>,

    /// Accepted for Celery's sake, without effect: there are no child processes
    #[arg(
        long,
        value_name = "KIB",
        hide_short_help = true,
        help_heading = "Pool options"
    )]
    max_memory_per_child: Option<u64>,

    /// Accepted for Celery's sake, without effect: there are no child processes
    #[arg(
        long,
        value_name = "METHOD",
        hide_short_help = true,
        help_heading = "Pool options"
    )]
    pool_start_method: Option<String>,

    /// Erase all waiting messages first, without asking
    #[arg(long, visible_alias = "discard", help_heading = "Queue options")]
    purge: bool,

    /// Comma separated list of queues to consume from [default: all known]
    #[arg(
        short = 'Q',
        long,
        value_name = "QUEUES",
        value_delimiter = ',',
        help_heading = "Queue options"
    )]
    queues: Vec<String>,

    /// Comma separated list of queues not to consume from
    #[arg(
        short = 'X',
        long,
        value_name = "QUEUES",
        value_delimiter = ',',
        help_heading = "Queue options"
    )]
    exclude_queues: Vec<String>,

    /// Accepted for Celery's sake, without effect: there are no Python modules to import
    #[arg(
        short = 'I',
        long,
        value_name = "MODULES",
        hide_short_help = true,
        help_heading = "Queue options"
    )]
    include: Option<String>,

    /// Don't listen to other workers
    #[arg(long, help_heading = "Features")]
    without_gossip: bool,

    /// Don't ask other workers for revoked tasks at start
    #[arg(long, help_heading = "Features")]
    without_mingle: bool,

    /// Send no heartbeat events
    #[arg(long, help_heading = "Features")]
    without_heartbeat: bool,

    /// Time between heartbeat events [default: 2]
    #[arg(long, value_name = "SECS", value_parser = parse::duration, help_heading = "Features")]
    heartbeat_interval: Option<Duration>,

    /// Run in the background; returns once the worker is ready, or says why it is not
    #[arg(short = 'D', long, help_heading = "Daemon options")]
    detach: bool,

    /// File to log to; %n node name, %h host name, %d domain [default: stderr, or a file in the state directory with -D]
    #[arg(
        short = 'f',
        long,
        value_name = "FILE",
        help_heading = "Daemon options"
    )]
    logfile: Option<String>,

    /// File for the process id; exit code 73 if it belongs to a living process
    #[arg(long, value_name = "FILE", help_heading = "Daemon options")]
    pidfile: Option<String>,

    /// User to run as
    #[arg(long, value_name = "USER", help_heading = "Daemon options")]
    uid: Option<String>,

    /// Group to run as
    #[arg(long, value_name = "GROUP", help_heading = "Daemon options")]
    gid: Option<String>,

    /// Mask of permissions of new files, octal
    #[arg(long, value_name = "MASK", value_parser = octal, help_heading = "Daemon options")]
    umask: Option<u32>,

    /// Accepted for Celery's sake, without effect: there is no Python here
    #[arg(
        long,
        value_name = "PATH",
        hide_short_help = true,
        help_heading = "Daemon options"
    )]
    executable: Option<String>,

    /// Settings: worker.x=1, task.y=2, broker.z=3; a bare x=1 means worker.x=1
    #[arg(last = true, value_name = "KEY=VALUE")]
    settings: Vec<String>,
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

    /// Runs the worker to its end; with `--detach`, starts it and returns.
    pub(crate) fn start(
        self,
        app: App,
        global: GlobalArgs,
        overrides: Vec<Override>,
    ) -> anyhow::Result<ExitCode> {
        if self.will_detach(&global) {
            return daemon::detach();
        }
        if global.detached {
            daemon::leave_session()?;
        }
        let identity = Identity {
            umask: self.umask,
            uid: self.uid.clone(),
            gid: self.gid.clone(),
        };
        identity.assume()?;
        if let Some(app) = global.app.as_deref().filter(|a| !is_config_file(a)) {
            return Err(Failure::new(
                Kind::Config,
                format!(
                    "can't run the tasks of the Python app `{app}`: this worker has no Python pool"
                ),
            )
            .hint("leave out -A, and name broker and results with -b and --result-backend")
            .into());
        }
        let cx = Context::new(app, global, Farewell::default(), overrides)?;
        let host = gethostname::gethostname().to_string_lossy().into_owned();
        let node = Nodename::expand(self.hostname.as_deref().unwrap_or(""), &host);
        let pidfile = match &self.pidfile {
            Some(template) => Some(Pidfile::acquire(Path::new(&expand(template, &node)))?),
            None => None,
        };
        let logfile = self.logfile(&node, cx.global.detached)?;
        logging::install(self.loglevel, logfile.as_deref(), cx.out.colour_err)?;
        self.complain(&cx)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("starting the runtime")?;
        let asked = Asked::default();
        let outcome = runtime.block_on(self.work(&cx, &asked));
        // A blocking task that nobody can stop must not keep the worker for ever.
        runtime.shutdown_timeout(Duration::from_secs(1));
        drop(pidfile);
        if asked.restart.is_cancelled() && outcome.is_ok() {
            return Err(restart());
        }
        outcome
    }

    fn logfile(&self, node: &Nodename, detached: bool) -> anyhow::Result<Option<PathBuf>> {
        if let Some(template) = &self.logfile {
            return Ok(Some(PathBuf::from(expand(template, node))));
        }
        if !detached {
            return Ok(None);
        }
        let dir = daemon::state_dir().ok_or_else(|| {
            Failure::new(
                Kind::Config,
                "there is no place for the log: neither XDG_STATE_HOME nor HOME is set",
            )
            .hint("name a file with -f")
        })?;
        // A node name is anything; a file name is not.
        Ok(Some(
            dir.join(format!("{}.log", node.as_str().replace('/', "_"))),
        ))
    }

    /// Says what was given and has no effect.
    fn complain(&self, cx: &Context) -> io::Result<()> {
        if nix::unistd::geteuid().is_root() && !cx.global.detached {
            cx.out
                .warn("running as root; name another user with --uid")?;
        }
        if let Some(pool) = self
            .pool
            .as_deref()
            .filter(|p| !matches!(*p, "threads" | "solo"))
        {
            cx.out
                .warn(format!("there is no {pool} pool here: using threads"))?;
        }
        let idle = [
            (self.max_tasks_per_child.is_some(), "--max-tasks-per-child"),
            (
                self.max_memory_per_child.is_some(),
                "--max-memory-per-child",
            ),
            (self.pool_start_method.is_some(), "--pool-start-method"),
            (self.include.is_some(), "--include"),
            (self.executable.is_some(), "--executable"),
        ];
        idle.iter()
            .filter(|(given, _)| *given)
            .try_for_each(|(_, option)| cx.out.warn(format!("{option} has no effect here")))
    }

    fn options(&self) -> WorkerOptions {
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
            statedb: self.statedb.clone(),
            solo: self.pool.as_deref() == Some("solo"),
        }
    }
}

/// What a worker is doing, for USR1.
fn doing(state: &State) -> String {
    let tables = state.lock();
    let mut text = format!(
        "up {}, {} slots, prefetch {}\nqueues: {}",
        rough(state.uptime()),
        tables.concurrency,
        tables.prefetch_count,
        tables
            .queues
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    );
    for (label, phase) in [
        ("running", Phase::Active),
        ("reserved", Phase::Reserved),
        ("scheduled", Phase::Scheduled),
    ] {
        let requests = tables.requests(phase);
        let _ = write!(text, "\n{label}: {}", requests.len());
        for request in requests.iter().take(MOST_SHOWN) {
            let _ = write!(text, "\n  {}[{}]", request.task(), request.id());
        }
        if requests.len() > MOST_SHOWN {
            text.push_str("\n  …");
        }
    }
    text
}

/// So many tasks of each phase are listed.
const MOST_SHOWN: usize = 100;

/// `%n` node name, `%h` host, `%d` domain, `%p` both, `%%`; `%i` and `%I` count pool processes, of which this is none.
fn expand(template: &str, node: &Nodename) -> String {
    let host = node.as_str().split_once('@').map_or("", |(_, host)| host);
    let domain = host.split_once('.').map_or("", |(_, domain)| domain);
    let mut out = String::new();
    let mut chars = template.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push_str(node.name()),
            Some('h') => out.push_str(host),
            Some('d') => out.push_str(domain),
            Some('p') => out.push_str(node.as_str()),
            Some('i') => out.push('0'),
            Some('I') => {}
            Some('%') | None => out.push('%'),
            Some(other) => out.extend(['%', other]),
        }
    }
    out
}

/// Becomes a new worker; returns only if that fails.
fn restart() -> anyhow::Error {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return anyhow::Error::new(error).context("finding this program"),
    };
    let error = std::process::Command::new(program)
        .args(std::env::args_os().skip(1))
        .exec();
    anyhow::Error::new(error).context("restarting")
}

impl WorkerArgs {
    async fn work(&self, cx: &Context, asked: &Asked) -> anyhow::Result<ExitCode> {
        let mut signals = WorkerSignals::new().context("catching signals")?;
        let worker = Worker::new(cx.app.clone(), self.options()).await?;
        let info = worker.info();
        for name in &info.unknown_excluded {
            cx.out.warn(format!(
                "-X names the queue \"{name}\", which is none of this worker's"
            ))?;
        }
        if self.purge {
            self.purge(cx).await?;
        }
        if !cx.out.quiet && !cx.global.detached {
            let now = Zoned::now();
            let banner = match cx.out.columns {
                Some(columns) if cx.out.is_table() => {
                    banner::terminal(info, self.loglevel, &now, columns, cx.out.colour_out)
                }
                _ => banner::classic(info, self.loglevel, &now),
            };
            cx.out.line(banner.trim_end_matches('\n'))?;
            cx.out.line("")?;
        }
        let shutdown = Shutdown::new();
        let say = |line: &str| {
            // The terminal may be gone; the signal counts all the same.
            let _ = cx.out.line(format!("\n{line}"));
        };
        let state = worker.state();
        let dump = || {
            let _ = cx.out.error(doing(&state));
        };
        let has_terminal = io::stdout().is_terminal();
        let mut waits = cx.global.detached;
        let ready = || {
            if std::mem::take(&mut waits)
                && let Err(error) = daemon::report_ready()
            {
                tracing::warn!("can't leave the terminal: {error}");
            }
        };
        tokio::select! {
            outcome = worker.run(shutdown.clone(), ready) => match outcome?.cut_off {
                0 => Ok(ExitCode::SUCCESS),
                _ => Err(Silent(Kind::Failed.exit()).into()),
            },
            () = asked.force.cancelled() => Err(Silent(Kind::Failed.exit()).into()),
            () = signals.obey(&shutdown, asked, has_terminal, say, dump) => {
                Err(anyhow::anyhow!("signals can't be caught any more"))
            }
        }
    }

    /// Celery's `--purge`: no question, one line.
    async fn purge(&self, cx: &Context) -> anyhow::Result<()> {
        let broker = cx.broker().await?;
        let mut erased = 0;
        for queue in cx.app.queues()? {
            let name = queue.name;
            let count = broker.purge(&name).await;
            erased += count
                .with_context(|| format!("purging `{name}`"))?
                .unwrap_or(0);
        }
        broker.close().await?;
        if erased > 0 {
            let messages = if erased == 1 { "message" } else { "messages" };
            cx.out
                .line(format!("purge: Erased {erased} {messages} from the queue."))?;
        }
        Ok(())
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
    fn masks_are_octal() {
        assert_eq!(octal("022"), Ok(0o22));
        assert_eq!(octal("0o77"), Ok(0o77));
        assert!(octal("9").is_err() && octal("7777").is_err());
    }

    #[test]
    fn file_names_are_expanded() {
        let node = Nodename::expand("w1@box.example.org", "other");
        assert_eq!(
            expand("run/%n-%h-%d-%i%I.%%", &node),
            "run/w1-box.example.org-example.org-0.%"
        );
        assert_eq!(expand("%x%", &node), "%x%");
    }
}
