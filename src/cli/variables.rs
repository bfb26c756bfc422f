//! `CELERY_<COMMAND>_<OPTION>`: options that take a value, from the environment.
//!
//! The names are those that click gives Celery's options. Flags are not read (`CELERY_VERSION=5.7.0` is common in
//! images, and `CELERY_PURGE_FORCE` would be a trap), nor is what makes another command of a command. A variable counts
//! where neither its option nor one that excludes it was given; an empty one is not set.

use std::ffi::OsString;

use clap::error::ContextKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::error::Failure;
use crate::config;

/// Those of the options of every command.
const GLOBAL: &[(&str, &str)] = &[("app", "CELERY_APP"), ("workdir", "CELERY_WORKDIR")];

/// Options whose value belongs to one call.
const OF_ONE_CALL: &[&str] = &["task-id", "jsonl", "output"];

/// An option that the environment may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// The name; `call` is a name of `send`, so there may be two.
    pub(crate) names: Vec<String>,
    /// The long name of its option, without dashes.
    pub(crate) option: String,
    id: String,
}

/// The variables of a command's own options. `path` is its name with those of the commands it is in: `["send"]`.
pub(crate) fn of(command: &Command, path: &[&str]) -> Vec<Variable> {
    let (Some(last), false) = (path.last(), path.is_empty()) else {
        return Vec::new();
    };
    let lead: String = path[..path.len() - 1]
        .iter()
        .map(|name| format!("{name}_"))
        .collect();
    let commands: Vec<&str> = std::iter::once(*last)
        .chain(command.get_all_aliases())
        .collect();
    command
        .get_arguments()
        .filter(|arg| may_be_a_variable(arg))
        .filter_map(|arg| {
            let long = arg.get_long()?;
            let longs = std::iter::once(long).chain(arg.get_all_aliases().unwrap_or_default());
            let names: Vec<String> = longs
                .flat_map(|long| {
                    commands
                        .iter()
                        .map(|command| format!("celery_{lead}{command}_{long}"))
                        .collect::<Vec<_>>()
                })
                .map(|name| name.replace('-', "_").to_ascii_uppercase())
                // CELERY_WORKER_CONCURRENCY is a setting, and read as one.
                .filter(|name| !is_setting(name))
                .collect();
            (!names.is_empty()).then(|| Variable {
                names,
                option: long.to_owned(),
                id: arg.get_id().to_string(),
            })
        })
        .collect()
}

fn may_be_a_variable(arg: &Arg) -> bool {
    let wants_value = arg.get_action().takes_values()
        // `--wait[=SECS]` is a flag that may say more.
        && arg.get_num_args().is_none_or(|n| n.min_values() > 0);
    let own = arg
        .get_long()
        .is_some_and(|long| !OF_ONE_CALL.contains(&long));
    wants_value && own && !arg.is_positional()
}

fn is_setting(variable: &str) -> bool {
    let name = variable.trim_start_matches("CELERY_").to_ascii_lowercase();
    config::TABLE.iter().any(|entry| entry.name == name)
}

/// The variables of all commands.
fn all(root: &Command) -> Vec<String> {
    fn collect<'a>(command: &'a Command, path: &mut Vec<&'a str>, names: &mut Vec<String>) {
        names.extend(of(command, path).into_iter().flat_map(|v| v.names));
        for sub in command.get_subcommands() {
            path.push(sub.get_name());
            collect(sub, path, names);
            path.pop();
        }
    }
    let mut names = Vec::new();
    collect(root, &mut Vec::new(), &mut names);
    names
}

/// The variables that are set, look like ours and are neither a setting nor an option, each with the nearest name that
/// is. A Django project has many, so they are no error.
pub(crate) fn strangers() -> Vec<(String, Option<String>)> {
    let options = all(&super::run::command());
    let settings: Vec<String> = config::TABLE
        .iter()
        .map(|entry| format!("CELERY_{}", entry.name.to_ascii_uppercase()))
        .collect();
    let mut strangers: Vec<String> = std::env::vars_os()
        .map(|(name, _)| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with("CELERY_"))
        .filter(|name| !config::knows_variable(name) && !options.contains(name))
        .collect();
    strangers.sort();
    strangers
        .into_iter()
        .map(|name| {
            let known = settings.iter().chain(&options).map(String::as_str);
            // Their common first part makes any two of them alike: what follows must be, and very.
            let nearest = known
                .map(|k| (strsim::jaro_winkler(&name[7..], &k[7..]), k))
                .filter(|(likeness, _)| *likeness > 0.93)
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .map(|(_, k)| k.to_owned());
            (name, nearest)
        })
        .collect()
}

/// Reads the variables of the command that `matches` has chosen; none if none of them is set. `build` makes the command
/// line anew, `argv` is what was parsed before without them.
///
/// # Errors
/// A usage error that names the variable.
pub(super) fn apply(
    matches: &ArgMatches,
    argv: &[OsString],
    build: impl Fn() -> Command,
) -> Result<Option<ArgMatches>, Failure> {
    let any = std::env::vars_os().any(|(name, _)| name.to_string_lossy().starts_with("CELERY_"));
    let set = if any {
        find(matches, &build())
    } else {
        Vec::new()
    };
    if set.is_empty() {
        return Ok(None);
    }
    let mut command = build();
    for one in &set {
        command = with_variable(command, &one.path, &one.id, &one.name);
    }
    command
        .try_get_matches_from(argv)
        .map(Some)
        .map_err(|error| {
            let said = error.get(ContextKind::InvalidArg).map(ToString::to_string);
            let is_meant = |option: &str| {
                said.as_deref()
                    .and_then(|said| said.strip_prefix("--")?.strip_prefix(option))
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '=', '[']))
            };
            let mut names: Vec<&str> = set
                .iter()
                .filter(|one| is_meant(&one.option))
                .map(|one| one.name.as_str())
                .collect();
            if names.is_empty() {
                names = set.iter().map(|one| one.name.as_str()).collect();
            }
            let text = error.render().to_string();
            let message = text.trim_start_matches("error: ").trim_end();
            let message = message.split("\n\n").next().unwrap_or(message);
            Failure::usage(format!("{}: {message}", names.join(", ")))
        })
}

