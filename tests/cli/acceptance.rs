//! The ten checks that the whole command line must pass, each with the tests that prove it:
//!
//! | check | proved by |
//! |---|---|
//! | 1. classic text is Celery's, byte for byte | `classic_text_is_that_of_celery_itself`, `purge::the_summary_is_celerys_on_each_store`, `send::the_bare_id_is_all_that_is_printed`, `worker::…pidfile…` |
//! | 2. `-j` parses, and stderr is empty | `every_json_answer_parses_and_stands_alone` |
//! | 3. refused at once, silent within the timeout, 77 | `failures` |
//! | 4. a closed pipe is silent | `a_reader_that_goes_away_ends_it_silently`, `globals::a_reader_that_goes_away_is_no_error` |
//! | 5. the environment changes nothing but colour | `the_environment_changes_nothing_but_colour`, `globals::the_environment_changes_nothing_that_it_should_not` |
//! | 6. bars never reach a pipe | `progress_changes_nothing_on_stdout_and_draws_nothing_in_a_pipe` |
//! | 7. both command lines at both workers | `tests/interop` (`control.rs`, `inspect.rs`) |
//! | 8. a pool that can't shrink stays | `a_pool_that_cannot_shrink_so_far_stays_as_it_is` |
//! | 9. exit codes of a stopped worker | `tests/worker/lifecycle.rs` (`one_interrupt_is_warm`, `term_lets_a_running_task_finish`, `quit_gives_a_running_task_back`) |
//! | 10. help asks nobody | `help_and_static_completion_ask_nobody_and_are_quick` |

use std::process::{Command, Stdio};

use regex::Regex;
use serde_json::Value;

use crate::harness::{Output, Rcelery, Store, at_best, interpreter, patience, run, secs};

#[test]
fn classic_text_is_that_of_celery_itself() {
    let store = Store::redis();
    let rcelery = Rcelery::on(&store);
    let mut worker = rcelery.worker(&["-n", "w1@box", "-c", "1"]);
    let running = rcelery.run(&["send", "demo.sleep", "-a", "[600]"]);
    let id = running.ok();
    worker.wait_for("received", patience());
    rcelery
        .run(&[
            "send",
            "demo.echo",
            "-a",
            "[\"ü\", 1.5, null]",
            "--countdown",
            "1h",
        ])
        .exit(0);
    worker.wait_for("demo.echo", patience());
    rcelery.run(&["control", "enable_events"]).exit(0);
    let numbers = Regex::new(r"\d+(\.\d+)?").expect("a pattern");
    for (args, moves) in [
        (&["status"][..], false),
        (&["inspect", "ping"], false),
        (&["inspect", "active"], false),
        (&["inspect", "reserved"], false),
        (&["inspect", "scheduled"], false),
        (&["inspect", "active_queues"], false),
        (&["inspect", "registered"], false),
        (&["inspect", "revoked"], false),
        (&["inspect", "query_task", id], false),
        (&["inspect", "clock"], true),
        (&["inspect", "stats"], true),
        (&["control", "enable_events"], false),
        (&["control", "rate_limit", "demo.add", "10/s"], false),
    ] {
        let mut command = Command::new(interpreter());
        command.args(["-m", "celery", "-b", &store.broker]);
        command.args(args).args(["-t", "20", "-d", "w1@box"]);
        rcelery.furnish(&mut command);
        command.env("PATH", "/usr/bin:/bin");
        let celerys = run(&mut command, "", secs(60));
        let ours = rcelery.run(&[args, &["-t", "20", "-d", "w1@box"]].concat());
        let text = |output: &Output| {
            // With Pygments installed Celery ends what it highlights with one more line, as rcelery does.
            let text = output.exit(0).stdout.replace("\n    \n", "\n");
            if moves {
                numbers.replace_all(&text, "N").into_owned()
            } else {
                text
            }
        };
        assert_eq!(text(&ours), text(&celerys), "{args:?}");
    }
}

