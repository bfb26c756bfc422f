//! Several workers, of both kinds, and what happens when one of them stops, dies or loses its broker.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
use serde_json::json;

use super::harness::{
    Python, PythonWorker, Rcelery, RedisServer, Store, eventually, patience, secs,
};
use super::{NODE, on_both, rust_worker};

on_both!(
    both_kinds_of_worker_share_a_queue
    a_warm_shutdown_gives_back_what_python_then_finishes
    what_python_gives_back_is_finished_by_rust
    a_killed_worker_loses_nothing_of_2000_late_acks
    a_worker_takes_from_its_queues_alone
);

fn both_kinds_of_worker_share_a_queue(store: &Store) {
    let _python = PythonWorker::on(store);
    let (_program, _rust) = rust_worker(store, &["-c", "2"]);
    let mut py = Python::on(store);
    let ran = py.run(
        r#"
from collections import Counter
results = [whoami.delay(0.1) for _ in range(60)]
Counter(get(r)["hostname"] for r in results)
"#,
    );
    let by = |node: &str| ran[node].as_u64().unwrap_or(0);
    assert_eq!(by(NODE) + by("py@test"), 60, "{ran}");
    assert!(
        by(NODE) > 0 && by("py@test") > 0,
        "each has its share: {ran}"
    );
}

fn a_warm_shutdown_gives_back_what_python_then_finishes(store: &Store) {
    let file = store.file("ran");
    let mut py = Python::on(store);
    let (_program, worker) = rust_worker(store, &["-c", "2"]);
    py.run(&format!(
        r#"
path = {file:?}
results = [late.delay(path, n, 0.4) for n in range(16)]
held = [late.apply_async((path, n), countdown=2) for n in range(16, 20)]
assert until(lambda: marks(path))
"#
    ));
    let end = worker.terminate();
    end.exit(0);
    let left = py.run("[waiting(), len(marks(path))]");
    let (left, ran) = (left[0].as_u64().unwrap(), left[1].as_u64().unwrap());
    assert_eq!(left + ran, 20, "given back or run: {end:?}");
    assert!(left >= 10, "the shutdown was prompt: {left} left");
    let _python = PythonWorker::on(store);
    assert_eq!(
        py.run("[get(r) for r in results + held] == list(range(20))"),
        true
    );
    assert_eq!(
        py.run("sorted(marks(path)) == list(range(20))"),
        true,
        "each ran once"
    );
}

fn what_python_gives_back_is_finished_by_rust(store: &Store) {
    let file = store.file("ran");
    let mut py = Python::on(store);
    let python = PythonWorker::on(store);
    py.run(&format!(
        r#"
path = {file:?}
results = [late.delay(path, n, 0.3) for n in range(12)]
held = [late.apply_async((path, n), countdown=2) for n in range(12, 15)]
assert until(lambda: marks(path))
"#
    ));
    python.terminate().exit(0);
    assert!(py.run("waiting()").as_u64().unwrap() >= 6);
    let (_program, _rust) = rust_worker(store, &[]);
    assert_eq!(
        py.run("[get(r) for r in results + held] == list(range(15))"),
        true
    );
    assert_eq!(
        py.run("sorted(marks(path)) == list(range(15))"),
        true,
        "each ran once"
    );
}

