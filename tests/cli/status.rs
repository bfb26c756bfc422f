//! `rcelery status`.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::harness::{Rcelery, Store, eventually, holds, patience};

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

#[test]
fn long_is_an_object_for_each_node() {
    for store in [Store::sqlite(), Store::redis()] {
        let rcelery = Rcelery::on(&store);
        let _worker = rcelery.worker(&["-n", "w1@box", "-c", "3", "-Q", "celery,hi"]);
        assert_eq!(
            rcelery
                .run(&["send", "demo.add", "-a", "[1, 2]", "--wait=30"])
                .ok(),
            "3"
        );
        let nodes = rcelery.run(&["status", "--long", "-j"]).json();
        let node = &nodes[0];
        assert_eq!(nodes.as_array().map(Vec::len), Some(1));
        assert_eq!(
            (&node["node"], &node["status"]),
            (&json!("w1@box"), &json!("online"))
        );
        assert_eq!(
            (&node["active"], &node["slots"], &node["done"]),
            (&json!(0), &json!(3), &json!(1))
        );
        assert_eq!(
            node["queues"],
            json!([{"name": "celery", "messages": 0}, {"name": "hi", "messages": 0}])
        );
        assert!(
            node["software"].as_str().unwrap().starts_with("rcelery "),
            "{node}"
        );
        assert_eq!(node["stats"]["pool"]["max-concurrency"], 3);
        assert_eq!(node["active_queues"][0]["name"], "celery");
        let text = rcelery.run(&["status", "--long"]);
        assert!(
            text.ok().starts_with("->  w1@box: OK\n    active: 0/3\n"),
            "{text:?}"
        );
        assert!(text.ok().ends_with("\n\n1 node online."), "{text:?}");
    }
}

#[test]
fn a_named_node_that_is_silent_is_a_row_and_null() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box"]);
    let table = rcelery.run(&["status", "-d", "w1@box,w9@box", "--format", "table"]);
    table.exit(69);
    assert!(table.stdout.contains("\nw9@box  no reply"), "{table:?}");
    assert!(
        table.stderr.contains("1 node online, 1 did not reply."),
        "{table:?}"
    );
    let long = rcelery.run(&["status", "-d", "w1@box,w9@box", "--long", "-j"]);
    let nodes = crate::document(long.exit(69));
    assert_eq!(nodes[1]["status"], "no reply");
    assert_eq!(nodes[1]["active"], json!(null));
}

#[test]
fn two_nodes_of_one_name_are_told() {
    for store in [Store::sqlite(), Store::redis()] {
        let rcelery = Rcelery::on(&store);
        let _one = rcelery.worker(&["-n", "w@box"]);
        let _two = rcelery.worker(&["-n", "w@box"]);
        let table = rcelery.run(&["status", "--format", "table", "-t", "10"]);
        assert!(
            table.exit(0).stdout.contains("\nw@box  duplicate"),
            "{table:?}"
        );
        assert!(
            table
                .stderr
                .contains("warning: more than one node is named w@box"),
            "{table:?}"
        );
        let text = rcelery.run(&["status", "-t", "10"]);
        assert_eq!(
            text.exit(0).stdout,
            "->  w@box: OK\n->  w@box: OK\n\n1 node online.\n"
        );
    }
}

#[test]
fn a_watch_in_a_pipe_is_block_after_block_or_line_after_line() {
    let rcelery = Rcelery::new();
    let worker = rcelery.worker(&["-n", "w1@box"]);
    let mut blocks = rcelery.spawn(&["status", "--watch=0.1"]);
    let mut lines = rcelery.spawn(&["status", "--watch=0.1", "-j"]);
    let block = "->  w1@box: OK\n\n1 node online.\n";
    blocks.wait_for(&format!("{block}\n{block}"), patience());
    let line = "{\"w1@box\": {\"ok\": \"pong\"}}\n";
    lines.wait_for(&line.repeat(2), patience());
    worker.terminate().exit(0);
    blocks.wait_for("\n\n0 nodes online.\n", patience());
    lines.wait_for("\n{}\n", patience());
    for (process, code) in [(blocks, 130), (lines, 143)] {
        let signal = if code == 130 {
            Signal::SIGINT
        } else {
            Signal::SIGTERM
        };
        process.signal(signal);
        let end = process.wait(patience());
        end.exit(code);
        assert_eq!(
            end.stderr, "warning: no worker replies\n",
            "said once: {end:?}"
        );
    }
    rcelery.run(&["status", "--watch=0"]).exit(2);
}

#[test]
fn a_watch_waits_for_a_broker_that_goes_away_but_not_for_one_that_is_not_there() {
    let mut store = Store::redis();
    let rcelery = Rcelery::on(&store);
    let mut watch = rcelery.spawn(&["status", "--watch=0.1", "-j"]);
    watch.wait_for("{}\n{}\n", patience());
    store.server().stop();
    watch.wait_for("warning: can't use the broker", patience());
    let seen = watch.stdout().len();
    store.server().start_again();
    eventually("it asks again", patience(), || {
        holds(watch.stdout().len(), |now| *now > seen)
    });
    drop(store);
    rcelery.run(&["status", "--watch"]).exit(69);
}
