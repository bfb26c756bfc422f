//! `rcelery help`.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::man::{ENVIRONMENT, FILES};
use crate::cli::error::{EXIT_CODES, Failure};
use crate::cli::output::Out;

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

impl HelpArgs {
    pub(crate) fn run(&self, out: &Out) -> anyhow::Result<ExitCode> {
        let mut command = crate::cli::run::command();
        command.build();
        let topics: Vec<&str> = self.topic.iter().map(String::as_str).collect();
        let text = match topics.as_slice() {
            ["exit-codes"] => exit_codes(),
            ["config"] => configuration(),
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
                if out.colour_out {
                    help.ansi().to_string()
                } else {
                    help.to_string()
                }
            }
        };
        out.raw(text.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

fn unknown(name: &str, mut known: Vec<String>) -> Failure {
    known.extend(["exit-codes", "config"].map(str::to_owned));
    let failure = Failure::usage(format!("there is no help on `{name}`"));
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure,
    }
}

/// The name most like `name`, if any is like it.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|k| (strsim::jaro_winkler(name, k), k))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}

fn exit_codes() -> String {
    let mut text = String::from("Exit codes\n\n");
    for (code, meaning) in EXIT_CODES {
        let _ = writeln!(text, "  {code:>3}  {meaning}");
    }
    text.push_str("\nOf several ids or nodes the worst counts: 69, then 1, then 75, then 0.\n");
    text
}

fn configuration() -> String {
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
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_suggested_and_nonsense_is_not() {
        let known = ["send", "status", "result"];
        assert_eq!(nearest("sennd", known.into_iter()), Some("send"));
        assert_eq!(nearest("xyz", known.into_iter()), None);
    }

    #[test]
    fn every_exit_code_is_listed() {
        let text = exit_codes();
        for code in ["69", "73", "75", "77", "78", "130"] {
            assert!(text.contains(code), "{code}");
        }
    }
}
