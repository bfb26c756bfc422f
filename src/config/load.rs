//! Fills the settings: flags over environment over file over defaults.
//!
//! Nothing is read but what [`Sources`] names: the environment it hands in, one file, and a file with the broker's URL.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::legacy::{current_name, namespaced, old_names};
use super::settings::TABLE;
use super::{ConfigError, Origin, Settings};
use crate::protocol::{Map, Value};

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
    /// Settings of the command line; later ones win.
    pub overrides: Vec<Override>,
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
    /// Settings of the file that do not apply to rcelery and were ignored.
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
        settings: Settings::default(),
        file: None,
        ignored: Vec::new(),
        default_broker: false,
    };
    if let Some(path) = find_file(sources)? {
        read_file(&path, &mut loaded)?;
        loaded.file = Some(path);
    }
    let settings = &mut loaded.settings;
    read_environment(sources, settings)?;
    for one in &sources.overrides {
        settings
            .set_text(&one.key, &one.text, Origin::Flag(one.option.clone()))
            .map_err(|error| error.at(one.option.as_str()))?;
    }
    read_broker_url_file(sources, settings)?;
    // Celery lets these beat CELERY_BROKER_URL; they are everybody's names, so here they come last.
    for (key, name) in [
        ("broker_url", "BROKER_URL"),
        ("result_backend", "RESULT_BACKEND"),
    ] {
        if settings.origin(key) == &Origin::Default
            && let Some(text) = variable(sources, name)?
        {
            settings.set_text(key, &text, Origin::Env(name.to_owned()))?;
        }
    }
    if settings.broker_url.is_none()
        && (settings.broker_read_url.is_none() || settings.broker_write_url.is_none())
    {
        let url = sqlite_url(&default_database(sources)?);
        if settings.result_backend.is_none() {
            settings.result_backend = Some(url.clone());
        }
        settings.broker_url = Some(url);
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
        overrides: Vec::new(),
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
    Ok(state.join("rcelery/rcelery.db"))
}

/// A directory named by a variable. The XDG specification has relative ones ignored.
fn directory(sources: &Sources<'_>, name: &str) -> Option<PathBuf> {
    (sources.env)(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

fn variable(sources: &Sources<'_>, name: &str) -> Result<Option<String>, ConfigError> {
    match (sources.env)(name) {
        None => Ok(None),
        // An empty variable is how a compose file or a unit says "not set".
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => match text.into_string() {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(ConfigError::invalid(name, "not valid UTF-8")),
        },
    }
}

fn find_file(sources: &Sources<'_>) -> Result<Option<PathBuf>, ConfigError> {
    match &sources.file {
        ConfigFile::None => return Ok(None),
        ConfigFile::Path(path) => return Ok(Some(sources.directory.join(path))),
        ConfigFile::Search => {}
    }
    if let Some(path) = (sources.env)("RCELERY_CONFIG").filter(|path| !path.is_empty()) {
        return Ok(Some(sources.directory.join(path)));
    }
    let user = directory(sources, "XDG_CONFIG_HOME")
        .or_else(|| directory(sources, "HOME").map(|home| home.join(".config")))
        .map(|config| config.join("rcelery/config.toml"));
    let candidates = [
        Some(sources.directory.join("rcelery.toml")),
        user,
        Some(sources.system_file.to_owned()),
    ];
    Ok(candidates.into_iter().flatten().find(|path| path.is_file()))
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
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
        }
    })?;
    for (key, value) in in_order(table.get_ref()) {
        let (line, _) = position(&text, key.span().start);
        let place = format!("{}:{line}", path.display());
        let name = key.get_ref().as_ref();
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
                return Err(ConfigError::UnknownKey { key, suggestion }.at(place));
            }
            Err(error) => return Err(error.at(place)),
        }
    }
    Ok(())
}

/// Line and column, from 1, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[start..].chars().count() + 1)
}

type Item<'a, 'b> = (
    &'b Spanned<std::borrow::Cow<'a, str>>,
    &'b Spanned<DeValue<'a>>,
);

/// The entries of a table as they stand in the file: routes are asked in that order.
fn in_order<'a, 'b>(table: &'b DeTable<'a>) -> Vec<Item<'a, 'b>> {
    let mut items: Vec<Item<'a, 'b>> = table.iter().collect();
    items.sort_by_key(|(key, _)| key.span().start);
    items
}

