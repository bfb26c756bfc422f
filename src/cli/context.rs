//! The global options, and what they make: settings, an app, an output.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

use super::farewell::Farewell;
use super::logging::LogLevel;
use super::output::colour::ColourChoice;
use super::output::table::printable;
use super::output::{Format, Out};
use super::parse;
use super::place::placed;
use super::python::Loaded;
use super::variables;
use crate::app::App;
use crate::backend::{Backend, BackendError};
use crate::broker::Broker;
use crate::config::{self, ConfigError, ConfigFile, Origin, Override, Settings, Sources, mask_url};
use crate::pidbox::{self, Mailbox};

const HEADING: &str = "Global options";

/// Options that every command takes, before or after its name.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct GlobalArgs {
    /// Python Celery app or configuration file (*.toml) to use
    ///
    /// Also CELERY_APP.
    #[arg(short = 'A', long, global = true, value_name = "APP", help_heading = HEADING)]
    pub(crate) app: Option<String>,

    /// Broker URL
    ///
    /// Order: this option, CELERY_BROKER_URL, the configuration file, BROKER_URL, else one SQLite file in the state
    /// directory.
    #[arg(short, long, global = true, value_name = "URL", help_heading = HEADING)]
    pub(crate) broker: Option<String>,

    /// Result back end URL
    ///
    /// Order: this option, CELERY_RESULT_BACKEND, the configuration file, RESULT_BACKEND, else the SQLite file of the
    /// default broker.
    #[arg(long, global = true, value_name = "URL", help_heading = HEADING)]
    pub(crate) result_backend: Option<String>,

    /// Configuration file
    ///
    /// Without it: RCELERY_CONFIG, ./rcelery.toml, $XDG_CONFIG_HOME/rcelery/config.toml, /etc/rcelery.toml; the first
    /// that exists.
    #[arg(long, global = true, value_name = "FILE", help_heading = HEADING)]
    pub(crate) config: Option<PathBuf>,

    /// Read no configuration file
    #[arg(long, global = true, conflicts_with = "config", hide_short_help = true, help_heading = HEADING)]
    pub(crate) no_config: bool,

    /// Change to this directory first
    ///
    /// Also CELERY_WORKDIR.
    #[arg(long, global = true, value_name = "DIR", help_heading = HEADING)]
    pub(crate) workdir: Option<PathBuf>,

    /// Set any setting; repeatable
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", help_heading = HEADING)]
    pub(crate) set: Vec<String>,

    /// Longest time to connect and shake hands, in seconds [default: 4]
    #[arg(long, global = true, value_name = "SECS", value_parser = parse::positive_duration, allow_negative_numbers = true, help_heading = HEADING)]
    pub(crate) connect_timeout: Option<Duration>,

    /// Answer with one JSON document
    #[arg(short, long, global = true, help_heading = HEADING)]
    pub(crate) json: bool,

    /// Form of the answer
    #[arg(long, global = true, value_enum, default_value_t, hide_default_value = true, value_name = "FORMAT", conflicts_with = "json", help_heading = HEADING)]
    pub(crate) format: Format,

    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t, hide_default_value = true, value_name = "WHEN", help_heading = HEADING)]
    pub(crate) color: ColourChoice,

    /// No colour, as with a non-empty NO_COLOR
    #[arg(short = 'C', long, global = true, help_heading = HEADING)]
    pub(crate) no_color: bool,

    /// Print answers and errors only
    #[arg(short, long, global = true, help_heading = HEADING)]
    pub(crate) quiet: bool,

    /// Say more on stderr; twice for debugging
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = HEADING)]
    pub(crate) verbose: u8,

    /// Accepted for Celery's sake, without effect
    #[arg(long, global = true, hide = true, value_name = "LOADER")]
    pub(crate) loader: Option<String>,

    /// Accepted for Celery's sake, without effect
    #[arg(long, global = true, hide = true)]
    pub(crate) skip_checks: bool,

    /// Set in the process that `--detach` starts
    #[arg(long, global = true, hide = true)]
    pub(crate) detached: bool,
}

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) app: App,
    pub(crate) out: Out,
    pub(crate) global: GlobalArgs,
    /// The configuration file that was read.
    pub(crate) file: Option<PathBuf>,
    /// Its settings that mean nothing here.
    pub(crate) ignored: Vec<String>,
    pub(crate) farewell: Farewell,
    /// Command tasks that a Python app has tasks of the same names for.
    pub(crate) shadowed: Vec<String>,
    /// The place in the app's `task_routes` of a function, which only Python can ask.
    pub(crate) router: Option<String>,
    /// What is wrong with command tasks of the file, which are left out.
    bad_tasks: Mutex<Vec<ConfigError>>,
}

