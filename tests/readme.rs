//! The README is true: its files are written, its commands run in order, and what it shows is what they print.
//!
//! - A `console` block has commands after `$ ` and, under each, what it prints; `…` stands for anything, also for any
//!   number of lines when it is alone on a line. Every command must exit with 0.
//! - `<!-- leave running -->` before a block: its one command is started and left running.
//! - `<!-- file: NAME -->` before a block: that file, in the working directory; under `examples/` it is the one of the
//!   repository, and the two must be the same. The commands of a file `crontab` are run once, and cron would have no
//!   mail to send.
//! - `sh` blocks are not run. There is one: the command that runs this test.

#[path = "harness/mod.rs"]
mod harness;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Process, Rcelery, RedisServer, eventually, interpreter, secs};
use regex::Regex;

/// The longest a command of the README may take.
const PATIENCE: u64 = 60;

/// A fenced block of the README.
#[derive(Debug, PartialEq)]
struct Block {
    line: usize,
    language: String,
    marker: Option<String>,
    text: String,
}

/// A command and the lines that it is said to print.
#[derive(Debug, PartialEq)]
struct Step {
    command: String,
    prints: Vec<String>,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut marker = None;
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let mut text = String::new();
            for (_, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
                text.push_str(line);
                text.push('\n');
            }
            blocks.push(Block {
                line: at + 1,
                language: language.to_owned(),
                marker: marker.take(),
                text,
            });
        } else if let Some(comment) = line.strip_prefix("<!-- ") {
            marker = comment.strip_suffix(" -->").map(str::to_owned);
        }
    }
    blocks
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step {
                command: command.to_owned(),
                prints: Vec::new(),
            }),
            (None, Some(step)) => step.prints.push(line.to_owned()),
            (None, None) => panic!("output before a command: {line}"),
        }
    }
    steps
}

/// Whether `output` is what `prints` shows. Nothing shown means nothing promised.
fn shows(prints: &[String], output: &str) -> bool {
    if prints.is_empty() {
        return true;
    }
    let mut pattern = String::from("^");
    for line in prints {
        if line == "…" {
            pattern.push_str("(.*\n)*?");
        } else {
            let line = regex::escape(line).replace('…', ".*");
            let _ = writeln!(pattern, "{line} *");
        }
    }
    pattern.push('$');
    let output = format!("{}\n", output.trim_end());
    Regex::new(&pattern)
        .expect("escaped text is a pattern")
        .is_match(&output)
}

/// A bash that keeps its variables from command to command.
struct Shell {
    bash: Process,
    read: usize,
    count: usize,
}

impl Shell {
    fn start(program: &Rcelery) -> Self {
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc"]);
        program.furnish(&mut command);
        Self {
            bash: Process::start(&mut command, "bash is needed"),
            read: 0,
            count: 0,
        }
    }

    /// Runs a command and returns its exit code and all that it printed.
    fn run(&mut self, command: &str) -> (i32, String) {
        self.count += 1;
        let mark = format!("@@ {} ", self.count);
        let script = format!("{{\n{command}\n}} </dev/null 2>&1; echo; echo '{mark}'$?\n");
        self.bash.write(script.as_bytes());
        let done = Regex::new(&format!(r"(?s)^(.*)\n{mark}(\d+)\n")).expect("it is a pattern");
        let (code, output, length) = eventually(command, secs(PATIENCE), || {
            let all = self.bash.stdout();
            let new = &all[self.read..];
            let found = done.captures(new).ok_or_else(|| new.to_owned())?;
            let code = found[2].parse().expect("it is a number");
            Ok::<(i32, String, usize), String>((code, found[1].to_owned(), found[0].len()))
        });
        self.read += length;
        (code, output)
    }
}

