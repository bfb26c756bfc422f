//! A terminal of a given size, with a shell in it: what a person at the keyboard sees and types.
//!
//! Each terminal is a tmux server of its own, killed when it is dropped.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use regex::Regex;
use tempfile::TempDir;

use super::process::{self, Output};
use super::program::Rcelery;
use super::wait::{eventually, patience, secs};

/// How long tmux itself may take to answer.
const TMUX: Duration = secs(30);

/// A terminal in which `sh` waits for commands, with the program's environment; `rcelery` is on its path.
pub(crate) struct Terminal {
    socket: PathBuf,
    _dir: TempDir,
}

impl Terminal {
    /// Opens a terminal of so many columns and rows. The variables of `rcelery`'s environment (`LC_ALL`, `NO_COLOR`) are
    /// those of the shell.
    #[track_caller]
    pub(crate) fn new(rcelery: &Rcelery, columns: usize, rows: usize) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let socket = dir.path().join("tmux");
        let settings = dir.path().join("tmux.conf");
        let words =
            "set -g status off\nset -g default-terminal screen-256color\nset -s escape-time 0\n";
        std::fs::write(&settings, words).expect("a file in our own directory");
        let mut command = Command::new("tmux");
        rcelery.furnish(&mut command);
        let program = rcelery.command(&[]).get_program().to_owned();
        let programs = PathBuf::from(program);
        let programs = programs.parent().expect("the program is in a directory");
        command
            .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
            .arg("-S")
            .arg(&socket)
            .arg("-f")
            .arg(&settings)
            .args(["new-session", "-d", "-x", &columns.to_string()])
            .args(["-y", &rows.to_string(), "exec /bin/sh"]);
        let terminal = Self { socket, _dir: dir };
        process::run(&mut command, "", TMUX).ok();
        // Root's would be another, whatever the environment says.
        terminal.until("a prompt", |screen| screen.ends_with(['$', '#']));
        terminal.enter("PS1='$ '; clear");
        terminal.until("our prompt", |screen| screen == "$");
        terminal
    }

    /// Types a line, with Enter.
    #[track_caller]
    pub(crate) fn enter(&self, line: &str) {
        let prompt = self.screen();
        self.tmux(&["send-keys", "-l", "--", line]).ok();
        // Until it is there, an old prompt could be taken for the next one.
        self.until("what was typed", |screen| screen != prompt);
        self.press("Enter");
    }

    /// Presses a key by tmux's name for it: `C-c`, `Enter`, `q`.
    #[track_caller]
    pub(crate) fn press(&self, key: &str) {
        self.tmux(&["send-keys", "--", key]).ok();
    }

    /// What the screen shows, without the blanks at the ends of lines and of the screen.
    #[track_caller]
    pub(crate) fn screen(&self) -> String {
        trimmed(self.tmux(&["capture-pane", "-p"]).exit(0))
    }

    /// The same with the escape sequences of colours and styles.
    #[track_caller]
    pub(crate) fn painted(&self) -> String {
        trimmed(self.tmux(&["capture-pane", "-p", "-e"]).exit(0))
    }

    /// Waits until the screen is as it should be, and returns it.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, good: impl Fn(&str) -> bool) -> String {
        eventually(what, patience(), || {
            let screen = self.screen();
            if good(&screen) {
                Ok(screen)
            } else {
                Err(format!("\n{screen}"))
            }
        })
    }

    /// Waits until the [`plain`] screen is `wanted`, or panics with both.
    #[track_caller]
    pub(crate) fn shows(&self, wanted: &str) {
        let what = format!("the screen shows\n{wanted}\n");
        eventually(&what, patience(), || {
            let screen = plain(&self.screen());
            if screen == wanted {
                Ok(())
            } else {
                Err(format!("\n{screen}"))
            }
        });
    }

    /// Waits until the last line is the shell's empty prompt again, and returns the screen.
    #[track_caller]
    pub(crate) fn prompt(&self) -> String {
        self.until("the prompt is back", |screen| screen.ends_with("\n$"))
    }

    /// Whether the cursor can be seen.
    #[track_caller]
    pub(crate) fn has_cursor(&self) -> bool {
        self.tmux(&["display-message", "-p", "#{cursor_flag}"]).ok() == "1"
    }

    /// Gives the terminal another size, as someone who pulls at the window.
    #[track_caller]
    pub(crate) fn resize(&self, columns: usize, rows: usize) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.tmux(&["resize-window", "-x", &columns, "-y", &rows])
            .ok();
    }

    #[track_caller]
    fn tmux(&self, args: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        // -u: what is captured is UTF-8, whatever the locale of whoever runs the tests.
        command.arg("-u").arg("-S").arg(&self.socket).args(args);
        process::run(&mut command, "", TMUX)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).arg("kill-server");
        let _ = command.output();
    }
}

/// A screen without what differs from run to run: `ID` for ids, `*` for the spinner, `MM:SS` for clocks, `Ns` for spans.
///
/// What stands behind a span of another width moves: put such things last, or compare with this in mind.
pub(crate) fn plain(screen: &str) -> String {
    let swap = |text: String, pattern: &str, by: &str| {
        let pattern = Regex::new(pattern).expect("a pattern of ours");
        pattern.replace_all(&text, by).into_owned()
    };
    let text = screen.to_owned();
    let text = swap(
        text,
        r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
        "UUID",
    );
    let text = swap(text, r"\b[0-9a-f]{8}\b", "ID");
    let text = swap(text, r"(?m)^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏|/\\-] ", "* ");
    let text = swap(text, r"\b\d\d:\d\d\b", "MM:SS");
    swap(text, r"\b\d+(\.\d)?s\b", "Ns")
}

fn trimmed(output: &Output) -> String {
    let lines: Vec<&str> = output.stdout.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}
