//! `rcelery worker`: from its options to its end.

mod announce;
mod args;
mod banner;
mod dump;
mod expand;
mod http;
mod memory;
mod metrics;
mod python;
mod restart;
mod voice;

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Zoned;

use self::announce::Announcer;
pub(super) use self::args::WorkerArgs;
use self::expand::expand;
use self::http::Server;
use self::restart::Program;
use self::voice::Voice;
use crate::app::App;
use crate::cli::context::{Context, GlobalArgs};
use crate::cli::daemon::{self, Identity, Pidfile};
use crate::cli::error::{Failure, Kind, Report, Silent};
use crate::cli::farewell::Farewell;
use crate::cli::logging::{self, LogFormat, SAID};
use crate::cli::python::Loaded;
use crate::cli::signals::{Asked, Order, WorkerSignals};
use crate::cli::suggest::did_you_mean;
use crate::config::{ConfigError, Override, Settings};
use crate::protocol::Nodename;
use crate::shutdown::Shutdown;
use crate::worker::{Info, State, Worker, WorkerError};

impl WorkerArgs {
    /// Runs the worker to its end; with `--detach`, starts it and returns.
    pub(crate) fn start(
        self,
        app: App,
        global: GlobalArgs,
        overrides: Vec<Override>,
    ) -> anyhow::Result<ExitCode> {
        let format = self.log_format;
        match self.live(app, global, overrides) {
            Err(error) if !error.is::<Silent>() => {
                let report = Report::of(&error);
                if format == LogFormat::Json {
                    logging::fatal(&report);
                    return Err(Silent(report.kind.exit()).into());
                }
                logging::note_fatal(&report);
                Err(error)
            }
            outcome => outcome,
        }
    }

    fn live(
        self,
        app: App,
        global: GlobalArgs,
        overrides: Vec<Override>,
    ) -> anyhow::Result<ExitCode> {
        self.refuse()?;
        if self.will_detach(&global) {
            return daemon::detach();
        }
        let program = Program::this()?;
        if global.detached {
            daemon::leave_session()?;
        }
        let identity = Identity {
            umask: self.umask,
            uid: self.uid.clone(),
            gid: self.gid.clone(),
        };
        identity.assume()?;
        let host = gethostname::gethostname().to_string_lossy().into_owned();
        let node = Nodename::expand(self.hostname.as_deref().unwrap_or(""), &host);
        let logfile = self.logfile(&node, global.detached)?;
        let mut python = global.load_python(self.asked(&global, &node, logfile.as_deref()))?;
        let cx = Context::new(app, global, Farewell::default(), overrides, python.as_ref())?;
        cx.check_tasks()?;
        let voice = Voice::new(&cx, self.log_format);
        let log = logging::Log {
            level: self.loglevel,
            file: logfile.as_deref(),
            colour: cx.log_colour(),
            json: voice.is_json().then(|| node.to_string()),
            app: python.as_ref().and_then(Loaded::log),
        };
        let pidfile = match &self.pidfile {
            // With JSON a stale file is said in the log, which must be there first.
            _ if voice.is_json() => {
                log.install()?;
                self.pidfile(&node, &voice)?
            }
            _ => {
                let pidfile = self.pidfile(&node, &voice)?;
                log.install()?;
                pidfile
            }
        };
        for name in &cx.shadowed {
            voice.warn(format!(
                "the command task `{name}` is not used: the app has a task of that name"
            ))?;
        }
        self.complain(&voice, cx.app.settings(), python.as_ref())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .on_thread_park(memory::look)
            .build()
            .context("starting the runtime")?;
        let asked = Asked::default();
        let outcome = runtime.block_on(self.work(&cx, &voice, &node, &asked, python.as_mut()));
        // A blocking task that nobody can stop must not keep the worker for ever.
        runtime.shutdown_timeout(Duration::from_secs(1));
        drop(pidfile);
        if asked.restart.is_cancelled() && outcome.is_ok() {
            return Err(program.restart());
        }
        outcome
    }

