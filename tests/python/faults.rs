//! Processes that die, hang, wear out: no task is lost by it, and nothing is left behind.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::{Rcelery, Store, eventually, interpreter, run, secs};
use crate::program;

/// Runs Python with the app of the faults at hand; the last line that it prints is JSON.
#[track_caller]
fn python(rcelery: &Rcelery, code: &str) -> Value {
    let mut command = Command::new(interpreter());
    rcelery.furnish(&mut command);
    command.args([
        "-c",
        &format!("import json, time\nfrom faults import *\n{code}"),
    ]);
    let output = run(&mut command, "", secs(120));
    let text = output.ok().to_owned();
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|e| panic!("{e} in {text}"))
}

/// Processes that have an ancestor, with their states.
fn descendants(of: Pid) -> Vec<(u32, char)> {
    let mut all: Vec<(u32, u32, char)> = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(stat) = fs::read_to_string(entry.path().join("stat")).ok() else {
            continue;
        };
        let Some((head, fields)) = stat.rsplit_once(')') else {
            continue;
        };
        let mut fields = fields.split_whitespace();
        let state = fields.next().and_then(|s| s.chars().next()).unwrap_or('?');
        let parent = fields.next().and_then(|p| p.parse().ok()).unwrap_or(0);
        let pid = head.split(' ').next().and_then(|p| p.parse().ok());
        all.push((pid.unwrap_or(0), parent, state));
    }
    let mut found = Vec::new();
    let mut of: HashSet<u32> = HashSet::from([number(of)]);
    loop {
        let more: Vec<_> = all
            .iter()
            .filter(|(pid, parent, _)| of.contains(parent) && !of.contains(pid))
            .copied()
            .collect();
        if more.is_empty() {
            return found;
        }
        for (pid, _, state) in more {
            of.insert(pid);
            found.push((pid, state));
        }
    }
}

/// The children of the pool: what the parent, which is the one child of the worker, has forked.
fn children(worker: Pid) -> Vec<u32> {
    let parents: Vec<u32> = direct(number(worker));
    parents.iter().flat_map(|parent| direct(*parent)).collect()
}

fn direct(of: u32) -> Vec<u32> {
    let tasks = format!("/proc/{of}/task");
    let mut found = Vec::new();
    for task in fs::read_dir(tasks).into_iter().flatten().flatten() {
        let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(
            text.split_whitespace()
                .filter_map(|p| p.parse::<u32>().ok()),
        );
    }
    found
}

fn number(pid: Pid) -> u32 {
    pid.as_raw().unsigned_abs()
}

fn descriptors(of: Pid) -> usize {
    fs::read_dir(format!("/proc/{of}/fd")).map_or(0, Iterator::count)
}

#[test]
fn two_hundred_dead_children_lose_no_task() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let worker = rcelery.worker(&["-A", "faults", "-c", "4"]);
    python(&rcelery, "[mark.delay(n) for n in range(100)]\nprint(1)");
    let notes = store.file("notes");
    let ran = |notes: &Path| -> HashSet<u32> {
        let text = fs::read_to_string(notes).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    };
    eventually("the first tasks run", secs(20), || {
        match ran(&notes).len() {
            100 => Ok(()),
            n => Err(n.to_string()),
        }
    });
    let before = descriptors(worker.pid());
    let mut killed = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            python(
                &rcelery,
                "with app.connection_for_write() as c, app.amqp.Producer(c) as p:\n  [mark.apply_async((n,), producer=p) \
                 for n in range(100, 5100)]\nprint(1)",
            )
        });
        let end = Instant::now() + Duration::from_secs(120);
        let mut turn = 0_usize;
        while killed < 200 && Instant::now() < end && ran(&notes).len() < 5000 {
            let pids = children(worker.pid());
            if let Some(pid) = pids.get(turn % pids.len().max(1)) {
                let pid = Pid::from_raw(i32::try_from(*pid).unwrap());
                killed += u32::from(kill(pid, Signal::SIGKILL).is_ok());
            }
            turn += 1;
            std::thread::sleep(Duration::from_millis(5 + (turn as u64 * 7) % 20));
        }
    });
    eventually("all tasks run", secs(120), || match ran(&notes).len() {
        5100 => Ok(()),
        n => Err(format!("{n} with {killed} killed")),
    });
    assert!(killed >= 200, "{killed} only");
    eventually("nothing is left behind", secs(10), || {
        let zombies = descendants(worker.pid())
            .iter()
            .filter(|(_, s)| *s == 'Z')
            .count();
        let (now, living) = (descriptors(worker.pid()), children(worker.pid()).len());
        if zombies == 0 && now <= before + 9 && living <= 4 {
            Ok(())
        } else {
            Err(format!(
                "{zombies} zombies, {before} and {now} descriptors, {living} children"
            ))
        }
    });
    let pid = worker.pid();
    worker.terminate().exit(0);
    assert!(descendants(pid).is_empty());
}

