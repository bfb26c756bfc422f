//! `--progress`: the screen in the middle, at the end, and after Ctrl-C, of one task and of many.
//!
//! The tasks say what the test tells them to ([`Puppets`]), so that each screen stands still until the next.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Rcelery, Store, Terminal, Worker, eventually, patience, plain};

/// Tasks `puppet.work` and a worker for them.
struct Puppets {
    store: Store,
    dir: TempDir,
    worker: Option<Worker>,
}

impl Puppets {
    fn new() -> Self {
        Self::with(&["-c", "40"])
    }

    fn with(args: &[&str]) -> Self {
        let mut puppets = Self::without_worker();
        let worker = Rcelery::example("puppet").with(&puppets.store);
        puppets.worker = Some(worker.worker(&[&["-n", "w1@box"], args].concat()));
        puppets
    }

    fn without_worker() -> Self {
        Self {
            store: Store::redis(),
            dir: TempDir::new_in("/tmp").expect("a temporary directory"),
            worker: None,
        }
    }

    /// The program, and a directory `t` in its home where the tasks' files are.
    fn program(&self) -> Rcelery {
        let rcelery = Rcelery::on(&self.store).env("LANG", "C.UTF-8");
        self.at_home(&rcelery);
        rcelery
    }

    fn at_home(&self, rcelery: &Rcelery) {
        let link = rcelery.home().join("t");
        std::os::unix::fs::symlink(self.dir.path(), link).expect("a fresh home");
    }

    /// A line for `--jsonl` for each name.
    fn jobs(&self, rcelery: &Rcelery, names: &[&str]) {
        let line = |name: &&str| {
            let args = [self.dir.path().join(name)];
            format!("{}\n", json!({"task": "puppet.work", "args": args}))
        };
        let text: String = names.iter().map(line).collect();
        fs::write(rcelery.home().join("jobs.jsonl"), text).expect("our home");
    }

    /// A file with the arguments of one task.
    fn args(&self, rcelery: &Rcelery, name: &str) {
        let args = json!([self.dir.path().join(name)]).to_string();
        fs::write(rcelery.home().join("args.json"), args).expect("our home");
    }

    fn write(&self, file: &str, value: &Value) {
        let new = self.dir.path().join("new");
        fs::write(&new, value.to_string()).expect("our directory");
        fs::rename(new, self.dir.path().join(file)).expect("our directory");
    }

    fn says(&self, name: &str, current: u32, total: u32, text: &str) {
        let progress = json!({"current": current, "total": total, "status": text});
        self.write(name, &progress);
    }

    fn ends(&self, name: &str, result: &Value) {
        self.write(&format!("{name}.end"), result);
    }

    fn fails(&self, name: &str, message: &str) {
        self.write(&format!("{name}.fail"), &message.into());
    }
}

#[test]
fn one_task_has_a_bar_and_leaves_a_line_and_its_result() {
    for (columns, rows, bar, full) in [
        (
            80,
            24,
            "* puppet.work  MM:SS  ━━━━━━━━╸───────  10/20  50%  step 10 of 20",
            "* puppet.work  MM:SS  ━━━━━━━━━━━━━━━━  30/20  100%  more than all",
        ),
        (
            140,
            40,
            "* puppet.work ID  MM:SS  ━━━━━━━━━━━━━━━━━━━━╸───────────────────  10/20  50%  step 10 of 20",
            "* puppet.work ID  MM:SS  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  30/20  100%  more than all",
        ),
    ] {
        let puppets = Puppets::new();
        let rcelery = puppets.program();
        puppets.args(&rcelery, "one");
        puppets.says("one", 10, 20, "step 10 of 20");
        let terminal = Terminal::new(&rcelery, columns, rows);
        let typed = "rcelery send puppet.work -a @args.json --progress";
        terminal.enter(typed);
        // The worker's name is there if its start was seen; from the second change on there is a rate.
        let shown = |screen: &str| {
            plain(screen)
                .replace("  eta Ns", "")
                .replace("ID  w1@box  ", "ID  ")
        };
        terminal.until("half of it", |screen| {
            shown(screen) == format!("$ {typed}\n{bar}")
        });
        puppets.says("one", 30, 20, "more than all");
        terminal.until("all of it", |screen| {
            shown(screen) == format!("$ {typed}\n{full}")
        });
        puppets.ends("one", &json!({"current": 20, "status": "done"}));
        terminal.shows(&format!(
            "$ {typed}\n✔ puppet.work ID  SUCCESS in Ns\n{{\"current\": 20, \"status\": \"done\"}}\n$"
        ));
        assert!(terminal.has_cursor());
    }
}

