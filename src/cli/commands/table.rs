//! The workers' table of remote-control commands, as clap subcommands.

use std::io::{self, BufRead as _};

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use nix::sys::signal::Signal;

use crate::cli::error::Failure;
use crate::cli::output::Out;
use crate::cli::output::table::Column;
use crate::cli::{parse, suggest};
use crate::protocol::codec::json;
use crate::protocol::{Map, Value};
use crate::task::RateLimit;
use crate::worker::control::{self, ArgKind, COMMANDS, ControlCommand, Kind};

/// What stands for `true` besides the usual words: Celery's usage line says `[include_defaults=False]`.
const WITH_DEFAULTS: [&str; 2] = ["include_defaults", "with_defaults"];

/// The commands of a kind.
pub(super) fn commands(kind: Kind) -> impl Iterator<Item = &'static ControlCommand> {
    COMMANDS.iter().filter(move |c| c.visible && c.kind == kind)
}

/// Gives a clap command one subcommand for each of the workers', and `--list`.
pub(super) fn with_commands(command: Command, kind: Kind) -> Command {
    command
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand_value_name("COMMAND")
        .arg(
            Arg::new("list")
                .long("list")
                .action(ArgAction::SetTrue)
                .help("List the commands and exit"),
        )
        .subcommands(commands(kind).map(subcommand))
}

fn subcommand(command: &'static ControlCommand) -> Command {
    let mut sub = Command::new(command.name).about(command.help);
    for arg in command.args.positional {
        sub = sub.arg(typed(arg).required(arg.required));
    }
    if let Some(arg) = &command.args.variadic {
        let many = typed(arg).num_args(1..).action(ArgAction::Append);
        sub = sub.arg(many.required(arg.required));
    }
    for arg in command.args.options {
        let option = match arg.kind {
            ArgKind::Bool => Arg::new(arg.name).action(ArgAction::SetTrue).help(arg.help),
            _ => typed(arg),
        };
        sub = sub.arg(option.long(arg.name));
    }
    sub
}

/// The clap argument that reads a value of this type, as it will travel.
fn typed(arg: &'static control::Arg) -> Arg {
    let base = Arg::new(arg.name)
        .value_name(arg.name.to_uppercase())
        .help(arg.help);
    match arg.kind {
        ArgKind::Text => base.value_parser(text),
        ArgKind::TaskId => base
            .help(format!("{}; - reads them from stdin", arg.help))
            .value_parser(text),
        ArgKind::Word(words) => {
            base.value_parser(PossibleValuesParser::new(words).map(Value::from))
        }
        // A negative number is told why it can't be, not that it is an option that is unknown.
        ArgKind::Int(least) => base
            .allow_negative_numbers(true)
            .value_parser(value_parser!(i64).range(least..).map(Value::from)),
        ArgKind::Seconds => base.allow_negative_numbers(true).value_parser(seconds),
        ArgKind::Bool => base.value_parser(truth),
        ArgKind::Rate => base.value_parser(rate),
        ArgKind::Signal => base.value_parser(signal),
        ArgKind::Stamp => base.value_parser(stamp),
        ArgKind::Json => base.value_parser(json_or_text),
    }
}

fn text(given: &str) -> Result<Value, String> {
    if given.trim().is_empty() {
        return Err("must not be empty".to_owned());
    }
    Ok(given.into())
}

fn seconds(given: &str) -> Result<Value, String> {
    parse::duration(given).map(|d| d.as_secs_f64().into())
}

/// Celery's words for true and false, and its usage line taken literally.
fn truth(given: &str) -> Result<Value, String> {
    let word = given.to_lowercase();
    let word = match word.split_once('=') {
        Some((name, word)) if WITH_DEFAULTS.contains(&name) => word,
        _ if WITH_DEFAULTS.contains(&word.as_str()) => "true",
        _ => &word,
    };
    match word {
        "true" | "yes" | "on" | "1" => Ok(true.into()),
        "false" | "no" | "off" | "0" => Ok(false.into()),
        _ => Err("expected true or false".to_owned()),
    }
}

fn rate(given: &str) -> Result<Value, String> {
    let given = given.trim();
    RateLimit::parse(given)
        .map(|_| given.into())
        .map_err(|reason| format!("{reason}; expected a rate such as 10/s, 100/m or 5/h"))
}

/// `SIGKILL`, `kill` or `9`, as the name that workers know.
fn signal(given: &str) -> Result<Value, String> {
    let word = given.trim().to_uppercase();
    let name = match word.strip_prefix("SIG") {
        Some(_) => word.clone(),
        None => format!("SIG{word}"),
    };
    let found = match word.parse::<i32>() {
        Ok(number) => Signal::try_from(number).ok(),
        Err(_) => name.parse().ok(),
    };
    if let Some(signal) = found {
        return Ok(signal.as_str().into());
    }
    // All names begin alike, which must not count as likeness.
    let names = Signal::iterator().filter_map(|s| s.as_str().strip_prefix("SIG"));
    let hint = suggest::nearest(name.trim_start_matches("SIG"), names)
        .map(|name| format!("did you mean `SIG{name}`?"));
    let hint = hint.map_or(String::new(), |hint| format!("; {hint}"));
    Err(format!("there is no such signal{hint}"))
}

