//! Fills the settings: flags over environment over file over defaults.
//!
//! Nothing is read but what [`Sources`] names: the environment it hands in, one file, and a file with the broker's URL.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::environment::{read_environment, read_last, read_url_files};
use super::error::{Excerpt, position};
use super::legacy::{current_name, namespaced};
use super::settings::TABLE;
use super::tasks::{self, TaskTable};
use super::{ConfigError, Origin, Settings};
use crate::protocol::{Map, Value};
use crate::sqlite::DEFAULT_FILE;

/// Which configuration file is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ConfigFile {
    /// The first found: `$RCELERY_CONFIG`, `rcelery.toml` here, the user's, the machine's.
    #[default]
    Search,
    /// This one (`--config`); it must exist.
    Path(PathBuf),
    /// None (`--no-config`).
    None,
}

/// One setting from the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The option as the user wrote it: `-b`, `--set`.
    pub option: String,
    /// The setting.
    pub key: String,
    /// Its value as text.
    pub text: String,
}

impl Override {
    /// An option that stands for a setting, such as `-b URL`.
    #[must_use]
    pub fn new(option: &str, key: &str, text: impl Into<String>) -> Self {
        Self {
            option: option.to_owned(),
            key: key.to_owned(),
            text: text.into(),
        }
    }

    /// Reads `--set KEY=VALUE`.
    ///
    /// # Errors
    /// `NotAPair` without a `=`.
    pub fn pair(option: &str, pair: &str) -> Result<Self, ConfigError> {
        let (key, text) = split(pair)?;
        Ok(Self::new(option, &current_name(key), text))
    }

    /// Reads `worker -- key=value`, where `worker.key` is `worker_key`, and so is a bare `key` of the namespace.
    ///
    /// # Errors
    /// `NotAPair` without a `=`.
    pub fn namespaced(namespace: &str, pair: &str) -> Result<Self, ConfigError> {
        let (key, text) = split(pair)?;
        Ok(Self::new("--", &namespaced(key, namespace), text))
    }
}

fn split(pair: &str) -> Result<(&str, &str), ConfigError> {
    match pair.split_once('=') {
        Some((key, text)) if !key.trim().is_empty() => Ok((key.trim(), text)),
        _ => Err(ConfigError::NotAPair {
            text: pair.to_owned(),
        }),
    }
}

/// Where settings are looked for.
pub struct Sources<'a> {
    /// The environment.
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
    /// The working directory (after `--workdir`).
    pub directory: &'a Path,
    /// The machine's file, `/etc/rcelery.toml`.
    pub system_file: &'a Path,
    /// Which file is read.
    pub file: ConfigFile,
    /// A Python app and the settings that it has: they win over the file.
    pub app: Option<(&'a str, &'a Map)>,
    /// Settings of the command line; later ones win.
    pub overrides: Vec<Override>,
    /// What the program itself has set, or the defaults: all others win over it.
    pub base: Settings,
}

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("directory", &self.directory)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// What [`load`] found.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings. Broker and back end are filled in where they have a default.
    pub settings: Settings,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// The command tasks of the file.
    pub tasks: Vec<TaskTable>,
    /// Settings of the file and of options that do not apply to rcelery and were ignored.
    pub ignored: Vec<String>,
    /// Whether the broker is the default one: the SQLite file of this user.
    pub default_broker: bool,
}