#[test]
fn many_tasks_have_a_bar_each_and_a_total_below() {
    let puppets = Puppets::new();
    let rcelery = puppets.program();
    puppets.jobs(&rcelery, &["a", "b", "c"]);
    let typed = "rcelery send --jsonl jobs.jsonl --progress";
    puppets.says("a", 7, 10, "resizing");
    puppets.says("b", 30, 1000, "loading");
    let terminal = Terminal::new(&rcelery, 80, 24);
    terminal.enter(typed);
    // In which order they start is chance.
    let sorted = |screen: &str| {
        let screen = plain(screen);
        let mut lines: Vec<&str> = screen.lines().collect();
        if let [_, tasks @ .., _] = lines.as_mut_slice() {
            tasks.sort_unstable();
        }
        lines.join("\n")
    };
    terminal.until("three run", |screen| {
        sorted(screen)
            == format!(
                "$ {typed}\n\
                 * puppet.work ID  started on w1@box\n\
                 * puppet.work ID  ━━━━━━━━━━━╸────     7/10   70%  resizing\n\
                 * puppet.work ID  ╸───────────────  30/1000    3%  loading\n  \
                   total  ────────────────  0/3  3 running  MM:SS"
            )
    });
    puppets.ends("a", &json!("ok"));
    terminal.until("one is done, above the others", |screen| {
        let screen = plain(screen);
        let lines: Vec<&str> = screen.lines().collect();
        let total = "  total  ━━━━━╸──────────  1/3  2 running  MM:SS  eta ";
        lines.len() == 5
            && lines[1] == "✔ puppet.work ID  SUCCESS Ns"
            && lines[4].starts_with(total)
            && !screen.contains("resizing")
    });
    puppets.fails("c", "bad image");
    puppets.ends("b", &json!(2));
    terminal.until("the end", |screen| {
        let screen = plain(screen);
        let mut lines: Vec<&str> = screen.lines().collect();
        if let Some(ends) = lines.get_mut(1..4) {
            ends.sort_unstable();
        }
        lines.join("\n")
            == format!(
                "$ {typed}\n\
                 ✔ puppet.work ID  SUCCESS Ns\n\
                 ✔ puppet.work ID  SUCCESS Ns\n\
                 ✘ puppet.work ID  FAILURE ValueError: bad image\n\
                 2 of 3 tasks succeeded, 1 failed in Ns\n$"
            )
    });
    terminal.enter("echo exit $?");
    assert!(terminal.prompt().contains("\nexit 1\n"));
}