fn stamp(given: &str) -> Result<Value, String> {
    match given.split_once('=') {
        Some((name, _)) if !name.is_empty() => Ok(given.into()),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

fn json_or_text(given: &str) -> Result<Value, String> {
    match json::from_slice(given.as_bytes()) {
        Ok(value) => Ok(value),
        Err(_) => text(given),
    }
}

/// Which command of this kind was given, with its arguments as they travel; none for `--list`.
pub(super) fn of_matches(
    matches: &ArgMatches,
    kind: Kind,
) -> Result<Option<(&'static ControlCommand, Map)>, clap::Error> {
    if matches.get_flag("list") {
        return Ok(None);
    }
    let missing = || {
        let message = "a COMMAND is missing: --list shows what there is";
        clap::Error::raw(ErrorKind::MissingSubcommand, message)
    };
    let (name, matches) = matches.subcommand().ok_or_else(missing)?;
    let command = commands(kind)
        .find(|c| c.name == name)
        .ok_or_else(missing)?;
    let mut arguments = Map::new();
    for arg in command.args.positional.iter().chain(command.args.options) {
        let value = match matches.try_get_one::<bool>(arg.name) {
            Ok(flag) => flag.filter(|on| **on).map(|_| Value::Bool(true)),
            Err(_) => matches.get_one::<Value>(arg.name).cloned(),
        };
        if let Some(value) = value {
            arguments.insert(arg.name.to_owned(), value);
        }
    }
    if let Some(arg) = &command.args.variadic {
        let given = matches.get_many::<Value>(arg.name).into_iter().flatten();
        let list: Vec<Value> = given.cloned().collect();
        arguments.insert(arg.name.to_owned(), list.into());
    }
    Ok(Some((command, arguments)))
}

/// Puts the ids that stand on stdin, one on each line, where `-` was given.
pub(super) fn read_ids(command: &ControlCommand, arguments: &mut Map) -> anyhow::Result<()> {
    let Some(arg) = command.args.variadic.filter(|a| a.kind == ArgKind::TaskId) else {
        return Ok(());
    };
    let Some(Value::List(ids)) = arguments.get_mut(arg.name) else {
        return Ok(());
    };
    let Some(place) = ids.iter().position(|id| id.as_str() == Some("-")) else {
        return Ok(());
    };
    let lines = io::stdin().lock().lines().collect::<io::Result<Vec<_>>>();
    let lines = lines.map_err(|e| Failure::usage(format!("can't read stdin: {e}")))?;
    let read = lines
        .iter()
        .flat_map(|line| line.split_whitespace())
        .map(Value::from);
    ids.splice(place..=place, read);
    ids.retain(|id| id.as_str() != Some("-"));
    if ids.is_empty() {
        return Err(Failure::usage("no task ids on stdin").into());
    }
    Ok(())
}

/// Prints the commands of a kind: what `--list` shows.
pub(super) fn list(out: &Out, kind: Kind) -> io::Result<()> {
    const COLUMNS: &[Column] = &[
        Column::new("COMMAND"),
        Column::new("DESCRIPTION").shorten(1, 20),
    ];
    if out.is_json() {
        let entry = |c: &ControlCommand| {
            Value::from([
                ("name", c.name.into()),
                ("usage", c.args.usage.into()),
                ("help", c.help.into()),
            ])
        };
        return out.json(&Value::List(commands(kind).map(entry).collect()));
    }
    let row = |c: &ControlCommand| {
        let usage = format!("{} {}", c.name, c.args.usage);
        vec![usage.trim_end().to_owned(), c.help.to_owned()]
    };
    out.table(COLUMNS, &commands(kind).map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: Kind, argv: &[&str]) -> Result<(&'static str, Map), clap::Error> {
        let command = with_commands(Command::new("x").no_binary_name(true), kind);
        let matches = command.try_get_matches_from(argv)?;
        of_matches(&matches, kind).map(|found| {
            let (command, map) = found.unwrap();
            (command.name, map)
        })
    }

    #[test]
    fn celerys_commands_are_all_there() {
        let names = |kind| commands(kind).map(|c| c.name).collect::<Vec<_>>();
        assert_eq!(
            names(Kind::Inspect).join(" "),
            "active active_queues clock conf memdump memsample objgraph ping query_task registered report reserved \
             revoked scheduled stats"
        );
        assert_eq!(
            names(Kind::Control).join(" "),
            "add_consumer autoscale cancel_consumer disable_events election enable_events heartbeat pool_grow \
             pool_restart pool_shrink rate_limit revoke revoke_by_stamped_headers shutdown terminate time_limit"
        );
    }

    #[test]
    fn arguments_travel_under_celerys_names_and_types() {
        let sent = |kind, argv: &[&str]| Value::Map(parse(kind, argv).unwrap().1);
        let list = |items: &[&str]| Value::List(items.iter().map(|i| (*i).into()).collect());
        for (argv, expected) in [
            (
                &["conf", "true"][..],
                Value::from([("with_defaults", true.into())]),
            ),
            (&["conf"], Value::Map(Map::new())),
            (
                &["query_task", "a", "b"],
                Value::from([("ids", list(&["a", "b"]))]),
            ),
            (&["registered"], Value::from([("taskinfoitems", list(&[]))])),
            (&["memdump", "3"], Value::from([("samples", 3.into())])),
        ] {
            assert_eq!(sent(Kind::Inspect, argv), expected, "{argv:?}");
        }
        for (argv, expected) in [
            (
                &["revoke", "--terminate", "--signal", "kill", "a"][..],
                Value::from([
                    ("terminate", true.into()),
                    ("signal", "SIGKILL".into()),
                    ("task_id", list(&["a"])),
                ]),
            ),
            (
                &["terminate", "9", "a", "b"],
                Value::from([("signal", "SIGKILL".into()), ("task_id", list(&["a", "b"]))]),
            ),
            (
                &["time_limit", "t", "5", "1m"],
                Value::from([
                    ("task_name", "t".into()),
                    ("soft", 5.0.into()),
                    ("hard", 60.0.into()),
                ]),
            ),
            (
                &["rate_limit", "t", "10/s"],
                Value::from([("task_name", "t".into()), ("rate_limit", "10/s".into())]),
            ),
            (&["pool_grow"], Value::Map(Map::new())),
            (
                &["autoscale", "4", "0"],
                Value::from([("max", 4.into()), ("min", 0.into())]),
            ),
            (
                &["add_consumer", "q", "x", "topic", "a.*"],
                Value::from([
                    ("queue", "q".into()),
                    ("exchange", "x".into()),
                    ("exchange_type", "topic".into()),
                    ("routing_key", "a.*".into()),
                ]),
            ),
            (
                &["election", "e1", "task", "{\"task\": \"t\"}"],
                Value::from([
                    ("id", "e1".into()),
                    ("topic", "task".into()),
                    ("action", Value::from([("task", "t".into())])),
                ]),
            ),
            (
                &["revoke_by_stamped_headers", "a=1", "b="],
                Value::from([("headers", list(&["a=1", "b="]))]),
            ),
        ] {
            let sent = sent(Kind::Control, argv);
            assert_eq!(sent, expected, "{argv:?}");
        }
    }

    #[test]
    fn celerys_ways_to_ask_for_defaults_are_understood() {
        for yes in [
            "include_defaults",
            "with_defaults=True",
            "include_defaults=yes",
            "1",
            "ON",
        ] {
            assert_eq!(truth(yes), Ok(true.into()), "{yes}");
        }
        for no in ["include_defaults=False", "no", "0"] {
            assert_eq!(truth(no), Ok(false.into()), "{no}");
        }
        assert!(truth("maybe").is_err());
    }

    #[test]
    fn stray_missing_and_wrong_arguments_are_refused() {
        for argv in [
            &["ping", "1"][..],
            &["query_task"],
            &["memdump", "many"],
            &["memdump", "0"],
            &["conf", "perhaps"],
            &["revoke", "a"],
        ] {
            assert!(parse(Kind::Inspect, argv).is_err(), "{argv:?}");
        }
        for argv in [
            &["revoke"][..],
            &["revoke", ""],
            &["terminate", "SIGKILL"],
            &["terminate", "SIGFOO", "a"],
            &["rate_limit", "t"],
            &["rate_limit", "t", "often"],
            &["rate_limit", "t", "1/d"],
            &["time_limit", "t", "x"],
            &["time_limit", "t", "-5"],
            &["pool_shrink", "0"],
            &["add_consumer"],
            &["add_consumer", "q", "x", "sideways"],
            &["revoke_by_stamped_headers", "a"],
            &["heartbeat", "now"],
            &["-t", "1"],
        ] {
            assert!(parse(Kind::Control, argv).is_err(), "{argv:?}");
        }
    }

    #[test]
    fn a_slip_in_a_signal_is_pointed_out() {
        assert_eq!(
            signal("sigkil").unwrap_err(),
            "there is no such signal; did you mean `SIGKILL`?"
        );
        assert_eq!(signal("99").unwrap_err(), "there is no such signal");
    }

    #[test]
    fn the_usage_line_marks_what_must_be_given() {
        for command in COMMANDS.iter().filter(|c| c.visible) {
            let required = command.args.positional.iter().filter(|a| a.required);
            let marked = command.args.usage.matches('<').count();
            assert_eq!(required.count(), marked, "{}", command.name);
        }
    }
}
