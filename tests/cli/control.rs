//! `rcelery control`.

use serde_json::json;

use crate::harness::{PythonWorker, Rcelery, Store, eventually, holds, patience, secs};

#[test]
fn a_revoked_task_is_not_run() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box"]);
    let id = rcelery
        .run(&["send", "demo.add", "-a", "[1, 2]", "--countdown", "2"])
        .ok()
        .trim()
        .to_owned();
    let told = rcelery.run(&["control", "revoke", &id]);
    assert!(told.ok().starts_with("->  w1@box: OK\n"), "{}", told.stdout);
    let revoked = rcelery.run(&["result", "--wait=20", &id]);
    revoked.exit(1);
    assert!(
        revoked.stderr.contains("REVOKED: revoked"),
        "{}",
        revoked.stderr
    );
}

/// Commands that do the same to a worker of either kind, and what it says.
const TOLD: &[(&[&str], &str)] = &[
    (&["enable_events"], "task events enabled"),
    (&["disable_events"], "task events disabled"),
    (
        &["rate_limit", "TASK", "10/m"],
        "new rate limit set successfully",
    ),
    (
        &["time_limit", "TASK", "30", "1m"],
        "time limits set successfully",
    ),
    (&["add_consumer", "extra"], "add consumer extra"),
    (
        &["cancel_consumer", "extra"],
        "no longer consuming from extra",
    ),
    (&["pool_grow", "2"], "pool will grow"),
    (&["pool_grow"], "pool will grow"),
    (&["revoke", "a"], "tasks {'a'} flagged as revoked"),
    (&["revoke", "--terminate", "a"], "terminate: tasks unknown"),
    (&["terminate", "kill", "a", "b"], "terminate: tasks unknown"),
    (
        &["revoke_by_stamped_headers", "project=p-9"],
        "headers {'project': 'p-9'} flagged as revoked, but not terminated",
    ),
    (
        &[
            "revoke_by_stamped_headers",
            "project=p-9",
            "--terminate",
            "--signal",
            "9",
        ],
        "headers {'project': 'p-9'} were not terminated",
    ),
];

/// Commands that a worker refuses, with a part of what it says.
const REFUSED: &[(&[&str], &str)] = &[
    (&["rate_limit", "proj.nosuch", "1/s"], "unknown task"),
    (&["time_limit", "proj.nosuch", "1"], "unknown task"),
    (&["autoscale", "4", "1"], "Autoscale not enabled"),
    (&["pool_restart"], "Pool restarts not enabled"),
];

fn every_command_is_obeyed(rcelery: &Rcelery, node: &str, task: &str) {
    let control = |args: &[&str], option: &str| {
        let args = args
            .iter()
            .map(|arg| if *arg == "TASK" { task } else { arg });
        let all: Vec<&str> = ["control", "-t", "10", option]
            .into_iter()
            .chain(args)
            .collect();
        rcelery.run(&all)
    };
    for (args, said) in TOLD {
        let told = control(args, "-j");
        assert_eq!(
            told.exit(0).json(),
            json!([{node: {"ok": said}}]),
            "{args:?}"
        );
        assert_eq!(told.stderr, "", "{args:?}");
    }
    let beat = control(&["heartbeat"], "-j");
    assert_eq!(beat.json(), json!([{node: null}]));
    for (args, said) in REFUSED {
        let refused = control(args, "-j");
        let document: serde_json::Value = serde_json::from_str(&refused.exit(1).stdout).unwrap();
        let error = document[0][node]["error"].as_str().unwrap_or_default();
        assert!(error.contains(said), "{args:?}: {refused:?}");
        assert!(refused.stderr.contains("\"node_error\""), "{refused:?}");
        let table = control(args, "--format=table");
        assert!(table.exit(1).stdout.contains("  error   "), "{table:?}");
    }
}

#[test]
fn every_command_is_obeyed_by_our_workers_on_each_store() {
    for store in [Store::sqlite(), Store::redis()] {
        let rcelery = Rcelery::on(&store);
        let _worker = rcelery.worker(&["-n", "w1@box", "-c", "2"]);
        every_command_is_obeyed(&rcelery, "w1@box", "demo.add");
        // A Python worker can't without gossip, which the tests' worker is started without.
        let won = rcelery.run(&["control", "-j", "election", "e1", "nothing"]);
        assert_eq!(won.json(), json!([{"w1@box": null}]));
        let stats = rcelery.run(&["inspect", "stats", "-j"]).json();
        assert_eq!(stats["w1@box"]["pool"]["max-concurrency"], 5);
    }
}

#[test]
fn every_command_is_obeyed_by_a_python_worker() {
    let store = Store::redis();
    // Its threads can't be more or fewer.
    let _worker = PythonWorker::with(&store, &json!({}), &["-c", "2"]);
    every_command_is_obeyed(&Rcelery::on(&store), "py@test", "proj.add");
}

#[test]
fn a_mixed_cluster_is_told_as_one() {
    let store = Store::redis();
    let rcelery = Rcelery::on(&store);
    let _python = PythonWorker::on(&store);
    let _ours = rcelery.worker(&["-n", "w1@box"]);
    let told = rcelery.run(&["control", "-t", "10", "add_consumer", "extra"]);
    let mut lines: Vec<&str> = told.ok().lines().collect();
    lines.sort_unstable();
    let line = "        add consumer extra";
    assert_eq!(lines, [line, line, "->  py@test: OK", "->  w1@box: OK"]);
    let refused = rcelery.run(&["control", "-t", "10", "rate_limit", "proj.add", "1/s"]);
    refused.exit(1);
    assert!(
        refused
            .stdout
            .contains("->  py@test: OK\n        new rate limit set"),
        "{refused:?}"
    );
    assert!(
        refused
            .stdout
            .contains("->  w1@box: ERROR\n        unknown task"),
        "{refused:?}"
    );
}