#[test]
fn children_are_replaced_after_their_tasks() {
    let store = Store::redis();
    let rcelery = program(&store, "").env("MAX_TASKS", "3");
    let _worker = rcelery.worker(&["-A", "faults", "-c", "1"]);
    let pids = python(
        &rcelery,
        "print(json.dumps([pid.delay().get(timeout=20) for _ in range(9)]))",
    );
    let pids: Vec<u64> = pids
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p.as_u64().unwrap())
        .collect();
    for run in pids.chunks(3) {
        assert!(run.iter().all(|pid| *pid == run[0]), "{pids:?}");
    }
    assert_eq!(pids.iter().collect::<HashSet<_>>().len(), 3, "{pids:?}");
}

#[test]
fn children_are_replaced_when_they_grow() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let _worker = rcelery.worker(&[
        "-A",
        "faults",
        "-c",
        "1",
        "--max-memory-per-child",
        "200000",
    ]);
    let pids = python(
        &rcelery,
        "print(json.dumps([grows.delay(1).get(timeout=20), grows.delay(300).get(timeout=20), grows.delay(1).get(timeout=20)]))",
    );
    assert_eq!(pids[0], pids[1], "{pids}");
    assert_ne!(pids[1], pids[2], "{pids}");
}

#[test]
fn a_child_that_hangs_or_stops_is_killed_within_its_limit() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let _worker = rcelery.worker(&["-A", "faults", "-c", "1"]);
    for task in ["hangs", "stops_itself"] {
        let seen = python(
            &rcelery,
            &format!(
                "start = time.time()\nresult = {task}.apply_async(time_limit=1)\n\
                 try: result.get(timeout=20)\nexcept Exception as e: said = repr(e)\n\
                 again = add.delay(1, 2).get(timeout=10)\nprint(json.dumps([said, again, time.time() - start]))"
            ),
        );
        assert_eq!(seen[0], "TimeLimitExceeded(1)", "{seen}");
        assert_eq!(seen[1], 3, "{seen}");
        assert!(seen[2].as_f64().unwrap() < 4.0, "{task}: {seen}");
    }
}

#[test]
fn a_child_that_closes_its_descriptors_is_lost_alone() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let _worker = rcelery.worker(&["-A", "faults", "-c", "2"]);
    let seen = python(
        &rcelery,
        "slow = sleep.delay(1)\nresult = closes_descriptors.delay()\n\
         try: said = result.get(timeout=20)\nexcept Exception as e: said = type(e).__name__\n\
         print(json.dumps([said, add.delay(1, 2).get(timeout=10), slow.get(timeout=10)]))",
    );
    assert_eq!(seen, serde_json::json!(["WorkerLostError", 3, 1]), "{seen}");
}

#[test]
fn a_quick_task_never_waits_behind_a_slow_one() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let _worker = rcelery.worker(&["-A", "faults", "-c", "2", "--prefetch-multiplier", "100"]);
    // Many quick ones make the worker send ahead; then a slow one among them.
    let took = python(
        &rcelery,
        "[noop.delay() for _ in range(500)]\nslow = sleep.delay(3)\nquick = [add.delay(n, 1) for n in range(100)]\n\
         start = time.time()\n[q.get(timeout=20) for q in quick]\nprint(time.time() - start)",
    );
    assert!(took.as_f64().unwrap() < 2.5, "{took}");
}