impl GlobalArgs {
    /// Where answers and notes go.
    pub(crate) fn out(&self) -> Out {
        let format = if self.json { Format::Json } else { self.format };
        Out::new(format, self.color, self.no_color, self.quiet)
    }

    /// Where settings are looked for, without those of the command line.
    pub(crate) fn sources<'a>(&self, directory: &'a Path) -> Sources<'a> {
        let by_app = || self.app.as_deref().filter(|app| is_config_file(app));
        Sources {
            env: &|name| std::env::var_os(name),
            directory,
            system_file: Path::new("/etc/rcelery.toml"),
            file: match (&self.config, self.no_config) {
                (Some(path), _) => ConfigFile::Path(path.clone()),
                (None, true) => ConfigFile::None,
                (None, false) => by_app().map_or(ConfigFile::Search, |app| {
                    ConfigFile::Path(PathBuf::from(app))
                }),
            },
            app: None,
            overrides: Vec::new(),
            base: Settings::default(),
        }
    }

    /// The settings that stand in global options; later ones win.
    pub(crate) fn overrides(&self) -> anyhow::Result<Vec<Override>> {
        let timeout = self.connect_timeout.map(|t| t.as_secs_f64().to_string());
        let options = [
            ("-b", "broker_url", self.broker.as_ref()),
            (
                "--result-backend",
                "result_backend",
                self.result_backend.as_ref(),
            ),
            (
                "--connect-timeout",
                "broker_connection_timeout",
                timeout.as_ref(),
            ),
        ];
        let mut overrides: Vec<Override> = options
            .into_iter()
            .filter_map(|(option, key, text)| Some(Override::new(option, key, text?)))
            .collect();
        for pair in &self.set {
            overrides.push(Override::pair("--set", pair)?);
        }
        Ok(overrides)
    }

    /// The Python app that `-A` names.
    pub(crate) fn python_app(&self) -> Option<&str> {
        self.app
            .as_deref()
            .filter(|app| !app.is_empty() && !is_config_file(app))
    }

    /// The level of logs of commands that are not a worker.
    pub(crate) fn log_level(&self) -> LogLevel {
        match self.verbose {
            0 => LogLevel::Error,
            1 => LogLevel::Info,
            _ => LogLevel::Debug,
        }
    }
}

impl Context {
    /// Loads the settings and gives them to the app. `overrides` are those of the command's own options.
    pub(crate) fn new(
        app: App,
        global: GlobalArgs,
        farewell: Farewell,
        overrides: Vec<Override>,
        python: Option<&Loaded>,
    ) -> anyhow::Result<Self> {
        let out = global.out();
        let directory = std::env::current_dir().context("finding the working directory")?;
        let mut sources = global.sources(&directory);
        sources.base = app.settings().clone();
        sources.overrides = global.overrides()?;
        sources.overrides.extend(overrides);
        sources.app = python.map(|python| (&*python.name, &python.settings));
        let loaded = config::load(&sources)?;
        let (app, mut bad_tasks) = app.configure(loaded.settings).with_commands(&loaded.tasks);
        // The first is the last to be taken.
        bad_tasks.reverse();
        let shadowed = python.map_or_else(Vec::new, |python| python.shadowed(&loaded.tasks));
        let app = match (python, global.python_app()) {
            // They are for trying things out, and the app has something to do.
            (Some(python), _) => python.register(app.without_demo_tasks().named(python.title())),
            (None, Some(name)) => app.named(name),
            (None, None) => app,
        };
        let cx = Self {
            app,
            out,
            global,
            farewell,
            file: loaded.file,
            ignored: loaded.ignored,
            router: python.and_then(Loaded::router),
            shadowed,
            bad_tasks: Mutex::new(bad_tasks),
        };
        cx.explain()?;
        Ok(cx)
    }

