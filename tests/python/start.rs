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
    write("ends.py", "import os\nos._exit(3)\n");
    for (name, said) in [
        ("no_such_module", "the module no_such_module was not found"),
        ("broken", "No module named 'nothing_of_that_name'"),
        ("syntax", "SyntaxError"),
        ("empty", "empty"),
        ("exits", "not today"),
        ("ends", "exit status: 3"),
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
    write("nowhere.py", "app.conf.result_backend = 'nope://'\n");
    write("consumer.py", "app.conf.worker_consumer = 'own:Consumer'\n");
    for (name, said) in [
        ("steps", "Probe"),
        ("green", "gevent"),
        ("silent", "names no broker"),
        ("rabbit", "amqp"),
        ("nowhere", "the app `nowhere` can't be used"),
        ("consumer", "worker_consumer"),
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

#[test]
fn pickle_is_not_taken_as_root() {
    let rcelery = program(&Store::redis(), "").env("C_FORCE_ROOT", "");
    let text = "from celery import Celery\nimport os\napp = Celery('own', broker=os.environ['BROKER'])\n\
                app.conf.accept_content = ['json', 'pickle']\n";
    fs::write(rcelery.home().join("pickles.py"), text).unwrap();
    if !nix::unistd::geteuid().is_root() {
        rcelery.worker(&["-A", "pickles"]).terminate().exit(0);
        return;
    }
    let output = rcelery.run(&["-A", "pickles", "worker"]);
    output.exit(78);
    assert!(output.stderr.contains("C_FORCE_ROOT"), "{output:?}");
}

/// Queues as an app may have them: of a class of its own, with an alias, added while it starts, of this worker alone.
#[test]
fn queues_are_those_of_celery() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let text = "import os\nfrom celery import Celery, signals\nfrom kombu import Exchange, Queue, binding\n\
                from kombu.common import Broadcast\n\
                class Own(Queue): pass\n\
                app = Celery('many', broker=os.environ['BROKER'], backend=os.environ['BACKEND'])\n\
                app.conf.task_queues = (Queue('celery'), Broadcast('all'), Own('own', Exchange('e', type='topic'), 'a.#'),\n\
                \u{20} Queue('multi', [binding(Exchange('x'), 'one'), binding(Exchange('x'), 'two')]))\n\
                app.conf.task_routes = {'many.told': {'queue': 'all', 'exchange': 'all'}, 'many.own': {'queue': 'own', 'routing_key': 'a.b'}}\n\
                app.conf.worker_direct = True\n\
                @app.task\n\
                def own(): return os.getppid()\n\
                @app.task\n\
                def told(): os.close(os.open(os.environ['NOTES'] + str(os.getppid()), os.O_CREAT))\n\
                @signals.celeryd_after_setup.connect\n\
                def add(instance, **_): instance.app.amqp.queues.select_add('late', exchange='celery')\n";
    fs::write(rcelery.home().join("many.py"), text).unwrap();
    let workers =
        ["w1@box", "w2@box"].map(|name| rcelery.worker(&["-A", "many", "-c", "1", "-n", name]));
    assert!(
        workers[0]
            .stderr()
            .contains("task_queues.multi` of the app is not used here: several bindings"),
        "{workers:?}"
    );
    let queues = rcelery
        .run(&["-A", "many", "inspect", "active_queues", "-j"])
        .json();
    let mut names: Vec<(&str, &str)> = queues["w1@box"]
        .as_array()
        .unwrap()
        .iter()
        .map(|q| {
            (
                q["name"].as_str().unwrap(),
                q["exchange"]["name"].as_str().unwrap(),
            )
        })
        .map(|(name, exchange)| {
            (
                if name.starts_with("bcast.") {
                    "bcast"
                } else {
                    name
                },
                exchange,
            )
        })
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            ("bcast", "all"),
            ("celery", "celery"),
            ("late", "celery"),
            ("multi", "celery"),
            ("own", "e"),
            ("w1@box.dq2", "C.dq2")
        ]
    );
    let mut python = std::process::Command::new(interpreter());
    rcelery.furnish(&mut python);
    python.args([
        "-c",
        "import many\nwith many.app.producer_or_acquire() as p:\n  p.maybe_declare(many.app.amqp.queues['all'])\n  \
         many.told.apply_async(producer=p, routing_key='celery')\nprint(many.own.delay().get(timeout=20))",
    ]);
    crate::harness::run(&mut python, "", secs(30)).ok();
    let notes = store.file("notes");
    eventually("both are told", secs(20), || {
        let told = fs::read_dir(notes.parent().unwrap()).unwrap().flatten();
        let told = told
            .filter(|f| f.file_name().to_string_lossy().starts_with("notes"))
            .count();
        if told == 2 {
            Ok(())
        } else {
            Err(told.to_string())
        }
    });
}

#[test]
fn a_router_that_only_python_can_ask_is_told_where_it_matters() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let text = "import os\nfrom celery import Celery\napp = Celery('routed', broker=os.environ['BROKER'])\n\
                app.conf.task_routes = (lambda name, *_, **__: {'queue': 'there'},)\n";
    fs::write(rcelery.home().join("routed.py"), text).unwrap();
    let send = |more: &[&str]| {
        let mut args = vec!["-A", "routed", "send", "routed.add"];
        args.extend(more);
        rcelery.run(&args)
    };
    let output = send(&[]);
    output.exit(78);
    assert!(output.stderr.contains("task_routes[0]"), "{output:?}");
    assert!(output.stderr.contains("--queue"), "{output:?}");
    send(&["--queue", "there"]).ok();
}