/// The issue's own words: kill -9 of a worker during a drain of 2,000 tasks with late ack: all run.
fn a_killed_worker_loses_nothing_of_2000_late_acks(store: &Store) {
    const TASKS: usize = 2000;
    let file = store.file("ran");
    let mut py = Python::on(store);
    py.run(&format!(
        r#"
path = {file:?}
with app.producer_pool.acquire() as producer:
    for n in range({TASKS}):
        late.apply_async((path, n), ignore_result=True, producer=producer)
"#
    ));
    let (program, mut worker) = rust_worker(store, &[]);
    let ran = || std::fs::read_to_string(&file).unwrap_or_default();
    eventually("a good part has run", patience(), || {
        let lines = ran().lines().count();
        if lines > TASKS / 5 {
            Ok(())
        } else {
            Err(format!("{lines} have run"))
        }
    });
    worker.kill();
    let before = ran().lines().count();
    assert!(before < TASKS, "it was killed in the middle");
    let _successor = program.worker(&["-n", "next@test", "-c", "4"]);
    let times = eventually("all have run", secs(90), || {
        let mut times: BTreeMap<usize, usize> = BTreeMap::new();
        for n in ran().lines().filter_map(|line| line.parse().ok()) {
            *times.entry(n).or_default() += 1;
        }
        if times.len() == TASKS {
            Ok(times)
        } else {
            Err(format!("{} different ones have run", times.len()))
        }
    });
    let again: usize = times.values().map(|n| n - 1).sum();
    assert!(
        again <= 16,
        "{again} ran twice: more than the worker held when it was killed"
    );
    eventually("the queue is empty", patience(), || {
        let left = py.run("waiting()");
        if left == 0 {
            Ok(())
        } else {
            Err(left.to_string())
        }
    });
}

fn a_worker_takes_from_its_queues_alone(store: &Store) {
    let (_program, _worker) = rust_worker(store, &["-Q", "first,second"]);
    let mut py = Python::on(store);
    let seen = py.run(
        r#"
other = add.delay(1, 1)
ran = [get(add.apply_async((n, n), queue=q)) for n, q in ((1, "first"), (2, "second"))]
[ran, other.state, waiting()]
"#,
    );
    assert_eq!(seen, json!([[2, 4], "PENDING", 1]));
}

/// Python's workers and ours restore each other's messages from the same keys after the visibility timeout.
#[test]
fn orphans_of_a_killed_worker_are_restored_by_the_other_kind() {
    let short = json!({"broker_transport_options": {"visibility_timeout": 3}});
    let store = Store::redis();
    let file = store.file("ran");
    let mut py = Python::with(&store, &short);
    let python = PythonWorker::with(&store, &short, &["-P", "solo"]);
    py.run(&format!(
        "path = {file:?}\nlost = late.delay(path, 1, 3)\nassert until(lambda: marks(path))"
    ));
    drop(python);
    let program = Rcelery::example("interop_worker").with(&store).env(
        "CELERY_BROKER_TRANSPORT_OPTIONS",
        r#"{"visibility_timeout": 3}"#,
    );
    let worker = program.worker(&["-c", "1"]);
    assert_eq!(py.run("get(lost, 60)"), 1, "Python died, rcelery runs it");
    assert_eq!(py.run("marks(path)"), json!([1, 1]));

    py.run("lost = late.delay(path, 2, 3)\nassert until(lambda: 2 in marks(path))");
    drop(worker);
    // A Python worker looks for orphans when it starts; these are not old enough before that.
    py.run("time.sleep(3.2)");
    let _python = PythonWorker::with(&store, &short, &["-P", "solo"]);
    assert_eq!(py.run("get(lost, 60)"), 2, "rcelery died, Python runs it");
}

/// A worker that is stopped for longer than its lease, e.g. by a debugger, keeps what nobody else has taken.
#[test]
fn a_task_that_outlives_a_pause_of_its_worker_runs_once() {
    let store = Store::sqlite();
    let file = store.file("ran");
    let short = r#"{"lease": 1}"#;
    let program = Rcelery::example("interop_worker")
        .with(&store)
        .env("CELERY_BROKER_TRANSPORT_OPTIONS", short);
    let mut worker = program.worker(&["-n", NODE, "-c", "1"]);
    let mut py = Python::on(&store);
    py.run(&format!(
        r#"
import sqlite3
path = {file:?}
task = late.delay(path, 1, 0.5)
assert until(lambda: marks(path))
def is_free():
    """Whether nobody was stopped in the middle of a transaction."""
    file = sqlite3.connect(app.conf.broker_url.removeprefix("sqla+sqlite:///"), timeout=0.2)
    try:
        file.execute("BEGIN IMMEDIATE")
        return True
    except sqlite3.OperationalError:
        return False
    finally:
        file.close()
"#
    ));
    eventually("it is stopped outside of a transaction", patience(), || {
        worker.signal(Signal::SIGSTOP);
        if py.run("is_free()") == true {
            return Ok(());
        }
        worker.signal(Signal::SIGCONT);
        Err("the file is locked".to_owned())
    });
    // It consumes something else, and sees that the lease of the other has run out.
    let _other = program.worker(&["-n", "other@test", "-Q", "other"]);
    assert_eq!(py.run("until(lambda: waiting() == 1)"), true);
    worker.signal(Signal::SIGCONT);
    worker.wait_for("Connection to broker lost", patience());
    assert_eq!(py.run("get(task)"), 1);
    assert_eq!(py.run("get(late.delay(path, 2))"), 2, "{worker:?}");
    assert_eq!(py.run("[waiting(), marks(path)]"), json!([0, [1, 2]]));
    worker.terminate().exit(0);
}

