//! The terminal that the other tests use.

use crate::harness::{Rcelery, Terminal};

#[test]
fn a_command_runs_and_the_prompt_comes_back() {
    let rcelery = Rcelery::new();
    let terminal = Terminal::new(&rcelery, 80, 24);
    terminal.enter("rcelery -V");
    let screen = terminal.prompt();
    assert!(screen.starts_with("$ rcelery -V\nrcelery 0."), "{screen}");
    assert!(terminal.has_cursor());
}

#[test]
fn tables_fit_the_terminal_that_they_are_on() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box", "-c", "2"]);
    for (columns, rows) in [(80, 24), (140, 40)] {
        let terminal = Terminal::new(&rcelery, columns, rows);
        terminal.enter("rcelery status");
        let screen = terminal.prompt();
        assert!(screen.contains("\nNODE "), "{screen}");
        assert!(screen.contains("\nw1@box  online"), "{screen}");
        assert!(
            screen.lines().all(|l| l.chars().count() <= columns),
            "{screen}"
        );
    }
}
