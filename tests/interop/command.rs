//! A Python client and the programs that a Rust worker runs for it.

use std::fs;

use serde_json::json;

use super::harness::{Python, Rcelery, Store, eventually, interpreter, patience};
use super::{NODE, on_both};

on_both!(
    a_program_is_a_task_like_any_other
    failures_are_exceptions_that_python_knows
    python_sees_progress_and_revokes
);

#[track_caller]
fn worker(store: &Store, tasks: &str) -> (Rcelery, super::Worker) {
    let program = Rcelery::on(store);
    // Without a PATH, as here, only the system's own Python is found, which may not be there.
    let python = format!("{:?}", interpreter().display().to_string());
    let tasks = tasks.replace("\"python3\"", &python);
    fs::write(program.home().join("rcelery.toml"), tasks).expect("the home is ours");
    let worker = program.worker(&["-n", NODE, "-c", "4"]);
    (program, worker)
}

fn a_program_is_a_task_like_any_other(store: &Store) {
    let (_program, _worker) = worker(
        store,
        r#"
        [tasks."text.upper"]
        command = ["tr", "a-z", "A-Z"]
        params  = ["**any"]
        output  = "text"

        [tasks."math.add"]
        command = ["expr", "{x}", "+", "{y}"]
        types   = { x = "int", y = "int" }
        # expr says 1 when the sum is 0.
        success_exit_codes = [1]

        [tasks."math.total"]
        command = ["python3", "-c", "import json, sys; print(sum(json.load(sys.stdin)['args'][0]))"]
        params  = ["numbers"]
        "#,
    );
    let mut py = Python::on(store);
    let seen = py.run(
        r#"
from celery import chain, chord, group, signature
s = lambda name, *args, **kwargs: signature(name, args=args, kwargs=kwargs, app=app)
[
    get(app.send_task("math.add", [2], {"y": 3})),
    "WORLD" in get(app.send_task("text.upper", kwargs={"hello": "world"})),
    get(chain(s("math.add", 1, 2), s("math.add", 10)).apply_async()),
    sorted(get(group(s("math.add", n, n) for n in range(3)).apply_async())),
    get(chord((s("math.add", n, n) for n in range(3)), s("math.total")).apply_async()),
]
"#,
    );
    assert_eq!(seen, json!([5, true, 13, [0, 2, 4], 6]));
}

fn failures_are_exceptions_that_python_knows(store: &Store) {
    let (_program, _worker) = worker(
        store,
        r#"
        [tasks.grep]
        command = ["sh", "-c", "echo no such page >&2; exit 3", "{word}"]

        [tasks.die]
        command = ["sh", "-c", "kill -KILL $$"]

        [tasks.absent]
        command = ["no-such-program"]

        [tasks.slow]
        command         = ["sleep", "60"]
        soft_time_limit = 0.2

        [tasks.much]
        command    = ["yes"]
        max_output = 100
        "#,
    );
    let mut py = Python::on(store);
    let seen = py.run(
        r#"
def raised(name, *args, **kwargs):
    result = app.send_task(name, args, kwargs)
    try:
        get(result)
    except Exception as error:
        return error, result.traceback
    raise AssertionError(result)

import subprocess
from celery.exceptions import SoftTimeLimitExceeded
error, traceback = raised("grep", "x")
died, _ = raised("die")
missing, _ = raised("grep")
unknown, _ = raised("grep", "x", size=1)
absent, _ = raised("absent")
[
    isinstance(error, subprocess.CalledProcessError),
    [error.returncode, error.cmd, error.stderr, error.output],
    str(error),
    "no such page" in traceback,
    [died.returncode, "SIGKILL" in str(died)],
    [type(missing).__name__, str(missing)],
    [type(unknown).__name__, str(unknown)],
    [isinstance(absent, FileNotFoundError), absent.errno, str(absent)],
    isinstance(raised("slow")[0], SoftTimeLimitExceeded),
    [type(e).__name__ for e, _ in [raised("much")]],
]
"#,
    );
    let command = "['sh', '-c', 'echo no such page >&2; exit 3', 'x']";
    assert_eq!(
        seen,
        json!([
            true,
            [
                3,
                ["sh", "-c", "echo no such page >&2; exit 3", "x"],
                "no such page",
                null
            ],
            format!("Command '{command}' returned non-zero exit status 3."),
            true,
            [-9, true],
            [
                "TypeError",
                "grep() missing 1 required positional argument: 'word'"
            ],
            [
                "TypeError",
                "grep() got an unexpected keyword argument 'size'"
            ],
            [
                true,
                2,
                "[Errno 2] No such file or directory: 'no-such-program'"
            ],
            true,
            ["OverflowError"],
        ])
    );
}

fn python_sees_progress_and_revokes(store: &Store) {
    let pid = store.file("pid");
    let tasks = format!(
        r#"
        [tasks.endless]
        shell   = true
        command = '''
          sleep 300 & echo $! > {0}.new; mv {0}.new {0}
          echo '{{"current": 1, "total": 2}}' >&3
          wait
        '''
        "#,
        pid.display()
    );
    let (program, _worker) = worker(store, &tasks);
    let mut py = Python::on(store);
    let seen = py.run(
        r#"
result = app.send_task("endless")
assert until(lambda: result.state == "PROGRESS"), result.state
[result.id, result.info]
"#,
    );
    assert_eq!(seen[1], json!({"current": 1, "total": 2}));
    let grandchild = fs::read_to_string(&pid).expect("the program has noted it");
    // kombu's SQLAlchemy transport has no broadcast: there our own command asks.
    if store.is_redis() {
        py.run("result.revoke(terminate=True)");
    } else {
        let id = seen[0].as_str().expect("an id");
        program
            .run(&["control", "revoke", id, "--terminate"])
            .exit(0);
    }
    let state = py.run("until(lambda: result.state == 'REVOKED') and result.state");
    assert_eq!(state, "REVOKED");
    eventually("the grandchild is gone", patience(), || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", grandchild.trim()));
        match stat {
            Ok(stat) if !stat.contains(") Z ") => Err(stat),
            _ => Ok(()),
        }
    });
}
