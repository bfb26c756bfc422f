//! `rcelery send`.

use serde_json::json;

use crate::harness::{Rcelery, RedisServer, Store, secs};

#[test]
fn the_bare_id_is_all_that_is_printed() {
    let rcelery = Rcelery::new();
    let sent = rcelery.run(&["send", "demo.add", "-a", "[2, 3]"]);
    let id = sent.exit(0).stdout.as_str();
    assert_eq!(
        (id.len(), id.matches('-').count(), sent.stderr.as_str()),
        (37, 4, ""),
        "{id}"
    );
    let sent = rcelery.run(&["call", "demo.add", "--task-id", "mine"]);
    assert_eq!(sent.exit(0).stdout, "mine\n");
}

#[test]
fn json_says_what_went_where() {
    let rcelery = Rcelery::new();
    let sent = rcelery.run(&["send", "proj.add", "-j", "--task-id", "x1", "--queue", "hi"]);
    let wanted = json!({"id": "x1", "task": "proj.add", "queue": "hi", "state": "PENDING"});
    assert_eq!(sent.json(), wanted);
}

#[test]
fn waiting_prints_the_value_alone() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&[]);
    let five = rcelery.run_with(
        &["send", "demo.add", "-a", "-", "--wait"],
        "[2, 3]",
        secs(30),
    );
    assert_eq!(
        (five.exit(0).stdout.as_str(), five.stderr.as_str()),
        ("5\n", "")
    );
    let named = rcelery.run(&[
        "send",
        "demo.add",
        "-k",
        r#"{"x": 2}"#,
        "--kwarg",
        "y=3",
        "--wait",
    ]);
    assert_eq!(named.exit(0).stdout, "5\n");
    let text = rcelery.run(&["send", "demo.echo", "-a", r#"["é ü"]"#, "--wait"]);
    assert_eq!(text.exit(0).stdout, "é ü\n");
}

#[test]
fn a_failed_task_is_exit_code_1_and_one_line() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&[]);
    let failed = rcelery.run(&["send", "demo.fail", "--wait"]);
    failed.exit(1);
    assert_eq!(failed.stdout, "");
    assert!(
        failed.stderr.starts_with("error: demo.fail["),
        "{}",
        failed.stderr
    );
    assert!(
        failed.stderr.contains("ValueError: boom"),
        "{}",
        failed.stderr
    );
    assert!(!failed.stderr.contains("Traceback"), "{}", failed.stderr);
}

#[test]
fn progress_in_a_pipe_is_plain_lines_and_the_same_answer() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&[]);
    let plain = rcelery.run(&["send", "demo.long_task", "--wait"]);
    let shown = rcelery.run(&["send", "demo.long_task", "--progress"]);
    assert_eq!(shown.ok(), plain.ok());
    let lines: Vec<&str> = shown.stderr.lines().collect();
    assert!(lines[0].ends_with(" PENDING"), "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|l| l.contains(" PROGRESS ") && l.contains("50%")),
        "{lines:?}"
    );
    assert!(
        lines.last().is_some_and(|l| l.contains(" SUCCESS ")),
        "{lines:?}"
    );
    assert!(!shown.stderr.contains('\x1b'), "{}", shown.stderr);
}

#[test]
fn a_wait_that_runs_out_is_75() {
    let rcelery = Rcelery::new();
    let late = rcelery.run(&["send", "demo.add", "-a", "[1, 2]", "--wait=0.2"]);
    late.exit(75);
    assert!(
        late.stderr.contains("rcelery result --wait"),
        "{}",
        late.stderr
    );
}

#[test]
fn bad_arguments_are_usage_errors_that_point_at_the_place() {
    let rcelery = Rcelery::new();
    let says = |args: &[&str], words: &str| {
        let output = rcelery.run(&[&["send", "x"], args].concat());
        output.exit(2);
        assert_eq!(output.stdout, "");
        assert!(output.stderr.contains(words), "{args:?}: {}", output.stderr);
    };
    says(&["-a", "[2,3"], "\n  [2,3\n      ^");
    says(&["-a", "{}"], "did you mean --kwargs?");
    says(&["-k", "[1]"], "did you mean --args?");
    says(&["--eta", "tomorrow"], "expected ISO 8601");
    says(&["--countdown", "soon"], "expected seconds");
    says(&["--serializer", "pickle"], "json, msgpack, yaml");
    says(&["--countdwn", "3"], "--countdown");
    says(&["-a", "@nowhere.json"], "can't read `nowhere.json`");
}

#[test]
fn a_dry_run_sends_nothing() {
    let rcelery = Rcelery::new();
    let message = rcelery
        .run(&[
            "send",
            "demo.add",
            "-a",
            "[1]",
            "--task-id",
            "d1",
            "--dry-run",
        ])
        .json();
    assert_eq!(message["headers"]["task"], "demo.add");
    assert_eq!(message["body"][0], json!([1]));
    assert_eq!(
        rcelery.run(&["purge", "-f"]).exit(0).stdout,
        "No messages purged from 1 queue.\n"
    );
}

#[test]
fn what_no_queue_takes_is_an_error() {
    let store = Store::redis();
    let rcelery = Rcelery::on(&store);
    let lost = rcelery.run(&["send", "x", "--exchange", "nosuch", "--routing-key", "k"]);
    lost.exit(1);
    assert!(
        lost.stderr
            .contains("no queue is bound to exchange `nosuch`"),
        "{}",
        lost.stderr
    );
}

#[test]
fn a_wait_without_a_back_end_is_refused_before_anything_is_sent() {
    let rcelery = Rcelery::new();
    rcelery
        .run(&[
            "send",
            "demo.add",
            "--wait",
            "--result-backend",
            "disabled://",
        ])
        .exit(78);
    assert_eq!(
        rcelery.run(&["purge", "-f"]).exit(0).stdout,
        "No messages purged from 1 queue.\n"
    );
}

#[test]
fn wrong_credentials_are_77() {
    let server = RedisServer::with(&["--requirepass", "secret"]);
    let refused = Rcelery::new().run(&["-b", &server.url(0), "send", "x"]);
    refused.exit(77);
    assert!(!refused.stderr.contains("secret"), "{}", refused.stderr);
}

#[test]
fn a_check_sends_nothing_that_no_worker_knows() {
    for store in [Store::sqlite(), Store::redis()] {
        let rcelery = Rcelery::on(&store);
        let nobody = rcelery.run(&["send", "demo.add", "--check"]);
        nobody.exit(69);
        assert!(
            nobody.stderr.contains("no worker replied"),
            "{}",
            nobody.stderr
        );
        let _worker = rcelery.worker(&[]);
        let unknown = rcelery.run(&["send", "demo.ad", "--check"]);
        unknown.exit(1);
        assert_eq!(unknown.stdout, "");
        assert!(
            unknown
                .stderr
                .contains("no online worker registers `demo.ad`")
                && unknown.stderr.contains("did you mean `demo.add`?"),
            "{}",
            unknown.stderr
        );
        let known = rcelery.run(&["send", "demo.add", "-a", "[2, 3]", "--check", "--wait"]);
        assert_eq!(known.ok(), "5");
    }
}
