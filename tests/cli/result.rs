//! `rcelery result`.

use crate::document;
use crate::harness::{Rcelery, Store};

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
