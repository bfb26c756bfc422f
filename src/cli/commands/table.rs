//! The workers' table of remote-control commands, as clap subcommands.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::protocol::{Map, Value};
use crate::worker::control::{ArgKind, COMMANDS, ControlCommand, Kind};

/// The commands that change something and are offered here; those that look are all offered.
const CONTROL: &[&str] = &["revoke", "shutdown"];

/// Commands whose list must not be empty: without ids they would do nothing, and say that it is done.
const NEEDS_LIST: &[&str] = &["revoke"];

/// What stands besides the positional arguments: command, argument on the wire, help, whether it takes a value.
const OPTIONS: &[(&str, &str, &str, bool)] = &[
    ("revoke", "terminate", "End it if it runs", false),
    (
        "revoke",
        "signal",
        "Signal to end it with, such as SIGKILL",
        true,
    ),
];

/// Help on arguments, by their names on the wire.
const HELP: &[(&str, &str)] = &[
    ("ids", "Task ids"),
    ("max_depth", "How deep to follow references"),
    ("num", "How many objects"),
    ("safe", "Shorten long arguments: true or false"),
    ("samples", "How many samples"),
    ("task_id", "Task ids"),
    (
        "taskinfoitems",
        "Options to show instead of exchange, routing_key and rate_limit",
    ),
    ("type", "Python class"),
    (
        "with_defaults",
        "Also settings that nobody set: true or false",
    ),
];

/// The commands of a kind.
pub(super) fn commands(kind: Kind) -> impl Iterator<Item = &'static ControlCommand> {
    COMMANDS.iter().filter(move |c| {
        c.visible && c.kind == kind && (kind == Kind::Inspect || CONTROL.contains(&c.name))
    })
}

fn options(
    command: &ControlCommand,
) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str, bool)> {
    let name = command.name;
    OPTIONS.iter().filter(move |(of, ..)| *of == name)
}

/// The clap subcommand of a command.
pub(super) fn subcommand(command: &'static ControlCommand) -> Command {
    let mut sub = Command::new(command.name).about(command.help);
    // The usage line marks what must be given: `<task_name> <soft_secs> [hard_secs]`.
    let required = command.args.usage.matches('<').count();
    for (i, (name, kind)) in command.args.positional.iter().enumerate() {
        let arg = positional(name).required(i < required);
        sub = sub.arg(match kind {
            ArgKind::Text => arg,
            ArgKind::Int => arg.value_parser(value_parser!(i64)),
            ArgKind::Float => arg.value_parser(value_parser!(f64)),
            ArgKind::Bool => arg
                .value_parser(clap::builder::BoolishValueParser::new())
                .hide_possible_values(true),
        });
    }
    if let Some(name) = command.args.variadic {
        let arg = positional(name).num_args(1..).action(ArgAction::Append);
        sub = sub.arg(arg.required(NEEDS_LIST.contains(&command.name)));
    }
    for (_, name, help, takes_value) in options(command) {
        let arg = Arg::new(*name).long(*name).help(*help);
        sub = sub.arg(if *takes_value {
            arg.value_name(name.to_uppercase())
        } else {
            arg.action(ArgAction::SetTrue)
        });
    }
    sub
}

fn positional(name: &'static str) -> Arg {
    let help = HELP
        .iter()
        .find(|(n, _)| *n == name)
        .map_or(name, |(_, help)| help);
    Arg::new(name).value_name(name.to_uppercase()).help(help)
}

/// Which command of this kind was given, with its arguments as they travel.
pub(super) fn of_matches(
    matches: &ArgMatches,
    kind: Kind,
) -> Result<(&'static ControlCommand, Map), clap::Error> {
    let missing = || clap::Error::new(clap::error::ErrorKind::MissingSubcommand);
    let (name, matches) = matches.subcommand().ok_or_else(missing)?;
    let command = commands(kind)
        .find(|c| c.name == name)
        .ok_or_else(missing)?;
    let mut arguments = Map::new();
    for (name, kind) in command.args.positional {
        let value = match kind {
            ArgKind::Text => matches.get_one::<String>(name).map(|s| s.as_str().into()),
            ArgKind::Int => matches.get_one::<i64>(name).map(|n| (*n).into()),
            ArgKind::Float => matches.get_one::<f64>(name).map(|n| (*n).into()),
            ArgKind::Bool => matches.get_one::<bool>(name).map(|b| (*b).into()),
        };
        if let Some(value) = value {
            arguments.insert((*name).to_owned(), value);
        }
    }
    if let Some(name) = command.args.variadic {
        let given = matches.get_many::<String>(name).into_iter().flatten();
        let list: Vec<Value> = given.map(|s| s.as_str().into()).collect();
        arguments.insert(name.to_owned(), list.into());
    }
    for (_, name, _, takes_value) in options(command) {
        let value = if *takes_value {
            matches
                .get_one::<String>(name)
                .map(|s| Value::from(s.as_str()))
        } else {
            matches.get_flag(name).then_some(Value::Bool(true))
        };
        if let Some(value) = value {
            arguments.insert((*name).to_owned(), value);
        }
    }
    Ok((command, arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: Kind, argv: &[&str]) -> Result<(&'static str, Map), clap::Error> {
        let command = Command::new("x")
            .no_binary_name(true)
            .subcommands(commands(kind).map(subcommand));
        let matches = command.try_get_matches_from(argv)?;
        of_matches(&matches, kind).map(|(command, map)| (command.name, map))
    }

    #[test]
    fn arguments_travel_under_celerys_names() {
        let (name, map) = parse(Kind::Inspect, &["conf", "true"]).unwrap();
        assert_eq!((name, &map["with_defaults"]), ("conf", &Value::Bool(true)));
        let (_, map) = parse(Kind::Inspect, &["query_task", "a", "b"]).unwrap();
        assert_eq!(map["ids"], Value::List(vec!["a".into(), "b".into()]));
        let (_, map) = parse(Kind::Inspect, &["registered"]).unwrap();
        assert_eq!(map["taskinfoitems"], Value::List(vec![]));
        let (_, map) = parse(
            Kind::Control,
            &["revoke", "--terminate", "--signal", "SIGKILL", "a"],
        )
        .unwrap();
        assert_eq!(
            (&map["terminate"], &map["signal"]),
            (&Value::Bool(true), &"SIGKILL".into())
        );
    }

    #[test]
    fn every_argument_has_a_help_of_its_own() {
        for command in commands(Kind::Inspect).chain(commands(Kind::Control)) {
            let names = command
                .args
                .positional
                .iter()
                .map(|(n, _)| *n)
                .chain(command.args.variadic);
            for name in names {
                assert!(
                    HELP.iter().any(|(n, _)| *n == name),
                    "{} {name}",
                    command.name
                );
            }
        }
    }

    #[test]
    fn stray_and_missing_arguments_are_refused() {
        assert!(parse(Kind::Inspect, &["ping", "1"]).is_err());
        assert!(parse(Kind::Inspect, &["memdump", "many"]).is_err());
        assert!(parse(Kind::Control, &["revoke"]).is_err());
        assert!(parse(Kind::Inspect, &["revoke", "a"]).is_err());
    }
}