#[test]
fn every_json_answer_parses_and_stands_alone() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box"]);
    for args in [
        &["status"][..],
        &["inspect", "ping"],
        &["inspect", "active"],
        &["inspect", "registered"],
        &["inspect", "stats"],
        &["inspect", "conf"],
        &["control", "enable_events"],
        &["send", "demo.add", "-a", "[2, 3]", "--task-id", "five"],
        &["send", "demo.echo", "-a", "[null]", "--wait"],
        &["send", "demo.echo", "--dry-run"],
        &["result", "five", "--wait"],
        &["purge", "-f"],
        &["purge", "--dry-run"],
    ] {
        for json in ["-j", "--json", "--format=json"] {
            let output = rcelery.run(&[args, &[json]].concat());
            assert_eq!(output.exit(0).stderr, "", "{output:?}");
            let _: Value = output.json();
        }
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_silently() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box"]);
    rcelery
        .run(&[
            "send",
            "demo.add",
            "-a",
            "[2, 3]",
            "--task-id",
            "five",
            "--wait",
        ])
        .exit(0);
    for args in [
        &["--help"][..],
        &["send", "--help"],
        &["help", "exit-codes"],
        &["help", "config"],
        &["--version"],
        &["man"],
        &["completions", "zsh"],
        &["status"],
        &["status", "-j"],
        &["status", "--format", "table"],
        &["inspect", "registered"],
        &["inspect", "stats", "-j"],
        &["inspect", "active_queues", "--format", "table"],
        &["control", "enable_events"],
        &["result", "five"],
        &["result", "five", "-j"],
        &["send", "demo.add", "-a", "[2, 3]"],
        &["send", "demo.add", "-a", "[2, 3]", "--wait"],
        &["purge", "-f"],
    ] {
        let mut child = rcelery
            .command(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), stderr.as_ref()),
            (Some(0), ""),
            "{args:?}"
        );
    }
    // With nobody to read the errors, the exit code still says what happened.
    for (args, exit) in [
        (&["nosuch"][..], 2),
        (&["-j", "nosuch"], 2),
        (&["result", "nosuch"], 75),
        (&["-b", "foo://", "status"], 78),
        (&["-b", "redis://127.0.0.1:1/0", "send", "x"], 69),
        (&["status", "-d", "w9@box"], 69),
    ] {
        let mut child = rcelery
            .command(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(
            child.wait().expect("it ends").code(),
            Some(exit),
            "{args:?}"
        );
    }
}

#[test]
fn the_environment_changes_nothing_but_colour() {
    let plain = Rcelery::new();
    let _worker = plain.worker(&["-n", "w1@box"]);
    let home = plain.home().to_string_lossy().into_owned();
    let with = |vars: &[(&str, &str)], args: &[&str]| {
        let mut command = plain.command(args);
        command.env("HOME", &home).envs(vars.iter().copied());
        run(&mut command, "", patience())
    };
    let painted = |output: &Output| {
        (
            output.stdout.contains('\x1b'),
            output.stderr.contains('\x1b'),
        )
    };
    for args in [
        &["status"][..],
        &["status", "-j"],
        &["inspect", "ping"],
        &["help", "send"],
        &["--version"],
        &["nosuch"],
        &["result", "nosuch"],
    ] {
        let wanted = with(&[], args);
        for vars in [
            &[("NO_COLOR", "anything")][..],
            &[("NO_COLOR", "")],
            &[("NO_COLOR", "0")],
            &[("TERM", "dumb")],
            &[("TERM", "xterm-256color")],
            &[("CLICOLOR_FORCE", "0")],
            &[("CELERY_VERSION", "5.7.0")],
            &[("CELERY_VERSION", "1")],
            &[("APP", "x"), ("LOADER", "x"), ("SKIP_CHECKS", "whatever")],
            &[("CELERY_QUIET", "yes please"), ("CELERY_NO_COLOR", "x")],
        ] {
            let seen = with(vars, args);
            assert_eq!(
                (seen.code, &seen.stdout, &seen.stderr),
                (wanted.code, &wanted.stdout, &wanted.stderr),
                "{vars:?} {args:?}"
            );
        }
    }
    // Each stream has its own colour: help is an answer, an error is not.
    let force: &[(&str, &str)] = &[("CLICOLOR_FORCE", "1")];
    let off: &[(&str, &str)] = &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")];
    for (vars, options, colour) in [
        (force, &[][..], true),
        (&[], &["--color", "always"], true),
        (&[], &["--color=always"], true),
        (
            &[("NO_COLOR", "1"), ("TERM", "dumb")],
            &["--color", "always"],
            true,
        ),
        (off, &[], false),
        (force, &["-C"], false),
        (force, &["--color", "never"], false),
    ] {
        let help = with(vars, &[options, &["send", "--help"]].concat());
        assert_eq!(painted(&help), (colour, false), "{vars:?} {options:?}");
        let table = with(vars, &[options, &["status", "--format", "table"]].concat());
        assert_eq!(
            painted(table.exit(0)).0,
            colour,
            "{vars:?} {options:?}: {table:?}"
        );
        for wrong in [&["nosuch"][..], &["ping"], &["-b", "foo://", "status"]] {
            let error = with(vars, &[options, wrong].concat());
            assert_eq!(
                painted(&error),
                (false, colour),
                "{vars:?} {options:?}: {error:?}"
            );
        }
        let json = with(vars, &[options, &["status", "-j"]].concat());
        assert_eq!(
            painted(json.exit(0)),
            (false, false),
            "{vars:?} {options:?}"
        );
    }
}

