//! `rcelery purge`.

use serde_json::json;

use crate::harness::{Rcelery, Store, secs};

fn send(rcelery: &Rcelery, queue: &str, count: usize) {
    for _ in 0..count {
        rcelery.run(&["send", "x", "--queue", queue]).ok();
    }
}

#[test]
fn the_summary_is_celerys_on_each_store() {
    for store in [Store::sqlite(), Store::redis()] {
        let rcelery = Rcelery::on(&store);
        send(&rcelery, "celery", 3);
        assert_eq!(
            rcelery.run(&["purge", "-f"]).exit(0).stdout,
            "Purged 3 messages from 1 known task queue.\n"
        );
        assert_eq!(
            rcelery.run(&["purge", "-f"]).exit(0).stdout,
            "No messages purged from 1 queue.\n"
        );
    }
}

#[test]
fn json_counts_by_queue_and_a_dry_run_leaves_them() {
    let rcelery = Rcelery::new();
    send(&rcelery, "a", 2);
    send(&rcelery, "b", 1);
    let waiting = rcelery
        .run(&["purge", "-Q", "a,b", "--dry-run", "-j"])
        .json();
    assert_eq!(waiting, json!({"waiting": {"a": 2, "b": 1}, "total": 3}));
    let purged = rcelery
        .run(&["purge", "-f", "-Q", "a,b", "-X", "b", "-j"])
        .json();
    assert_eq!(purged, json!({"purged": {"a": 2}, "total": 2}));
}

#[test]
fn the_question_is_on_stderr_and_no_means_no() {
    let rcelery = Rcelery::new();
    send(&rcelery, "celery", 2);
    let no = rcelery.run_with(&["purge"], "maybe\nn\n", secs(20));
    no.exit(1);
    assert_eq!(no.stdout, "");
    assert!(
        no.stderr.contains("  celery  2 messages\n"),
        "{}",
        no.stderr
    );
    assert!(no.stderr.ends_with("Aborted!\n"), "{}", no.stderr);
    let nobody = rcelery.run(&["purge"]);
    nobody.exit(2);
    assert!(
        nobody.stderr.contains("refusing to purge without --force"),
        "{}",
        nobody.stderr
    );
    let yes = rcelery.run_with(&["purge"], "y\n", secs(20));
    assert_eq!(
        yes.exit(0).stdout,
        "Purged 2 messages from 1 known task queue.\n"
    );
}

#[test]
fn a_missing_queue_is_named_and_stray_arguments_are_refused() {
    let rcelery = Rcelery::new();
    let missing = rcelery.run(&["purge", "-f", "-Q", "nosuch"]);
    assert_eq!(missing.exit(0).stdout, "No messages purged from 1 queue.\n");
    assert!(
        missing.stderr.contains("queue \"nosuch\" does not exist"),
        "{}",
        missing.stderr
    );
    rcelery.run(&["purge", "-f", "garbage"]).exit(2);
    let nothing = rcelery.run(&["purge", "-f", "-X", "celery"]);
    assert_eq!(
        (nothing.ok(), nothing.stderr.contains("nothing to purge")),
        ("", true)
    );
}

#[test]
fn all_queues_of_the_broker_are_those_for_tasks() {
    for store in [Store::sqlite(), Store::redis()] {
        let rcelery = Rcelery::on(&store);
        let _worker = rcelery.worker(&["-n", "w1@box", "-Q", "idle"]);
        send(&rcelery, "celery", 1);
        send(&rcelery, "images", 2);
        let counted = rcelery.run(&["purge", "--all", "--dry-run", "-j"]);
        assert_eq!(
            counted.json(),
            json!({"waiting": {"celery": 1, "idle": 0, "images": 2}, "total": 3})
        );
        let purged = rcelery.run(&["purge", "--all", "-X", "celery", "--yes"]);
        assert_eq!(purged.ok(), "Purged 2 messages from 2 known task queues.");
        assert_eq!(purged.stderr, "");
        let left = rcelery.run(&["purge", "-y", "--all", "-j"]).json();
        assert_eq!(left["total"], 1);
        // The worker is asked as before.
        rcelery.run(&["status"]).ok();
    }
    rcelery_without_queues();
}

fn rcelery_without_queues() {
    let nothing = Rcelery::new().run(&["purge", "--all", "-f"]);
    assert_eq!(nothing.exit(0).stdout, "");
    assert!(
        nothing.stderr.contains("the broker has no queues"),
        "{nothing:?}"
    );
    Rcelery::new().run(&["purge", "--all", "-Q", "x"]).exit(2);
}

/// What other programs keep in lists of the same database is no queue.
#[test]
fn other_peoples_lists_are_left_alone() {
    let mut store = Store::redis();
    let rcelery = Rcelery::on(&store);
    send(&rcelery, "celery", 1);
    let length: i64 = store.server().query(&["RPUSH", "their-jobs", "x", "y"]);
    assert_eq!(length, 2);
    let purged = rcelery.run(&["purge", "--all", "-f", "-j"]);
    assert_eq!(purged.json(), json!({"purged": {"celery": 1}, "total": 1}));
    let length: i64 = store.server().query(&["LLEN", "their-jobs"]);
    assert_eq!(length, 2);
}

#[test]
fn an_empty_name_is_refused_and_not_taken_for_none() {
    let rcelery = Rcelery::new();
    for queues in ["", "a,"] {
        let empty = rcelery.run(&["purge", "-f", "-Q", queues]);
        assert_eq!(empty.exit(2).stdout, "");
        assert!(empty.stderr.contains("must not be empty"), "{empty:?}");
    }
}

#[test]
fn a_slip_in_a_name_is_pointed_out() {
    let rcelery = Rcelery::new();
    send(&rcelery, "images", 1);
    let missing = rcelery.run(&["purge", "-f", "-Q", "imagse"]);
    assert_eq!(
        missing.exit(0).stderr,
        "warning: queue \"imagse\" does not exist; did you mean `images`?\n"
    );
    let spared = rcelery.run(&["purge", "-f", "-Q", "images", "-X", "imags", "--dry-run"]);
    assert!(
        spared.exit(0).stderr.contains("-X names \"imags\"")
            && spared.stderr.contains("did you mean `images`?"),
        "{spared:?}"
    );
}

#[test]
fn messages_that_a_worker_holds_stay_with_it() {
    for store in [Store::sqlite(), Store::redis()] {
        let rcelery = Rcelery::on(&store);
        let _worker = rcelery.worker(&["-n", "w1@box"]);
        let held = rcelery.run(&["send", "demo.add", "-a", "[1, 2]", "--countdown", "600"]);
        crate::harness::eventually("it is held", crate::harness::patience(), || {
            let found = rcelery.run(&["inspect", "query_task", held.ok()]);
            crate::harness::holds(found, |found| found.code == 0)
        });
        let purged = rcelery.run(&["purge", "-f", "--format", "table"]);
        assert_eq!(purged.ok(), "No messages purged from 1 queue.");
        assert!(
            purged
                .stderr
                .contains("1 unacked message stays with its worker"),
            "{purged:?}"
        );
        assert_eq!(rcelery.run(&["purge", "-f"]).exit(0).stderr, "");
        rcelery.run(&["inspect", "query_task", held.ok()]).exit(0);
    }
}
