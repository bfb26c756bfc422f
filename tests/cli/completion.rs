//! Completion: the scripts for five shells, and the program that answers bash in the middle of a line.

use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::harness::{Output, Rcelery, Store, at_best, eventually, patience, run, secs};

/// Where bash takes words apart unless it is told otherwise.
const BREAKS: &str = " \t\n\"'@><=;|&(:";

/// Has a real bash complete a line with the function that the program gave it, and returns what the shell did.
fn bash(rcelery: &Rcelery, line: &str) -> Output {
    let script = r#"
        source <(COMPLETE=bash "$0") || exit 9
        complete -p rcelery >/dev/null || exit 8
        COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDBREAKS=$2 COMPREPLY=()
        _rcelery_live
        printf '%s\n' "${COMPREPLY[@]}""#;
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-c", script]);
    command.args([env!("CARGO_BIN_EXE_rcelery"), line, BREAKS]);
    rcelery.furnish(&mut command);
    run(&mut command, "", patience())
}

/// The words that bash would offer; nothing may stand on stderr.
#[track_caller]
fn offered(rcelery: &Rcelery, line: &str) -> Vec<String> {
    let output = bash(rcelery, line);
    output.exit(0);
    assert_eq!(output.stderr, "", "{line}");
    let words = output.stdout.lines().filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// The same, as soon as it is what is wanted: on a busy machine a worker may not answer in time.
#[track_caller]
fn comes_to_offer(rcelery: &Rcelery, line: &str, wanted: &[&str]) {
    eventually(
        &format!("`{line}` is completed to {wanted:?}"),
        patience(),
        || {
            let words = offered(rcelery, line);
            if words == wanted {
                Ok(())
            } else {
                Err(format!("{words:?}"))
            }
        },
    );
}

#[test]
fn commands_options_and_values_are_completed_without_any_broker() {
    let rcelery = Rcelery::new().env("CELERY_BROKER_URL", "redis://127.0.0.1:1/0");
    for (line, wanted) in [
        ("rcelery stat", &["status"][..]),
        ("rcelery inspect pi", &["ping"]),
        ("rcelery control rate_l", &["rate_limit"]),
        ("rcelery send x --countd", &["--countdown"]),
        ("rcelery send x --serializer js", &["json"]),
        ("rcelery --set task_acks_l", &["task_acks_late="]),
        ("rcelery help exit", &["exit-codes"]),
        // Bash completes what follows the last word break.
        ("rcelery --format=cl", &["classic"]),
        ("rcelery -b redis:", &["//"]),
    ] {
        assert_eq!(offered(&rcelery, line), wanted, "{line}");
    }
    for line in [
        "rcelery send nosuch",
        "rcelery status -d w",
        "rcelery control revoke x",
    ] {
        assert_eq!(offered(&rcelery, line), [""; 0], "{line}");
    }
}

#[test]
fn names_are_those_of_the_workers_that_the_line_is_about() {
    for store in [Store::redis(), Store::sqlite()] {
        let rcelery = Rcelery::new();
        let other = Rcelery::on(&store);
        let _worker = other.worker(&["-n", "w1@box", "-Q", "celery,video", "-c", "1"]);
        other
            .run(&["send", "demo.echo", "--task-id", "done-1", "--wait"])
            .exit(0);
        other
            .run(&["send", "demo.sleep", "-a", "[600]", "--task-id", "runs-1"])
            .exit(0);
        let line = |rest: &str| format!("rcelery -b {} {rest}", store.broker);
        comes_to_offer(&rcelery, &line("send demo.a"), &["demo.add"]);
        comes_to_offer(&rcelery, &line("send x --queue vi"), &["video"]);
        comes_to_offer(&rcelery, &line("purge -Q celery,vi"), &["celery,video"]);
        comes_to_offer(&rcelery, &line("status -d w"), &["w1@box"]);
        comes_to_offer(&rcelery, &line("status -d w1@"), &["box"]);
        comes_to_offer(&rcelery, &line("inspect ping -d w1@b"), &["box"]);
        comes_to_offer(&rcelery, &line("control revoke run"), &["runs-1"]);
        comes_to_offer(&rcelery, &line("inspect query_task run"), &["runs-1"]);
        let result = format!("rcelery result --result-backend {} don", store.backend);
        comes_to_offer(&rcelery, &result, &["done-1"]);
        // The environment and the configuration name the broker, too.
        comes_to_offer(&other, "rcelery status -d w", &["w1@box"]);
        let file = format!("broker_url = \"{}\"\n", store.broker);
        std::fs::write(rcelery.home().join("other.toml"), file).expect("the home is ours");
        comes_to_offer(
            &rcelery,
            "rcelery --config other.toml status -d w",
            &["w1@box"],
        );
    }
}

#[test]
fn what_workers_said_is_remembered_for_a_minute() {
    let store = Store::redis();
    let rcelery = Rcelery::on(&store);
    let worker = rcelery.worker(&["-n", "w1@box"]);
    comes_to_offer(&rcelery, "rcelery status -d w", &["w1@box"]);
    worker.terminate().exit(0);
    assert_eq!(offered(&rcelery, "rcelery status -d w"), ["w1@box"]);
    let cache = rcelery.home().join("cache/rcelery");
    let files: Vec<_> = std::fs::read_dir(&cache)
        .expect("a cache")
        .map(|entry| entry.expect("a file").path())
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let aged = std::fs::File::options()
        .write(true)
        .open(&files[0])
        .expect("the file");
    aged.set_modified(std::time::SystemTime::now() - secs(61))
        .expect("a time");
    assert_eq!(offered(&rcelery, "rcelery status -d w"), [""; 0]);
}

#[test]
fn a_silent_broker_keeps_nobody_waiting() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("redis://{}/0", listener.local_addr().expect("an address"));
    let rcelery = Rcelery::new().env("CELERY_BROKER_URL", &url);
    // 0.3 s, and what a busy machine adds.
    let nothing = at_best(secs(3), || offered(&rcelery, "rcelery status -d w"));
    assert_eq!(nothing, [""; 0]);
    let store = Store::redis();
    let rcelery = Rcelery::on(&store);
    let worker = rcelery.worker(&[]);
    worker.signal(Signal::SIGSTOP);
    let nothing = at_best(secs(3), || offered(&rcelery, "rcelery control revoke x"));
    assert_eq!(nothing, [""; 0]);
}

