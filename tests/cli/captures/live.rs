//! Ours and Celery's own command line, side by side, at the same Python worker.

use regex::Regex;
use serde_json::json;

use crate::harness::{Python, PythonWorker, Rcelery, Store, eventually, holds, patience};

/// Without the empty line that Pygments, where Python has it, leaves behind an object: ours has it always.
fn bare(text: &str) -> String {
    text.replace("\n    }\n    \n", "\n    }\n")
}

/// Numbers that go on from one call to the next.
fn still(text: &str) -> String {
    let text = bare(text);
    let number = Regex::new(r"\d+(\.\d+)?").expect("a pattern of ours");
    number.replace_all(&text, "N").into_owned()
}

#[test]
fn both_command_lines_print_the_same() {
    let store = Store::redis();
    let _worker = PythonWorker::with(&store, &json!({}), &["-c", "2"]);
    let mut py = Python::on(&store);
    let rcelery = Rcelery::on(&store);
    let ids = py.run("[sleepy.delay(600).id, add.apply_async((1, 2), countdown=3600).id]");
    let (running, held) = (ids[0].as_str().unwrap(), ids[1].as_str().unwrap());
    eventually("both tasks are received", patience(), || {
        let found = rcelery.run(&["inspect", "query_task", running, held]);
        holds(found, |found| found.code == 0)
    });
    let same: &[&[&str]] = &[
        &["status"],
        &["inspect", "ping"],
        &["inspect", "active"],
        &["inspect", "scheduled"],
        &["inspect", "reserved"],
        &["inspect", "revoked"],
        &["inspect", "registered"],
        &["inspect", "registered", "rate_limit", "max_retries"],
        &["inspect", "active_queues"],
        &["inspect", "conf"],
        &["inspect", "conf", "yes"],
        &["inspect", "report"],
        &["inspect", "memsample"],
        &["inspect", "query_task", running, held],
        &["inspect", "-j", "ping"],
        &["inspect", "-j", "active"],
        &["inspect", "-j", "registered"],
        &["inspect", "-j", "query_task", running],
        &["control", "enable_events"],
        &["control", "disable_events"],
        &["control", "heartbeat"],
        &["control", "-j", "heartbeat"],
        &["control", "rate_limit", "proj.add", "10/s"],
        &["control", "-j", "rate_limit", "proj.add", "10/s"],
        &["control", "time_limit", "proj.add", "5", "10"],
        &["control", "add_consumer", "extra"],
        &["control", "cancel_consumer", "extra"],
        &["control", "pool_grow", "1"],
        &["control", "revoke", "a"],
        &["control", "-j", "terminate", "SIGTERM", "nosuch"],
        &["control", "revoke_by_stamped_headers", "a=1", "b=2"],
    ];
    // Celery waits the whole time unless it knows who is to answer.
    let celery = |args: &[&str]| {
        let named: Vec<&str> = args
            .iter()
            .copied()
            .chain(["-d", "py@test", "-t", "20"])
            .collect();
        py.celery(&named)
    };
    for args in same {
        let theirs = celery(args);
        let ours = rcelery.run(args);
        // The first call changes what the second finds.
        let plain = |text: &str| bare(&text.replace("already ", ""));
        assert_eq!(
            plain(&ours.stdout),
            plain(&theirs.exit(0).stdout),
            "{args:?}"
        );
        assert_eq!(ours.exit(0).stderr, "", "{args:?}");
    }
    for args in [
        &["inspect", "stats"][..],
        &["inspect", "clock"],
        &["inspect", "memdump"],
        &["inspect", "-j", "stats"],
    ] {
        let theirs = celery(args).exit(0).stdout.clone();
        assert_eq!(
            still(&rcelery.run(args).exit(0).stdout),
            still(&theirs),
            "{args:?}"
        );
    }
    // The same words, but no success with us.
    for args in [
        &["inspect", "objgraph"][..],
        &["control", "rate_limit", "proj.nosuch", "10/s"],
        &["control", "time_limit", "proj.nosuch", "5", "10"],
        &["control", "autoscale", "4", "1"],
        &["control", "pool_restart"],
    ] {
        let theirs = celery(args);
        let ours = rcelery.run(args);
        assert_eq!(ours.exit(1).stdout, theirs.exit(0).stdout, "{args:?}");
        assert_eq!(ours.stderr, "", "{args:?}");
    }
}

#[test]
fn both_command_lines_purge_alike() {
    let store = Store::redis();
    let mut py = Python::on(&store);
    let rcelery = Rcelery::on(&store);
    for messages in [0, 1, 3] {
        for args in [
            &["purge", "-f"][..],
            &["purge", "-f", "-Q", "celery,nosuch"],
        ] {
            py.run(&format!("for n in range({messages}): add.delay(n, n)"));
            let theirs = py.celery(args);
            py.run(&format!("for n in range({messages}): add.delay(n, n)"));
            assert_eq!(rcelery.run(args).exit(0).stdout, theirs.exit(0).stdout);
        }
    }
    assert_eq!(py.run("waiting()"), json!(0));
}
