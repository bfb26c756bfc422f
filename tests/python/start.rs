//! From the command line to an app that is loaded, or refused.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{Store, eventually, interpreter, secs};
use crate::program;

#[test]
fn an_app_that_cannot_be_imported_ends_the_worker_with_the_traceback() {
    let rcelery = program(&Store::redis(), "");
    let write = |name: &str, text: &str| fs::write(rcelery.home().join(name), text).unwrap();
    write("broken.py", "import nothing_of_that_name\n");
    write("syntax.py", "def f(:\n");
    write("empty.py", "");
    write("exits.py", "import sys\nsys.exit('not today')\n");
    for (name, said) in [
        ("no_such_module", "the module no_such_module was not found"),
        ("broken", "No module named 'nothing_of_that_name'"),
        ("syntax", "SyntaxError"),
        ("empty", "empty"),
        ("exits", "not today"),
    ] {
        let output = rcelery.run(&["-A", name, "worker"]);
        output.exit(78);
        let text = output.stderr;
        assert!(text.contains(said), "{name}: {text}");
        assert!(text.contains("hint: "), "{name}: {text}");
        assert!(!text.contains("ready."), "{name}: {text}");
    }
}

#[test]
fn what_only_celerys_worker_has_is_refused_by_name() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let app = "from celery import Celery, bootsteps\nimport os\napp = Celery('own', broker=os.environ['BROKER'])\n";
    let write = |name: &str, text: &str| {
        fs::write(rcelery.home().join(name), format!("{app}{text}")).unwrap();
    };
    write(
        "steps.py",
        "class Probe(bootsteps.StartStopStep): pass\napp.steps['worker'].add(Probe)\n",
    );
    write("green.py", "app.conf.worker_pool = 'gevent'\n");
    write("silent.py", "app.conf.broker_url = None\n");
    write("rabbit.py", "app.conf.broker_url = 'amqp://localhost//'\n");
    for (name, said) in [
        ("steps", "Probe"),
        ("green", "gevent"),
        ("silent", "names no broker"),
        ("rabbit", "amqp"),
    ] {
        let output = rcelery.run(&["-A", name, "worker"]);
        output.exit(78);
        assert!(output.stderr.contains(said), "{name}: {output:?}");
    }
    let output = rcelery.run(&[
        "-A",
        "rabbit",
        "-b",
        &store.broker,
        "worker",
        "-P",
        "eventlet",
    ]);
    output.exit(78);
}

#[test]
fn a_missing_interpreter_is_named() {
    let rcelery = program(&Store::redis(), "");
    let output = rcelery.run(&["-A", "faults", "worker", "--executable", "/no/such/python"]);
    output.exit(78);
    assert!(output.stderr.contains("/no/such/python"), "{output:?}");
}

#[test]
fn other_commands_take_the_apps_settings() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let _worker = rcelery.worker(&["-A", "faults", "-c", "1", "-n", "w1@box"]);
    let sent = rcelery.run(&[
        "-A",
        "faults",
        "send",
        "faults.add",
        "-a",
        "[2, 3]",
        "--wait",
    ]);
    assert_eq!(sent.ok().trim(), "5");
    let status = rcelery.run(&["-A", "faults", "status", "-j"]);
    assert!(status.ok().contains("w1@box"), "{status:?}");
    let inspected = rcelery.run(&["-A", "faults", "inspect", "registered", "-j"]);
    assert!(inspected.ok().contains("faults.add"), "{inspected:?}");
    let stats = rcelery.run(&["-A", "faults", "inspect", "stats", "-j"]);
    let stats: Value = serde_json::from_str(stats.ok()).unwrap();
    let pool = &stats["w1@box"]["pool"];
    assert_eq!(
        pool["processes"].as_array().map(Vec::len),
        Some(1),
        "{stats}"
    );
    assert_ne!(pool["processes"][0], stats["w1@box"]["pid"], "{stats}");
    let purged = rcelery.run(&["-A", "faults", "purge", "-f"]);
    purged.ok();
}