#[test]
fn a_restarted_broker_is_found_again_and_nothing_runs_twice() {
    let mut store = Store::redis();
    let file = store.file("ran");
    let (_program, mut worker) = rust_worker(&store, &[]);
    let mut py = Python::on(&store);
    py.run(&format!(
        r#"
path = {file:?}
across = [late.delay(path, n, 2) for n in range(4)]
after = [late.delay(path, n) for n in range(4, 8)]
held = late.apply_async((path, 8), countdown=3)
assert until(lambda: len(marks(path)) == 4)
"#
    ));
    store.server().stop();
    worker.wait_for("Connection to broker lost", patience());
    store.server().start_again();
    // Asked by state: what Python's own client makes of a lost subscription is not the point here.
    assert_eq!(
        py.run("until(lambda: all(at(r.id).successful() for r in across + after + [held]), 30)"),
        true
    );
    assert_eq!(py.run("get(add.delay(1, 2))"), 3);
    assert_eq!(
        py.run("sorted(marks(path))"),
        json!([0, 1, 2, 3, 4, 5, 6, 7, 8]),
        "what ran on during the restart is not run again: {worker:?}"
    );
    worker.terminate().exit(0);
}

/// kombu ranks priorities 0, 3, 6 and 9, and takes 0 first (transport/redis.py, PRIORITY_STEPS).
#[test]
fn the_most_urgent_task_runs_first() {
    let store = Store::redis();
    let file = store.file("ran");
    let mut py = Python::on(&store);
    py.run(&format!(
        "path = {file:?}\nresults = [late.apply_async((path, p), priority=p) for p in (9, 6, 3, 0)]"
    ));
    let (_program, _worker) = rust_worker(&store, &["-c", "1", "--prefetch-multiplier", "1"]);
    py.run("[get(r) for r in results]");
    assert_eq!(py.run("marks(path)"), json!([0, 3, 6, 9]));
}

#[test]
fn a_password_and_a_key_prefix_are_those_of_python() {
    let users = "--user app on >s3cret ~* &* +@all --user default off";
    let server = RedisServer::with(&users.split(' ').collect::<Vec<_>>());
    let mut store = Store::on(server);
    store.broker = store.broker.replace("://", "://app:s3cret@");
    store.backend = store.backend.replace("://", "://app:s3cret@");
    let options = json!({"global_keyprefix": "tenant:"});
    let conf =
        json!({"broker_transport_options": options, "result_backend_transport_options": options});
    let program = Rcelery::example("interop_worker")
        .with(&store)
        .env("CELERY_BROKER_TRANSPORT_OPTIONS", &options.to_string())
        .env(
            "CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS",
            &options.to_string(),
        );
    let _worker = program.worker(&["-n", NODE]);
    let mut py = Python::with(&store, &conf);
    assert_eq!(py.run("get(add.delay(1, 2))"), 3);
    assert_eq!(
        py.run("get(chord([add.s(1, 1), add.s(2, 2)])(xsum.s()))"),
        6
    );
    assert_eq!(
        py.run("app.control.ping(limit=1)"),
        json!([{NODE: {"ok": "pong"}}])
    );
    let refused = Rcelery::new()
        .env(
            "CELERY_BROKER_URL",
            &store.broker.replace("s3cret", "wrong"),
        )
        .run(&["status"]);
    refused.exit(77);
    assert!(
        !refused.stderr.contains("wrong"),
        "the password is not shown: {refused:?}"
    );
}
