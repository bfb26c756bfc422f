//! `rcelery purge` asks on a terminal.

use crate::harness::{Rcelery, Terminal};

fn send(rcelery: &Rcelery, queue: &str, count: usize) {
    for _ in 0..count {
        rcelery.run(&["send", "x", "--queue", queue]).ok();
    }
}

const QUESTION: &str = "\
This will remove all tasks from 2 queues:
  celery  3 messages
  other   1 message
There is no undo. (-f skips this prompt)
Delete 4 messages? [y/N]";

#[test]
fn the_question_is_answered_at_the_keyboard() {
    for (columns, rows) in [(80, 24), (140, 40)] {
        let rcelery = Rcelery::new();
        send(&rcelery, "celery", 3);
        send(&rcelery, "other", 1);
        let terminal = Terminal::new(&rcelery, columns, rows);
        let asked = format!("$ rcelery purge -Q celery,other; echo $?\n{QUESTION}");
        // No answer, no, the end of input, and Ctrl-C leave everything as it was.
        for (key, word, code) in [
            ("Enter", "", "Aborted!\n1"),
            ("n", "n", "Aborted!\n1"),
            ("C-d", "", "Aborted!\n1"),
            ("C-c", "^C", "Aborted!\n130"),
        ] {
            terminal.enter("rcelery purge -Q celery,other; echo $?");
            terminal.shows(&asked);
            terminal.press(key);
            if key == "n" {
                terminal.press("Enter");
            }
            let answered = format!("{asked} {word}").trim_end().to_owned();
            terminal.shows(&format!("{answered}\n{code}\n$"));
            terminal.enter("clear");
            terminal.until("an empty screen", |screen| screen == "$");
        }
        terminal.enter("rcelery purge -Q celery,other; echo $?");
        terminal.shows(&asked);
        terminal.enter("maybe");
        let again = format!("{asked} maybe\nplease answer y or n\nDelete 4 messages? [y/N]");
        terminal.shows(&again);
        terminal.enter("y");
        terminal.shows(&format!(
            "{again} y\nPurged 4 messages from 2 known task queues.\n0\n$"
        ));
        terminal.enter("clear; rcelery purge -Q celery,other");
        terminal.until("nothing is left", |screen| {
            screen.ends_with("No messages purged from 2 queues.\n$")
        });
    }
}
