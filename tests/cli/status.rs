//! `rcelery status`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Rcelery, Store};

#[test]
fn nobody_is_69_with_celerys_words_and_at_once() {
    let rcelery = Rcelery::new();
    let begun = Instant::now();
    let none = rcelery.run(&["status", "-t", "20"]);
    none.exit(69);
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "the broker knows that nobody listens"
    );
    assert_eq!(none.stdout, "");
    assert!(
        none.stderr
            .starts_with("Error: No nodes replied within time constraint"),
        "{}",
        none.stderr
    );
    let none = rcelery.run(&["status", "-j"]);
    none.exit(69);
    let error: serde_json::Value = serde_json::from_str(&none.stderr).expect("one JSON document");
    assert_eq!(error["error"]["code"], "no_reply");
}

#[test]
fn one_worker_is_celerys_text_in_a_pipe_and_a_document_with_j() {
    for store in [Store::sqlite(), Store::redis()] {
        let rcelery = Rcelery::on(&store);
        let _worker = rcelery.worker(&["-n", "w1@box"]);
        let begun = Instant::now();
        assert_eq!(
            rcelery.run(&["status", "-t", "20"]).exit(0).stdout,
            "->  w1@box: OK\n\n1 node online.\n"
        );
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "all that can reply have replied"
        );
        let output = rcelery.run(&["status", "-j"]);
        assert_eq!(output.json(), json!({"w1@box": {"ok": "pong"}}));
        assert_eq!(output.stderr, "");
    }
}

#[test]
fn a_named_node_that_is_silent_is_69() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box"]);
    let one = rcelery.run(&["status", "-d", "w1@box,w9@box"]);
    one.exit(69);
    assert!(one.stdout.contains("->  w1@box: OK"), "{}", one.stdout);
    assert!(
        one.stderr.contains("no reply from w9@box"),
        "{}",
        one.stderr
    );
}

#[test]
fn a_table_can_be_had_in_a_pipe() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box", "-c", "3"]);
    let table = rcelery.run(&["status", "--format", "table"]);
    let lines: Vec<&str> = table.ok().lines().collect();
    assert!(lines[0].starts_with("NODE    STATUS  ACTIVE"), "{lines:?}");
    assert!(lines[1].starts_with("w1@box  online     0/3"), "{lines:?}");
}
