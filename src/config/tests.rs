//! Loading, from a machine that is a directory and a table of variables.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::*;
use crate::protocol::Value;

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
            app: None,
            overrides: self.overrides.clone(),
            base: Settings::default(),
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
            "cwd/rcelery.toml:2:1: unknown setting `task_ack_late`\n  2 | task_ack_late = true\n    | ^",
        ),
        (
            "timezone = 'UTC'\n\nresult_expires = 'soon'",
            "cwd/rcelery.toml:3:18: `result_expires` must be a number of seconds",
        ),
        (
            "[tasks]\n\"images.resize\" = ['convert']",
            "cwd/rcelery.toml:2:1: `tasks.\"images.resize\"` must be a table",
        ),
        (
            "\n[[task_queues]]\nexchange = 'x'",
            "cwd/rcelery.toml:2:1: `task_queues`: entry 1: `name` is missing",
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

#[test]
fn line_that_is_quoted_keeps_its_secrets() {
    for text in [
        "broker_url = redis://:geheim@h",
        "broker_url = 5\nredis_password = 'geheim",
        "broker_transport_options = { password = 'geheim' oops",
    ] {
        let found = Machine::new().write("cwd/rcelery.toml", text).refused();
        assert!(
            found.contains(" | ") && !found.contains("geheim"),
            "{found}"
        );
    }
}

#[test]
fn result_back_end_may_stand_in_a_mounted_file_too() {
    let machine = Machine::new()
        .write("cwd/secret", "redis://:pw@results/1\n")
        .set("result_backend_file=secret");
    let settings = machine.load().unwrap().settings;
    assert_eq!(
        settings.result_backend.as_deref(),
        Some("redis://:pw@results/1")
    );
    assert_eq!(settings.origin("result_backend").to_string(), "flag --set");
    let gone = Machine::new().env("CELERY_RESULT_BACKEND_FILE", "gone");
    let error = gone.refused();
    assert!(
        error.starts_with(
            "result_backend_file (env CELERY_RESULT_BACKEND_FILE): can't read `cwd/gone`"
        ),
        "{error}"
    );
    assert!(error.contains("No such file"), "{error}");
}

#[test]
fn what_the_program_has_set_is_the_weakest_but_no_default() {
    let load_over = |base: Settings, machine: &Machine| {
        load(&Sources {
            env: &|name| machine.env.get(name).cloned(),
            directory: machine.root.path(),
            system_file: Path::new("/nonexistent"),
            file: ConfigFile::None,
            app: None,
            overrides: Vec::new(),
            base,
        })
        .unwrap()
        .settings
    };
    let base = Settings::default().with(|s| {
        s.broker_url = Some("redis://program".to_owned());
        s.task_default_queue = "program".to_owned();
    });
    let machine = Machine::new()
        .env("CELERY_TASK_DEFAULT_QUEUE", "env")
        .env("BROKER_URL", "redis://everybody");
    let settings = load_over(base, &machine);
    assert_eq!(settings.broker_url.as_deref(), Some("redis://program"));
    assert_eq!(settings.task_default_queue, "env");
    assert_eq!(settings.origin("broker_url"), &Origin::Code);
}

#[test]
fn content_types_and_pools_that_nobody_knows_are_refused() {
    for (pair, expected) in [
        ("task_serializer=nope", "one of `json`, `msgpack`, `yaml`"),
        ("result_serializer=nope", "one of `json`"),
        ("event_serializer=nope", "one of `json`"),
        ("accept_content=json,nope", "one of `json`"),
        ("result_accept_content=nope", "one of `json`"),
        ("task_compression=lzma", "one of `gzip`, `bzip2`, `zstd`"),
        ("result_compression=lzma", "one of `gzip`"),
        ("worker_pool=green", "one of `threads`, `solo`"),
    ] {
        let (key, _) = pair.split_once('=').unwrap();
        let error = Machine::new().set(pair).refused();
        let wanted = format!("--set: `{key}` must be {expected}");
        assert!(error.starts_with(&wanted), "{error}");
    }
    let fine = Machine::new().set("accept_content=json,application/x-yaml");
    assert!(fine.load().is_ok());
}

#[test]
fn a_broker_on_the_command_line_is_for_both_directions() {
    let machine = Machine::new()
        .env("CELERY_BROKER_READ_URL", "redis://read")
        .env("CELERY_BROKER_URL", "redis://env");
    let settings = machine.load().unwrap().settings;
    assert_eq!(settings.broker_read_url.as_deref(), Some("redis://read"));
    let settings = machine
        .set("broker_url=redis://flag")
        .load()
        .unwrap()
        .settings;
    assert_eq!(settings.broker_read_url, None);
    assert_eq!(settings.broker_url.as_deref(), Some("redis://flag"));
}
