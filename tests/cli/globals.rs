//! Global options, the environment, errors, help.

use std::io::Read as _;
use std::process::Stdio;

use crate::harness::Rcelery;

#[test]
fn help_and_version_need_nothing() {
    let rcelery = Rcelery::new();
    assert!(
        rcelery.run(&["--version"]).ok().starts_with("rcelery "),
        "a version"
    );
    assert!(
        rcelery.run(&[]).ok().contains("Usage: rcelery"),
        "help without arguments"
    );
    for topic in [
        &["help"][..],
        &["help", "send"],
        &["help", "inspect", "active"],
        &["send", "--help"],
        &["-h"],
    ] {
        assert!(rcelery.run(topic).ok().contains("Usage:"), "{topic:?}");
    }
    assert!(
        rcelery.run(&["help", "exit-codes"]).ok().contains("  75  "),
        "the exit codes"
    );
    rcelery.run(&["help", "sennd"]).exit(2);
}

#[test]
fn the_environment_changes_nothing_that_it_should_not() {
    let rcelery = Rcelery::new()
        .env("CELERY_VERSION", "5.7.0")
        .env("APP", "x")
        .env("LOADER", "x")
        .env("CELERY_QUIET", "yes please")
        .env("NO_COLOR", "yes please");
    assert_eq!(
        rcelery.run(&["purge", "-f"]).exit(0).stdout,
        "No messages purged from 1 queue.\n"
    );
}

#[test]
fn celerys_commands_that_are_not_here_say_what_serves_instead() {
    let rcelery = Rcelery::new();
    for name in [
        "amqp", "beat", "events", "flower", "graph", "list", "logtool", "migrate", "multi",
        "report", "shell", "upgrade",
    ] {
        let refused = rcelery.run(&[name, "--some", "thing"]);
        refused.exit(2);
        assert_eq!(refused.stdout, "");
        let lines: Vec<&str> = refused.stderr.lines().collect();
        assert_eq!(lines[0], format!("error: rcelery has no command `{name}`"));
        assert!(lines[1].starts_with("hint: "), "{lines:?}");
    }
}

#[test]
fn a_slip_of_the_finger_is_answered_with_the_right_word() {
    let rcelery = Rcelery::new();
    for (args, exit, suggestion) in [
        (&["sned", "x"][..], 2, "a similar subcommand exists: 'send'"),
        (
            &["inspect", "pign"],
            2,
            "a similar subcommand exists: 'ping'",
        ),
        (
            &["control", "shutdwn"],
            2,
            "a similar subcommand exists: 'shutdown'",
        ),
        (&["ping"], 2, "did you mean `rcelery inspect ping`?"),
        (
            &["inspect", "shutdown"],
            2,
            "did you mean `rcelery control shutdown`?",
        ),
        (
            &["send", "x", "--countdwn", "3"],
            2,
            "a similar argument exists: '--countdown'",
        ),
        (
            &["send", "x", "--serializer", "jsn"],
            2,
            "a similar value exists: 'json'",
        ),
        (&["help", "exit-code"], 2, "did you mean `exit-codes`?"),
        (&["help", "inspect", "actve"], 2, "did you mean `active`?"),
        (
            &["--set", "task_acks_lat=1", "status"],
            78,
            "did you mean `task_acks_late`?",
        ),
        (
            &["-b", "rediss3://h", "status"],
            78,
            "did you mean `rediss://`?",
        ),
    ] {
        let refused = rcelery.run(args);
        refused.exit(exit);
        assert!(refused.stderr.contains(suggestion), "{refused:?}");
        let refused = rcelery.run(&[args, &["-j"]].concat());
        let error: serde_json::Value =
            serde_json::from_str(&refused.exit(exit).stderr).expect("one JSON document");
        assert_eq!(error["error"]["hint"], suggestion, "{args:?}");
    }
}

#[test]
fn errors_are_json_with_j_and_stdout_is_empty() {
    let rcelery = Rcelery::new();
    for (args, code, exit) in [
        (&["-j", "sned"][..], "usage", 2),
        (&["-j", "send", "x", "-a", "["], "usage", 2),
        (&["-j", "-b", "foo://", "status"], "config", 78),
        (&["-j", "--set", "nosuch=1", "status"], "config", 78),
        (
            &["-j", "-b", "redis://127.0.0.1:1/0", "status"],
            "broker_unreachable",
            69,
        ),
    ] {
        let output = rcelery.run(args);
        output.exit(exit);
        assert_eq!(output.stdout, "", "{args:?}");
        let error: serde_json::Value =
            serde_json::from_str(&output.stderr).expect("one JSON document");
        assert_eq!(
            (&error["error"]["code"], &error["error"]["exit"]),
            (&code.into(), &exit.into()),
            "{args:?}"
        );
    }
}

#[test]
fn passwords_are_not_shown() {
    let failed = Rcelery::new().run(&["-b", "redis://user:hunter2@127.0.0.1:1/0", "status"]);
    failed.exit(69);
    assert!(!failed.stderr.contains("hunter2"), "{}", failed.stderr);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let rcelery = Rcelery::new();
    let mut command = rcelery.command(&["completions", "bash"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let status = child.wait().expect("it ends");
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut stderr)
        .expect("text");
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_working_directory_and_its_file_are_used() {
    let rcelery = Rcelery::new();
    let dir = rcelery.home().join("sub");
    std::fs::create_dir(&dir).expect("a directory");
    std::fs::write(dir.join("rcelery.toml"), "task_default_queue = \"hi\"\n").expect("a file");
    let sent = rcelery.run(&["send", "x", "-j", "--workdir", "sub"]).json();
    assert_eq!(sent["queue"], "hi");
    let sent = rcelery
        .run(&[
            "send",
            "x",
            "-j",
            "--workdir",
            "sub",
            "--set",
            "task_default_queue=lo",
        ])
        .json();
    assert_eq!(sent["queue"], "lo");
    rcelery.run(&["--workdir", "nowhere", "status"]).exit(2);
}