/// A variable that is set and counts.
struct Found {
    /// The command, by name.
    path: Vec<String>,
    /// Its option, for clap.
    id: String,
    /// Its option, for people.
    option: String,
    name: String,
}

/// The variables that are set and count.
fn find(matches: &ArgMatches, declared: &Command) -> Vec<Found> {
    // Only a built command knows all that its options exclude, and only one that is not tells its own from those of
    // the commands around it.
    let mut built = declared.clone();
    built.build();
    let mut levels = Vec::new();
    let mut at = (matches, declared, &built);
    while let Some((name, inner)) = at.0.subcommand()
        && let (Some(declared), Some(built)) =
            (at.1.find_subcommand(name), at.2.find_subcommand(name))
    {
        levels.push((declared.get_name(), inner, declared, built));
        at = (inner, declared, built);
    }
    let given = |id: &str| {
        let inner = levels.iter().map(|(_, matches, ..)| *matches);
        inner.chain([matches]).any(|matches| {
            matches.try_contains_id(id).is_ok()
                && matches.value_source(id) == Some(ValueSource::CommandLine)
        })
    };
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let mut found: Vec<Found> = GLOBAL
        .iter()
        .filter(|(option, name)| is_set(name) && !given(option))
        .map(|(option, name)| Found {
            path: Vec::new(),
            id: (*option).to_owned(),
            option: (*option).to_owned(),
            name: (*name).to_owned(),
        })
        .collect();
    for (depth, (_, _, declared, built)) in levels.iter().enumerate() {
        let path: Vec<&str> = levels[..=depth].iter().map(|(name, ..)| *name).collect();
        for variable in of(declared, &path) {
            if given(&variable.id) || is_excluded(built, &variable.id, given) {
                continue;
            }
            if let Some(name) = variable.names.iter().find(|name| is_set(name)) {
                found.push(Found {
                    path: path.iter().map(|&name| name.to_owned()).collect(),
                    id: variable.id,
                    name: name.clone(),
                    option: variable.option,
                });
            }
        }
    }
    found
}

/// Whether an option that was given excludes this one, or the other way round.
fn is_excluded(command: &Command, id: &str, given: impl Fn(&str) -> bool) -> bool {
    let excludes = |arg: &Arg, id: &str| {
        let others = command.get_arg_conflicts_with(arg);
        others.iter().any(|other| other.get_id() == id)
    };
    let Some(arg) = command.get_arguments().find(|arg| arg.get_id() == id) else {
        return false;
    };
    command
        .get_arguments()
        .filter(|other| given(other.get_id().as_str()))
        .any(|other| excludes(other, id) || excludes(arg, other.get_id().as_str()))
}

fn with_variable(command: Command, path: &[String], id: &str, name: &str) -> Command {
    let env = name.to_owned();
    match path.split_first() {
        None => command.mut_arg(id, |arg| arg.env(env).hide_env(true)),
        Some((first, rest)) => {
            command.mut_subcommand(first, |sub| with_variable(sub, rest, id, name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_of(path: &[&str]) -> Vec<String> {
        let root = crate::cli::run::command();
        let command = path
            .iter()
            .fold(&root, |at, name| at.find_subcommand(name).unwrap());
        of(command, path)
            .into_iter()
            .flat_map(|v| v.names)
            .collect()
    }

    #[test]
    fn names_are_those_that_click_gives() {
        let send = names_of(&["send"]);
        for name in [
            "CELERY_CALL_COUNTDOWN",
            "CELERY_SEND_COUNTDOWN",
            "CELERY_CALL_ROUTING_KEY",
        ] {
            assert!(send.iter().any(|n| n == name), "{name}: {send:?}");
        }
        let worker = names_of(&["worker"]);
        for name in [
            "CELERY_WORKER_LOGLEVEL",
            "CELERY_WORKER_QUEUES",
            "CELERY_WORKER_AUTOSCALE",
        ] {
            assert!(worker.iter().any(|n| n == name), "{name}: {worker:?}");
        }
        assert!(
            names_of(&["status"])
                .iter()
                .any(|n| n == "CELERY_STATUS_TIMEOUT")
        );
    }

    #[test]
    fn flags_settings_and_what_belongs_to_one_call_are_none() {
        let all = [
            names_of(&["send"]),
            names_of(&["worker"]),
            names_of(&["purge"]),
        ]
        .concat();
        for name in [
            "CELERY_PURGE_FORCE",
            "CELERY_WORKER_PURGE",
            "CELERY_SEND_WAIT",
            "CELERY_SEND_TASK_ID",
            "CELERY_WORKER_CONCURRENCY",
            "CELERY_SEND_BROKER",
        ] {
            assert!(!all.iter().any(|n| n == name), "{name}");
        }
    }
}