/// Celery's worker tells its app of messages in its main process; its own records follow the log that the app sets up.
#[test]
fn the_app_hears_of_messages_and_keeps_the_log() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let text = r#"
import logging, os
from celery import Celery, signals
app = Celery("hears", broker=os.environ["BROKER"], backend=os.environ["BACKEND"])

def note(*words):
    with open(os.environ["NOTES"], "a") as file:
        print(*words, file=file)

@app.task
def add(x, y): return x + y

@signals.task_received.connect
def received(sender, request, **_):
    note("received", sender.hostname, request.name, request.id, request.args, request.kwargs, request.task is app.tasks["hears.add"], request.eta)

@signals.task_unknown.connect
def unknown(name, id, message, exc, **_): note("unknown", name, id, message.payload[0], repr(exc))

@signals.task_rejected.connect
def rejected(message, **_): note("rejected", message.headers.get("task"), message.body)

@signals.heartbeat_sent.connect
def beat(sender, **_): note("beat", sender.hostname)

@signals.after_setup_logger.connect
def look(logger, **_):
    for handler in logger.handlers: handler.setFormatter(logging.Formatter("OWN %(name)s %(levelname)s %(message)s"))
"#;
    fs::write(rcelery.home().join("hears.py"), text).unwrap();
    let args = [
        "-A",
        "hears",
        "-c",
        "1",
        "-n",
        "w1@box",
        "--heartbeat-interval",
        "1",
    ];
    let worker = rcelery.worker(&args);
    let send = |args: &[&str]| {
        let mut all = vec!["-A", "hears", "send"];
        all.extend(args);
        rcelery.run(&all).ok().trim().to_owned()
    };
    let id = send(&["hears.add", "-a", "[1, 2]"]);
    let lost = send(&["hears.nothing", "-a", "[3]"]);
    let code = "import hears\nwith hears.app.amqp.producer_pool.acquire() as p: p.publish('junk', routing_key='celery', \
                exchange='', headers={'task': 'hears.add', 'id': 7, 'eta': 'never'})";
    let mut python = std::process::Command::new(interpreter());
    rcelery.furnish(&mut python);
    python.args(["-c", code]);
    crate::harness::run(&mut python, "", secs(30)).ok();
    let expected = [
        format!("received w1@box hears.add {id} [1, 2] {{}} True None"),
        format!("unknown hears.nothing {lost} [3] KeyError('hears.nothing')"),
        "rejected hears.add ".to_owned(),
        "beat w1@box".to_owned(),
    ];
    eventually("all is noted", secs(20), || {
        let notes = fs::read_to_string(store.file("notes")).unwrap_or_default();
        let missing: Vec<_> = expected
            .iter()
            .filter(|line| !notes.contains(*line))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("{missing:?} in {notes}"))
        }
    });
    let output = worker.terminate();
    let log = &output.stderr;
    for line in [
        format!("OWN celery.worker.strategy INFO Task hears.add[{id}] received"),
        format!("OWN celery.app.trace INFO Task hears.add[{id}] succeeded in "),
        "OWN celery.worker INFO w1@box ready.".to_owned(),
        format!(
            "OWN celery.worker.consumer.consumer ERROR Received unregistered task of type 'hears.nothing'. The message has been rejected. [id: {lost}"
        ),
    ] {
        assert!(log.contains(&line), "{line} in {log}");
    }
    assert!(!log.contains(": INFO/MainProcess"), "{log}");
    let report = rcelery.worker(&args);
    let text = rcelery.run(&["-A", "hears", "inspect", "report"]);
    assert!(
        text.ok().contains("rcelery:") && text.ok().contains("billiard:"),
        "{text:?}"
    );
    let conf = rcelery
        .run(&["-A", "hears", "inspect", "conf", "-j"])
        .json();
    assert!(conf["w1@box"]["include"].is_array(), "{conf}");
    report.terminate().exit(0);
}

#[test]
fn a_worker_in_the_background_is_ready_at_once_and_logs_by_process() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let pidfile = rcelery.home().join("w.pid");
    let file = |name: &str| rcelery.home().join(name).to_string_lossy().into_owned();
    let start = std::time::Instant::now();
    let started = rcelery.run(&[
        "-A",
        "faults",
        "worker",
        "-D",
        "-c",
        "1",
        "-l",
        "INFO",
        "-f",
        &file("w%I.log"),
        "--pidfile",
        &file("w.pid"),
    ]);
    started.exit(0);
    assert!(start.elapsed() < secs(8), "{started:?}");
    assert_eq!(
        started.stderr.matches("not ready").count(),
        0,
        "{started:?}"
    );
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
    let pid = fs::read_to_string(&pidfile).unwrap();
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid.trim().parse().unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    eventually("it ends", secs(20), || {
        if pidfile.exists() {
            Err("running".to_owned())
        } else {
            Ok(())
        }
    });
    let main = fs::read_to_string(file("w.log")).unwrap();
    let child = fs::read_to_string(file("w-1.log")).unwrap();
    assert!(
        main.contains("] received") && !main.contains("succeeded in"),
        "{main}"
    );
    assert!(child.contains("succeeded in"), "{child}");
}