/// Loads the settings.
///
/// # Errors
/// Whatever is wrong with the file, a variable or an option, with its place; `NoStateDirectory` if no broker is named
/// and there is no home for the default one.
pub fn load(sources: &Sources<'_>) -> Result<Loaded, ConfigError> {
    let mut loaded = Loaded {
        settings: sources.base.clone(),
        file: None,
        tasks: Vec::new(),
        ignored: Vec::new(),
        default_broker: false,
    };
    if let Some(path) = find_file(sources) {
        read_file(&path, &mut loaded)?;
        loaded.file = Some(path);
    }
    if let Some((app, settings)) = sources.app {
        read_app(app, settings, &mut loaded);
    }
    let settings = &mut loaded.settings;
    read_environment(sources, settings)?;
    for one in &sources.overrides {
        match settings.set_text(&one.key, &one.text, Origin::Flag(one.option.clone())) {
            Ok(()) => {}
            Err(ConfigError::NotApplicable { key }) => loaded.ignored.push(key),
            Err(error) => return Err(error.at(one.option.as_str())),
        }
    }
    // A broker on the command line is the whole answer: one for a single direction elsewhere is not asked.
    for key in ["broker_read_url", "broker_write_url"] {
        let is_flag = |key| matches!(settings.origin(key), Origin::Flag(_));
        if is_flag("broker_url") && !is_flag(key) {
            settings.reset(key);
        }
    }
    read_url_files(sources, settings)?;
    read_last(sources, settings)?;
    if settings.broker_url.is_none()
        && (settings.broker_read_url.is_none() || settings.broker_write_url.is_none())
    {
        if let Some((app, _)) = sources.app {
            // Its other programs would send to RabbitMQ on this machine.
            return Err(ConfigError::AppWithoutBroker {
                app: app.to_owned(),
            });
        }
        let url = sqlite_url(&default_database(sources)?);
        if settings.result_backend.is_none() {
            settings.assume("result_backend", &url);
        }
        settings.assume("broker_url", &url);
        loaded.default_broker = true;
    }
    Ok(loaded)
}

/// The settings that the program has here without any option: environment over file over defaults. For services that
/// send tasks.
///
/// # Errors
/// As [`load`].
pub fn from_env() -> Result<Settings, ConfigError> {
    let loaded = load(&Sources {
        env: &|name| std::env::var_os(name),
        directory: Path::new("."),
        system_file: Path::new("/etc/rcelery.toml"),
        file: ConfigFile::Search,
        app: None,
        overrides: Vec::new(),
        base: Settings::default(),
    })?;
    Ok(loaded.settings)
}

/// The URL of an SQLite file, as SQLAlchemy writes it: three slashes, then the path.
fn sqlite_url(path: &Path) -> String {
    format!("sqlite:///{}", path.display())
}

fn default_database(sources: &Sources<'_>) -> Result<PathBuf, ConfigError> {
    let state = directory(sources, "XDG_STATE_HOME")
        .or_else(|| directory(sources, "HOME").map(|home| home.join(".local/state")))
        .ok_or(ConfigError::NoStateDirectory)?;
    Ok(state.join(DEFAULT_FILE))
}

/// A directory named by a variable. The XDG specification has relative ones ignored.
fn directory(sources: &Sources<'_>, name: &str) -> Option<PathBuf> {
    (sources.env)(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

/// A place where a configuration file may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The file.
    pub path: PathBuf,
    /// Who names it: `--config`, `RCELERY_CONFIG`, or what kind of place it is.
    pub named_by: &'static str,
    /// Whether there is a file.
    pub exists: bool,
    /// Whether it is the one that is read; a file that was named is, even if it does not exist.
    pub is_read: bool,
}

/// The places of the configuration file, the first to be looked at first; none with [`ConfigFile::None`].
#[must_use]
pub fn search(sources: &Sources<'_>) -> Vec<Candidate> {
    let named = match &sources.file {
        ConfigFile::None => return Vec::new(),
        ConfigFile::Path(path) => Some((sources.directory.join(path), "--config")),
        ConfigFile::Search => (sources.env)("RCELERY_CONFIG")
            .filter(|path| !path.is_empty())
            .map(|path| (sources.directory.join(path), "RCELERY_CONFIG")),
    };
    let user = directory(sources, "XDG_CONFIG_HOME")
        .or_else(|| directory(sources, "HOME").map(|home| home.join(".config")))
        .map(|config| (config.join("rcelery/config.toml"), "user"));
    let is_named = named.is_some();
    let here = sources.directory.join("rcelery.toml");
    let places = [
        named,
        Some((here, "working directory")),
        user,
        Some((sources.system_file.to_owned(), "machine")),
    ];
    let mut found = is_named;
    places
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(i, (path, named_by))| {
            let exists = path.is_file();
            let is_read = if is_named { i == 0 } else { exists && !found };
            found |= is_read;
            Candidate {
                path,
                named_by,
                exists,
                is_read,
            }
        })
        .collect()
}