/// Celery answers the same, and has killed both children by then.
#[test]
fn a_pool_that_cant_shrink_so_far_stays_as_it_was() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box", "-c", "2"]);
    let refused = rcelery.run(&["control", "pool_shrink", "10"]);
    assert!(
        refused.exit(1).stdout.starts_with("->  w1@box: ERROR\n"),
        "{refused:?}"
    );
    let stats = rcelery.run(&["inspect", "stats", "-j"]).json();
    assert_eq!(stats["w1@box"]["pool"]["max-concurrency"], 2);
    let sum = rcelery.run(&["send", "demo.add", "-a", "[1, 2]", "--wait=30"]);
    assert_eq!(sum.ok(), "3");
    rcelery.run(&["control", "pool_shrink"]).ok();
    let stats = rcelery.run(&["inspect", "stats", "-j"]).json();
    assert_eq!(stats["w1@box"]["pool"]["max-concurrency"], 1);
}

#[test]
fn wrong_arguments_are_usage_errors_and_nobody_is_asked() {
    let rcelery = Rcelery::new();
    for (args, said) in [
        (&["revoke"][..], "<TASK_ID>"),
        (&["terminate", "SIGKILL"], "<TASK_ID>"),
        (&["terminate", "SIGKIL", "a"], "did you mean `SIGKILL`?"),
        (&["rate_limit", "demo.add"], "<RATE_LIMIT>"),
        (
            &["rate_limit", "demo.add", "often"],
            "expected a rate such as 10/s",
        ),
        (&["time_limit", "demo.add", "x"], "expected seconds"),
        (
            &["add_consumer", "q", "x", "sideways"],
            "direct, topic, fanout",
        ),
        (&["heartbeat", "now"], "unexpected argument"),
        (&["shutdwon"], "'shutdown'"),
        (&["-d", "", "shutdown"], "must not be empty"),
    ] {
        let all: Vec<&str> = ["control"]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        let refused = rcelery.run(&all);
        assert!(refused.exit(2).stderr.contains(said), "{refused:?}");
        assert_eq!(refused.stdout, "");
    }
}

#[test]
fn ids_can_come_from_another_command() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box"]);
    let told = rcelery.run_with(&["control", "revoke", "-j", "-"], "a\nb c\n\n", secs(30));
    told.exit(0);
    let revoked = rcelery.run(&["inspect", "revoked", "-j"]).json();
    let mut ids: Vec<&str> = revoked["w1@box"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|v| v.as_str())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["a", "b", "c"]);
    rcelery.run(&["control", "revoke", "-"]).exit(2);
}

#[test]
fn a_table_says_that_nobody_has_seen_the_id() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box"]);
    let told = rcelery.run(&["control", "revoke", "nosuch", "--format", "table"]);
    assert_eq!(
        told.exit(0).stdout,
        "NODE    STATUS  REPLY\nw1@box  ok      tasks {'nosuch'} flagged as revoked\n"
    );
    assert_eq!(
        told.stderr,
        "nosuch: not seen by any worker; will be discarded if it arrives\n"
    );
    let held = rcelery.run(&["send", "demo.add", "-a", "[1, 2]", "--countdown", "600"]);
    eventually("it is held", patience(), || {
        let found = rcelery.run(&["inspect", "query_task", held.ok()]);
        holds(found, |found| found.code == 0)
    });
    let told = rcelery.run(&["control", "revoke", held.ok(), "--format", "table"]);
    assert_eq!(told.exit(0).stderr, "");
}

#[test]
fn the_commands_can_be_listed_without_a_broker() {
    let rcelery = Rcelery::new().env("CELERY_BROKER_URL", "redis://127.0.0.1:1/0");
    for (kind, count) in [("control", 16), ("inspect", 15)] {
        let listed = rcelery.run(&[kind, "--list", "-j"]).json();
        assert_eq!(listed.as_array().map(Vec::len), Some(count), "{listed}");
        assert_eq!(
            rcelery.run(&[kind, "--list"]).ok().lines().count(),
            count + 1
        );
        rcelery.run(&[kind, "-t", "2"]).exit(2);
    }
}

#[test]
fn shutdown_reaches_the_named_node_and_says_so() {
    let rcelery = Rcelery::new();
    let one = rcelery.worker(&["-n", "w1@box"]);
    let _two = rcelery.worker(&["-n", "w2@box"]);
    let told = rcelery.run(&["control", "-d", "w1@box", "shutdown", "-j"]);
    assert_eq!(
        told.exit(0).json(),
        json!([{"w1@box": {"ok": "shutdown sent"}}])
    );
    one.wait(secs(20)).exit(0);
    assert_eq!(
        rcelery
            .run(&["control", "shutdown", "--wait"])
            .exit(0)
            .stdout,
        "shutdown sent to 1 node\n"
    );
    rcelery.run(&["status"]).exit(69);
}

#[test]
fn nobody_to_tell_is_69() {
    Rcelery::new().run(&["control", "shutdown"]).exit(69);
}