#[test]
fn the_death_of_the_parent_ends_the_worker() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let worker = rcelery.worker(&["-A", "faults", "-c", "2"]);
    // Its message is not acknowledged: it comes again.
    python(&rcelery, "endures.delay()\nprint(1)");
    eventually("it runs", secs(20), || {
        fs::read_to_string(store.file("notes")).map_err(|e| e.to_string())
    });
    let parent = direct(number(worker.pid()));
    assert_eq!(parent.len(), 1, "{parent:?}");
    kill(
        Pid::from_raw(i32::try_from(parent[0]).unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    let output = worker.wait(secs(20));
    output.exit(1);
    assert!(output.stderr.contains("is gone"), "{output:?}");
    let purged = rcelery.run(&["-A", "faults", "purge", "-f"]);
    assert!(purged.ok().contains("Purged 1 message"), "{purged:?}");
}

#[test]
fn the_death_of_the_worker_ends_parent_and_children() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let worker = rcelery.worker(&["-A", "faults", "-c", "2"]);
    python(&rcelery, "print([sleep.delay(0.2).get(timeout=10), 1][1])");
    let pids: Vec<u32> = descendants(worker.pid())
        .iter()
        .map(|(pid, _)| *pid)
        .collect();
    assert!(pids.len() >= 2, "{pids:?}");
    worker.signal(Signal::SIGKILL);
    eventually("all are gone", secs(10), || {
        let living: Vec<_> = pids
            .iter()
            .filter(|pid| {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                let state = stat
                    .rsplit_once(')')
                    .and_then(|(_, f)| f.trim().chars().next());
                state.is_some_and(|s| s != 'Z')
            })
            .collect();
        if living.is_empty() {
            Ok(())
        } else {
            Err(format!("{living:?}"))
        }
    });
}

#[test]
fn threads_and_solo_run_tasks_too() {
    for (pool, slots) in [("threads", "3"), ("solo", "1")] {
        let store = Store::redis();
        let rcelery = program(&store, "");
        let worker = rcelery.worker(&["-A", "faults", "-c", slots, "-P", pool]);
        let seen = python(
            &rcelery,
            "start = time.time()\nparts = [sleep.delay(0.5) for _ in range(3)]\n[p.get(timeout=20) for p in parts]\n\
             took = time.time() - start\nprint(json.dumps([took, len({pid.delay().get(timeout=10) for _ in range(6)})]))",
        );
        let took = seen[0].as_f64().unwrap();
        assert!(
            if pool == "threads" {
                took < 1.4
            } else {
                took > 1.4
            },
            "{pool}: {seen}"
        );
        assert_eq!(seen[1], 1, "{pool}: {seen}");
        worker.terminate().exit(0);
    }
}

#[test]
fn the_time_that_a_process_takes_to_start_is_not_the_tasks() {
    let store = Store::redis();
    let rcelery = program(&store, "").env("INIT", "2");
    let worker = rcelery.worker(&["-A", "faults", "-c", "2"]);
    let seen = python(
        &rcelery,
        "parts = [quick.delay() for _ in range(4)]\nprint(json.dumps([p.get(timeout=20) for p in parts]))",
    );
    assert_eq!(
        seen,
        serde_json::json!(["in time"; 4].to_vec()),
        "{worker:?}"
    );
    worker.terminate().exit(0);
}

#[test]
fn a_process_that_does_not_start_is_killed_and_named() {
    let store = Store::redis();
    let rcelery = program(&store, "").env("INIT", "60");
    let settings = [
        "-A",
        "faults",
        "-c",
        "1",
        "--set",
        "worker_proc_alive_timeout=0.5",
    ];
    let worker = rcelery.worker(&settings);
    python(&rcelery, "quick.delay()\nprint(1)");
    eventually("it is killed", secs(20), || {
        let log = worker.stderr();
        if log.matches("Timed out waiting for UP message").count() > 1 {
            Ok(())
        } else {
            Err(log)
        }
    });
    // The task waits for a process that does start: it is not lost when the worker stops instead.
    worker.signal(Signal::SIGQUIT);
    worker.wait(secs(20));
    let purged = rcelery.run(&["-A", "faults", "purge", "-f"]);
    assert!(purged.ok().contains("Purged 1 message"), "{purged:?}");
}

#[test]
fn what_comes_after_the_hard_limit_does_not_count() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let worker = rcelery.worker(&["-A", "faults", "-c", "1"]);
    let seen = python(
        &rcelery,
        "r = saves_itself.delay()\ne = r.get(timeout=20, propagate=False)\nprint(json.dumps([r.state, repr(e)]))",
    );
    let expected = serde_json::json!(["FAILURE", "TimeLimitExceeded(1)"]);
    assert_eq!(seen, expected, "{worker:?}");
    worker.terminate().exit(0);
}

