//! A worker on a terminal: its banner, and what becomes of it when the terminal is closed.

use std::fs;

use crate::harness::{Rcelery, Terminal, eventually, holds, patience};

/// Our own name, not the machine's.
const NODE: &str = "w1@box";

#[track_caller]
fn file_says(path: &std::path::Path, what: &str) -> String {
    eventually(
        &format!("{what:?} in {}", path.display()),
        patience(),
        || {
            let text = fs::read_to_string(path).unwrap_or_default();
            holds(text, |t| t.contains(what))
        },
    )
}

#[test]
fn the_banner_is_tidy_and_says_which_file_is_the_broker() {
    let rcelery = Rcelery::new();
    for columns in [140, 80] {
        let terminal = Terminal::new(&rcelery, columns, 40);
        terminal.enter("rcelery worker -l INFO -c 2 -n w1@box");
        let screen = terminal.until("it is ready", |s| s.contains("w1@box ready."));
        let lines: Vec<&str> = screen.lines().collect();
        let title = lines
            .iter()
            .position(|l| l.starts_with("rcelery ") && l.contains(" · w1@box · "))
            .unwrap_or_else(|| panic!("{screen}"));
        assert!(lines[title].chars().count() <= columns, "{screen}");
        assert!(
            lines[title + 1].starts_with("  transport    sqlite:///"),
            "{screen}"
        );
        let joined: String = lines[title + 1..].iter().map(|l| l.trim()).collect();
        assert!(joined.contains("state/rcelery/rcelery.db"), "{screen}");
        assert!(
            screen.contains("  concurrency  2 (threads)   prefetch 8   events off (-E)"),
            "{screen}"
        );
        assert!(
            screen.contains("  queues       celery → celery(direct) key=celery\n"),
            "{screen}"
        );
        assert!(
            screen.contains(
                "  tasks (5)    demo.add  demo.echo  demo.fail  demo.long_task  demo.sleep\n"
            ),
            "{screen}"
        );
        terminal.press("C-c");
        terminal.until("it has stopped", |s| {
            s.contains("worker: Warm shutdown (MainProcess)") && s.ends_with("\n$")
        });
    }
    let terminal = Terminal::new(&rcelery, 80, 24);
    terminal.enter("rcelery -q worker -l INFO -n w1@box");
    let screen = terminal.until("it is ready", |s| s.contains("w1@box ready."));
    assert!(!screen.contains("transport"), "{screen}");
    terminal.press("C-c");
    terminal.prompt();
}

/// Celery dies on the spot, and the task that runs with it.
#[test]
fn a_closed_terminal_lets_the_running_task_finish() {
    let rcelery = Rcelery::new();
    let at = |name: &str| rcelery.home().join(name);
    // As the shell of a login, it hands the hang-up on; other than that it stays to say how the worker ended.
    let script = "trap 'kill -HUP $worker' HUP\n\
                  rcelery worker -l INFO -n w1@box -f w.log & worker=$!\n\
                  wait $worker; wait $worker; echo \"exit $?\" > code\n";
    fs::write(at("run.sh"), script).expect("writing");
    let terminal = Terminal::new(&rcelery, 80, 24);
    terminal.enter("exec /bin/sh run.sh");
    file_says(&at("w.log"), &format!("{NODE} ready."));
    let id = rcelery
        .run(&["send", "demo.sleep", "-a", "[2]"])
        .ok()
        .to_owned();
    file_says(&at("w.log"), &format!("Task demo.sleep[{id}] received"));
    drop(terminal);
    file_says(&at("code"), "exit 0\n");
    let log = file_says(&at("w.log"), &format!("Task demo.sleep[{id}] succeeded"));
    assert_eq!(
        log.matches(" ready.").count(),
        1,
        "it does not start over: {log}"
    );
    assert_eq!(rcelery.run(&["result", &id]).ok(), "2.0");
}
