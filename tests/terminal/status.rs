//! `rcelery status` and `status --watch` on a terminal.

use nix::sys::signal::Signal;
use regex::Regex;

use crate::harness::{Rcelery, Terminal, patience};

/// The screen without what differs from run to run: `HH:MM:SS`, `Ns` for spans (and what follows in its column), the file.
fn still(screen: &str) -> String {
    let swap = |text: String, pattern: &str, by: &str| {
        let pattern = Regex::new(pattern).expect("a pattern of ours");
        pattern.replace_all(&text, by).into_owned()
    };
    let text = swap(screen.to_owned(), r"\d\d:\d\d:\d\d", "HH:MM:SS");
    let text = swap(text, r"sqlite:\S+", "FILE");
    swap(text, r"\b(\d+m )?\d+s +rcelery", "Ns  rcelery")
}

#[test]
fn the_table_is_drawn_in_place_and_ctrl_c_leaves_it() {
    for (columns, rows) in [(80, 24), (140, 40)] {
        let rcelery = Rcelery::new();
        let _one = rcelery.worker(&["-n", "w1@box", "-c", "2"]);
        let terminal = Terminal::new(&rcelery, columns, rows);
        terminal.enter("rcelery status --watch=0.3");
        let one = "\
$ rcelery status --watch=0.3
every 0.3s  HH:MM:SS  FILE

NODE    STATUS  ACTIVE  RESERVED  DONE  QUEUES  UPTIME  SOFTWARE
w1@box  online     0/2         0     0  celery  Ns  rcelery 0.1.0

1 node online.";
        terminal.until("one worker", |screen| still(screen) == one);
        assert!(!terminal.has_cursor());
        let two = rcelery.worker(&["-n", "w2@box", "-c", "4", "-Q", "celery,hi"]);
        let both = "\
$ rcelery status --watch=0.3
every 0.3s  HH:MM:SS  FILE

NODE    STATUS  ACTIVE  RESERVED  DONE  QUEUES      UPTIME  SOFTWARE
w1@box  online     0/2         0     0  celery      Ns  rcelery 0.1.0
w2@box  online     0/4         0     0  celery, hi  Ns  rcelery 0.1.0

2 nodes online.";
        terminal.until("two workers", |screen| still(screen) == both);
        two.signal(Signal::SIGTERM);
        two.wait(patience());
        terminal.until("one worker again", |screen| still(screen) == one);
        terminal.press("C-c");
        let end = terminal.prompt();
        assert_eq!(still(&end), format!("{one}\n$"));
        assert!(terminal.has_cursor());
        terminal.enter("clear; rcelery status -d w1@box,w2@bx; echo $?");
        let end = terminal.until("the exit code", |screen| screen.ends_with("\n69\n$"));
        assert!(
            still(&end).ends_with(
                "\
NODE    STATUS    ACTIVE  RESERVED  DONE  QUEUES  UPTIME  SOFTWARE
w1@box  online       0/2         0     0  celery  Ns  rcelery 0.1.0
w2@bx   no reply                                          (named by -d)

1 node online, 1 did not reply.
error: no reply from w2@bx
hint: online: w1@box
69
$"
            ),
            "{end}"
        );
    }
}

#[test]
fn a_watch_without_workers_waits_for_them_and_survives_another_size() {
    let rcelery = Rcelery::new();
    let terminal = Terminal::new(&rcelery, 80, 24);
    terminal.enter("rcelery status --watch=0.3");
    let none = "\
$ rcelery status --watch=0.3
every 0.3s  HH:MM:SS  FILE

0 nodes online.
warning: no worker replies";
    terminal.until("nobody", |screen| still(screen) == none);
    let _one = rcelery.worker(&["-n", "w1@box"]);
    terminal.until("one worker", |screen| screen.contains("w1@box  online"));
    terminal.resize(60, 10);
    terminal.until("the narrow table", |screen| {
        screen.contains("UPTIME\n") && screen.lines().filter(|l| l.starts_with("NODE")).count() == 1
    });
    terminal.press("C-c");
    terminal.prompt();
    terminal.enter("echo $?");
    terminal.until("the exit code", |screen| screen.ends_with("\n130\n$"));
}