#[test]
fn there_are_never_more_bars_than_fit() {
    let puppets = Puppets::new();
    let rcelery = puppets.program();
    let names: Vec<String> = (0..30).map(|n| format!("t{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    puppets.jobs(&rcelery, &names);
    for name in &names {
        puppets.says(name, 1, 2, "half");
    }
    let bar = "* puppet.work ID  ━━━━━━━━╸───────  1/2   50%  half";
    let wide = "* puppet.work ID  ━━━━━━━━━━━━━━━━━━━━╸───────────────────  1/2   50%  half";
    for (columns, rows, bars, bar, total) in [
        (80, 24, 21, bar, "────────────────"),
        (
            140,
            40,
            30,
            wide,
            "────────────────────────────────────────",
        ),
    ] {
        let terminal = Terminal::new(&rcelery, columns, rows);
        terminal.enter("rcelery send --jsonl jobs.jsonl --progress");
        let more = if bars < 30 {
            "  … 9 more running\n"
        } else {
            ""
        };
        let wanted = format!(
            "{}{more}  total  {total}  0/30  30 running  MM:SS",
            format!("{bar}\n").repeat(bars)
        );
        terminal.until("as many bars as fit", |screen| {
            plain(screen).ends_with(&wanted) && screen.lines().count() <= rows
        });
        // The next one's worker must be free.
        for name in &names {
            puppets.ends(name, &json!(1));
        }
        let screen = terminal.prompt();
        assert!(screen.contains("30 of 30 tasks succeeded in "), "{screen}");
        for name in &names {
            let _ = fs::remove_file(puppets.dir.path().join(format!("{name}.end")));
        }
    }
}

#[test]
fn an_interrupt_leaves_a_clean_screen_and_says_how_to_go_on() {
    let puppets = Puppets::new();
    let rcelery = puppets.program();
    puppets.args(&rcelery, "one");
    puppets.says("one", 1, 4, "a quarter");
    let terminal = Terminal::new(&rcelery, 80, 24);
    let typed = "rcelery send puppet.work -a @args.json --progress";
    terminal.enter(typed);
    terminal.until("a bar", |screen| screen.contains("1/4  25%  a quarter"));
    terminal.press("C-c");
    terminal.shows(&format!(
        "$ {typed}\nstill running: rcelery result --wait UUID\n$"
    ));
    assert!(terminal.has_cursor());
    terminal.enter("echo exit $?");
    let screen = terminal.prompt();
    assert!(screen.contains("\nexit 130\n"), "{screen}");
    // What it said works.
    let again = screen.lines().nth(1).expect("the second line");
    let again = again.trim_start_matches("still running: ").to_owned();
    puppets.ends("one", &json!("after all"));
    terminal.enter(&again);
    terminal.until("the result", |screen| screen.ends_with("\nafter all\n$"));
}

#[test]
fn an_interrupt_of_many_names_those_that_are_not_done() {
    let puppets = Puppets::new();
    let rcelery = puppets.program();
    puppets.jobs(&rcelery, &["a", "b"]);
    puppets.says("a", 1, 4, "a quarter");
    puppets.ends("b", &json!(1));
    let terminal = Terminal::new(&rcelery, 140, 40);
    terminal.enter("rcelery send --jsonl jobs.jsonl --progress");
    terminal.until("one is done", |screen| {
        screen.contains("✔") && screen.contains("a quarter")
    });
    terminal.press("C-c");
    terminal.shows(
        "$ rcelery send --jsonl jobs.jsonl --progress\n\
         ✔ puppet.work ID  SUCCESS Ns\n\
         still running: rcelery result --wait UUID\n$",
    );
}

#[test]
fn a_terminal_without_utf8_gets_ascii() {
    let puppets = Puppets::new();
    let rcelery = puppets.program().env("LC_ALL", "C");
    puppets.jobs(&rcelery, &["a", "b"]);
    puppets.says("a", 5, 10, "half");
    puppets.says("b", 5, 10, "half");
    let terminal = Terminal::new(&rcelery, 80, 24);
    let typed = "rcelery send --jsonl jobs.jsonl --progress";
    terminal.enter(typed);
    terminal.shows(&format!(
        "$ {typed}\n\
         * puppet.work ID  ========>-------  5/10   50%  half\n\
         * puppet.work ID  ========>-------  5/10   50%  half\n  \
           total  ----------------  0/2  2 running  MM:SS"
    ));
    puppets.ends("a", &json!(1));
    puppets.fails("b", "boom");
    terminal.until("the end", |screen| {
        let screen = plain(screen);
        screen.contains("\n+ puppet.work ID  SUCCESS Ns\n")
            && screen.contains("\nx puppet.work ID  FAILURE ValueError: boom\n")
            && screen.ends_with("\n1 of 2 tasks succeeded, 1 failed in Ns\n$")
            && screen.is_ascii()
    });
}

#[test]
fn colours_are_there_unless_the_environment_says_otherwise() {
    let puppets = Puppets::new();
    puppets.says("one", 1, 2, "half");
    for (variable, coloured) in [("SOMETHING", true), ("NO_COLOR", false)] {
        let rcelery = puppets.program().env(variable, "1");
        puppets.args(&rcelery, "one");
        let terminal = Terminal::new(&rcelery, 80, 24);
        terminal.enter("rcelery send puppet.work -a @args.json --progress");
        terminal.until("a bar", |screen| screen.contains("━━━━━━━━╸───────  1/2"));
        // Between two looks the screen may be in the middle of being drawn.
        eventually("a bar, painted or not", patience(), || {
            let painted = terminal.painted();
            if painted.contains("1/2") && painted.contains('\x1b') == coloured {
                Ok(())
            } else {
                Err(painted)
            }
        });
        terminal.press("C-c");
        terminal.prompt();
    }
}

#[test]
fn a_task_that_nobody_takes_says_why() {
    let puppets = Puppets::without_worker();
    let rcelery = puppets.program();
    let typed = "rcelery send proj.add --progress";
    let terminal = Terminal::new(&rcelery, 140, 40);
    terminal.enter(typed);
    // The reason comes some seconds later, which may be before this looks.
    let queued = format!("$ {typed}\n* proj.add ID  queued in \"celery\"  MM:SS");
    terminal.until("it is queued", |screen| plain(screen).starts_with(&queued));
    terminal.shows(&format!(
        "$ {typed}\n* proj.add ID  queued in \"celery\"  MM:SS   ! no worker consumes queue \"celery\""
    ));
    terminal.press("C-c");
    terminal.prompt();
}

#[test]
fn a_task_that_no_worker_knows_is_put_right() {
    // The worker would refuse the task at once: it has another that keeps it.
    let puppets = Puppets::with(&["-c", "1", "--prefetch-multiplier", "1"]);
    let rcelery = puppets.program();
    puppets.args(&rcelery, "one");
    puppets.says("one", 1, 2, "busy");
    let busy = rcelery.run(&[
        "send",
        "puppet.work",
        "-a",
        "@args.json",
        "--progress=json",
        "--wait=0.5",
    ]);
    busy.exit(75);
    let typed = "rcelery send puppet.wrok --progress";
    let terminal = Terminal::new(&rcelery, 80, 24);
    terminal.enter(typed);
    terminal.shows(&format!(
        "$ {typed}\n* puppet.wrok  queued in \"celery\"  MM:SS\n  \
         ! no online worker registers puppet.wrok — did you mean puppet.work?"
    ));
    terminal.press("C-c");
    terminal.prompt();
}

#[test]
fn a_queue_that_nobody_consumes_is_worth_a_warning_to_a_person() {
    let puppets = Puppets::new();
    let rcelery = puppets.program();
    let terminal = Terminal::new(&rcelery, 80, 24);
    terminal.enter("rcelery send demo.add --queue nosuch --task-id x1");
    let screen = terminal.prompt();
    assert!(
        screen.ends_with(
            "\nx1\nwarning: no worker consumes queue \"nosuch\": the task waits there\n$"
        ),
        "{screen}"
    );
    terminal.enter("clear; rcelery send demo.add --queue celery --task-id x2");
    terminal.until("no warning", |screen| screen == "x2\n$");
}
