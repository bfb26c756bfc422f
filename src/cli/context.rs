//! The global options, and what they make: settings, an app, an output.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::output::colour::ColourChoice;
use super::output::{Format, Out};
use super::parse;
use crate::app::App;
use crate::config::{self, Settings};

const HEADING: &str = "Global options";

/// Options that every command takes, before or after its name.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct GlobalArgs {
    /// Python Celery app or configuration file (*.toml) to use
    #[arg(short = 'A', long, global = true, value_name = "APP", env = "CELERY_APP", hide_env_values = true, help_heading = HEADING)]
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
    #[arg(long, global = true, value_name = "DIR", env = "CELERY_WORKDIR", hide_env_values = true, help_heading = HEADING)]
    pub(crate) workdir: Option<PathBuf>,

    /// Set any setting; repeatable
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", help_heading = HEADING)]
    pub(crate) set: Vec<String>,

    /// Longest time to connect and shake hands, in seconds [default: 4]
    #[arg(long, global = true, value_name = "SECS", value_parser = parse::duration, help_heading = HEADING)]
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
