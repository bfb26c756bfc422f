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
