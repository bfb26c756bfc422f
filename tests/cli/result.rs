//! `rcelery result`.

use crate::document;
use crate::harness::{Rcelery, Store, patience};

#[test]
fn an_unknown_id_is_75_at_once() {
    let rcelery = Rcelery::new();
    let pending = rcelery.run(&["result", "nosuch"]);
    pending.exit(75);
    assert_eq!(pending.stdout, "");
    assert!(
        pending.stderr.contains("PENDING: no result recorded"),
        "{}",
        pending.stderr
    );
    let document = document(rcelery.run(&["result", "nosuch", "-j"]).exit(75));
    assert_eq!(
        (&document["state"], &document["ready"]),
        (&"PENDING".into(), &false.into())
    );
}

#[test]
fn every_outcome_has_its_exit_code_on_each_store() {
    for store in [Store::sqlite(), Store::redis()] {
        let rcelery = Rcelery::on(&store);
        let _worker = rcelery.worker(&[]);
        let send = |name: &str, args: &str| {
            rcelery
                .run(&["send", name, "-a", args])
                .ok()
                .trim()
                .to_owned()
        };
        let (good, bad) = (send("demo.add", "[2, 3]"), send("demo.fail", "[]"));
        assert_eq!(
            rcelery.run(&["result", "--wait", &good]).exit(0).stdout,
            "5\n"
        );
        assert_eq!(rcelery.run(&["result", &good]).exit(0).stdout, "5\n");
        rcelery.run(&["result", "--wait=30", &bad]).exit(1);
        let both = rcelery.run(&["result", "--wait", &good, &bad]);
        both.exit(1);
        assert_eq!(both.stdout, "5\n");
        let traceback = rcelery.run(&["result", "--traceback", &bad]);
        traceback.exit(1);
        assert!(
            traceback.stdout.contains("ValueError: boom"),
            "{}",
            traceback.stdout
        );
        let document = document(rcelery.run(&["result", "-j", &bad]).exit(1));
        assert_eq!(document["error"]["type"], "ValueError");
        assert_eq!(document["error"]["message"], "boom");
    }
}

#[test]
fn a_forgotten_result_is_gone() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&[]);
    let id = rcelery
        .run(&["send", "demo.add", "-a", "[2, 3]"])
        .ok()
        .trim()
        .to_owned();
    assert_eq!(
        rcelery
            .run(&["result", "--wait", "--forget", &id])
            .exit(0)
            .stdout,
        "5\n"
    );
    rcelery.run(&["result", &id]).exit(75);
}

#[test]
fn watching_prints_each_change_and_ends_with_the_result() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&[]);
    let id = rcelery
        .run(&["send", "demo.long_task"])
        .ok()
        .trim()
        .to_owned();
    let lines = rcelery.run(&["result", "--watch", &id, "-j"]);
    let documents: Vec<serde_json::Value> = lines
        .ok()
        .lines()
        .map(|l| serde_json::from_str(l).expect("each line is JSON"))
        .collect();
    assert!(
        documents
            .iter()
            .any(|d| d["state"] == "PROGRESS" && d["progress"]["total"] == 20),
        "{documents:?}"
    );
    let last = documents.last().expect("at least one line");
    assert_eq!(last["state"], "SUCCESS");
    assert_eq!(last["result"]["current"], 20);
    let again = rcelery.run(&["result", "--watch", &id]);
    assert!(
        again.ok().contains(" SUCCESS {\"current\": 20"),
        "{}",
        again.stdout
    );
}

#[test]
fn without_a_back_end_it_is_a_configuration_error() {
    let none = Rcelery::new().run(&["result", "x", "--result-backend", "disabled://"]);
    none.exit(78);
    assert!(none.stderr.contains("no result backend"), "{}", none.stderr);
}

