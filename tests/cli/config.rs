//! `rcelery config`, and where settings come from.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{Rcelery, Worker, interpreter, secs};

/// A file of settings in the home of the program.
fn file(rcelery: &Rcelery, name: &str, text: &str) {
    fs::write(rcelery.home().join(name), text).expect("a file");
}

/// Value and origin of a setting.
#[track_caller]
fn shown(rcelery: &Rcelery, args: &[&str], key: &str) -> (String, String) {
    let args = [args, &["config", "show", "-j", key]].concat();
    let document = rcelery.run(&args).json();
    let text = |name: &str| match &document[key][name] {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    (text("value"), text("origin"))
}

/// Which of file, environment, `-b` or `--set`, and `--` there are, and which of them counts.
#[test]
fn options_beat_environment_beats_file_beats_default() {
    let with = |in_file: bool, in_env: bool| {
        let mut rcelery = Rcelery::new();
        if in_file {
            let text = "broker_url = 'redis://file'\ntask_default_queue = 'file'\n";
            file(&rcelery, "rcelery.toml", text);
        }
        if in_env {
            rcelery = rcelery
                .env("CELERY_BROKER_URL", "redis://env")
                .env("CELERY_TASK_DEFAULT_QUEUE", "env");
        }
        rcelery
    };
    let here = |rcelery: &Rcelery| format!("file {}/rcelery.toml", rcelery.home().display());
    let none: &[&str] = &[];
    let flag: &[&str] = &["-b", "redis://flag", "--set", "task_default_queue=flag"];
    for (in_file, in_env, args, value, origin) in [
        (false, false, none, "celery", "default"),
        (true, false, none, "file", "file"),
        (false, true, none, "env", "env CELERY_TASK_DEFAULT_QUEUE"),
        (true, true, none, "env", "env CELERY_TASK_DEFAULT_QUEUE"),
        (false, false, flag, "flag", "flag --set"),
        (true, false, flag, "flag", "flag --set"),
        (false, true, flag, "flag", "flag --set"),
        (true, true, flag, "flag", "flag --set"),
    ] {
        let rcelery = with(in_file, in_env);
        let case = format!("file {in_file}, env {in_env}, {args:?}");
        let (found, from) = shown(&rcelery, args, "task_default_queue");
        let origin = if origin == "file" {
            here(&rcelery)
        } else {
            origin.to_owned()
        };
        assert_eq!((found.as_str(), from), (value, origin), "{case}");
        let (broker, from) = shown(&rcelery, args, "broker_url");
        if value == "celery" {
            assert!(broker.starts_with("sqlite:///"), "{case}: {broker}");
        } else {
            assert_eq!(broker, format!("redis://{value}"), "{case}");
        }
        assert!(
            from.starts_with(
                ["default", "file", "env", "flag"][["celery", "file", "env", "flag"]
                    .iter()
                    .position(|v| *v == value)
                    .expect("a case")]
            ),
            "{case}: {from}"
        );
    }
}

#[test]
fn the_last_of_several_options_counts_and_dashes_are_options_too() {
    let rcelery = Rcelery::new();
    let twice = [
        "--set",
        "worker_concurrency=2",
        "--set",
        "worker_concurrency=3",
    ];
    assert_eq!(shown(&rcelery, &twice, "worker_concurrency").0, "3");
    let refused = rcelery.run(&["worker", "--", "worker.concurency=2"]);
    refused.exit(78);
    assert!(
        refused
            .stderr
            .contains("error: --: unknown setting `worker_concurency`")
            && refused
                .stderr
                .contains("did you mean `worker_concurrency`?"),
        "{}",
        refused.stderr
    );
}

#[test]
fn show_has_value_and_origin_of_what_was_set() {
    let rcelery = Rcelery::new().env("CELERY_BROKER_URL", "redis://:geheim@h/0");
    let output = rcelery.run(&["config", "show", "--set", "task_acks_late=true"]);
    assert_eq!(
        output.exit(0).stdout,
        "broker_url      redis://:**@h/0  env CELERY_BROKER_URL\n\
         task_acks_late  true             flag --set\n"
    );
    assert_eq!(output.stderr, "");
    let all = rcelery.run(&["config", "show", "--all"]);
    assert!(
        all.ok().contains("worker_prefetch_multiplier"),
        "the defaults too"
    );
    let some = rcelery.run(&["config", "show", "TIMEZONE", "worker_pre*"]);
    assert_eq!(
        some.ok(),
        "timezone                    none  default\nworker_prefetch_multiplier  4     default"
    );
    let table = rcelery.run(&["config", "show", "--format", "table", "timezone"]);
    assert_eq!(
        table.ok(),
        "SETTING   VALUE  ORIGIN\ntimezone  none   default"
    );
    let unknown = rcelery.run(&["config", "show", "timezon"]);
    unknown.exit(78);
    assert!(
        unknown.stderr.contains("did you mean `timezone`?"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn path_says_which_file_is_read() {
    let rcelery = Rcelery::new();
    let none = rcelery.run(&["config", "path"]);
    none.exit(1);
    assert_eq!(none.stdout, "");
    assert!(none.stderr.contains("rcelery.toml"), "{}", none.stderr);

    file(&rcelery, "rcelery.toml", "");
    let here = rcelery.home().join("rcelery.toml").display().to_string();
    assert_eq!(rcelery.run(&["config", "path"]).ok(), here);
    let document = rcelery.run(&["config", "path", "-j"]).json();
    assert_eq!(document["file"], here.as_str());
    let states: Vec<&str> = document["searched"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|place| place["state"].as_str().expect("text"))
        .collect();
    assert_eq!(states, ["read", "not there", "not there"]);
    // Whatever stands in it: this is how one finds out where it is.
    file(&rcelery, "rcelery.toml", "= nonsense");
    rcelery.run(&["config", "path"]).exit(0);
    rcelery.run(&["config", "path", "--no-config"]).exit(1);
}

#[test]
fn check_finds_what_is_wrong_without_connecting() {
    let rcelery = Rcelery::new();
    rcelery.run(&["config", "check"]).exit(0);
    file(
        &rcelery,
        "rcelery.toml",
        "broker_url = 'redis://127.0.0.1:1'\nimports = ['proj']\n",
    );
    let fine = rcelery.run(&["config", "check"]);
    assert!(
        fine.ok().ends_with("rcelery.toml: ok, 1 setting set"),
        "{}",
        fine.stdout
    );
    assert!(
        fine.stderr.contains("`imports` means nothing here"),
        "{}",
        fine.stderr
    );
    for (wrong, words) in [
        ("broker_url = 'foo://h'", "foo"),
        ("broker_url = 'redis://h:port'", "port"),
        (
            "broker_url = 'redis://h'\nresult_backend = 'nope://h'",
            "nope",
        ),
        (
            "result_expires = 'soon'",
            "rcelery.toml:1:18: `result_expires` must be",
        ),
    ] {
        file(&rcelery, "rcelery.toml", wrong);
        let refused = rcelery.run(&["config", "check"]);
        refused.exit(78);
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_78_with_its_place() {
    let rcelery = Rcelery::new();
    let missing = rcelery.run(&["status", "--config", "gone.toml"]);
    missing.exit(78);
    assert!(missing.stderr.contains("gone.toml"), "{}", missing.stderr);
    for (text, place, line) in [
        (
            "a = 1\nb = [1,\n= 3\n",
            "rcelery.toml:3:1: ",
            "  3 | = 3\n    | ^",
        ),
        (
            "task_acks_lat = true",
            "rcelery.toml:1:1: unknown setting `task_acks_lat`",
            "  1 | task_acks_lat = true\n    | ^",
        ),
        (
            "task_serializer = 'nope'",
            "rcelery.toml:1:19: `task_serializer` must be one of",
            "    |                   ^",
        ),
    ] {
        file(&rcelery, "rcelery.toml", text);
        let refused = rcelery.run(&["status"]);
        refused.exit(78);
        assert!(
            refused.stderr.contains(place) && refused.stderr.contains(line),
            "{}",
            refused.stderr
        );
        let json = rcelery.run(&["status", "-j"]);
        let error: serde_json::Value = serde_json::from_str(&json.stderr).expect("JSON");
        assert_eq!(error["error"]["code"], "config");
        assert_eq!(error["error"]["exit"], 78);
    }
}

#[test]
fn a_bad_value_is_78_and_a_bad_option_2() {
    let rcelery = Rcelery::new();
    for pair in [
        "task_serializer=nope",
        "result_serializer=nope",
        "accept_content=nope",
        "task_acks_late=perhaps",
        "nosuch=1",
        "timezone=Mars/Olympus",
        "worker_pool=green",
        "broker_connection_timeout=0",
    ] {
        for command in [&["send", "x"][..], &["status"], &["worker"]] {
            let refused = rcelery.run(&[&["--set", pair], command].concat());
            refused.exit(78);
            assert!(refused.stderr.contains("--set"), "{}", refused.stderr);
        }
    }
    for args in [
        &["--set", "novalue", "status"][..],
        &["--connect-timeout", "0", "status"],
        &["--connect-timeout", "soon", "status"],
        &["--format", "xml", "status"],
        &["--color", "red", "status"],
        &["--workdir", "nowhere", "status"],
        &["--config", "a", "--no-config", "status"],
    ] {
        rcelery.run(args).exit(2);
    }
    let variable = Rcelery::new().env("CELERY_TASK_ACKS_LATE", "perhaps");
    let refused = variable.run(&["status"]);
    refused.exit(78);
    assert!(
        refused
            .stderr
            .contains("CELERY_TASK_ACKS_LATE: `task_acks_late` must be"),
        "{}",
        refused.stderr
    );
}

#[test]
fn what_is_not_read_is_said_with_v_and_not_without() {
    let rcelery = Rcelery::new()
        .env("CELERY_TASK_ACK_LATE", "1")
        .env("CELERY_PROJECT_NAME", "shop")
        .env("CELERY_TASK_ALWAYS_EAGER", "1");
    file(&rcelery, "rcelery.toml", "imports = ['proj']\n");
    let args = ["send", "x", "--loader", "x", "--skip-checks"];
    assert_eq!(rcelery.run(&args).exit(0).stderr, "");
    let said = rcelery
        .run(&[&args[..], &["-v"]].concat())
        .exit(0)
        .stderr
        .clone();
    for line in [
        "ignored settings: imports\n",
        "CELERY_TASK_ACK_LATE is no setting and no option: not read (did you mean CELERY_TASK_ACKS_LATE?)\n",
        "CELERY_PROJECT_NAME is no setting and no option: not read\n",
        "--loader has no effect",
        "--skip-checks has no effect",
        "(default)\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!said.contains("EAGER"), "{said}");
}

#[test]
fn lists_and_tables_stand_in_variables_as_json() {
    let rcelery = Rcelery::new()
        .env("CELERY_TASK_ROUTES", r#"{"video.*": {"queue": "video"}}"#)
        .env("CELERY_ACCEPT_CONTENT", "json,yaml");
    let sent = rcelery.run(&["send", "video.cut", "-j"]).json();
    assert_eq!(sent["queue"], "video");
    assert_eq!(
        shown(&rcelery, &[], "accept_content").0,
        r#"["json","yaml"]"#
    );
}

#[test]
fn urls_may_stand_in_mounted_files() {
    let rcelery = Rcelery::new()
        .env("CELERY_BROKER_URL_FILE", "broker")
        .env("CELERY_RESULT_BACKEND_FILE", "results");
    file(&rcelery, "broker", "redis://:geheim@b/0\n");
    file(&rcelery, "results", "redis://:geheim@r/1\n");
    assert_eq!(
        shown(&rcelery, &[], "broker_url"),
        (
            "redis://:**@b/0".into(),
            "env CELERY_BROKER_URL_FILE".into()
        )
    );
    assert_eq!(
        shown(&rcelery, &[], "result_backend"),
        (
            "redis://:**@r/1".into(),
            "env CELERY_RESULT_BACKEND_FILE".into()
        )
    );
    let gone = Rcelery::new().env("CELERY_BROKER_URL_FILE", "gone");
    let refused = gone.run(&["status"]);
    refused.exit(78);
    assert!(
        refused.stderr.contains("CELERY_BROKER_URL_FILE") && refused.stderr.contains("gone"),
        "{}",
        refused.stderr
    );
}

/// In a list of servers, in a query, under a name in a table: nowhere, whatever is asked and whatever fails.
#[test]
fn no_password_is_ever_shown() {
    let url = "redis://u:geheim@127.0.0.1:1/0;redis://u:gehe;im@127.0.0.1:1/1?password=geheim";
    let options = r#"{"sentinel_kwargs": {"password": "geheim"}, "redis_password": "geheim"}"#;
    let rcelery = Rcelery::new()
        .env("CELERY_BROKER_TRANSPORT_OPTIONS", options)
        .env("CELERY_RESULT_BACKEND", "redis://:geheim@127.0.0.1:1/1");
    for args in [
        &["config", "show", "--all"][..],
        &["config", "show", "--all", "-j"],
        &["config", "check", "-v"],
        &["status", "-vv"],
        &["send", "x", "-vv"],
        &["send", "x", "-j", "-vv"],
        &["result", "x", "-vv"],
        &["purge", "-f", "-vv"],
        &["inspect", "ping", "-vv"],
        &[
            "worker",
            "-l",
            "DEBUG",
            "--set",
            "broker_connection_retry=false",
        ],
    ] {
        for url in [
            url,
            "redis://u:geheim@127.0.0.1:1/0",
            "redis://:geheim/x@h",
            "redis//u:geheim@h",
        ] {
            let output = rcelery.run(&[args, &["-b", url]].concat());
            let all = format!("{}{}", output.stdout, output.stderr);
            assert!(
                !all.contains("geheim") && !all.contains("gehe;im"),
                "{args:?} {url}: {}",
                all.lines()
                    .filter(|l| l.contains("geh"))
                    .collect::<String>()
            );
        }
    }
}

#[test]
fn a_python_app_that_cannot_be_loaded_is_refused_by_all_that_need_it() {
    let rcelery = Rcelery::new();
    let broker = format!("sqlite:///{}", rcelery.home().join("other.db").display());
    for args in [
        &["-A", "proj.app:celery", "worker"][..],
        &["-A", "proj.app:celery", "-b", &broker, "worker"],
        &["send", "x", "-A", "proj.app:celery"],
        &["purge", "-f", "-A", "proj.app:celery", "-q"],
    ] {
        let refused = rcelery.run(args);
        refused.exit(78);
        let said = &refused.stderr;
        assert!(said.contains("proj.app:celery"), "{said}");
    }
    let silent = rcelery.run(&["send", "x", "-A", "proj", "-b", &broker]);
    assert_eq!(silent.exit(0).stderr, "");
    let rcelery = rcelery.env("CELERY_APP", "proj");
    rcelery.run(&["worker"]).exit(78);
}

#[test]
fn an_app_that_is_a_file_is_the_configuration() {
    let rcelery = Rcelery::new();
    file(&rcelery, "other.toml", "task_default_queue = 'other'\n");
    let args = ["-A", "other.toml"];
    assert_eq!(shown(&rcelery, &args, "task_default_queue").0, "other");
}

const CONFIG: &str = "\
import os
from datetime import timedelta

# 3.x names and today's
BROKER_URL = 'redis://:geheim@h:6379/0'
CELERY_TASK_SERIALIZER = 'msgpack'
CELERYD_CONCURRENCY = 3
CELERY_TASK_RESULT_EXPIRES = timedelta(hours=2)
CELERY_IMPORTS = ('proj.tasks',)
CELERY_ROUTES = {'z.*': 'one', 'a.*': {'queue': 'two'}}
worker_prefetch_multiplier = 2 * 4
task_ack_late = True
HERE = os.getcwd()
";

const IMPORTED: &str = "
broker_url = \"redis://:geheim@h:6379/0\"
result_expires = 7200
task_serializer = \"msgpack\"
worker_concurrency = 3
worker_prefetch_multiplier = 8

[task_routes]
\"z.*\" = \"one\"
\"a.*\" = { queue = \"two\" }
";

#[test]
fn a_celeryconfig_is_imported_with_and_without_python() {
    let rcelery = Rcelery::new();
    file(&rcelery, "celeryconfig.py", CONFIG);
    let python = interpreter().display().to_string();
    for how in [&["--python", &python][..], &["--no-python"]] {
        let args = ["config", "import", "celeryconfig.py", "--force"];
        let output = rcelery.run(&[&args[..], how].concat());
        output.exit(0);
        assert_eq!(output.stdout, "");
        for word in [
            "CELERY_IMPORTS",
            "did you mean `task_acks_late`?",
            "written to rcelery.toml",
        ] {
            assert!(output.stderr.contains(word), "{word}: {}", output.stderr);
        }
        assert_eq!(
            output.stderr.contains("line 13"),
            how == ["--no-python"],
            "{}",
            output.stderr
        );
        let path = rcelery.home().join("rcelery.toml");
        let text = fs::read_to_string(&path).expect("a file");
        assert!(text.ends_with(IMPORTED), "{how:?}: {text}");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "it holds a password");
        // What it writes is what every command reads.
        rcelery.run(&["config", "check"]).exit(0);
        assert_eq!(shown(&rcelery, &[], "worker_concurrency").0, "3");
    }
}

#[test]
fn an_app_is_imported_by_its_python() {
    let rcelery = Rcelery::new();
    file(
        &rcelery,
        "proj.py",
        "import re\nfrom datetime import timedelta\nfrom celery import Celery\nfrom celery.schedules import crontab\n\
         from kombu import Exchange, Queue\nprint('noise')\n\
         app = Celery('proj', broker='redis://h/1')\n\
         app.conf.update(task_acks_late=True, result_expires=None,\n\
         \x20   task_queues=[Queue('hi', Exchange('x', type='topic'), routing_key='k.#'), Queue('lo')],\n\
         \x20   task_routes=({re.compile(r'b\\d'): {'queue': 'lo'}}, lambda *a: None),\n\
         \x20   beat_schedule={'n': {'task': 't', 'schedule': crontab(minute=5, hour='*/3'), 'args': (1,)},\n\
         \x20       'e': {'task': 'u', 'schedule': timedelta(minutes=1)}})\n\
         @app.task\ndef add(x, y): return x + y\n",
    );
    let python = interpreter().display().to_string();
    let output = rcelery.run(&[
        "-A", "proj", "config", "import", "--python", &python, "-o", "-",
    ]);
    output.exit(0);
    for part in [
        "#   proj.add\n",
        "broker_url = \"redis://h/1\"\n",
        "result_expires = 0\n",
        "task_acks_late = true\n",
        "[[task_queues]]\nname = \"hi\"\nrouting_key = \"k.#\"\nexchange = \"x\"\nexchange_type = \"topic\"\n",
        "\"/b\\\\d/\" = { queue = \"lo\" }\n",
        "[beat_schedule.n]\ntask = \"t\"\nschedule = \"5 */3 * * *\"\nargs = [1]\n",
        "schedule = 60\n",
    ] {
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
    assert!(
        output.stderr.contains("task_routes[1]: a function"),
        "{}",
        output.stderr
    );
    file(&rcelery, "rcelery.toml", &output.stdout);
    rcelery.run(&["config", "check"]).exit(0);
    let document = rcelery
        .run(&[
            "-A", "proj", "config", "import", "--python", &python, "-j", "-f",
        ])
        .json();
    assert_eq!(document["tasks"], serde_json::json!(["proj.add"]));
    assert_eq!(document["settings"]["task_acks_late"], true);
}

#[test]
fn an_import_that_fails_says_why_and_writes_nothing() {
    let rcelery = Rcelery::new();
    let python = interpreter().display().to_string();
    file(
        &rcelery,
        "broken.py",
        "broker_url = 'redis://h'\nraise ValueError('no luck')\n",
    );
    file(&rcelery, "slow.py", "import time\ntime.sleep(600)\n");
    file(&rcelery, "empty.py", "x = 1\n");
    for (args, exit, words) in [
        (&["broken.py"][..], 78, "ValueError: no luck"),
        (
            &["slow.py", "--timeout", "0.5"],
            78,
            "took longer than 0.5 s",
        ),
        (&["gone.py"], 78, "gone.py"),
        (&["empty.py"], 1, "no setting"),
        (&["-A", "nosuch"], 78, "nosuch"),
        (&[], 2, "nothing to import"),
    ] {
        let all = [&["config", "import", "--python", &python], args].concat();
        let refused = rcelery.run(&all);
        refused.exit(exit);
        assert!(
            refused.stderr.contains(words),
            "{args:?}: {}",
            refused.stderr
        );
        assert!(!rcelery.home().join("rcelery.toml").exists(), "{args:?}");
    }
    file(&rcelery, "rcelery.toml", "timezone = 'UTC'\n");
    file(&rcelery, "fine.py", "broker_url = 'redis://h'\n");
    let refused = rcelery.run(&["config", "import", "fine.py", "--no-python"]);
    refused.exit(1);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    let kept = fs::read_to_string(rcelery.home().join("rcelery.toml")).expect("a file");
    assert_eq!(kept, "timezone = 'UTC'\n");
    // Where there is no Python, a file is read without it, and an app cannot be.
    let without = ["--python", "no-such-python", "-o", "-"];
    let fine = rcelery.run(&[&["config", "import", "fine.py"], &without[..]].concat());
    assert!(
        fine.ok().ends_with("broker_url = \"redis://h\""),
        "{}",
        fine.stdout
    );
    let refused = rcelery.run(&[&["config", "import", "-A", "x"], &without[..]].concat());
    refused.exit(78);
}

#[test]
fn the_directory_of_a_named_sqlite_file_is_not_made() {
    let rcelery = Rcelery::new();
    let url = format!("sqlite:///{}/misspelt/a.db", rcelery.home().display());
    for args in [
        &["-b", &url, "status"][..],
        &["-b", &url, "send", "x"],
        &["-b", &url, "worker"],
        &["--result-backend", &url, "result", "x"],
    ] {
        let refused = rcelery.run(args);
        refused.exit(78);
        assert!(refused.stderr.contains("misspelt"), "{}", refused.stderr);
    }
    assert!(!rcelery.home().join("misspelt").exists());
    // The default file's is.
    rcelery.run(&["send", "x"]).exit(0);
    assert!(rcelery.home().join("state/rcelery/rcelery.db").exists());
}

#[test]
fn what_a_worker_has_options_for_may_be_set_as_well() {
    let rcelery = Rcelery::new()
        .env("CELERY_WORKER_POOL", "solo")
        .env("CELERY_WORKER_CONCURRENCY", "7")
        .env("CELERY_WORKER_LOG_COLOR", "1");
    file(
        &rcelery,
        "rcelery.toml",
        "worker_state_db = 'revoked.json'\n",
    );
    let worker = rcelery.worker(&["-n", "w@here"]);
    assert!(worker.log().contains("(solo)"), "{}", worker.log());
    // Its word about it is a warning, and those have a colour.
    let stop = |worker: Worker| {
        rcelery.run(&["control", "shutdown"]).exit(0);
        let left = worker.wait(secs(60));
        left.exit(0);
        left.stderr
    };
    let log = stop(worker);
    assert!(log.contains("\x1b["), "{log}");
    assert!(
        rcelery.home().join("revoked.json").exists(),
        "the state is kept"
    );
    let worker = rcelery.worker(&["-P", "threads", "-c", "2", "-C"]);
    assert!(worker.log().contains("2 (threads)"), "{}", worker.log());
    let log = stop(worker);
    assert!(!log.contains("\x1b["), "{log}");
}

/// A setting that changes nothing here is never silently without effect.
#[test]
fn what_has_no_effect_is_told() {
    let rcelery = Rcelery::new();
    let text = "event_queue_durable = true\ntask_acks_late = true\ntask_protocol = 2\n";
    file(&rcelery, "rcelery.toml", text);
    let said = "event_queue_durable has no effect here";
    let checked = rcelery.run(&["config", "check"]);
    checked.exit(0);
    assert_eq!(
        checked.stderr.matches("no effect").count(),
        1,
        "{checked:?}"
    );
    assert!(checked.stderr.contains(said), "{checked:?}");
    let names = &rcelery.run(&["config", "check", "-j"]).json()["without_effect"];
    assert_eq!(names, &serde_json::json!(["event_queue_durable"]));
    let verbose = rcelery.run(&["config", "show", "-v"]);
    assert!(verbose.stderr.contains(said), "{verbose:?}");
}