/// A directory with the commands that the README uses, in place of what an installation gives.
fn commands(program: &Rcelery) -> PathBuf {
    let bin = program.home().join("bin");
    let built = Path::new(env!("CARGO_BIN_EXE_rcelery"));
    let examples = built.with_file_name("examples");
    fs::create_dir(&bin).expect("the home is ours");
    let python = interpreter();
    let script = |name: &str, text: &str| {
        let path = bin.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("the directory is ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    };
    // A script, not a link: an interpreter finds its packages from the place that it was called by.
    for name in ["python", "python3"] {
        script(name, &format!("exec {} \"$@\"", python.display()));
    }
    script(
        "celery",
        &format!("exec {} -m celery \"$@\"", python.display()),
    );
    // What is built already is used instead of building it again: `.ci/run` runs the first line as it stands.
    script(
        "cargo",
        &format!(
            "case \"$*\" in
            'install --path . --locked') ln -s {} {}/rcelery ;;
            'run --example '*' -- '*) name=$3; shift 4; exec {}/$name \"$@\" ;;
            *) echo \"the README test does not know: cargo $*\" >&2; exit 1 ;;
            esac",
            built.display(),
            bin.display(),
            examples.display()
        ),
    );
    bin
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let redis = RedisServer::start();
    let page = fs::read_to_string(root.join("README.md")).expect("there is a README");
    let page = page.replace(
        "redis://localhost/",
        &format!("redis://127.0.0.1:{}/", redis.port()),
    );
    let program = Rcelery::new();
    let path = format!("{}:/usr/bin:/bin", commands(&program).display());
    let program = program.env("PATH", &path).env("C_FORCE_ROOT", "1");
    let mut shell = Shell::start(&program);
    let mut running = Vec::new();
    for block in blocks(&page) {
        let at = format!("README.md:{}", block.line);
        match (block.language.as_str(), block.marker.as_deref()) {
            (_, Some(marker)) if marker.starts_with("file: ") => {
                let name = &marker["file: ".len()..];
                if name.starts_with("examples/") {
                    let real = fs::read_to_string(root.join(name)).expect("the example is there");
                    assert_eq!(block.text, real, "{at}: differs from {name}");
                } else {
                    fs::write(program.home().join(name), &block.text).expect("the home is ours");
                }
                if name == "crontab" {
                    for command in block.text.lines().map(scheduled) {
                        let (code, output) = shell.run(command);
                        assert_eq!((code, output.as_str()), (0, ""), "{at}: `{command}`");
                    }
                }
            }
            ("console", Some("leave running")) => {
                let [step] = &steps(&block.text)[..] else {
                    panic!("{at}: one command is left running at a time");
                };
                let mut command = Command::new("bash");
                command.args(["-c", &format!("exec {}", step.command)]);
                program.furnish(&mut command);
                for (name, value) in exported(&mut shell) {
                    command.env(name, value);
                }
                let mut process = Process::start(&mut command, "bash is needed");
                process.wait_for("ready.", secs(PATIENCE));
                running.push(process);
            }
            ("console", None) => {
                for step in steps(&block.text) {
                    take(&at, &mut shell, &step);
                }
            }
            ("sh", None) => assert_eq!(block.text, "tests/run\n", "{at}: not run by any test"),
            (language, marker) => panic!("{at}: a block of {language:?} with marker {marker:?}"),
        }
    }
}

/// Runs one command and compares what it prints.
fn take(at: &str, shell: &mut Shell, step: &Step) {
    let (command, prints) = (&step.command, step.prints.join("\n"));
    let mut try_once = || {
        let (code, output) = shell.run(command);
        if code == 0 && shows(&step.prints, &output) {
            Ok(())
        } else {
            Err(format!("{output}(exit code {code})"))
        }
    };
    // A reader looks a moment later than a script does; to look again changes nothing.
    let look = ["rcelery status", "rcelery inspect"];
    if look.iter().any(|look| command.starts_with(look)) {
        eventually(
            &format!("{at}: `{command}` prints\n{prints}"),
            secs(PATIENCE),
            try_once,
        );
    } else if let Err(output) = try_once() {
        panic!("{at}: `{command}` is said to print\n{prints}\nand printed\n{output}");
    }
}

/// The command of a line for cron: what follows the five fields of its time.
fn scheduled(line: &str) -> &str {
    let mut rest = line;
    for _ in 0..5 {
        let (_, behind) = rest.split_once(' ').expect("five fields and a command");
        rest = behind.trim_start();
    }
    rest
}

/// The settings that the shell has exported so far.
fn exported(shell: &mut Shell) -> Vec<(String, String)> {
    let (_, all) = shell.run("env");
    all.lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| name.starts_with("CELERY_"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn blocks_and_steps_are_found_with_their_markers() {
    let page = "text\n\n```console\n$ a\nb\n\nc\n$ d\n```\n<!-- file: x.py -->\n```python\nimport x\n```\n";
    let found = blocks(page);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].line, found[0].marker.as_deref()), (3, None));
    assert_eq!(found[1].marker.as_deref(), Some("file: x.py"));
    assert_eq!(found[1].text, "import x\n");
    let found = steps(&found[0].text);
    assert_eq!(found[0].command, "a");
    assert_eq!(found[0].prints, ["b", "", "c"]);
    assert_eq!((found[1].command.as_str(), found[1].prints.len()), ("d", 0));
}

#[test]
fn shown_output_matches_with_gaps_and_nothing_else() {
    let shown = |lines: &[&str]| lines.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(shows(
        &shown(&["a … c", "…", "z"]),
        "a b c\nmore\nmore\nz\n"
    ));
    assert!(shows(&shown(&["…", "z"]), "z\n"));
    assert!(shows(&[], "anything"));
    assert!(!shows(&shown(&["5"]), "15\n"));
    assert!(!shows(&shown(&["5"]), "5\n6\n"));
    assert!(!shows(&shown(&["a", "…", "z"]), "a\nmore\n"));
}
