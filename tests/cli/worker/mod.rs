//! `rcelery worker`.

mod json;
mod refusals;
mod terminal;
mod watching;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Rcelery, eventually, holds, patience, secs};

#[test]
fn the_banner_is_on_stdout_and_the_log_on_stderr() {
    let rcelery = Rcelery::new();
    let ended = rcelery.worker(&["-n", "w1@box", "-c", "2"]).terminate();
    ended.exit(0);
    assert!(
        ended.stdout.starts_with(" \n -------------- w1@box v"),
        "{}",
        ended.stdout
    );
    assert!(
        ended
            .stdout
            .contains("- *** --- * --- .> concurrency: 2 (threads)\n"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("\n[tasks]\n  . demo.add\n"),
        "{}",
        ended.stdout
    );
    assert!(
        ended
            .stdout
            .ends_with("\n\nworker: Warm shutdown (MainProcess)\n"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stderr.contains(": INFO/MainProcess] w1@box ready.\n"),
        "{}",
        ended.stderr
    );
    let quiet = rcelery.worker(&["-q"]).terminate();
    assert_eq!(quiet.stdout, "\nworker: Warm shutdown (MainProcess)\n");
}

#[test]
fn an_interrupt_lets_the_task_finish_and_two_cut_it() {
    let rcelery = Rcelery::new();
    let worker = rcelery.worker(&["-c", "2"]);
    worker.signal(Signal::SIGINT);
    let ended = worker.wait(secs(20));
    ended.exit(0);
    assert!(
        ended
            .stdout
            .contains("\nworker: Hitting Ctrl+C again will initiate cold shutdown"),
        "{}",
        ended.stdout
    );

    let mut worker = rcelery.worker(&["-c", "2"]);
    rcelery.run(&["send", "demo.sleep", "-a", "[600]"]).ok();
    worker.wait_for("received", patience());
    worker.signal(Signal::SIGINT);
    worker.wait_for("Warm shutdown", patience());
    worker.signal(Signal::SIGINT);
    let cut = worker.wait(secs(20));
    cut.exit(1);
    assert!(
        cut.stdout
            .contains("worker: Hitting Ctrl+C again will terminate all running tasks!"),
        "{}",
        cut.stdout
    );
}

#[test]
fn a_detached_worker_is_ready_when_the_command_returns() {
    let rcelery = Rcelery::new();
    let started = rcelery.run(&[
        "worker",
        "--detach",
        "-l",
        "INFO",
        "-n",
        "d@box",
        "--pidfile",
        "w.pid",
    ]);
    assert_eq!((started.ok(), started.stderr.as_str()), ("", ""));
    assert_eq!(
        rcelery.run(&["status"]).exit(0).stdout,
        "->  d@box: OK\n\n1 node online.\n"
    );
    let log = fs::read_to_string(rcelery.home().join("state/rcelery/d@box.log")).expect("a log");
    assert!(log.contains("d@box ready."), "{log}");

    let pid = fs::read_to_string(rcelery.home().join("w.pid")).expect("a pidfile");
    for args in [
        &["worker", "--pidfile", "w.pid"][..],
        &["worker", "-D", "--pidfile", "w.pid"],
    ] {
        let second = rcelery.run(args);
        second.exit(73);
        let words = format!(
            "ERROR: Pidfile (w.pid) already exists.\nSeems we're already running? (pid: {})",
            pid.trim()
        );
        assert!(second.stderr.contains(&words), "{}", second.stderr);
    }
    rcelery.run(&["control", "shutdown"]).ok();
    eventually("the pidfile goes", patience(), || {
        holds(rcelery.home().join("w.pid").exists(), |there| !there)
    });
}

/// It leads a session of its own by then, and may be another user.
#[test]
fn a_detached_worker_starts_over_at_hup() {
    let rcelery = Rcelery::new();
    let args = [
        "-n",
        "d@box",
        "-l",
        "INFO",
        "-f",
        "d.log",
        "--pidfile",
        "d.pid",
    ];
    let workdir = rcelery.home().join("run");
    fs::create_dir(&workdir).expect("a directory");
    // A relative directory is entered once.
    rcelery
        .run(
            &[
                &["worker", "-D", "--umask", "077", "--workdir", "run"],
                &args[..],
            ]
            .concat(),
        )
        .ok();
    let pid = fs::read_to_string(workdir.join("d.pid")).expect("a pidfile");
    let pid = Pid::from_raw(pid.trim().parse().expect("a process id"));
    for round in 1..=3 {
        eventually("it is ready again", patience(), || {
            let log = fs::read_to_string(workdir.join("d.log")).unwrap_or_default();
            holds(log, |log| log.matches("d@box ready.").count() == round)
        });
        if round < 3 {
            kill(pid, Signal::SIGHUP).expect("it runs");
        }
    }
    assert_eq!(
        rcelery.run(&["status"]).exit(0).stdout,
        "->  d@box: OK\n\n1 node online.\n"
    );
    let mode = fs::metadata(workdir.join("d.log"))
        .expect("a log")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600, "of --umask");
    rcelery.run(&["control", "shutdown"]).ok();
    eventually("the pidfile goes", patience(), || {
        holds(workdir.join("d.pid").exists(), |there| !there)
    });
}

#[test]
fn what_keeps_a_worker_from_starting_is_said_and_not_only_logged() {
    let rcelery = Rcelery::new();
    for args in [
        &["worker", "-b", "foo://x"][..],
        &["worker", "-D", "-b", "foo://x"],
    ] {
        let failed = rcelery.run(args);
        failed.exit(78);
        assert!(
            failed.stderr.contains("no such transport: `foo`"),
            "{}",
            failed.stderr
        );
    }
    rcelery.run(&["worker", "--autoscale", "a,b"]).exit(2);
    rcelery.run(&["worker", "-l", "loud"]).exit(2);
    rcelery.run(&["worker", "--uid", "no-such-user"]).exit(2);
    rcelery.run(&["worker", "-A", "proj"]).exit(78);
    rcelery.run(&["worker", "--", "worker.nosuch=1"]).exit(78);
}

#[test]
fn usr1_says_what_runs_and_the_worker_goes_on() {
    let rcelery = Rcelery::new();
    let mut worker = rcelery.worker(&["-n", "w1@box", "-c", "2"]);
    let id = rcelery
        .run(&["send", "demo.sleep", "-a", "[600]"])
        .ok()
        .to_owned();
    worker.wait_for("received", patience());
    worker.signal(Signal::SIGUSR1);
    worker.wait_for(&format!("\n  demo.sleep[{id}]"), patience());
    assert!(
        worker.stderr().contains("queues: celery\nrunning: 1\n"),
        "{}",
        worker.stderr()
    );
    assert_eq!(
        rcelery.run(&["status"]).exit(0).stdout,
        "->  w1@box: OK\n\n1 node online.\n"
    );
}
