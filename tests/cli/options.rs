//! Every option of Celery's commands is there, with its names and taking a value or not as there, or is listed here.
//!
//! `celery-options.tsv`: command, option with all its names, type and variables, as Celery 5.7 has them.

use std::collections::BTreeSet;

use rcelery::config;

use crate::harness::Rcelery;

const CELERYS: &str = include_str!("celery-options.tsv");

/// Options of commands that are here, and are not: command, name, reason.
const NOT_APPLICABLE: &[(&str, &str, &str)] = &[];

/// Commands of Celery that are not here, and why.
const NOT_HERE: &[(&str, &str)] = &[
    ("amqp", "a prompt for one transport; `purge` empties queues"),
    ("beat", "not built yet"),
    ("events", "not built yet"),
    ("logtool", "not built yet"),
    ("migrate", "not built yet"),
    ("shell", "Python"),
    ("upgrade", "`config import` reads old and new names"),
];

/// Variables of Celery's options that are not read, and why.
const NOT_READ: &[(&str, &str)] = &[
    ("APP", "everybody's name"),
    ("LOADER", "everybody's name"),
    ("CONFIG_MODULE", "a Python module"),
    ("CELERY_CONFIG", "a Python module"),
    ("CELERY_LOADER", "Python"),
];

struct Row {
    command: Vec<&'static str>,
    names: Vec<&'static str>,
    is_flag: bool,
    variables: Vec<&'static str>,
}

fn rows() -> Vec<Row> {
    let rows: Vec<Row> = CELERYS
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let command = if cells[0] == "(global)" { "" } else { cells[0] };
            Row {
                command: command.split_whitespace().collect(),
                names: cells[1].split(',').collect(),
                is_flag: cells[2] == "flag",
                variables: cells.get(3).map_or(Vec::new(), |v| v.split(' ').collect()),
            }
        })
        .collect();
    assert_eq!(rows.len(), 146, "the table is whole");
    rows
}

fn is_here(row: &Row) -> bool {
    let first = row.command.first();
    !NOT_HERE.iter().any(|(name, _)| first == Some(name))
}

/// The options of commands that are here.
fn options() -> Vec<Row> {
    let options = |row: &Row| row.names[0].starts_with('-') && is_here(row);
    rows().into_iter().filter(options).collect()
}

/// What is wrong with an option, if anything is. An option that does not exist stands behind it: what the program says
/// first is about the one that is asked for, unless that is fine.
fn fault(rcelery: &Rcelery, command: &[&str], name: &str, is_flag: bool) -> Option<String> {
    let exits = ["--version", "--help"].contains(&name);
    let given = if is_flag {
        name.to_owned()
    } else {
        format!("{name}=1")
    };
    let mut args: Vec<&str> = command.to_vec();
    args.push(&given);
    if exits {
        let code = rcelery.run(&args).code;
        return (code != 0).then(|| format!("{name} exits with {code}"));
    }
    args.push("--no-such-option");
    let said = rcelery.run(&args).stderr;
    let first = said.lines().next().unwrap_or_default();
    let is_fine = first.contains("'--no-such-option'")
        // The value is looked at first, and there is one.
        || (!is_flag && first.contains("invalid value '1' for"));
    (!is_fine).then(|| format!("{} {given}: {first}", command.join(" ")))
}

