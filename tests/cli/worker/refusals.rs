//! What a worker refuses or warns of, row by row of the options table.

use std::fs;

use nix::unistd::geteuid;

use crate::harness::{Output, Rcelery, Store};

/// Runs a worker that cannot start, or that ends because nothing is to be done.
#[track_caller]
fn worker(rcelery: &Rcelery, args: &[&str]) -> Output {
    rcelery.run(&[&["worker", "--burst"], args].concat())
}

/// The warnings on stderr, without the one for root.
fn warnings(out: &Output) -> Vec<&str> {
    let warnings = out
        .stderr
        .lines()
        .filter_map(|l| l.strip_prefix("warning: "));
    warnings
        .filter(|w| !w.contains("running as root"))
        .collect()
}

#[test]
fn bad_values_are_usage_errors() {
    let rcelery = Rcelery::new();
    for (args, words) in [
        (
            &["-c", "-1"][..],
            "invalid value '-1' for '--concurrency <N>': expected a number of slots, or auto",
        ),
        (&["-c", "abc"], "expected a number of slots, or auto"),
        (
            &["--autoscale", "a,b"],
            "invalid value 'a,b' for '--autoscale <MAX,MIN>': expected MAX,MIN or MIN..MAX",
        ),
        (&["--autoscale", "1,2,3"], "expected MAX,MIN or MIN..MAX"),
        (
            &["--prefetch-multiplier", "-1"],
            "invalid value '-1' for '--prefetch-multiplier <N>'",
        ),
        (
            &["-P", "nosuch"],
            "invalid value 'nosuch' for '--pool <POOL>'",
        ),
        (
            &["-O", "fast"],
            "invalid value 'fast' for '--optimization <APPLY>'",
        ),
        (
            &["--time-limit", "x"],
            "expected seconds (1.5) or a duration",
        ),
        (
            &["-l", "NOPE"],
            "invalid value 'NOPE' for '--loglevel <LEVEL>'",
        ),
        (&["--umask", "99"], "expected an octal number up to 777"),
        (
            &["--max-tasks", "0"],
            "invalid value '0' for '--max-tasks <N>'",
        ),
        (&["-Q", "celery, "], "a queue has no name"),
        (
            &["--uid", "no-such-user"],
            "there is no user `no-such-user`",
        ),
        (
            &["--gid", "no-such-group"],
            "there is no group `no-such-group`",
        ),
        (&["--", "foo"], "`foo` is not KEY=VALUE"),
    ] {
        let out = worker(&rcelery, args);
        out.exit(2);
        assert!(out.stderr.contains(words), "{words}: {out:?}");
        assert_eq!(out.stdout, "");
    }
}

#[test]
fn bad_settings_are_configuration_errors() {
    let rcelery = Rcelery::new();
    for (args, words, hint) in [
        (
            &["--", "worker.prefetch_multiplie=1"][..],
            "unknown setting `worker_prefetch_multiplie`",
            "did you mean `worker_prefetch_multiplier`?",
        ),
        (
            &["--", "worker.prefetch_multiplier=x"],
            "`worker_prefetch_multiplier` must be a whole number",
            "",
        ),
        (&["-X", "celery"], "every queue is excluded", ""),
        (
            &["--set", "task_create_missing_queues=false", "-Q", "celeri"],
            "queue `celeri` is not in `task_queues`, and `task_create_missing_queues` is off",
            "did you mean `celery`?",
        ),
        (
            &["--set", "task_create_missing_queues=false", "-Q", "video"],
            "queue `video` is not in `task_queues`",
            "configured are: celery",
        ),
        (
            &["-B"],
            "there is no embedded beat (-B) here yet",
            "run `celery beat`",
        ),
    ] {
        let out = worker(&rcelery, args);
        out.exit(78);
        assert!(
            out.stderr.contains(words) && out.stderr.contains(hint),
            "{out:?}"
        );
        assert_eq!(
            out.stderr
                .lines()
                .filter(|l| l.starts_with("error: "))
                .count(),
            1,
            "{out:?}"
        );
        assert_eq!(out.stdout, "", "no banner");
    }
}

#[test]
fn what_has_no_effect_is_said_once_each() {
    let rcelery = Rcelery::new();
    let out = worker(
        &rcelery,
        &[
            "-P",
            "gevent",
            "-I",
            "proj.tasks",
            "--executable",
            "/usr/bin/python3",
            "--max-tasks-per-child",
            "10",
            "--max-memory-per-child",
            "1000",
            "--pool-start-method",
            "spawn",
            "-s",
            "beat.db",
            "--scheduler",
            "x:Y",
            "-X",
            "celeri",
            "-O",
            "fair",
        ],
    );
    out.exit(0);
    assert_eq!(
        warnings(&out),
        [
            "there is no gevent pool here: using threads",
            "--max-tasks-per-child has no effect here",
            "--max-memory-per-child has no effect here",
            "--pool-start-method has no effect here",
            "--include has no effect here",
            "--executable has no effect here",
            "--schedule has no effect here",
            "--scheduler has no effect here",
            "-X names the queue \"celeri\", which is none of this worker's: did you mean `celery`?",
        ]
    );
    let root = out.stderr.lines().filter(|l| l.contains("root")).count();
    assert_eq!(
        root,
        usize::from(geteuid().is_root()),
        "one line for root: {out:?}"
    );
    for pool in ["prefork", "eventlet", "processes", "custom"] {
        let out = worker(&rcelery, &["-P", pool]);
        assert_eq!(
            warnings(&out),
            [format!("there is no {pool} pool here: using threads")]
        );
    }
    for pool in ["threads", "solo"] {
        assert_eq!(warnings(&worker(&rcelery, &["-P", pool])), [""; 0]);
    }
}

