//! `rcelery help`.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::man::{ENVIRONMENT, FILES};
use crate::cli::error::{EXIT_CODES, Failure, JSON_ERRORS, Kind, WORST};
use crate::cli::output::Out;
use crate::cli::suggest::did_you_mean;
use crate::task::command;

/// Explain a command, the exit codes or the configuration
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery help send
  rcelery help inspect active
  rcelery help exit-codes
  rcelery help config")]
pub(crate) struct HelpArgs {
    /// A command, `exit-codes` or `config`
    #[arg(value_name = "TOPIC")]
    topic: Vec<String>,
}

/// Columns that a page has at most, as the help of commands.
const WIDTH: usize = 100;

/// Pages that are not about a command.
const TOPICS: &[&str] = &["exit-codes", "config"];

impl HelpArgs {
    pub(crate) fn run(&self, out: &Out) -> anyhow::Result<ExitCode> {
        let mut command = crate::cli::run::command();
        command.build();
        let topics: Vec<&str> = self.topic.iter().map(String::as_str).collect();
        let width = out.columns.unwrap_or(WIDTH).min(WIDTH);
        let text = match topics.as_slice() {
            ["exit-codes"] => exit_codes(width),
            ["config"] => configuration(width),
            path => {
                let mut at = &mut command;
                for name in path {
                    let known: Vec<String> = at
                        .get_subcommands()
                        .map(|c| c.get_name().to_owned())
                        .collect();
                    at = at
                        .find_subcommand_mut(name)
                        .ok_or_else(|| unknown(name, known))?;
                }
                let help = at.render_long_help();
                out.styled(&help)?;
                return Ok(ExitCode::SUCCESS);
            }
        };
        out.raw(text.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// All that there is a page on.
pub(crate) fn topics() -> Vec<String> {
    let command = crate::cli::run::command();
    let commands = command.get_subcommands().map(clap::Command::get_name);
    commands
        .chain(TOPICS.iter().copied())
        .map(str::to_owned)
        .collect()
}

fn unknown(name: &str, mut known: Vec<String>) -> Failure {
    known.extend(TOPICS.iter().map(|t| (*t).to_owned()));
    let failure = Failure::usage(format!("there is no help on `{name}`"));
    match did_you_mean(name, known.iter().map(String::as_str)) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn exit_codes(width: usize) -> String {
    let mut text = String::from("Exit codes\n\n");
    for (code, meaning) in EXIT_CODES {
        text.push_str(&term(&format!("{code:>5}"), 7, meaning, width));
    }
    let _ = write!(text, "\n{}\n", term("", 0, WORST, width));
    text.push_str("JSON errors (-j)\n\n");
    for kind in Kind::ALL {
        let _ = writeln!(text, "  {:<20}{:>3}", kind.code(), kind.exit());
    }
    let _ = write!(text, "\n{}", term("", 0, JSON_ERRORS, width));
    text
}

/// A term and its meaning beside it, which starts in column `indent` and ends before `width`.
fn term(term: &str, indent: usize, meaning: &str, width: usize) -> String {
    let (mut text, mut line) = (String::new(), format!("{term:<indent$}"));
    for word in meaning.split_whitespace() {
        if line.chars().count() + word.chars().count() >= width
            && line.trim().len() > term.trim().len()
        {
            let _ = writeln!(text, "{}", line.trim_end());
            line = " ".repeat(indent);
        }
        line.push_str(word);
        line.push(' ');
    }
    let _ = writeln!(text, "{}", line.trim_end());
    text
}

fn configuration(width: usize) -> String {
    let mut text = String::from(
        "Configuration\n\n\
         Order: options (-b, --result-backend, --set KEY=VALUE), environment, file, defaults.\n\
         The file is TOML with Celery's lower-case setting names; exactly one is read.\n\n\
         Environment:\n",
    );
    for (name, meaning) in ENVIRONMENT {
        let _ = writeln!(text, "  {name:<32}{meaning}");
    }
    text.push_str("\nFiles:\n");
    for (path, meaning) in FILES {
        let _ = writeln!(text, "  {path}\n      {meaning}");
    }
    text.push_str(
        "\nExample (rcelery.toml):\n\
         \x20 broker_url         = \"redis://127.0.0.1:6379/0\"\n\
         \x20 result_backend     = \"redis://127.0.0.1:6379/1\"\n\
         \x20 task_default_queue = \"celery\"\n\
         \x20 [task_routes]\n\
         \x20 \"video.*\" = { queue = \"video\" }\n",
    );
    text.push_str(&command_tasks(width));
    text
}

/// The keys of `[tasks.NAME]`.
fn command_tasks(width: usize) -> String {
    let mut text = String::from(
        "\nCommand tasks (any program as a task, in the same file):\n\
         \x20 [tasks.\"images.resize\"]\n\
         \x20 command    = [\"convert\", \"{input}\", \"-resize\", \"{width}x\", \"{output}\"]\n\
         \x20 time_limit = \"5m\"\n\n\
         Keys of [tasks.NAME]:\n",
    );
    for (key, meaning) in command::KEYS {
        text.push_str(&term(&format!("  {key}"), 22, meaning, width));
    }
    let options = command::option_keys().join(", ");
    text.push_str("  and the options of every task, as in task_annotations:\n");
    text.push_str(&term("", 6, &options, width));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_a_command_task_is_listed_in_80_columns() {
        let text = configuration(80);
        let names = command::KEYS.iter().map(|(name, _)| *name);
        for name in names.chain(command::option_keys().iter().copied()) {
            assert!(text.contains(name), "{name}");
        }
        let tasks = command_tasks(80);
        assert!(tasks.lines().all(|l| l.chars().count() <= 80), "{tasks}");
    }

    #[test]
    fn every_exit_code_and_every_json_code_is_listed() {
        let text = exit_codes(100);
        for kind in Kind::ALL {
            let line = format!("  {:<20}{:>3}\n", kind.code(), kind.exit());
            assert!(text.contains(&line), "{line}");
            assert!(
                EXIT_CODES.iter().any(|(code, _)| *code == kind.exit()),
                "{kind:?}"
            );
        }
        assert!(text.contains("the worst counts: 69, then 1, then 75, then 0"));
    }

    #[test]
    fn a_page_fits_the_terminal() {
        for width in [40, 80, 100] {
            let text = exit_codes(width);
            let longest = text.lines().map(|l| l.chars().count()).max();
            assert!(longest < Some(width), "{width}: {text}");
        }
    }
}