#[test]
fn every_option_of_celery_is_accepted_or_listed() {
    let rcelery = Rcelery::new();
    let mut faults = Vec::new();
    for row in options() {
        for name in &row.names {
            let command = row.command.join(" ");
            let listed = NOT_APPLICABLE
                .iter()
                .any(|(c, n, _)| *c == command && n == name);
            match fault(&rcelery, &row.command, name, row.is_flag) {
                Some(fault) if !listed => faults.push(fault),
                None if listed => faults.push(format!("{command} {name} is listed and is there")),
                _ => {}
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_is_listed_is_an_option_of_celery() {
    let rows = options();
    for (command, name, reason) in NOT_APPLICABLE {
        let known = rows
            .iter()
            .any(|row| row.command.join(" ") == *command && row.names.contains(name));
        assert!(known && !reason.is_empty(), "{command} {name}");
    }
}

#[test]
fn commands_that_are_not_here_are_listed_and_no_others() {
    let rcelery = Rcelery::new();
    let commands: BTreeSet<&str> = rows()
        .iter()
        .filter_map(|row| row.command.first().copied())
        .collect();
    for command in commands {
        let listed = NOT_HERE.iter().any(|(name, _)| *name == command);
        let help = rcelery.run(&["help", command]);
        let there = help.code == 0;
        assert_ne!(there, listed, "{command}: {}", help.stderr);
    }
}

#[test]
fn every_variable_of_an_option_that_takes_a_value_is_read() {
    let rcelery = Rcelery::new();
    let mut page = rcelery.run(&["help", "config"]).ok().to_owned();
    for name in [
        "worker", "send", "status", "inspect", "control", "purge", "result",
    ] {
        let path = format!("{}/man/rcelery-{name}.1", env!("CARGO_MANIFEST_DIR"));
        page.push_str(&std::fs::read_to_string(path).expect("a man page"));
    }
    let words: BTreeSet<&str> = page
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .map(|word| word.trim_start_matches("fB"))
        .collect();
    let is_setting = |variable: &str| {
        let name = variable.trim_start_matches("CELERY_").to_lowercase();
        config::setting(&name).is_ok() || name == "broker"
    };
    for row in options().iter().filter(|row| !row.is_flag) {
        for variable in &row.variables {
            let not_read = NOT_READ.iter().any(|(name, _)| name == variable);
            // `<APP>` is what stands for a value.
            let documented =
                variable.contains('_') && words.contains(variable) || is_setting(variable);
            assert_ne!(documented, not_read, "{variable} of {:?}", row.names);
        }
    }
}

#[test]
fn a_value_of_a_variable_counts_and_a_wrong_one_is_named() {
    let rcelery = Rcelery::new().env("CELERY_CALL_COUNTDOWN", "soon");
    let refused = rcelery.run(&["send", "x"]);
    refused.exit(2);
    assert!(
        refused.stderr.starts_with(
            "error: CELERY_CALL_COUNTDOWN: invalid value 'soon' for '--countdown <SECS>'"
        ),
        "{}",
        refused.stderr
    );
    let refused = rcelery.run(&["send", "x", "-j"]);
    refused.exit(2);
    let error: serde_json::Value = serde_json::from_str(&refused.stderr).expect("JSON");
    assert_eq!(error["error"]["code"], "usage");

    let rcelery = Rcelery::new().env("CELERY_CALL_QUEUE", "hi");
    assert_eq!(rcelery.run(&["send", "x", "-j"]).json()["queue"], "hi");
    assert_eq!(
        rcelery.run(&["send", "x", "-j", "--queue", "lo"]).json()["queue"],
        "lo"
    );
    let rcelery = rcelery.env("CELERY_SEND_QUEUE", "ours");
    assert_eq!(rcelery.run(&["call", "x", "-j"]).json()["queue"], "ours");
}

/// What is on the command line is what the caller means: what it excludes is not asked.
#[test]
fn a_variable_of_an_excluded_option_does_not_count() {
    let rcelery = Rcelery::new().env("CELERY_CALL_ETA", "tomorrow");
    rcelery.run(&["send", "x", "--countdown", "5"]).exit(0);
    rcelery.run(&["send", "x"]).exit(2);
}

#[test]
fn flags_and_empty_variables_are_not_read() {
    let rcelery = Rcelery::new()
        .env("CELERY_STATUS_JSON", "1")
        .env("CELERY_STATUS_TIMEOUT", "")
        .env("CELERY_WORKDIR", "")
        .env("CELERY_APP", "");
    let status = rcelery.run(&["status"]);
    status.exit(69);
    assert!(
        status.stderr.starts_with("Error: No nodes"),
        "{}",
        status.stderr
    );
}

#[test]
fn a_timeout_of_a_nested_command_is_read_at_either_place() {
    let rcelery = Rcelery::new().env("CELERY_INSPECT_TIMEOUT", "never");
    for args in [&["inspect", "ping"][..], &["inspect", "active"]] {
        let refused = rcelery.run(args);
        refused.exit(2);
        assert!(
            refused.stderr.contains("CELERY_INSPECT_TIMEOUT"),
            "{}",
            refused.stderr
        );
    }
    rcelery.run(&["inspect", "ping", "-t", "0.1"]).exit(69);
}