#[test]
fn a_revoke_by_usr1_raises_in_the_task_that_runs() {
    for (signal, state, error) in [
        ("SIGUSR1", "FAILURE", "SoftTimeLimitExceeded()"),
        ("SIGQUIT", "REVOKED", "TaskRevokedError('terminated')"),
        ("SIGTERM", "REVOKED", "TaskRevokedError('terminated')"),
    ] {
        let store = Store::redis();
        let rcelery = program(&store, "");
        let worker = rcelery.worker(&["-A", "faults", "-c", "1"]);
        let seen = python(
            &rcelery,
            &format!(
                "from celery.result import AsyncResult\n\
                 r = interrupted.delay()\n\
                 behind = [add.delay(n, n) for n in range(20)]\n\
                 while r.state != 'STARTED' and not app.control.inspect(timeout=0.3).active(): time.sleep(0.1)\n\
                 while not any((app.control.inspect(timeout=0.5).active() or {{}}).values()): time.sleep(0.1)\n\
                 app.control.revoke(r.id, terminate=True, signal='{signal}')\n\
                 rest = [b.get(timeout=20) for b in behind]\n\
                 end = time.time() + 10\n\
                 while time.time() < end and AsyncResult(r.id).state != '{state}': time.sleep(0.05)\n\
                 last = AsyncResult(r.id)\n\
                 print(json.dumps([last.state, repr(last.result), rest == [2 * n for n in range(20)]]))"
            ),
        );
        assert_eq!(
            seen,
            serde_json::json!([state, error, true]),
            "{signal}: {worker:?}"
        );
        let notes = fs::read_to_string(store.file("notes")).unwrap_or_default();
        assert_eq!(notes.trim(), "cleaned up", "{signal}");
        worker.terminate().exit(0);
    }
}

#[test]
fn threads_are_there_again_when_their_process_has_died() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    // Their sockets are more than go into one message to the parent.
    let worker = rcelery.worker(&["-A", "faults", "-c", "200", "-P", "threads"]);
    let seen = python(
        &rcelery,
        "e = exits.delay(3).get(timeout=20, propagate=False)\n\
         print(json.dumps([repr(e), [add.delay(n, 1).get(timeout=20) for n in range(6)]]))",
    );
    assert!(
        seen[0]
            .as_str()
            .unwrap()
            .starts_with("WorkerLostError('Worker exited prematurely: exitcode 3"),
        "{seen}"
    );
    assert_eq!(seen[1], serde_json::json!([1, 2, 3, 4, 5, 6]), "{seen}");
    assert_eq!(
        worker.stderr().matches("exited with").count(),
        1,
        "{worker:?}"
    );
    worker.terminate().exit(0);
}

#[test]
fn all_processes_are_there_from_the_start() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let worker = rcelery.worker(&["-A", "faults", "-c", "3"]);
    eventually("three children", secs(20), || {
        match children(worker.pid()).len() {
            3 => Ok(()),
            n => Err(n.to_string()),
        }
    });
    let seen = python(
        &rcelery,
        "e = presses_ctrl_c.delay().get(timeout=20, propagate=False)\nprint(json.dumps(repr(e)))",
    );
    assert!(
        seen.as_str().unwrap().starts_with("WorkerLostError"),
        "{seen}"
    );
    eventually("three again", secs(20), || {
        match children(worker.pid()).len() {
            3 => Ok(()),
            n => Err(n.to_string()),
        }
    });
    let log = worker.terminate();
    assert!(!log.stderr.contains("WARNING/ForkPool"), "{log:?}");
}

#[test]
fn a_process_that_dies_with_nothing_to_do_is_replaced() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let worker = rcelery.worker(&["-A", "faults", "-c", "2"]);
    let both = || match children(worker.pid()) {
        pids if pids.len() == 2 => Ok(pids),
        pids => Err(format!("{pids:?}")),
    };
    let before = eventually("two children", secs(20), both);
    eventually("another one", secs(20), || {
        // It may have come before the process listens to signals.
        let _ = kill(
            Pid::from_raw(i32::try_from(before[0]).unwrap()),
            Signal::SIGTERM,
        );
        let now = both()?;
        if now.contains(&before[0]) {
            Err(format!("{now:?}"))
        } else {
            Ok(())
        }
    });
    let log = worker.terminate();
    assert!(
        log.stderr.contains("exited with 'signal 15 (SIGTERM)'"),
        "{log:?}"
    );
}

