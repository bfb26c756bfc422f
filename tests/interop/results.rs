//! Python sends, rcelery runs, Python reads the result.

use serde_json::json;

use super::harness::{Python, Rcelery, Store, eventually, holds, patience};
use super::{NODE, on_both, rust_worker};

on_both!(
    values_of_every_type_come_back_as_they_were
    failures_come_back_as_exceptions
    progress_is_seen_while_the_task_runs
    retries_keep_the_id_and_end
    ids_of_the_caller_and_of_the_workflow_are_kept
    what_ignores_its_result_stores_none
    the_demo_tasks_run_for_python
);

fn values_of_every_type_come_back_as_they_were(store: &Store) {
    let program = Rcelery::example("interop_worker")
        .with(store)
        .env("CELERY_ACCEPT_CONTENT", r#"["json", "msgpack", "yaml"]"#);
    let _worker = program.worker(&["-c", "4"]);
    let content = json!({"accept_content": ["json", "msgpack", "yaml"]});
    let mut py = Python::with(store, &content);
    let wrong = py.run(
        r#"
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID
values = [
    5, -1, 0, 2**63 - 1, -(2**63), 2**70, 1.5, -0.0, 1e300, True, False, None, "", "text", "čeština 🦀 \\ ' \" \n",
    [], [1, [2, [3]]], {}, {"a": {"b": [1, None]}}, {"__type__": "not ours"},
    datetime(2030, 1, 2, 3, 4, 5, 678901), datetime(2030, 1, 2, tzinfo=timezone(timedelta(hours=-5))),
    date(2030, 1, 2), time(3, 4, 5), Decimal("1.50"), UUID(int=7), b"bytes", b"\xff\x00", "x" * 300_000,
]
results = [identity.delay(v) for v in values]
got = [get(r) for r in results]
[[repr(v), repr(g)] for v, g in zip(values, got) if v != g or type(v) is not type(g)]
"#,
    );
    assert_eq!(wrong, json!([]), "sent, and received instead");
    let not_a_number = py.run("import math\nmath.isnan(get(identity.delay(float('nan'))))");
    assert_eq!(not_a_number, true);
    let wrong = py.run(
        r#"
value = {"list": [1, "two", None, True, 2.5], "text": "čeština " * 50}
kinds = [(s, c) for s in ("json", "msgpack", "yaml") for c in (None, "gzip", "zlib", "bzip2", "zstd")]
results = [identity.apply_async((value,), serializer=s, compression=c) for s, c in kinds]
[[kind, repr(r.result)] for kind, r in zip(kinds, results) if outcome(r) != ["SUCCESS", value]]
"#,
    );
    assert_eq!(
        wrong,
        json!([]),
        "serializer and compression, and the result"
    );
}

fn failures_come_back_as_exceptions(store: &Store) {
    let (_program, mut worker) = rust_worker(store, &[]);
    let mut py = Python::on(store);
    let failed = py.run("failed = fail.delay('no luck')\noutcome(failed)");
    assert_eq!(failed, json!(["FAILURE", "ValueError", ["no luck"]]));
    assert_eq!(
        py.run("isinstance(failed.result, ValueError)"),
        true,
        "the class is Python's own"
    );
    let raised =
        py.run("try:\n    get(failed)\nexcept ValueError as e:\n    caught = str(e)\ncaught");
    assert_eq!(raised, "no luck");
    assert_eq!(
        py.run("outcome(app.send_task('proj.nosuch'))"),
        json!(["FAILURE", "NotRegistered", ["proj.nosuch"]])
    );
    let missing = py.run("outcome(app.send_task('proj.add', args=[1]))");
    assert_eq!(
        (&missing[0], &missing[1]),
        (&json!("FAILURE"), &json!("TypeError"))
    );
    assert!(missing[2][0].as_str().unwrap().contains("'y'"), "{missing}");
    let panicked = py.run("outcome(panic.delay())");
    assert_eq!(panicked[0], "FAILURE");
    assert!(
        panicked.to_string().contains("a bug of the task"),
        "{panicked}"
    );
    assert_eq!(
        py.run("outcome(rejected.delay())[:2]"),
        json!(["FAILURE", "Reject"])
    );
    assert_eq!(py.run("get(add.delay(1, 2))"), 3, "the worker goes on");
    worker.wait_for("raised unexpected: ValueError('no luck')", patience());
    worker.terminate().exit(0);
}

fn progress_is_seen_while_the_task_runs(store: &Store) {
    let (_program, _worker) = rust_worker(store, &[]);
    let mut py = Python::on(store);
    let seen = py.run(
        r#"
running = progress.delay(8, 0.3)
steps = []
def step():
    meta = running.backend.get_task_meta(running.id)
    if meta["status"] == "PROGRESS":
        info = meta["result"]
        if not steps or steps[-1] != info["current"]:
            assert info["total"] == 8 and info["status"] == f"step {info['current']}", info
            steps.append(info["current"])
    return running.ready()
until(step)
[steps == sorted(steps), len(steps) >= 3, get(running)]
"#,
    );
    let end = json!({"current": 8, "total": 8, "status": "done"});
    assert_eq!(seen, json!([true, true, end]));
}

fn retries_keep_the_id_and_end(store: &Store) {
    let (_program, mut worker) = rust_worker(store, &[]);
    let mut py = Python::on(store);
    assert_eq!(py.run("third = flaky.delay(2)\nget(third)"), 2);
    assert_eq!(
        py.run("len(third.children or [])"),
        0,
        "those of the last run count"
    );
    let spent = py.run("outcome(flaky.delay(9))");
    assert_eq!(spent[0], "FAILURE");
    assert!(spent.to_string().contains("not yet"), "{spent}");
    let id = py.run("third.id");
    let id = id.as_str().unwrap();
    worker.wait_for(
        &format!("Task proj.flaky[{id}] retry: Retry in 0"),
        patience(),
    );
    let received = worker
        .log()
        .matches(&format!("Task proj.flaky[{id}] received"))
        .count();
    assert_eq!(received, 3);
}

fn ids_of_the_caller_and_of_the_workflow_are_kept(store: &Store) {
    let (_program, _worker) = rust_worker(store, &[]);
    let mut py = Python::on(store);
    let who = py.run(
        r#"
mine = uuid()
whoami.apply_async(task_id=mine, root_id="the-root", parent_id="the-parent", headers={"tenant": "blue"})
get(at(mine)) | {"same": at(mine).id == mine}
"#,
    );
    assert_eq!(who["root_id"], "the-root");
    assert_eq!(who["parent_id"], "the-parent");
    assert_eq!(who["headers"]["tenant"], "blue");
    assert_eq!(who["hostname"], NODE);
    assert_eq!(who["retries"], 0);
    let meta = py.run(
        "r = add.delay(2, y=3)\nget(r)\n[r.name, r.args, r.kwargs, r.worker, r.retries, r.queue, r.date_done is not None]",
    );
    assert_eq!(
        meta,
        json!(["proj.add", [2], {"y": 3}, NODE, 0, "celery", true]),
        "results are extended"
    );
    assert_eq!(py.run("r.forget()\nr.state"), "PENDING");
    let child = py.run(
        r#"
parent = sends.delay("proj.whoami", [])
child = at(get(parent))
who = get(child)
[who["parent_id"] == parent.id, who["root_id"] == parent.id, [c.id for c in parent.children] == [child.id]]
"#,
    );
    assert_eq!(child, json!([true, true, true]), "a task that a task sends");
    let refused = py.run("get(joins.delay())");
    let refused = refused.as_str().unwrap();
    assert!(
        refused.to_lowercase().contains("within a task"),
        "{refused}"
    );
}

fn what_ignores_its_result_stores_none(store: &Store) {
    let (_program, mut worker) = rust_worker(store, &[]);
    let mut py = Python::on(store);
    let ids = py.run(
        r#"
silent = [quiet.delay(), add.apply_async((1, 2), ignore_result=True), ignored.apply_async(ignore_result=True)]
loud = quiet.apply_async(ignore_result=False)
[r.id for r in silent]
"#,
    );
    for id in ids.as_array().unwrap() {
        let id = id.as_str().unwrap();
        eventually("the task ends", patience(), || {
            holds(worker.log(), |log| {
                log.contains(&format!("[{id}] succeeded"))
                    || log.contains(&format!("[{id}] ignored"))
            })
        });
    }
    assert_eq!(py.run("get(loud)"), "nobody reads this");
    assert_eq!(
        py.run("[r.state for r in silent]"),
        json!(["PENDING", "PENDING", "PENDING"])
    );
    assert!(worker.is_running());
}

fn the_demo_tasks_run_for_python(store: &Store) {
    let _worker = Rcelery::on(store).worker(&["-n", NODE]);
    let mut py = Python::on(store);
    assert_eq!(
        py.run("get(app.send_task('demo.add', (2,), {'y': 3}))"),
        5,
        "half of the arguments by position, half by name"
    );
    let failed = py.run("outcome(app.send_task('demo.fail'))");
    assert_eq!(failed[0], "FAILURE");
}