#[test]
fn progress_changes_nothing_on_stdout_and_draws_nothing_in_a_pipe() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&[]);
    let send = ["send", "demo.long_task"];
    let wanted = rcelery.run_with(&[&send[..], &["--wait"]].concat(), "", secs(120));
    let shown = rcelery.run_with(&[&send[..], &["--progress"]].concat(), "", secs(120));
    assert_eq!(shown.exit(0).stdout, wanted.exit(0).stdout);
    assert_eq!(wanted.stderr, "");
    assert!(shown.stderr.contains("SUCCESS"), "{shown:?}");
    assert!(!shown.stderr.contains(['\x1b', '\r']), "{shown:?}");
}

#[test]
fn a_pool_that_cannot_shrink_so_far_stays_as_it_is() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box", "-c", "2"]);
    let refused = rcelery.run(&["control", "pool_shrink", "10"]);
    refused.exit(1);
    let stats = rcelery.run(&["inspect", "stats", "-j"]).json();
    assert_eq!(stats["w1@box"]["pool"]["max-concurrency"], 2);
    rcelery
        .run(&["send", "demo.add", "-a", "[2, 3]", "--wait=30"])
        .exit(0);
}

#[test]
fn help_and_static_completion_ask_nobody_and_are_quick() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("it can");
    let url = format!("redis://{}/0", listener.local_addr().expect("an address"));
    let rcelery = Rcelery::new()
        .env("CELERY_BROKER_URL", &url)
        .env("CELERY_RESULT_BACKEND", &url)
        .env("RCELERY_CONFIG", "/nowhere/rcelery.toml");
    let commands = rcelery.run(&["-h"]);
    let names = commands
        .ok()
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(|line| line.split_whitespace().next().expect("a name"));
    let mut lines: Vec<Vec<&str>> = names.map(|name| vec![name, "--help"]).collect();
    lines.extend([
        vec!["--help"],
        vec!["--version"],
        vec!["inspect", "active", "--help"],
        vec!["control", "revoke", "-h"],
        vec!["help", "exit-codes"],
        vec!["help", "config"],
        vec!["completions", "bash"],
        vec!["man"],
    ]);
    for args in lines {
        // It takes milliseconds; the bound is for a machine that does six other things.
        let output = at_best(secs(2), || rcelery.run(&args));
        assert_eq!(output.exit(0).stderr, "", "{args:?}");
    }
    assert!(listener.accept().is_err(), "somebody connected");
    let left: Vec<_> = std::fs::read_dir(rcelery.home()).expect("a home").collect();
    assert!(left.is_empty(), "{left:?}");
}
