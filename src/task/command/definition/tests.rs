//! Definitions, right and wrong.

use super::*;
use crate::protocol::codec::json;

fn read(table: &str) -> Result<Definition, Problem> {
    let Ok(Value::Map(table)) = json::from_slice(table.as_bytes()) else {
        panic!("not an object: {table}")
    };
    Definition::read("images.resize", &table, Path::new("/etc"))
}

fn refused(table: &str) -> (String, String) {
    let problem = read(table).unwrap_err();
    let reason = match problem.reason {
        Reason::Invalid(reason) => reason,
        Reason::UnknownKey { suggestion } => format!("unknown; {suggestion:?}"),
    };
    (problem.path, reason)
}

#[test]
fn parameters_are_those_declared_or_the_places_in_their_order() {
    let names = |table: &str| {
        let params = read(table).unwrap().params;
        params.names().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        names(r#"{"command": ["x", "{b}", "{a}{b}", "{c...}"]}"#),
        ["b", "a", "c"]
    );
    assert_eq!(
        names(r#"{"command": ["x", "{b}"], "params": ["a", "b", "*c", "**d"]}"#),
        ["a", "b", "c", "d"]
    );
}

#[test]
fn all_options_are_read() {
    let read = read(
        r#"{"command": ["x", "{n}"], "types": {"n": "int"}, "defaults": {"n": 1}, "stdin": false, "output": "json",
            "max_output": 10, "stderr": "off", "env": {"A": "b", "N": 1}, "pass_env": ["C"], "clear_env": true,
            "cwd": "work", "grace": "1m", "retry_exit_codes": [75, -9], "ignore_exit_codes": [3],
            "queue": "images", "time_limit": "5m", "soft_time_limit": 60, "max_retries": 5, "rate_limit": "6/m",
            "retry_backoff": true, "priority": 3, "acks_late": true}"#,
    )
    .unwrap();
    assert_eq!(read.cwd.as_deref(), Some(Path::new("/etc/work")));
    assert_eq!(read.grace, Duration::from_secs(60));
    assert_eq!(
        read.exit_codes.into_iter().collect::<Vec<_>>(),
        [
            (-9, Meaning::Retry),
            (0, Meaning::Success),
            (3, Meaning::Ignore),
            (75, Meaning::Retry)
        ]
    );
    assert_eq!(read.env.len(), 2);
    let options = read.options;
    assert_eq!(options.queue.as_deref(), Some("images"));
    assert_eq!(options.time_limit, Some(Duration::from_secs(300)));
    assert_eq!(options.retry_backoff, Some(Duration::from_secs(1)));
    assert_eq!(options.max_retries, Some(5));
}

#[test]
fn every_option_name_is_one() {
    let table = |name: &str| format!(r#"{{"command": ["x"], "{name}": {{}}}}"#);
    for name in option_keys() {
        let (path, reason) = refused(&table(name));
        assert_eq!(&path, name);
        assert!(!reason.contains("no such"), "{name}: {reason}");
    }
    for (name, _) in KEYS {
        assert!(!refused_or_fine(&table(name)).contains("unknown"), "{name}");
    }
}

fn refused_or_fine(table: &str) -> String {
    read(table).map_or_else(|problem| format!("{problem:?}"), |_| String::new())
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (table, path, says) in [
        ("{}", "", "has no `command`"),
        (r#"{"comand": []}"#, "comand", "unknown; Some(\"command\")"),
        (
            r#"{"command": ["x"], "time_limits": 1}"#,
            "time_limits",
            "unknown; Some(\"time_limit\")",
        ),
        (
            r#"{"command": ["x"], "zebra": 1}"#,
            "zebra",
            "unknown; None",
        ),
        (r#"{"command": []}"#, "command", "is empty"),
        (
            r#"{"command": "x"}"#,
            "command",
            "must be a list, [\"program\"",
        ),
        (
            r#"{"command": ["x"], "shell": true}"#,
            "command",
            "must be a script in one text",
        ),
        (
            r#"{"command": ["{x}"]}"#,
            "command[0]",
            "an argument can't name the program",
        ),
        (
            r#"{"command": ["x", 1]}"#,
            "command[1]",
            "must be text, not 1",
        ),
        (r#"{"command": ["x", "{"]}"#, "command[1]", "a single `{`"),
        (
            r#"{"command": ["x", "{widht}"], "params": ["width"]}"#,
            "command[1]",
            "`{widht}` is none of `params`; did you mean `{width}`?",
        ),
        (
            r#"{"command": ["x"], "params": ["a", "a"]}"#,
            "params[1]",
            "`a` is there twice",
        ),
        (
            r#"{"command": ["x", "{a}"], "defaults": {"b": 1}}"#,
            "defaults.b",
            "there is no parameter `b`",
        ),
        (
            r#"{"command": ["x", "{a}"], "types": {"a": "number"}}"#,
            "types.a",
            "must be one of any, int",
        ),
        (
            r#"{"command": ["x", "{a}"], "types": {"a": "int"}, "defaults": {"a": "1"}}"#,
            "defaults.a",
            "must be of the type",
        ),
        (
            r#"{"command": "x {a}", "shell": true, "params": ["a"]}"#,
            "command",
            "`{a}` is not filled in a script: write \"$a\", with the quotes",
        ),
        (
            r#"{"command": "x", "shell": true, "params": ["PATH"]}"#,
            "params[0]",
            "`PATH` would become a variable",
        ),
        (
            r#"{"command": ["x"], "output": "yaml"}"#,
            "output",
            "must be one of `auto`, `json`, `text`, `none`, not the text `yaml`",
        ),
        (
            r#"{"command": ["x"], "time_limit": "soon"}"#,
            "time_limit",
            "must be a number of seconds",
        ),
        (
            r#"{"command": ["x"], "grace": -1}"#,
            "grace",
            "must be a number of seconds",
        ),
        (
            r#"{"command": ["x"], "retry_exit_codes": [0]}"#,
            "retry_exit_codes[0]",
            "must be a list of exit codes",
        ),
        (
            r#"{"command": ["x"], "retry_exit_codes": [3], "ignore_exit_codes": [3]}"#,
            "ignore_exit_codes[0]",
            "3 has a meaning already",
        ),
        (
            r#"{"command": ["x"], "max_output": 0}"#,
            "max_output",
            "must be a number of bytes",
        ),
        (
            r#"{"command": ["x"], "env": {"A=B": "c"}}"#,
            "env.A=B",
            "is no name for a variable",
        ),
        (
            r#"{"command": ["x"], "max_retries": "many"}"#,
            "max_retries",
            "must be a positive integer",
        ),
    ] {
        let (at, reason) = refused(table);
        assert_eq!(at, path, "{table}: {reason}");
        assert!(reason.contains(says), "{table}: {reason}");
    }
    let taken = Definition::read("celery.chord", &Map::new(), Path::new(""));
    assert!(taken.is_err());
}

#[test]
fn braces_of_a_script_are_the_shells() {
    let script =
        r#"{"command": "echo ${a} {b,c} | awk '{print $1}'", "shell": "bash", "params": ["a"]}"#;
    assert!(matches!(
        read(script).unwrap().program,
        Program::Script { shell, .. } if shell == "bash"
    ));
}