#[test]
fn several_results_come_in_order_from_stdin_and_the_worst_counts() {
    for store in [Store::sqlite(), Store::redis()] {
        let rcelery = Rcelery::on(&store);
        let _worker = rcelery.worker(&[]);
        for (id, name, args) in [("a", "demo.echo", "[1]"), ("b", "demo.echo", "[2]")] {
            rcelery
                .run(&["send", name, "-a", args, "--task-id", id])
                .ok();
        }
        rcelery
            .run(&["send", "demo.fail", "--task-id", "c", "--wait"])
            .exit(1);
        let both = rcelery.run_with(&["result", "--wait", "-"], "b\na\n", patience());
        assert_eq!(both.ok(), "2\n1");
        let mixed = rcelery.run(&["result", "a", "nosuch", "c"]);
        assert_eq!(mixed.exit(1).stdout, "1\n");
        assert!(mixed.stderr.contains("nosuch PENDING"), "{}", mixed.stderr);
        assert!(mixed.stderr.contains("[c] FAILURE on "), "{}", mixed.stderr);
        rcelery.run(&["result", "a", "nosuch"]).exit(75);
        let shown = rcelery.run(&["result", "--progress", "a", "b", "c"]);
        assert_eq!(shown.exit(1).stdout, "1\n2\n");
        let said: Vec<&str> = shown.stderr.lines().collect();
        assert_eq!(
            said.len(),
            4,
            "each has one line, and all have one: {said:?}"
        );
        assert!(
            said[3].starts_with("2 of 3 tasks succeeded, 1 failed in "),
            "{said:?}"
        );
    }
}

#[test]
fn a_raw_result_has_no_line_break() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&[]);
    rcelery
        .run(&[
            "send",
            "demo.echo",
            "-a",
            "[\"a b\"]",
            "--task-id",
            "x",
            "--wait",
        ])
        .ok();
    assert_eq!(rcelery.run(&["result", "--raw", "x"]).exit(0).stdout, "a b");
    rcelery.run(&["result", "--raw", "-j", "x"]).exit(2);
}

#[test]
fn a_beginning_stands_for_the_one_id_that_has_it() {
    let store = Store::redis();
    let rcelery = Rcelery::on(&store);
    let _worker = rcelery.worker(&[]);
    for id in ["abc-1", "abd-2", "ab*"] {
        rcelery
            .run(&[
                "send",
                "demo.echo",
                "-k",
                &format!("{{\"value\": \"{id}\"}}"),
                "--task-id",
                id,
                "--wait",
            ])
            .ok();
    }
    let of = |prefix: &str| rcelery.run(&["result", "--prefix", prefix]);
    assert_eq!(of("abc").ok(), "abc-1");
    assert_eq!(of("ab*").ok(), "ab*");
    let several = of("ab");
    assert!(
        several.exit(2).stderr.contains("abc-1, abd-2"),
        "{}",
        several.stderr
    );
    of("zz").exit(75);
    let elsewhere = Rcelery::new().run(&["result", "--prefix", "x"]);
    assert!(
        elsewhere.exit(1).stderr.contains("can't look up ids"),
        "{}",
        elsewhere.stderr
    );
}

#[test]
fn a_traceback_is_text_and_the_exit_code_is_the_states() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&[]);
    rcelery
        .run(&[
            "send",
            "demo.add",
            "-a",
            "[1, 2]",
            "--task-id",
            "good",
            "--wait",
        ])
        .ok();
    assert_eq!(
        rcelery
            .run(&["result", "--traceback", "good"])
            .exit(0)
            .stdout,
        "\n"
    );
    assert_eq!(
        rcelery
            .run(&["result", "--traceback", "nosuch"])
            .exit(75)
            .stdout,
        "\n"
    );
}

#[test]
fn watching_what_nobody_stored_begins_with_pending() {
    let rcelery = Rcelery::new();
    let lines = rcelery.run(&["result", "--watch", "--wait=0.3", "nosuch"]);
    let line = lines.exit(75).stdout.clone();
    let (time, state) = line.split_at(8);
    assert!(time.chars().filter(|c| *c == ':').count() == 2, "{line}");
    assert_eq!(state, " PENDING\n");
}
