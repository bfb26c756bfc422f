//! `rcelery inspect`.

use serde_json::json;

use crate::document;
use crate::harness::Rcelery;

#[test]
fn every_command_is_answered_in_text_and_as_json() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box"]);
    for command in [
        "active",
        "active_queues",
        "clock",
        "conf",
        "memsample",
        "memdump",
        "ping",
        "registered",
        "report",
        "reserved",
        "revoked",
        "scheduled",
        "stats",
    ] {
        let reply = rcelery.run(&["inspect", "-j", command]);
        assert_eq!(reply.exit(0).stderr, "");
        assert!(
            document(&reply).get("w1@box").is_some(),
            "{command}: {}",
            reply.stdout
        );
        let text = rcelery.run(&["inspect", command]).stdout;
        assert!(text.starts_with("->  w1@box: OK\n"), "{command}: {text}");
        assert!(text.ends_with("\n\n1 node online.\n"), "{command}: {text}");
        rcelery.run(&["inspect", command, "--format", "table"]);
    }
}

#[test]
fn the_text_is_celerys() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box"]);
    assert_eq!(
        rcelery.run(&["inspect", "ping"]).exit(0).stdout,
        "->  w1@box: OK\n        pong\n\n1 node online.\n"
    );
    assert_eq!(
        rcelery.run(&["inspect", "ping", "-j"]).json(),
        json!({"w1@box": {"ok": "pong"}})
    );
    assert_eq!(
        rcelery.run(&["inspect", "active"]).exit(0).stdout,
        "->  w1@box: OK\n    - empty -\n\n1 node online.\n"
    );
    let registered = rcelery.run(&["inspect", "registered"]);
    assert!(
        registered.ok().contains("\n    * demo.add\n"),
        "{}",
        registered.stdout
    );
}

#[test]
fn a_running_task_is_seen() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box"]);
    let id = rcelery
        .run(&["send", "demo.sleep", "-a", "[30]"])
        .ok()
        .trim()
        .to_owned();
    crate::harness::eventually("the task runs", crate::harness::patience(), || {
        let found = rcelery.run(&["inspect", "active", "-j"]).json();
        crate::harness::holds(found, |f| f["w1@box"][0]["id"] == id.as_str())
    });
    let found = rcelery.run(&["inspect", "query_task", &id, "-j"]).json();
    assert_eq!(found["w1@box"][&id][0], "active");
    let active = rcelery.run(&["inspect", "active", "--format", "table"]);
    assert!(
        active
            .ok()
            .contains(&format!("w1@box  {}  demo.sleep  [30]", &id[..8])),
        "{}",
        active.stdout
    );
}

#[test]
fn stray_arguments_and_unknown_commands_are_usage_errors() {
    let rcelery = Rcelery::new();
    rcelery.run(&["inspect", "ping", "1", "2"]).exit(2);
    let unknown = rcelery.run(&["inspect", "pign"]);
    unknown.exit(2);
    assert!(unknown.stderr.contains("'ping'"), "{}", unknown.stderr);
}

#[test]
fn ids_that_no_worker_knows_are_an_error_and_none_at_all_a_usage_error() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box"]);
    rcelery.run(&["inspect", "query_task"]).exit(2);
    let unknown = rcelery.run(&["inspect", "query_task", "nosuch", "-j"]);
    assert_eq!(unknown.exit(1).stdout, "{\"w1@box\": {}}\n");
    let error: serde_json::Value = serde_json::from_str(&unknown.stderr).expect("one document");
    assert_eq!(error["error"]["code"], "unknown_task");
    let held = rcelery.run(&["send", "demo.add", "-a", "[1, 2]", "--countdown", "600"]);
    crate::harness::eventually("it is held", crate::harness::patience(), || {
        let found = rcelery.run(&["inspect", "query_task", held.ok()]);
        crate::harness::holds(found, |found| found.code == 0)
    });
    let one = rcelery.run(&["inspect", "query_task", held.ok(), "nosuch"]);
    assert!(
        one.exit(1)
            .stderr
            .contains("no worker knows 1 of 2 tasks: nosuch"),
        "{one:?}"
    );
    let table = rcelery.run(&["inspect", "scheduled", "--format", "table", "--full"]);
    let row = format!("w1@box  {}  demo.add  [1, 2]  in ", held.ok());
    assert!(table.ok().contains(&row), "{table:?}");
}

#[test]
fn what_all_nodes_know_is_merged_and_what_some_lack_is_marked() {
    let store = crate::harness::Store::redis();
    let rcelery = Rcelery::on(&store);
    let _python = crate::harness::PythonWorker::on(&store);
    let _ours = rcelery.worker(&["-n", "w1@box"]);
    let table = rcelery.run(&["inspect", "-t", "10", "registered", "--format", "table"]);
    let row = |task: &str| {
        let row = table.ok().lines().find(|line| line.starts_with(task));
        let words = row.unwrap_or_else(|| panic!("{task} in {table:?}"));
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("demo.add"), "demo.add not on py@test");
    assert_eq!(row("proj.add"), "proj.add not on w1@box");
    let ping = rcelery.run(&["inspect", "-t", "10", "ping", "--format", "table"]);
    let lines: Vec<&str> = ping.ok().lines().collect();
    assert!(
        lines[1].starts_with("py@test  pong") && lines[2].starts_with("w1@box   pong"),
        "{ping:?}"
    );
    let status = rcelery.run(&["status", "-t", "10", "--format", "table"]);
    assert!(status.ok().contains("py-celery 5.7.0"), "{status:?}");
    assert!(status.ok().contains("rcelery 0."), "{status:?}");
}

#[test]
fn a_node_that_nobody_bears_is_compared_with_those_online() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box"]);
    for command in [
        &["inspect", "ping"][..],
        &["status"],
        &["control", "heartbeat"],
    ] {
        let all: Vec<&str> = command.iter().copied().chain(["-d", "w1@bx"]).collect();
        let nobody = rcelery.run(&all);
        assert_eq!(
            nobody.exit(69).stderr,
            "Error: No nodes replied within time constraint\nhint: did you mean `w1@box`?\n"
        );
    }
}

#[test]
fn options_stand_before_or_behind_the_command() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box"]);
    let pong = json!({"w1@box": {"ok": "pong"}});
    for args in [
        ["inspect", "-j", "-t", "5", "-d", "w1@box", "ping"],
        ["inspect", "ping", "-j", "-t", "5", "-d", "w1@box"],
        ["-j", "inspect", "-t", "5", "ping", "-d", "w1@box"],
    ] {
        assert_eq!(rcelery.run(&args).json(), pong, "{args:?}");
    }
}