#[test]
fn an_app_that_is_being_imported_does_not_outlive_the_worker() {
    let rcelery = program(&Store::redis(), "");
    let pidfile = rcelery.home().join("python.pid");
    let text = format!(
        "import os, time\nopen({:?}, 'w').write(str(os.getpid()))\ntime.sleep(60)\n",
        pidfile.to_string_lossy()
    );
    fs::write(rcelery.home().join("endless.py"), text).unwrap();
    let worker = rcelery.spawn(&["-A", "endless", "worker"]);
    let python = eventually("it is imported", secs(20), || {
        let text = fs::read_to_string(&pidfile).unwrap_or_default();
        text.parse::<i32>().map_err(|e| e.to_string())
    });
    worker.signal(Signal::SIGTERM);
    worker.wait(secs(20));
    eventually("Python is gone, too", secs(10), || {
        match kill(Pid::from_raw(python), None) {
            Ok(()) => Err("it lives".to_owned()),
            Err(_) => Ok(()),
        }
    });
}

/// A soft time limit raises wherever the task is: in the middle of what it hands over, or waiting until that is stored.
#[test]
fn a_time_limit_in_the_middle_of_a_state_breaks_nothing() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let worker = rcelery.worker(&["-A", "faults", "-c", "2"]);
    // Looked at, not waited for: Redis cuts off who is not quick enough to hear of all these states.
    let seen = python(
        &rcelery,
        "parts = [reports_much.delay(wait) for wait in (False, True) * 3]\n\
         end = time.time() + 90\n\
         while time.time() < end and not all(app.AsyncResult(p.id).ready() for p in parts): time.sleep(0.3)\n\
         said = [app.AsyncResult(p.id).result for p in parts]\n\
         said = [x if x == 'soft' else repr(x)[:200] for x in said]\n\
         print(json.dumps([said, [add.delay(n, 1).get(timeout=20) for n in range(4)]]))",
    );
    assert_eq!(
        seen,
        serde_json::json!([(["soft"; 6]), [1, 2, 3, 4]]),
        "{worker:?}"
    );
    let log = worker.terminate();
    assert!(
        !log.stderr.contains("lost its way") && !log.stderr.contains("exited with"),
        "{log:?}"
    );
}

#[test]
fn processes_that_cannot_start_end_the_worker() {
    let store = Store::redis();
    let rcelery = program(&store, "").env("INIT", "dies");
    let worker = rcelery.worker(&["-A", "faults", "-c", "2"]);
    python(&rcelery, "endures.delay()\nprint(1)");
    let output = worker.wait(secs(40));
    output.exit(1);
    assert!(
        output.stderr.contains("Could not start worker processes"),
        "{output:?}"
    );
    assert!(
        output.stderr.matches("exited with").count() < 20,
        "{output:?}"
    );
    let purged = rcelery.run(&["-A", "faults", "purge", "-f"]);
    assert!(purged.ok().contains("Purged 1 message"), "{purged:?}");
}

#[test]
fn what_a_task_starts_has_no_sockets_of_the_pool_and_a_restart_replaces_all() {
    let store = Store::redis();
    let rcelery = program(&store, "");
    let settings = [
        "-A",
        "faults",
        "-c",
        "2",
        "--set",
        "worker_pool_restarts=true",
    ];
    let worker = rcelery.worker(&settings);
    let open = python(
        &rcelery,
        "print(json.dumps(inherits.delay().get(timeout=20)))",
    );
    assert_eq!(open, serde_json::json!([]), "{open}");
    let before = children(worker.pid());
    let answer = rcelery.run(&["-A", "faults", "control", "pool_restart"]);
    assert!(answer.ok().contains("reload started"), "{answer:?}");
    eventually("two others", secs(20), || {
        let now = children(worker.pid());
        if now.len() == 2 && now.iter().all(|pid| !before.contains(pid)) {
            Ok(())
        } else {
            Err(format!("{before:?} {now:?}"))
        }
    });
    assert_eq!(
        python(&rcelery, "print(add.delay(1, 2).get(timeout=20))"),
        3
    );
    worker.terminate().exit(0);
}
