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