    /// What can't be done, said before anything is begun.
    fn refuse(&self) -> anyhow::Result<()> {
        if self.beat {
            return Err(
                Failure::new(Kind::Config, "there is no embedded beat (-B) here yet")
                    .hint("run `celery beat` of the Python app beside this worker: it sends through the same broker")
                    .into(),
            );
        }
        Ok(())
    }

    fn pidfile(&self, node: &Nodename, voice: &Voice<'_>) -> anyhow::Result<Option<Pidfile>> {
        self.pidfile
            .as_deref()
            .map(|template| {
                Pidfile::acquire(Path::new(&expand(template, node)), |line| voice.stale(line))
            })
            .transpose()
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
    fn complain(
        &self,
        voice: &Voice,
        settings: &Settings,
        python: Option<&Loaded>,
    ) -> io::Result<()> {
        if nix::unistd::geteuid().is_root() && !voice.is_detached() {
            voice.warn("running as root; name another user with --uid")?;
        }
        let beat = [
            (self.schedule.is_some(), "--schedule"),
            (self.scheduler.is_some(), "--scheduler"),
        ];
        if let Some(python) = python {
            for (place, reason) in python.left() {
                if concerns_the_worker(place) {
                    voice.warn(format!("`{place}` of the app is not used here: {reason}"))?;
                }
            }
            if self
                .pool_start_method
                .as_deref()
                .is_some_and(|m| m != "fork")
            {
                voice.warn("--pool-start-method has no effect here: children are forked")?;
            }
            return say_idle(voice, &beat);
        }
        let pool = self.pool(settings);
        if !matches!(pool, "threads" | "solo") {
            voice.warn(format!("there is no {pool} pool here: using threads"))?;
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
        say_idle(voice, &idle)?;
        say_idle(voice, &beat)
    }

    async fn work(
        &self,
        cx: &Context,
        voice: &Voice<'_>,
        node: &Nodename,
        asked: &Asked,
        python: Option<&mut Loaded>,
    ) -> anyhow::Result<ExitCode> {
        let mut signals = WorkerSignals::new().context("catching signals")?;
        let env = |name: &str| std::env::var_os(name);
        // Systemd's REMAP_SIGTERM of Celery: services that can only send TERM stop the worker at once with it.
        let term = if env("REMAP_SIGTERM").is_some_and(|to| to == "SIGQUIT") {
            Order::Quit
        } else {
            Order::Term
        };
        let mut options = self.options(cx.app.settings());
        if let Some(queues) = python.as_ref().and_then(|python| python.consumes()) {
            options.queues = queues;
        }
        let mut worker = match Worker::new(cx.app.clone(), options).await {
            Err(WorkerError::Config(error @ ConfigError::UnknownQueue { .. })) => {
                return Err(unknown_queue(cx, &error).into());
            }
            other => other?,
        };
        if let Some(python) = python
            && let Some(program) = python.program.take()
        {
            let pool = self.python_pool(cx.app.settings(), python);
            worker = worker.with_python(program, pool);
        }
        let info = worker.info();
        for name in &info.unknown_excluded {
            let known = info.queues.iter().map(|q| q.name.as_str());
            let hint = did_you_mean(name, known).map_or_else(String::new, |h| format!(": {h}"));
            voice.warn(format!(
                "-X names the queue \"{name}\", which is none of this worker's{hint}"
            ))?;
        }
        let server = match &self.http {
            Some(address) => Some(Server::bind(address).await?),
            None => None,
        };
        let file = self.ready_file.as_deref();
        let file = file.map(|template| PathBuf::from(expand(template, node)));
        let mut announcer = Announcer::new(file, node.as_str(), env)?;
        if self.purge {
            self.purge(cx, voice).await?;
        }
        self.introduce(cx, voice, info)?;
        let shutdown = Shutdown::new();
        let state = worker.state();
        let say = |line: &str| voice.shutdown(line);
        let dump = || voice.dump(&dump::doing(&state));
        let has_terminal = io::stdout().is_terminal();
        let mut waits = cx.global.detached;
        let ready = || {
            if std::mem::take(&mut waits)
                && let Err(error) = daemon::report_ready()
            {
                tracing::warn!("can't leave the terminal: {error}");
            }
        };
        let outcome = tokio::select! {
            outcome = worker.run(shutdown.clone(), ready) => match outcome {
                Ok(exit) if exit.cut_off == 0 => Ok(ExitCode::SUCCESS),
                Ok(_) => Err(Silent(Kind::Failed.exit()).into()),
                Err(error) => Err(error.into()),
            },
            () = asked.force.cancelled() => Err(Silent(Kind::Failed.exit()).into()),
            () = signals.obey(&shutdown, asked, term, has_terminal, say, dump) => {
                Err(anyhow::anyhow!("signals can't be caught any more"))
            }
            () = memory::give_back_when_idle() => Err(anyhow::anyhow!("memory can't be looked at any more")),
            () = serve(server, &state) => Err(anyhow::anyhow!("the HTTP server has ended")),
            () = announcer.run(&state, &asked.restart) => Err(anyhow::anyhow!("nobody can be told any more")),
        };
        announcer.stopped(asked.restart.is_cancelled());
        outcome
    }

    /// Says who it is: a banner, or a record.
    fn introduce(&self, cx: &Context, voice: &Voice<'_>, info: &Info) -> io::Result<()> {
        if voice.is_json() {
            let queues: Vec<&str> = info.queues.iter().map(|q| q.name.as_str()).collect();
            tracing::info!(
                target: SAID,
                event = "worker.starting",
                version = env!("CARGO_PKG_VERSION"),
                pid = std::process::id(),
                app = info.app,
                transport = info.transport,
                results = info.results,
                concurrency = info.concurrency,
                pool = info.pool,
                queues = queues.join(","),
                "{} is starting",
                info.nodename
            );
        }
        if !voice.has_audience() {
            return Ok(());
        }
        let now = Zoned::now();
        let banner = match cx.out.columns {
            Some(columns) if cx.out.is_table() => {
                banner::terminal(info, self.loglevel, &now, columns, cx.out.colour_out)
            }
            _ => banner::classic(info, self.loglevel, &now),
        };
        cx.out.line(banner.trim_end_matches('\n'))?;
        cx.out.line("")
    }

    /// Celery's `--purge`: no question, one line.
    async fn purge(&self, cx: &Context, voice: &Voice<'_>) -> anyhow::Result<()> {
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
            voice.purged(erased)?;
        }
        Ok(())
    }
}

/// `-Q` names a queue that is not configured, and may not be created.
fn unknown_queue(cx: &Context, error: &ConfigError) -> Failure {
    let failure = Failure::new(Kind::Config, error.to_string());
    let ConfigError::UnknownQueue { queue } = error else {
        return failure;
    };
    let known = cx.app.queues().unwrap_or_default();
    let known: Vec<&str> = known.iter().map(|q| q.name.as_str()).collect();
    let hint = did_you_mean(queue, known.iter().copied())
        .unwrap_or_else(|| format!("configured are: {}", known.join(", ")));
    failure.hint(hint)
}

/// Whether a setting of a Python app is for the worker, or for its processes alone: those have it as it is.
fn concerns_the_worker(place: &str) -> bool {
    let of_worker = [
        "broker_",
        "control_",
        "event_",
        "redis_",
        "task_queues",
        "worker_",
    ];
    of_worker.iter().any(|first| place.starts_with(first))
}

/// Says of options that were given that they have no effect.
fn say_idle(voice: &Voice, options: &[(bool, &str)]) -> io::Result<()> {
    options
        .iter()
        .filter(|(given, _)| *given)
        .try_for_each(|(_, option)| voice.warn(format!("{option} has no effect here")))
}

async fn serve(server: Option<Server>, state: &Arc<State>) {
    match server {
        Some(server) => server.run(state).await,
        None => std::future::pending().await,
    }
}
