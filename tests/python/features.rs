//! The same app under `celery worker` and under `rcelery worker`: the same results, states, children, tracebacks, events
//! and signals.

use std::thread;

use serde_json::{Map, Value};

use crate::harness::{Store, interpreter, run, secs};
use crate::program;

/// What came of each case, by its name.
type Seen = Map<String, Value>;

const OPTIONS: &[&str] = &[
    "-A",
    "feats",
    "worker",
    "-c",
    "2",
    "-E",
    "-l",
    "INFO",
    "-n",
    "w1@box",
    "-Q",
    "celery,other",
];

/// Runs all cases of `observe.py` against a worker.
#[track_caller]
fn observe(worker: &str, env: &[(&str, &str)], store: &Store) -> Seen {
    let python = interpreter();
    let mut rcelery = program(store, "");
    for (name, value) in env {
        rcelery = rcelery.env(name, value);
    }
    let mut command = std::process::Command::new(&python);
    rcelery.furnish(&mut command);
    command.arg(crate::app("observe.py"));
    if worker == "celery" {
        // A task that forks leaves Celery's own process with two loops on one pipe.
        command.env("EXCEPT", "harmless");
        command.arg(&python).args(["-m", "celery"]);
    } else {
        command.arg(env!("CARGO_BIN_EXE_rcelery"));
    }
    command.args(OPTIONS);
    let output = run(&mut command, "", secs(500));
    let text = output.ok().to_owned();
    let seen = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e} in {text}"));
    let log = std::fs::read_to_string(store.file("notes.log")).unwrap_or_default();
    let log: Vec<&str> = log.lines().rev().take(40).collect();
    let log: String = log
        .into_iter()
        .rev()
        .map(|line| format!("{line}\n"))
        .collect();
    let Value::Object(seen) = seen else {
        panic!("no object: {text}");
    };
    assert_eq!(seen["exit code"], 0, "{worker}:\n{log}");
    assert!(seen.len() > 2, "{worker} has seen nothing:\n{log}");
    seen
}

/// Both workers, side by side on servers of their own.
#[track_caller]
fn both(env: &[(&str, &str)], stores: [Store; 2]) -> [Seen; 2] {
    let [first, second] = stores;
    thread::scope(|scope| {
        let theirs = scope.spawn(|| observe("celery", env, &first));
        let ours = scope.spawn(|| observe("rcelery", env, &second));
        [theirs, ours].map(|t| t.join().expect("it has seen something"))
    })
}

/// What may differ, from a case's record: the order in which two processes speak, and what Celery says worse.
fn comparable(name: &str, seen: &Value) -> Value {
    let mut seen = seen.clone();
    relax(&mut seen);
    let notes_of_two = [
        "hard_limit",
        "hooked_hard_limit",
        "told_of_a_hard_limit",
        "terminated",
        "retries",
        "hooked_retries",
    ];
    if notes_of_two.contains(&name)
        && let Some(notes) = seen.get_mut("notes").and_then(Value::as_array_mut)
    {
        // The process that is being ended still speaks, Celery tells of a failure twice, and a retry may run before its
        // first run is over.
        notes.sort_by_key(ToString::to_string);
        notes.dedup();
        if name == "told_of_a_hard_limit" {
            // Celery takes the end of the process for a loss, too.
            notes.retain(|note| note[0] != "request on_failure");
        }
    }
    if name == "expired"
        && let Some(events) = seen.get_mut("events").and_then(Value::as_array_mut)
    {
        // That it was received is said here, too.
        events.retain(|event| event[0] != "task-received");
    }
    seen
}

fn relax(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(relax),
        Value::Object(fields) => {
            if let Some(Value::Array(events)) = fields.get_mut("events")
                && events.iter().any(|event| event[0] == "task-retried")
            {
                // It may be received again before its first run is over.
                events.sort_by_key(ToString::to_string);
            }
            fields.values_mut().for_each(relax);
        }
        _ => {}
    }
}