#[test]
fn numbers_of_slots() {
    let rcelery = Rcelery::new();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    for (args, concurrency) in [
        (&["-c", "3"][..], "3 (threads)".to_owned()),
        (&["-c", "auto"], format!("{cpus} (threads)")),
        (&["-c", "0"], format!("{cpus} (threads)")),
        (&[], format!("{cpus} (threads)")),
        (&["-P", "solo", "-c", "3"], "1 (solo)".to_owned()),
        (
            &["--autoscale", "10,3"],
            "{min=3, max=10} (threads)".to_owned(),
        ),
        (
            &["--autoscale", "3..10"],
            "{min=3, max=10} (threads)".to_owned(),
        ),
    ] {
        let out = worker(&rcelery, args);
        out.exit(0);
        assert!(
            out.stdout
                .contains(&format!(".> concurrency: {concurrency}\n")),
            "{out:?}"
        );
    }
}

/// On the command line of Celery 0 is taken for "not given".
#[test]
fn a_prefetch_multiplier_of_zero_means_no_limit() {
    let store = Store::redis();
    let rcelery = Rcelery::on(&store);
    let _worker = rcelery.worker(&["-c", "1", "--prefetch-multiplier", "0"]);
    let stats = rcelery.run(&["inspect", "stats", "-j"]).json().to_string();
    assert!(stats.contains("\"prefetch_count\":0"), "{stats}");
}

#[test]
fn names_of_files_have_the_node_in_them() {
    let rcelery = Rcelery::new();
    let out = worker(
        &rcelery,
        &[
            "-n",
            "w1@box.example.org",
            "-l",
            "INFO",
            "-f",
            "logs/%n-%h-%d.%i%I.log",
        ],
    );
    out.exit(0);
    let log = fs::read_to_string(
        rcelery
            .home()
            .join("logs/w1-box.example.org-example.org.0.log"),
    );
    assert!(
        log.expect("a log").contains("w1@box.example.org ready."),
        "{out:?}"
    );
    assert!(!out.stderr.contains("ready."), "{out:?}");
}

#[test]
fn a_name_that_is_taken_is_warned_of() {
    let store = Store::redis();
    let rcelery = Rcelery::on(&store);
    let _first = rcelery.worker(&["-n", "w1@box"]);
    let second = worker(&rcelery, &["-n", "w1@box"]);
    second.exit(0);
    assert!(
        second
            .stderr
            .contains("WARNING/MainProcess] another worker is named w1@box"),
        "{second:?}"
    );
    let third = worker(&rcelery, &["-n", "w2@box"]);
    assert!(!third.stderr.contains("another worker"), "{third:?}");
}

/// Celery's lines, layout and all, but for name, version, app and pool.
#[test]
fn the_classic_banner_is_celerys() {
    let rcelery = Rcelery::new();
    let args = [
        "-n",
        "w1@box",
        "-c",
        "2",
        "-l",
        "INFO",
        "-E",
        "-b",
        "redis://127.0.0.1:1/0",
        "--result-backend",
        "redis://127.0.0.1:1/1",
    ];
    let out = rcelery.run(
        &[
            &[
                "worker",
                "--set",
                "broker_connection_retry_on_startup=false",
            ],
            &args[..],
        ]
        .concat(),
    );
    out.exit(69);
    let lines: Vec<&str> = out.stdout.split('\n').collect();
    let platform = lines[3]
        .strip_prefix("-- ******* ---- ")
        .unwrap_or_else(|| panic!("{out:?}"));
    let words: Vec<&str> = platform.split(' ').collect();
    assert_eq!(
        (words.len(), words[1].len(), words[2].len()),
        (3, 10, 8),
        "platform, day, time: {out:?}"
    );
    let title = format!(
        " -------------- w1@box v{} (rcelery)",
        env!("CARGO_PKG_VERSION")
    );
    let expected = [
        " ",
        &title,
        "--- ***** ----- ",
        lines[3],
        "- *** --- * --- ",
        "- ** ---------- [config]",
        "- ** ---------- .> app:         rcelery",
        "- ** ---------- .> transport:   redis://:**@127.0.0.1:1/0",
        "- ** ---------- .> results:     redis://127.0.0.1:1/1",
        "- *** --- * --- .> concurrency: 2 (threads)",
        "-- ******* ---- .> task events: ON",
        "--- ***** ----- ",
        " -------------- [queues]",
        "                .> celery           exchange=celery(direct) key=celery",
        "                ",
        "",
        "[tasks]",
        "  . demo.add",
        "  . demo.echo",
        "  . demo.fail",
        "  . demo.long_task",
        "  . demo.sleep",
        "",
        "",
    ];
    assert_eq!(lines, expected, "{out:?}");
}