#[test]
fn looking_makes_no_file_and_a_bad_configuration_is_not_spoken_of() {
    let rcelery = Rcelery::new();
    assert_eq!(offered(&rcelery, "rcelery send demo.a"), ["demo.add"]);
    assert_eq!(offered(&rcelery, "rcelery result a"), [""; 0]);
    assert!(
        !rcelery.home().join("state").exists(),
        "the database was made"
    );
    std::fs::write(rcelery.home().join("rcelery.toml"), "no = [toml").expect("the home is ours");
    assert_eq!(offered(&rcelery, "rcelery send demo.a"), [""; 0]);
}

#[test]
fn another_programs_variable_changes_nothing() {
    for value in ["1", "yes", "0", ""] {
        let rcelery = Rcelery::new().env("COMPLETE", value);
        assert!(
            rcelery.run(&["--version"]).ok().starts_with("rcelery "),
            "{value}"
        );
    }
}

#[test]
fn the_scripts_are_read_by_their_shells() {
    let rcelery = Rcelery::new();
    for (shell, check) in [
        ("bash", &["-n"][..]),
        ("zsh", &["-n"]),
        ("fish", &["--no-execute"]),
    ] {
        let there = Command::new(shell)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success());
        assert!(there || shell != "bash", "bash is needed");
        let of_the_moment = Rcelery::new().env("COMPLETE", shell).run(&[]);
        for script in [
            rcelery.run(&["completions", shell]).ok(),
            of_the_moment.ok(),
        ] {
            assert!(script.contains("rcelery"), "{shell}: {script}");
            let file = rcelery.home().join(format!("script.{shell}"));
            std::fs::write(&file, script).expect("the home is ours");
            if there {
                let mut command = Command::new(shell);
                command.args(check).arg(&file);
                assert_eq!(
                    run(&mut command, "", Duration::from_secs(30))
                        .exit(0)
                        .stderr,
                    ""
                );
            }
        }
    }
}