// The parser bounds how deep a file nests, so this recursion is bounded too.
fn to_value(value: &DeValue<'_>) -> Value {
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

fn read_environment(sources: &Sources<'_>, settings: &mut Settings) -> Result<(), ConfigError> {
    for entry in TABLE {
        // For click this is the path of beat's file, for Django a dict: neither is a schedule.
        if entry.name == "beat_schedule" {
            continue;
        }
        let todays = format!("CELERY_{}", entry.name.to_ascii_uppercase());
        let names = std::iter::once(todays).chain(old_names(entry.name));
        for name in names {
            if let Some(text) = variable(sources, &name)? {
                settings
                    .set_text(entry.name, &text, Origin::Env(name.clone()))
                    .map_err(|error| error.at(name))?;
                break;
            }
        }
    }
    Ok(())
}

/// `broker_url_file`, unless a URL is given at the same place or a stronger one.
fn read_broker_url_file(sources: &Sources<'_>, settings: &mut Settings) -> Result<(), ConfigError> {
    let Some(path) = settings.broker_url_file.clone() else {
        return Ok(());
    };
    let origin = settings.origin("broker_url_file").clone();
    if strength(&origin) <= strength(settings.origin("broker_url")) {
        return Ok(());
    }
    let path = sources.directory.join(path);
    let text = read_text(&path)?;
    let url = text.lines().next().unwrap_or_default().trim();
    if url.is_empty() {
        return Err(ConfigError::invalid(
            "broker_url_file",
            format!("`{}` has no URL in its first line", path.display()),
        ));
    }
    settings.set_text("broker_url", url, origin)
}

fn strength(origin: &Origin) -> u8 {
    match origin {
        Origin::Default => 0,
        Origin::File(_) => 1,
        Origin::Env(_) => 2,
        Origin::Flag(_) => 3,
        Origin::Code => 4,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs;

    use super::*;

    struct Machine {
        root: tempfile::TempDir,
        env: HashMap<String, OsString>,
        file: ConfigFile,
        overrides: Vec<Override>,
    }

    impl Machine {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let env = HashMap::from([("HOME".to_owned(), root.path().join("home").into())]);
            Self {
                root,
                env,
                file: ConfigFile::Search,
                overrides: Vec::new(),
            }
        }

        fn env(mut self, name: &str, value: &str) -> Self {
            self.env.insert(name.to_owned(), value.into());
            self
        }

        fn write(self, path: &str, text: &str) -> Self {
            let path = self.root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            self
        }

        fn set(mut self, pair: &str) -> Self {
            self.overrides.push(Override::pair("--set", pair).unwrap());
            self
        }

        fn load(&self) -> Result<Loaded, ConfigError> {
            load(&Sources {
                env: &|name| self.env.get(name).cloned(),
                directory: &self.root.path().join("cwd"),
                system_file: &self.root.path().join("etc/rcelery.toml"),
                file: self.file.clone(),
                overrides: self.overrides.clone(),
            })
        }

        fn refused(&self) -> String {
            let mut error: &dyn std::error::Error = &self.load().unwrap_err();
            let mut text = error.to_string();
            while let Some(source) = error.source() {
                error = source;
                if !text.contains(&error.to_string()) {
                    text = format!("{text}: {error}");
                }
            }
            text.replace(&format!("{}/", self.root.path().display()), "")
        }
    }

    #[test]
    fn with_nothing_named_broker_and_results_are_this_users_file() {
        let machine = Machine::new();
        let loaded = machine.load().unwrap();
        let home = machine.root.path().join("home");
        let url = format!(
            "sqlite:///{}/.local/state/rcelery/rcelery.db",
            home.display()
        );
        assert!(loaded.default_broker);
        assert_eq!(loaded.settings.broker_url.as_deref(), Some(&*url));
        assert_eq!(loaded.settings.result_backend.as_deref(), Some(&*url));
        assert_eq!(loaded.settings.origin("broker_url"), &Origin::Default);

        let machine = Machine::new().env("XDG_STATE_HOME", "/var/state");
        let url = "sqlite:////var/state/rcelery/rcelery.db";
        let loaded = machine.load().unwrap();
        assert_eq!(loaded.settings.broker_url.as_deref(), Some(url));
    }

    #[test]
    fn without_a_home_only_a_named_broker_will_do() {
        let mut machine = Machine::new();
        machine.env.clear();
        assert_eq!(
            machine.refused(),
            "no place for the default broker: neither XDG_STATE_HOME nor HOME is set"
        );
        machine.env.insert("HOME".to_owned(), "not/absolute".into());
        assert!(machine.load().is_err());
        let machine = machine.env("CELERY_BROKER_URL", "redis://h");
        let loaded = machine.load().unwrap();
        assert!(!loaded.default_broker);
        assert_eq!(loaded.settings.result_backend, None);
    }

    #[test]
    fn flags_beat_environment_beats_file() {
        let file =
            "task_default_queue = 'file'\nworker_prefetch_multiplier = 2\ntask_acks_late = true\n";
        let machine = Machine::new()
            .write("cwd/rcelery.toml", file)
            .env("CELERY_TASK_DEFAULT_QUEUE", "env")
            .env("CELERY_WORKER_PREFETCH_MULTIPLIER", "3")
            .set("task_default_queue=flag");
        let loaded = machine.load().unwrap();
        let settings = &loaded.settings;
        assert_eq!(settings.task_default_queue, "flag");
        assert_eq!(settings.worker_prefetch_multiplier, 3);
        assert!(settings.task_acks_late);
        let file = loaded.file.clone().unwrap();
        assert_eq!(file, machine.root.path().join("cwd/rcelery.toml"));
        for (key, origin) in [
            ("task_default_queue", "flag --set".to_owned()),
            (
                "worker_prefetch_multiplier",
                "env CELERY_WORKER_PREFETCH_MULTIPLIER".to_owned(),
            ),
            ("task_acks_late", format!("file {}", file.display())),
            ("task_track_started", "default".to_owned()),
        ] {
            assert_eq!(settings.origin(key).to_string(), origin);
        }
    }

    #[test]
    fn first_file_found_is_the_only_one_read() {
        let machine = Machine::new().write("etc/rcelery.toml", "timezone = 'Asia/Tokyo'");
        let zone = |machine: &Machine| {
            machine
                .load()
                .unwrap()
                .settings
                .timezone
                .unwrap_or_default()
        };
        assert_eq!(zone(&machine), "Asia/Tokyo");
        let machine = machine.write(
            "home/.config/rcelery/config.toml",
            "timezone = 'Europe/Rome'",
        );
        assert_eq!(zone(&machine), "Europe/Rome");
        let machine = machine.write("cwd/rcelery.toml", "task_acks_late = true");
        assert_eq!(zone(&machine), "", "the user's file is not merged in");
        let machine = machine
            .write("cwd/other.toml", "timezone = 'UTC'")
            .env("RCELERY_CONFIG", "other.toml");
        assert_eq!(zone(&machine), "UTC");
        let mut machine = machine;
        machine.file = ConfigFile::None;
        assert_eq!(zone(&machine), "");
        machine.file = ConfigFile::Path("gone.toml".into());
        assert!(
            machine
                .refused()
                .starts_with("can't read `cwd/gone.toml`: No such file")
        );
    }

    #[test]
    fn what_is_wrong_in_a_file_has_its_line() {
        for (text, reason) in [
            ("a = [1,\n  = 2", "cwd/rcelery.toml:2:3: "),
            (
                "\ntask_ack_late = true",
                "cwd/rcelery.toml:2: unknown setting `task_ack_late`",
            ),
            (
                "timezone = 'UTC'\n\nresult_expires = 'soon'",
                "cwd/rcelery.toml:3: `result_expires` must be a number of seconds",
            ),
            (
                "[tasks.\"images.resize\"]\ncommand = ['convert']",
                "cwd/rcelery.toml:1: unknown setting `tasks`",
            ),
            (
                "\n[[task_queues]]\nexchange = 'x'",
                "cwd/rcelery.toml:2: `task_queues`: entry 1: `name` is missing",
            ),
        ] {
            let found = Machine::new().write("cwd/rcelery.toml", text).refused();
            assert!(found.starts_with(reason), "{found}");
        }
    }

    #[test]
    fn old_name_in_a_file_is_answered_with_todays() {
        let machine = Machine::new().write("cwd/rcelery.toml", "CELERYD_CONCURRENCY = 4");
        let error = machine.load().unwrap_err();
        assert_eq!(
            error.hint().as_deref(),
            Some("did you mean `worker_concurrency`?")
        );
    }

    #[test]
    fn python_only_setting_in_a_file_is_ignored_and_listed() {
        let machine =
            Machine::new().write("cwd/rcelery.toml", "imports = ['proj']\nenable_utc = false");
        let loaded = machine.load().unwrap();
        assert_eq!(loaded.ignored, ["imports"]);
        assert!(!loaded.settings.enable_utc);
    }

    #[test]
    fn tables_of_a_file_keep_their_order() {
        let text = "[task_routes]\n\"z.*\" = 'one'\n\"*\" = { queue = 'two' }\n\"a.*\" = 'three'\n\
                    [broker_transport_options]\nvisibility_timeout = 3_600\npriority_steps = [0, 5]\n\
                    [[task_queues]]\nname = 'hi'\n[[task_queues]]\nname = 'lo'\n";
        let loaded = Machine::new()
            .write("cwd/rcelery.toml", text)
            .load()
            .unwrap();
        let settings = loaded.settings;
        let queues: Vec<&str> = settings.task_routes.queues().collect();
        assert_eq!(queues, ["one", "two", "three"]);
        assert_eq!(
            settings.broker_transport_options["visibility_timeout"],
            Value::Int(3600)
        );
        let names = settings.queues().unwrap();
        assert_eq!((&*names[0].name, &*names[1].name), ("hi", "lo"));
    }

    #[test]
    fn variables_of_others_are_not_read() {
        let machine = Machine::new()
            .env("APP", "proj")
            .env("CELERY_VERSION", "5.7.0")
            .env("CELERY_BEAT_SCHEDULE", "/var/run/schedule")
            .env("CELERY_TASK_DEFAULT_QUEUE", "");
        let settings = machine.load().unwrap().settings;
        assert_eq!(settings.task_default_queue, "celery");
        assert!(settings.beat_schedule.is_empty());
    }

    #[test]
    fn bad_variable_is_named() {
        let machine = Machine::new().env("CELERY_TASK_ACKS_LATE", "perhaps");
        assert_eq!(
            machine.refused(),
            "CELERY_TASK_ACKS_LATE: `task_acks_late` must be true or false, not `perhaps`"
        );
    }

    #[test]
    fn old_variable_counts_unless_todays_is_there() {
        let machine = Machine::new().env("CELERYD_CONCURRENCY", "3");
        assert_eq!(machine.load().unwrap().settings.worker_concurrency, Some(3));
        let machine = machine.env("CELERY_WORKER_CONCURRENCY", "5");
        assert_eq!(machine.load().unwrap().settings.worker_concurrency, Some(5));
    }

    #[test]
    fn everybodys_broker_url_comes_last() {
        let machine = Machine::new().env("BROKER_URL", "redis://last");
        let url = |machine: &Machine| machine.load().unwrap().settings.broker_url.unwrap();
        assert_eq!(url(&machine), "redis://last");
        let machine = machine.write("cwd/rcelery.toml", "broker_url = 'redis://file'");
        assert_eq!(url(&machine), "redis://file");
    }

    #[test]
    fn broker_url_may_stand_in_a_mounted_file() {
        let machine = Machine::new()
            .write("cwd/secret", "redis://:pw@secret\n")
            .write("cwd/rcelery.toml", "broker_url = 'redis://file'")
            .env("CELERY_BROKER_URL_FILE", "secret");
        let url = |machine: &Machine| machine.load().unwrap().settings.broker_url.unwrap();
        assert_eq!(url(&machine), "redis://:pw@secret");
        let machine = machine.env("CELERY_BROKER_URL", "redis://env");
        assert_eq!(url(&machine), "redis://env");
        let machine = Machine::new()
            .write("cwd/empty", "\n")
            .env("CELERY_BROKER_URL_FILE", "empty");
        assert_eq!(
            machine.refused(),
            "`broker_url_file`: `cwd/empty` has no URL in its first line"
        );
    }

    #[test]
    fn pairs_after_dashes_mean_the_worker() {
        let one = Override::namespaced("worker", "concurrency=2").unwrap();
        assert_eq!(one, Override::new("--", "worker_concurrency", "2"));
        assert_eq!(
            Override::pair("--set", "novalue").unwrap_err().to_string(),
            "`novalue` is not KEY=VALUE"
        );
    }
}