/// Takes over what an app has set. What means nothing here, or not as it is there, is left out: the app's own code acts
/// on it.
fn read_app(app: &str, settings: &Map, loaded: &mut Loaded) {
    for (key, value) in settings {
        let several = value
            .as_list()
            .filter(|_| key.starts_with("broker_") && key.ends_with("url"));
        let urls = several.map(|urls| {
            let urls: Vec<&str> = urls.iter().filter_map(Value::as_str).collect();
            Value::from(urls.join(";"))
        });
        let value = urls.as_ref().unwrap_or(value);
        let origin = Origin::App(app.to_owned());
        if loaded.settings.set(key, value, origin).is_err() {
            loaded.ignored.push(key.clone());
        }
    }
}

fn find_file(sources: &Sources<'_>) -> Option<PathBuf> {
    let mut places = search(sources).into_iter();
    places.find(|place| place.is_read).map(|place| place.path)
}

pub(super) fn read_text(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })
}

fn read_file(path: &Path, loaded: &mut Loaded) -> Result<(), ConfigError> {
    let text = read_text(path)?;
    let table = DeTable::parse(&text).map_err(|error| {
        let (line, column) = position(&text, error.span().map_or(0, |span| span.start));
        ConfigError::Syntax {
            path: path.to_owned(),
            line,
            column,
            message: error.message().replace('\n', ", "),
            excerpt: Excerpt::of(&text, line, column),
        }
    })?;
    for (key, value) in in_order(table.get_ref()) {
        let (name_at, value_at) = (key.span().start, value.span().start);
        let name = key.get_ref().as_ref();
        if name == "tasks" {
            loaded.tasks = tasks::read(path, &text, value)?;
            continue;
        }
        let value = to_value(value.get_ref());
        match loaded
            .settings
            .set(name, &value, Origin::File(path.to_owned()))
        {
            Ok(()) => {}
            Err(ConfigError::NotApplicable { key }) => loaded.ignored.push(key),
            Err(ConfigError::UnknownKey { key, suggestion }) => {
                let today = current_name(&key);
                let suggestion = if today == key.to_ascii_lowercase() && suggestion.is_some() {
                    suggestion
                } else {
                    Some(today).filter(|name| TABLE.iter().any(|entry| entry.name == name.as_str()))
                };
                return Err(
                    ConfigError::UnknownKey { key, suggestion }.in_file(path, &text, name_at)
                );
            }
            Err(error) => return Err(error.in_file(path, &text, value_at)),
        }
    }
    Ok(())
}

type Item<'a, 'b> = (
    &'b Spanned<std::borrow::Cow<'a, str>>,
    &'b Spanned<DeValue<'a>>,
);

/// The entries of a table as they stand in the file: routes are asked in that order.
pub(super) fn in_order<'a, 'b>(table: &'b DeTable<'a>) -> Vec<Item<'a, 'b>> {
    let mut items: Vec<Item<'a, 'b>> = table.iter().collect();
    items.sort_by_key(|(key, _)| key.span().start);
    items
}

// The parser bounds how deep a file nests, so this recursion is bounded too.
pub(super) fn to_value(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::BigInt(number.as_str().to_owned()), Value::Int),
        DeValue::Float(number) => Value::Float(float(number.as_str())),
        DeValue::Boolean(b) => Value::Bool(*b),
        DeValue::Datetime(at) => match (&at.date, &at.time) {
            (Some(_), None) => Value::Date(at.to_string()),
            (None, Some(_)) => Value::Time(at.to_string()),
            _ => Value::DateTime(at.to_string()),
        },
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| to_value(item.get_ref())).collect())
        }
        DeValue::Table(table) => Value::Map(
            in_order(table)
                .into_iter()
                .map(|(key, value)| {
                    let key = key.get_ref().as_ref().to_owned();
                    (key, to_value(value.get_ref()))
                })
                .collect::<Map>(),
        ),
    }
}

/// TOML's floats are Rust's, `inf` and `nan` with their signs included.
fn float(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}
