//! Live completion: `source <(COMPLETE=bash rcelery)` has the shell ask the program itself, which knows the tasks, queues,
//! nodes and ids of the moment.
//!
//! `live.rs` finds the names, `bash.rs` talks to bash; the other shells are clap's. What goes wrong is not said: a
//! completion is a courtesy.

mod bash;
mod live;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Arg, Command};
use clap_complete::env::{Elvish, Fish, Powershell, Shells, Zsh};
use clap_complete::{ArgValueCompleter, CompleteEnv};

use self::bash::Bash;
#[cfg(test)]
pub(super) use self::bash::split;
use self::live::{Live, What};
use crate::app::App;

/// Names the shell that asks.
const VAR: &str = "COMPLETE";

/// Where zsh says which word it is about; the others mean the last.
const INDEX: &str = "_CLAP_COMPLETE_INDEX";

/// Answers a shell that asks for completions, or for the script by which it will; none in an ordinary run.
pub(super) fn answer(argv: &[OsString], app: &App) -> Option<ExitCode> {
    let shell = std::env::var_os(VAR)?;
    let name = Path::new(&shell).file_stem()?.to_str()?;
    let shells = Shells(&[&Bash, &Elvish, &Fish, &Powershell, &Zsh]);
    // The variable may be somebody else's.
    shells.completer(name)?;
    let program = Path::new(argv.first()?).file_name()?.to_str()?.to_owned();
    let live = Arc::new(Live::new(typed(name, argv), app.clone()));
    let directory = std::env::current_dir().ok();
    let complete = CompleteEnv::with_factory(|| attach(super::run::command(), &live))
        .var(VAR)
        .bin(program)
        .shells(shells);
    // A shell in the middle of a line has no use for an error.
    let _ = complete.try_complete(argv.iter().cloned(), directory.as_deref());
    Some(ExitCode::SUCCESS)
}

/// The words of the line without the one that is to be completed.
fn typed(shell: &str, argv: &[OsString]) -> Vec<OsString> {
    let mut words: Vec<OsString> = argv
        .iter()
        .skip_while(|word| *word != "--")
        .skip(1)
        .cloned()
        .collect();
    if shell == "bash" {
        let line = words.first().map(|l| l.to_string_lossy());
        let line = line.unwrap_or_default();
        words = bash::split(&line).0.iter().map(OsString::from).collect();
    }
    let index = std::env::var(INDEX).ok().and_then(|i| i.parse().ok());
    let index: usize = index.unwrap_or(words.len().saturating_sub(1));
    if index < words.len() {
        words.truncate(index);
    }
    words
}

/// Gives each argument with names to find its completer.
fn attach(command: Command, live: &Arc<Live>) -> Command {
    let name = command.get_name().to_owned();
    command
        .mut_args(|arg| match what(&name, &arg) {
            Some(what) => {
                let live = Arc::clone(live);
                arg.add(ArgValueCompleter::new(move |current: &OsStr| {
                    live.candidates(what, current)
                }))
            }
            None => arg,
        })
        .mut_subcommands(|sub| attach(sub, live))
}

/// What stands in an argument, if that can be found out.
fn what(command: &str, arg: &Arg) -> Option<What> {
    Some(match (command, arg.get_id().as_str()) {
        ("send", "name") | ("result", "task") | (_, "task_name") => What::Tasks,
        (_, "queue" | "queues" | "exclude_queues") => What::Queues,
        (_, "destination") => What::Nodes,
        ("result", "ids") => What::Results,
        ("revoke" | "terminate" | "query_task", "ids" | "task_id") => What::Running,
        (_, "set") => What::Settings,
        (_, "broker" | "result_backend") => What::Schemes,
        ("help", "topic") => What::Topics,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_name_has_an_argument() {
        fn kinds(command: &Command, found: &mut Vec<What>) {
            let name = command.get_name();
            found.extend(command.get_arguments().filter_map(|arg| what(name, arg)));
            command.get_subcommands().for_each(|sub| kinds(sub, found));
        }
        let mut found = Vec::new();
        kinds(&crate::cli::run::command(), &mut found);
        for kind in What::ALL {
            assert!(found.contains(kind), "{kind:?}");
        }
    }

    #[test]
    fn the_word_that_is_completed_says_nothing_yet() {
        let argv: Vec<OsString> = ["rcelery", "--", "rcelery -b redis://h send pro", " "]
            .map(Into::into)
            .into();
        assert_eq!(typed("bash", &argv), ["rcelery", "-b", "redis://h", "send"]);
        let argv: Vec<OsString> = ["rcelery", "--", "rcelery", "send", ""]
            .map(Into::into)
            .into();
        assert_eq!(typed("fish", &argv), ["rcelery", "send"]);
    }
}
