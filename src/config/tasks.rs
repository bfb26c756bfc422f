//! `[tasks.NAME]` in the file: the tables as they stand there, with the place of everything in them.
//!
//! What they mean is for whoever makes tasks of them; see [`Definition`](crate::task::command::Definition).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::load::{in_order, to_value};
use crate::protocol::{Map, Value};

type Places = BTreeMap<String, usize>;

/// The table of one task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskTable {
    /// The name of the task.
    pub name: String,
    /// Its keys and values.
    pub table: Map,
    /// The file that it stands in.
    pub file: PathBuf,
    /// The text of the file.
    text: Arc<str>,
    /// Where in the text it is, by path: `command[2]`, `env.LANG`; the table itself is the empty path.
    places: Places,
}

impl TaskTable {
    /// The directory of the file, to which relative paths refer.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    /// A value in it is wrong.
    #[must_use]
    pub fn invalid(&self, path: &str, reason: &str) -> ConfigError {
        self.placed(path, ConfigError::invalid(self.path(path), reason))
    }

    /// A key in it is unknown.
    #[must_use]
    pub fn unknown_key(&self, path: &str, suggestion: Option<String>) -> ConfigError {
        let key = self.path(path);
        self.placed(path, ConfigError::UnknownKey { key, suggestion })
    }

    fn path(&self, path: &str) -> String {
        let dot = if path.is_empty() { "" } else { "." };
        format!("tasks.{}{dot}{path}", quoted(&self.name))
    }

    /// An error with the place of a path, or of the nearest that has one.
    fn placed(&self, path: &str, error: ConfigError) -> ConfigError {
        let mut path = path;
        let offset = loop {
            if let Some(offset) = self.places.get(path) {
                break *offset;
            }
            path = path.rfind(['.', '[']).map_or("", |at| &path[..at]);
        };
        error.in_file(&self.file, &self.text, offset)
    }
}

/// A name as a key of TOML.
fn quoted(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}

/// Reads the table `tasks`.
pub(super) fn read(
    path: &Path,
    text: &str,
    tasks: &Spanned<DeValue<'_>>,
) -> Result<Vec<TaskTable>, ConfigError> {
    let wrong = |start: usize, key: String, found: &DeValue<'_>| {
        let expected = "a table, [tasks.\"name\"] with `command` in it".to_owned();
        let found = format!("a value of type {}", found.type_str());
        ConfigError::WrongType {
            key,
            expected,
            found,
        }
        .in_file(path, text, start)
    };
    let whole: Arc<str> = text.into();
    let DeValue::Table(tables) = tasks.get_ref() else {
        let start = tasks.span().start;
        return Err(wrong(start, "tasks".to_owned(), tasks.get_ref()));
    };
    let mut found = Vec::with_capacity(tables.len());
    for (name, value) in in_order(tables) {
        let name_text = name.get_ref().as_ref();
        let DeValue::Table(table) = value.get_ref() else {
            let key = format!("tasks.{}", quoted(name_text));
            return Err(wrong(name.span().start, key, value.get_ref()));
        };
        let Value::Map(map) = to_value(value.get_ref()) else {
            continue;
        };
        let mut places = Places::from([(String::new(), name.span().start)]);
        note_table(&mut places, "", table);
        found.push(TaskTable {
            name: name_text.to_owned(),
            table: map,
            file: path.to_owned(),
            text: Arc::clone(&whole),
            places,
        });
    }
    Ok(found)
}

/// Notes the places of a table's keys and of what is in their values. The parser bounds how deep they nest.
fn note_table(places: &mut Places, prefix: &str, table: &DeTable<'_>) {
    for (key, value) in table {
        let path = if prefix.is_empty() {
            key.get_ref().to_string()
        } else {
            format!("{prefix}.{}", key.get_ref())
        };
        places.insert(path.clone(), key.span().start);
        note_value(places, &path, value.get_ref());
    }
}

fn note_value(places: &mut Places, path: &str, value: &DeValue<'_>) {
    match value {
        DeValue::Table(table) => note_table(places, path, table),
        DeValue::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                let path = format!("{path}[{i}]");
                places.insert(path.clone(), item.span().start);
                note_value(places, &path, item.get_ref());
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
[tasks.\"images.resize\"]
command = [
  \"convert\",
  \"{input}\",
]
env = { LANG = \"C\" }

[tasks.plain]
command = \"x\"
";

    fn tables(text: &str) -> Result<Vec<TaskTable>, ConfigError> {
        let table = DeTable::parse(text).unwrap();
        let tasks = table.get_ref().get("tasks").unwrap();
        read(Path::new("/etc/r.toml"), text, tasks)
    }

    #[test]
    fn everything_in_a_table_has_a_place() {
        let tables = tables(FILE).unwrap();
        assert_eq!(tables[0].name, "images.resize");
        assert_eq!(tables[0].directory(), Path::new("/etc"));
        for (path, place) in [
            ("", "/etc/r.toml:1:8"),
            ("command", "/etc/r.toml:2:1"),
            ("command[1]", "/etc/r.toml:4:3"),
            ("env.LANG", "/etc/r.toml:6:9"),
            ("env.NONE", "/etc/r.toml:6:1"),
            ("nowhere", "/etc/r.toml:1:8"),
        ] {
            let error = tables[0].invalid(path, "is odd").to_string();
            assert!(error.starts_with(&format!("{place}: ")), "{path}: {error}");
        }
        assert_eq!(
            tables[0].invalid("command[1]", "is odd").to_string(),
            "/etc/r.toml:4:3: `tasks.\"images.resize\".command[1]`: is odd\n  \
             4 |   \"{input}\",\n    |   ^"
        );
        let whole = tables[1].invalid("", "is odd").to_string();
        assert!(
            whole.starts_with("/etc/r.toml:8:8: `tasks.plain`: is odd\n"),
            "{whole}"
        );
        let unknown = tables[1].unknown_key("comand", Some("command".to_owned()));
        assert_eq!(unknown.hint().as_deref(), Some("did you mean `command`?"));
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_place() {
        for (text, says) in [
            ("tasks = 1", "/etc/r.toml:1:9: `tasks` must be a table"),
            (
                "[tasks]\nx = \"y\"",
                "/etc/r.toml:2:1: `tasks.x` must be a table",
            ),
        ] {
            let error = tables(text).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        }
    }
}
