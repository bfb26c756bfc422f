//! `rcelery control`.

use serde_json::json;

use crate::harness::{Rcelery, secs};

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

#[test]
fn revoke_needs_an_id() {
    Rcelery::new().run(&["control", "revoke"]).exit(2);
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
        rcelery.run(&["control", "shutdown"]).exit(0).stdout,
        "shutdown sent to 1 node\n"
    );
}

#[test]
fn nobody_to_tell_is_69() {
    Rcelery::new().run(&["control", "shutdown"]).exit(69);
}
