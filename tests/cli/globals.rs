//! Global options, the environment, errors, help.

use std::io::Read as _;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

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
fn a_refused_broker_is_69_at_once_whatever_the_command() {
    let rcelery = Rcelery::new();
    for command in [
        &["status"][..],
        &["inspect", "ping"],
        &["control", "shutdown"],
        &["purge", "-f"],
        &["send", "x"],
    ] {
        let begun = Instant::now();
        let refused = rcelery.run(&[&["-b", "redis://127.0.0.1:1/0"], command].concat());
        refused.exit(69);
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "{command:?} took {:?}",
            begun.elapsed()
        );
        assert_eq!(refused.stdout, "");
        assert!(
            refused.stderr.contains("redis://127.0.0.1:1/0 (flag -b)"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn a_silent_broker_is_69_within_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!(
        "redis://127.0.0.1:{}/0",
        listener.local_addr().expect("an address").port()
    );
    let rcelery = Rcelery::new();
    for command in [
        &["status"][..],
        &["send", "x"],
        &["purge", "-f"],
        &["result", "x", "--result-backend", &url],
    ] {
        let begun = Instant::now();
        let silent = rcelery.run(&[&["-b", &url, "--connect-timeout", "0.5"], command].concat());
        silent.exit(69);
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{command:?} took {:?}",
            begun.elapsed()
        );
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
