//! Settings as TOML, in the order of the table of settings.

use std::fmt::Write as _;

use crate::protocol::{Map, Value};

/// The text of a file with these settings; what is nothing is left out.
pub(super) fn document(settings: &[(&str, Value)]) -> String {
    let mut text = String::new();
    let mut sections = String::new();
    for (key, value) in settings {
        match value {
            Value::Null => {}
            Value::Map(table) if table.is_empty() => {
                let _ = writeln!(text, "{key} = {{}}");
            }
            Value::Map(table) if is_sectioned(key, table) => {
                for (name, entry) in table {
                    let _ = writeln!(sections, "\n[{key}.{}]", name_of(name));
                    entries(&mut sections, entry.as_map());
                }
            }
            Value::Map(table) => {
                let _ = writeln!(sections, "\n[{key}]");
                entries(&mut sections, Some(table));
            }
            Value::List(items)
                if !items.is_empty() && items.iter().all(|i| i.as_map().is_some()) =>
            {
                for item in items {
                    let _ = writeln!(sections, "\n[[{key}]]");
                    entries(&mut sections, item.as_map());
                }
            }
            other => {
                let _ = writeln!(text, "{key} = {}", inline(other));
            }
        }
    }
    text + &sections
}

/// Tables of tables that read better one under the other.
fn is_sectioned(key: &str, table: &Map) -> bool {
    matches!(key, "beat_schedule" | "task_annotations")
        && table
            .values()
            .all(|entry| entry.as_map().is_some_and(|m| !m.is_empty()))
}

fn entries(text: &mut String, table: Option<&Map>) {
    for (name, value) in table.into_iter().flatten().filter(|(_, v)| !v.is_null()) {
        let _ = writeln!(text, "{} = {}", name_of(name), inline(value));
    }
}

fn name_of(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        // TOML wants a point or an exponent in a float.
        Value::Float(f) if f.is_finite() => format!("{f:?}"),
        Value::Float(f) if f.is_nan() => "nan".to_owned(),
        Value::Float(f) => if *f > 0.0 { "inf" } else { "-inf" }.to_owned(),
        Value::List(items) => {
            let items: Vec<String> = items
                .iter()
                .filter(|item| !item.is_null())
                .map(inline)
                .collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(table) if table.is_empty() => "{}".to_owned(),
        Value::Map(table) => {
            let items: Vec<String> = table
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| format!("{} = {}", name_of(name), inline(value)))
                .collect();
            format!("{{ {} }}", items.join(", "))
        }
        Value::Str(text) => quoted(text),
        // Numbers beyond 64 bits.
        other => quoted(&crate::cli::output::json::line(other)),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_before_sections_and_order_kept() {
        let routes = Value::from([
            ("z.*", Value::from("one")),
            ("a", Value::from([("queue", "x".into())])),
        ]);
        let beat = Value::from([(
            "every day",
            Value::from([
                ("task", "t".into()),
                ("args", Value::List(vec![1.into(), "a\"\u{7f}".into()])),
            ]),
        )]);
        let queues = Value::List(vec![Value::from([("name", "hi".into())])]);
        let text = document(&[
            ("task_routes", routes),
            ("beat_schedule", beat),
            ("task_queues", queues),
            ("broker_transport_options", Map::new().into()),
            ("result_expires", 1.5.into()),
            ("timezone", Value::Null),
        ]);
        assert_eq!(
            text,
            "broker_transport_options = {}\nresult_expires = 1.5\n\n[task_routes]\n\"z.*\" = \"one\"\n\
             a = { queue = \"x\" }\n\n[beat_schedule.\"every day\"]\ntask = \"t\"\n\
             args = [1, \"a\\\"\\u007F\"]\n\n[[task_queues]]\nname = \"hi\"\n"
        );
        assert!(text.parse::<toml::Table>().is_ok());
    }
}