#[test]
fn flags_and_the_environment_win_over_the_app() {
    let store = Store::redis();
    let other = Store::redis();
    let rcelery = program(&store, "").env("CELERY_BROKER_URL", &other.broker);
    let worker = rcelery.worker(&["-A", "faults", "-c", "1"]);
    assert!(
        worker
            .stderr()
            .contains(&other.broker.replace("redis://", "")),
        "{worker:?}"
    );
    // The children send where the worker is, too.
    let python = interpreter();
    let sent = rcelery.run(&[
        "-b",
        &other.broker,
        "--result-backend",
        &store.backend,
        "send",
        "faults.pid",
        "--wait",
    ]);
    assert!(
        sent.ok().trim().parse::<u32>().is_ok(),
        "{sent:?} {python:?}"
    );
}

#[test]
fn commands_run_beside_python_tasks() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    fs::write(
        rcelery.home().join("rcelery.toml"),
        "[tasks.\"files.count\"]\ncommand = [\"/bin/echo\", \"7\"]\n",
    )
    .unwrap();
    let _worker = rcelery.worker(&["-A", "faults", "-c", "1"]);
    let send = |task: &str, args: &str| {
        let sent = rcelery.run(&["-A", "faults", "send", task, "-a", args, "--wait"]);
        sent.ok().to_owned()
    };
    assert_eq!(send("files.count", "[]"), "7");
    assert_eq!(send("faults.add", "[3, 4]"), "7");
    let registered = rcelery.run(&["-A", "faults", "inspect", "registered"]);
    let registered = registered.ok();
    assert!(registered.contains("files.count"), "{registered}");
    assert!(registered.contains("faults.add"), "{registered}");
    assert!(!registered.contains("demo."), "{registered}");
}

#[test]
fn what_runs_is_shown_with_the_process_that_runs_it() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let worker = rcelery.worker(&["-A", "faults", "-c", "1", "-n", "w1@box"]);
    rcelery
        .run(&["-A", "faults", "send", "faults.sleep", "-a", "[30]"])
        .ok();
    let active = eventually("the task runs", secs(20), || {
        let active = rcelery
            .run(&["-A", "faults", "inspect", "active", "-j"])
            .json();
        let first = active["w1@box"][0].clone();
        if first.is_null() {
            Err(active.to_string())
        } else {
            Ok(first)
        }
    });
    assert_eq!(active["name"], "faults.sleep", "{active}");
    let pid = active["worker_pid"].as_u64().unwrap();
    assert_ne!(
        i64::try_from(pid).unwrap(),
        i64::from(worker.pid().as_raw())
    );
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    assert!(stat.contains("python"), "{stat}");
    // Cut short: the message goes back, and the worker says so with its exit code.
    worker.signal(Signal::SIGQUIT);
    worker.wait(secs(20)).exit(1);
    let purged = rcelery.run(&["-A", "faults", "purge", "-f"]);
    assert!(purged.ok().contains("Purged 1 message"), "{purged:?}");
}

#[test]
fn the_log_of_a_task_is_json_with_its_name_and_id() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let mut worker = rcelery.spawn(&[
        "-A",
        "feats",
        "worker",
        "-c",
        "1",
        "-l",
        "INFO",
        "-Q",
        "celery",
        "--log-format",
        "json",
    ]);
    worker.wait_for("ready.", secs(60));
    let id = rcelery.run(&[
        "-A",
        "feats",
        "send",
        "feats.tasks.prints",
        "-a",
        "[\"a line\"]",
    ]);
    let id = id.ok().to_owned();
    worker.wait_for("task.succeeded", secs(20));
    let log = worker.stderr();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    for message in ["a line", "logged a line"] {
        let line = lines.iter().find(|line| line["message"] == message);
        let line = line.unwrap_or_else(|| panic!("no `{message}` in {log}"));
        assert_eq!(line["id"], *id, "{line}");
        assert_eq!(line["task"], "feats.tasks.prints", "{line}");
        assert_eq!(line["level"], "WARNING", "{line}");
    }
}
