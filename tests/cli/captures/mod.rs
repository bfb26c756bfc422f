//! Celery's own text, byte for byte: what it printed once stands in the files of this folder, and what it prints now is
//! compared with ours, asked of the same Python worker.
//!
//! A node that says what the captured one said stands in for it, so that nothing but the words is compared.

mod live;
mod node;
mod replay;

use std::path::Path;

/// One run of Celery's command line.
#[derive(Debug, Clone)]
struct Capture {
    title: String,
    /// The arguments behind `celery`, without `-A proj`.
    args: Vec<String>,
    exit: i32,
    stdout: String,
    stderr: String,
}

impl Capture {
    fn args(&self) -> Vec<&str> {
        self.args.iter().map(String::as_str).collect()
    }

    /// The first word that is no option.
    fn command(&self) -> &str {
        self.args
            .iter()
            .find(|arg| !arg.starts_with('-'))
            .map_or("", String::as_str)
    }

    fn is_json(&self) -> bool {
        self.args.iter().any(|arg| arg == "-j")
    }
}

/// The captures of a file.
fn captures(file: &str) -> Vec<Capture> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cli/captures")
        .join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let rule = format!("{}\n", "=".repeat(60));
    let blocks = text.split(rule.as_str()).filter(|block| !block.is_empty());
    blocks.map(capture).collect()
}

fn capture(block: &str) -> Capture {
    let wrong = || panic!("not a capture:\n{block}");
    let (head, rest) = block.split_once("--- stdout\n").unwrap_or_else(wrong);
    let (stdout, stderr) = rest.split_once("--- stderr\n").unwrap_or_else(wrong);
    let line = |start: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(start))
            .unwrap_or_else(|| panic!("no {start:?} in\n{block}"))
    };
    let output = |text: &str| {
        if text == "(empty)\n" {
            String::new()
        } else {
            text.to_owned()
        }
    };
    let mut args: Vec<String> = line("$ celery ")
        .split_whitespace()
        .map(|word| word.trim_matches('\'').to_owned())
        .collect();
    if let Some(at) = args.iter().position(|arg| arg == "-A") {
        args.drain(at..at + 2);
    }
    Capture {
        title: line("## ").to_owned(),
        args,
        exit: line("exit=").parse().expect("a number"),
        stdout: output(stdout),
        stderr: output(stderr),
    }
}
