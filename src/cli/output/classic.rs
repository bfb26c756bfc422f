//! Celery's own text for what nodes reply, byte for byte.
//!
//! Mirrors `celery.bin.base.CLIContext` and `celery.bin.control`.

use super::colour::paint;
use super::json::pretty_sorted;
use super::table::printable;
use crate::protocol::Value;
use crate::protocol::repr::{pyrepr, pystr};

/// How the text looks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Look {
    /// Without the arrow.
    pub(crate) quiet: bool,
    pub(crate) colour: bool,
    /// What would steer a terminal is escaped; a pipe gets what the node said.
    pub(crate) terminal: bool,
}

/// `->  w1@box: OK` with the reply below, indented; only the first line without `body`.
pub(crate) fn reply(node: &str, value: &Value, body: bool, look: Look) -> String {
    let safe = |text: &str| {
        if look.terminal {
            let lines: Vec<String> = text.split('\n').map(printable).collect();
            lines.join("\n")
        } else {
            text.to_owned()
        }
    };
    let colour = look.colour;
    let (ok, text) = pretty(value);
    let arrow = if look.quiet {
        String::new()
    } else {
        format!("{} ", paint(colour, "37;1", "->"))
    };
    let node = paint(colour, "36;1", &format!("{}: ", safe(node)));
    let status = if ok {
        paint(colour, "32;1", "OK")
    } else {
        paint(colour, "31;1", "ERROR")
    };
    let head = format!("{arrow} {node}{status}");
    if body && !text.is_empty() {
        format!("{head}\n{}", indent(&safe(&text)))
    } else {
        head
    }
}

/// `2 nodes online.`
pub(crate) fn nodes_online(count: usize) -> String {
    format!(
        "{count} {} online.",
        if count == 1 { "node" } else { "nodes" }
    )
}

fn pretty(value: &Value) -> (bool, String) {
    match value {
        Value::List(items) if items.is_empty() => (true, "- empty -".to_owned()),
        Value::List(items) => {
            let lines: Vec<String> = items
                .iter()
                .map(|item| format!("* {}", pystr(item)))
                .collect();
            (true, lines.join("\n"))
        }
        Value::Map(map) => match (map.get("ok"), map.get("error")) {
            (Some(ok), _) => (true, indent(&pretty(ok).1)),
            (None, Some(error)) => (false, indent(&pretty(error).1)),
            // The highlighter of Celery's terminal output leaves a line break, in pipes as well.
            (None, None) => (true, format!("{}\n", pretty_sorted(value))),
        },
        Value::Str(s) => (true, s.clone()),
        other => (true, pyrepr(other)),
    }
}

fn indent(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(value: &Value) -> String {
        reply("w1@box", value, true, Look::default())
    }

    #[test]
    fn ping_is_indented_twice() {
        assert_eq!(
            plain(&Value::from([("ok", "pong".into())])),
            "->  w1@box: OK\n        pong"
        );
    }

    #[test]
    fn an_error_says_so() {
        assert_eq!(
            plain(&Value::from([("error", "unknown task".into())])),
            "->  w1@box: ERROR\n        unknown task"
        );
    }

    #[test]
    fn dicts_are_sorted_json_with_a_blank_line() {
        assert_eq!(
            plain(&Value::from([("clock", 163.into())])),
            "->  w1@box: OK\n    {\n        \"clock\": 163\n    }\n    "
        );
        assert_eq!(
            plain(&Value::Map(Default::default())),
            "->  w1@box: OK\n    {}\n    "
        );
    }

    #[test]
    fn lists_have_stars_and_python_reprs() {
        let item = Value::from([
            ("id", "x".into()),
            ("acknowledged", true.into()),
            ("pid", Value::Null),
        ]);
        assert_eq!(
            plain(&Value::List(vec![item, "proj.add".into()])),
            "->  w1@box: OK\n    * {'id': 'x', 'acknowledged': True, 'pid': None}\n    * proj.add"
        );
        assert_eq!(plain(&Value::List(vec![])), "->  w1@box: OK\n    - empty -");
    }

    #[test]
    fn status_shows_the_first_line_only_and_quiet_drops_the_arrow() {
        let pong = Value::from([("ok", "pong".into())]);
        assert_eq!(
            reply("w1@box", &pong, false, Look::default()),
            "->  w1@box: OK"
        );
        let quiet = Look {
            quiet: true,
            ..Look::default()
        };
        assert_eq!(reply("w1@box", &pong, false, quiet), " w1@box: OK");
    }

    #[test]
    fn a_terminal_is_not_steered() {
        let look = Look {
            terminal: true,
            ..Look::default()
        };
        assert_eq!(
            reply("w\x1b[2J", &"a\nb\x07".into(), true, look),
            "->  w\\u{1b}[2J: OK\n    a\n    b\\u{7}"
        );
    }
}
