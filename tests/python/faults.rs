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
    assert_eq!(seen[1], 3, "{seen}");
    assert_eq!(seen[2], 1, "{seen}");
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