    /// Says with `-v` what was loaded.
    fn explain(&self) -> anyhow::Result<()> {
        if self.global.verbose == 0 {
            return Ok(());
        }
        let note = |text: String| self.out.note(text);
        note(match &self.file {
            Some(file) => format!("configuration: {}", file.display()),
            None => "configuration: no file".to_owned(),
        })?;
        if !self.ignored.is_empty() {
            note(format!("ignored settings: {}", self.ignored.join(", ")))?;
        }
        for name in self.app.settings().without_effect() {
            note(format!("{name} has no effect here"))?;
        }
        for error in self.bad_tasks().iter().rev() {
            note(format!("ignored task: {error}"))?;
        }
        for (name, nearest) in variables::strangers() {
            let hint = nearest.map_or_else(String::new, |name| format!(" (did you mean {name}?)"));
            note(format!(
                "{} is no setting and no option: not read{hint}",
                printable(&name)
            ))?;
        }
        let settings = self.app.settings();
        note(format!(
            "broker: {} ({})",
            self.broker_url(),
            self.broker_origin()
        ))?;
        note(match &settings.result_backend {
            Some(url) => format!(
                "results: {} ({})",
                mask_url(url),
                settings.origin("result_backend")
            ),
            None => "results: disabled".to_owned(),
        })?;
        for (given, option) in [
            (self.global.loader.is_some(), "--loader"),
            (self.global.skip_checks, "--skip-checks"),
        ] {
            if given {
                note(format!("{option} has no effect: it is for Python"))?;
            }
        }
        Ok(())
    }

    /// Fails if a command task of the file is not defined as it should be: who only sends it may do without.
    pub(crate) fn check_tasks(&self) -> anyhow::Result<()> {
        match self.bad_tasks().pop() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    fn bad_tasks(&self) -> MutexGuard<'_, Vec<ConfigError>> {
        self.bad_tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a worker's log on stderr is coloured: as the options say, else as `worker_log_color` does.
    pub(crate) fn log_colour(&self) -> bool {
        let asked = self.global.no_color || self.global.color != ColourChoice::Auto;
        match self.app.settings().worker_log_color {
            Some(colour) if !asked => colour,
            _ => self.out.colour_err,
        }
    }

    /// The broker's URL as it may be shown.
    pub(crate) fn broker_url(&self) -> String {
        let settings = self.app.settings();
        let url = settings
            .broker_read_url
            .as_deref()
            .or(settings.broker_url.as_deref());
        mask_url(url.unwrap_or("none"))
    }

    /// Where the URL comes from that [`Context::broker_url`] shows.
    fn broker_origin(&self) -> &Origin {
        let settings = self.app.settings();
        settings.origin(match settings.broker_read_url {
            Some(_) => "broker_read_url",
            None => "broker_url",
        })
    }

    /// Opens a connection to the broker.
    pub(crate) async fn broker(&self) -> anyhow::Result<Arc<dyn Broker>> {
        self.sending(self.app.broker()).await
    }

    /// Awaits something that connects to the broker, and says which broker it was that failed.
    pub(crate) async fn sending<T, E>(
        &self,
        what: impl Future<Output = Result<T, E>>,
    ) -> anyhow::Result<T>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        what.await.map_err(|error| self.placed(error.into()))
    }

    /// The error with the server that it is about, if it is about one.
    pub(crate) fn placed(&self, error: anyhow::Error) -> anyhow::Error {
        placed(error, self.app.settings())
    }

    /// The result back end.
    pub(crate) async fn backend(&self) -> anyhow::Result<Arc<dyn Backend>> {
        let backend = self.app.backend().await?;
        if backend.is_enabled() {
            Ok(backend)
        } else {
            Err(BackendError::Disabled.into())
        }
    }

    /// The result back end, after it has answered: a task that is sent can't be taken back.
    pub(crate) async fn reachable_backend(&self) -> anyhow::Result<Arc<dyn Backend>> {
        let backend = self.backend().await?;
        // Nothing has this id.
        backend.get("").await?;
        Ok(backend)
    }

    /// The mailbox through which nodes are asked.
    pub(crate) fn mailbox(&self, broker: &Arc<dyn Broker>) -> anyhow::Result<Mailbox> {
        let settings = self.app.settings();
        Ok(Mailbox::new(
            Arc::clone(broker),
            pidbox::Options {
                namespace: settings.control_exchange.clone(),
                ttl: settings.control_queue_ttl,
                expires: settings.control_queue_expires,
                accept: self.app.accept()?,
            },
        ))
    }
}

/// `-A rcelery.toml` names a configuration, anything else a Python app.
fn is_config_file(app: &str) -> bool {
    Path::new(app)
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("toml"))
}