/// Celery says `ExceptionWithTraceback()` in its events, whatever it was: nothing to compare with.
fn forgive(theirs: &mut Value, ours: &mut Value) {
    match (theirs, ours) {
        (Value::Array(theirs), Value::Array(ours)) => {
            theirs
                .iter_mut()
                .zip(ours)
                .for_each(|(theirs, ours)| forgive(theirs, ours));
        }
        (Value::Object(theirs), Value::Object(ours)) => {
            for (name, theirs) in theirs {
                if let Some(ours) = ours.get_mut(name) {
                    let says_nothing = theirs
                        .as_str()
                        .is_some_and(|text| text.starts_with("ExceptionWithTraceback("));
                    if name == "exception" && says_nothing && ours.is_string() {
                        ours.clone_from(theirs);
                    }
                    forgive(theirs, ours);
                }
            }
        }
        _ => {}
    }
}

#[track_caller]
fn assert_same([theirs, ours]: &[Seen; 2], except: &[&str]) {
    let mut differences = Vec::new();
    for (name, theirs) in theirs {
        if name == "harmless" || except.contains(&name.as_str()) {
            continue;
        }
        let mut theirs = comparable(name, theirs);
        let mut ours = ours.get(name).map(|ours| comparable(name, ours));
        if let Some(ours) = &mut ours {
            forgive(&mut theirs, ours);
        }
        if ours.as_ref() != Some(&theirs) {
            differences.push(format!("{name}:\n  celery:  {theirs}\n  rcelery: {ours:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn everything_comes_to_the_same_end_on_redis() {
    let seen = both(&[("PICKLE", "1")], [Store::redis(), Store::redis()]);
    assert!(seen[0].len() > 95, "{} cases", seen[0].len());
    assert_same(&seen, &[]);
    // Where a task harms its process, the next does not feel it here.
    assert_eq!(
        seen[1]["harmless"],
        serde_json::json!({
            "root": "/",
            "forked": "the parent",
            "signals": "ignored all",
            "home": [true],
            "soft": ["FAILURE", "FAILURE", "FAILURE"],
        })
    );
}

#[test]
fn pickled_results_are_the_same() {
    let only = "add,types,echo,fails,fails_oddly,fails_unpicklably,exits,dies,hard_limit,retries,chained,chorded,\
                chord_with_failure,progresses,replaced_by_chord,stamped";
    let env = [
        ("RESULT_SERIALIZER", "pickle"),
        ("ONLY", only),
        ("PICKLE", "1"),
    ];
    // Celery's own client can't read a state and then its meta, when the task has ended in between.
    assert_same(
        &both(&env, [Store::redis(), Store::redis()]),
        &["progresses"],
    );
}

#[test]
fn extended_results_are_the_same() {
    let only = "add,echo,who,fails,retries,dies,chained,stamped,routed,yaml_argument,expired,revoked_before";
    let env = [("RESULT_EXTENDED", "1"), ("ONLY", only), ("PICKLE", "1")];
    // Celery's remote control, which is first, does not know name and arguments.
    let except = ["revoked_before"];
    assert_same(&both(&env, [Store::redis(), Store::redis()]), &except);
}

#[test]
fn on_one_sqlite_file_it_is_the_same() {
    let only = "add,types,echo,nothing,fails,fails_oddly,exits,dies,dies_late,hard_limit,retries,autoretries,rejects,\
                ignored_but_errors,reads_own_state,tracked,progresses,hooked,pydantic,chained,chorded,chord_with_failure,\
                replaced_by_chain,linked,errbacks,ignores_with_state,stores_from_a_thread,grouped,pickled_argument";
    let env = [("ONLY", only), ("PICKLE", "1"), ("RESULT_EXTENDED", "1")];
    assert_same(
        &both(&env, [Store::sqlite(), Store::sqlite()]),
        // The first is not encodable with extended results, and how that shows depends on who looks when; so does
        // which of its errors a chord shows to whoever waits.
        &["pickled_argument", "chord_with_failure"],
    );
}
