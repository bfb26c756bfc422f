//! When a task runs, and when it does not: countdown, eta, expiry, limits.

use serde_json::json;

use super::harness::{Python, Store, patience};
use super::{on_both, rust_worker};

on_both!(
    tasks_run_when_they_are_due
    expired_tasks_are_revoked
    limits_end_tasks_that_run_too_long
    the_rate_limit_of_a_task_spaces_its_starts
);

fn tasks_run_when_they_are_due(store: &Store) {
    let (_program, mut worker) = rust_worker(store, &[]);
    let mut py = Python::on(store);
    let times = py.run(
        r#"
from datetime import datetime, timedelta, timezone
start = time.time()
due = {
    "countdown": add.apply_async((1, 2), countdown=1.5),
    "aware": add.apply_async((1, 2), eta=datetime.now(timezone(timedelta(hours=5))) + timedelta(seconds=1.5)),
    "naive is UTC": add.apply_async((1, 2), eta=datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(seconds=1.5)),
    "past": add.apply_async((1, 2), eta=datetime.now(timezone.utc) - timedelta(hours=1)),
}
took = {}
def look():
    for name, result in due.items():
        if name not in took and result.ready():
            took[name] = time.time() - start
    return len(took) == len(due)
assert until(look), took
took
"#,
    );
    for name in ["countdown", "aware", "naive is UTC"] {
        let took = times[name].as_f64().unwrap();
        assert!((1.4..6.0).contains(&took), "{name} after {took} s");
    }
    let took = times["past"].as_f64().unwrap();
    assert!(
        took < 1.4,
        "what is overdue runs at once, not after {took} s"
    );
    worker.wait_for("received", patience());
}

fn expired_tasks_are_revoked(store: &Store) {
    let mut py = Python::on(store);
    py.run(
        r#"
stale = add.apply_async((1, 2), expires=0.2)
fresh = add.apply_async((1, 2), expires=3600)
time.sleep(0.3)
"#,
    );
    let (_program, _worker) = rust_worker(store, &[]);
    assert_eq!(
        py.run("[outcome(stale), outcome(fresh)]"),
        json!([["REVOKED", "TaskRevokedError", ["expired"]], ["SUCCESS", 3]])
    );
    assert_eq!(
        py.run("outcome(add.apply_async((1, 2), countdown=1, expires=0.3))[0]"),
        "REVOKED",
        "it expires while it is held"
    );
}

fn limits_end_tasks_that_run_too_long(store: &Store) {
    let (_program, mut worker) = rust_worker(store, &[]);
    let mut py = Python::on(store);
    let ends = py.run(
        r#"
soft = sleepy.apply_async((30,), soft_time_limit=0.3)
hard = sleepy.apply_async((30,), time_limit=0.5)
blocked = blocks.apply_async((2,), time_limit=0.5)
[outcome(soft), outcome(hard), outcome(blocked)]
"#,
    );
    assert_eq!(
        ends[0].as_array().unwrap()[..2],
        *json!(["FAILURE", "SoftTimeLimitExceeded"])
            .as_array()
            .unwrap()
    );
    assert_eq!(ends[1], json!(["FAILURE", "TimeLimitExceeded", [0.5]]));
    assert_eq!(
        ends[2],
        json!(["FAILURE", "TimeLimitExceeded", [0.5]]),
        "also where the code blocks"
    );
    worker.wait_for(
        "Hard time limit (0.5s) exceeded for proj.sleepy",
        patience(),
    );
    assert_eq!(py.run("get(add.delay(1, 2))"), 3);
}

fn the_rate_limit_of_a_task_spaces_its_starts(store: &Store) {
    let program = super::harness::Rcelery::example("interop_worker")
        .with(store)
        .env(
            "CELERY_TASK_ANNOTATIONS",
            r#"{"proj.add": {"rate_limit": "4/s"}}"#,
        );
    let _worker = program.worker(&["-c", "4"]);
    let mut py = Python::on(store);
    let took = py.run(
        r#"
start = time.time()
for result in [add.delay(i, i) for i in range(5)]:
    get(result)
free = [get(identity.delay(i)) for i in range(3)]
time.time() - start
"#,
    );
    let took = took.as_f64().unwrap();
    assert!(
        (0.9..8.0).contains(&took),
        "five at four a second took {took} s"
    );
}
