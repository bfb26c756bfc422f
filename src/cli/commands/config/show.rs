//! `rcelery config show`.

use std::process::ExitCode;

use regex::Regex;

use crate::cli::context::Context;
use crate::cli::output::json;
use crate::cli::output::table::{Column, printable};
use crate::config::{self, ConfigError, Origin, TABLE, current_name};
use crate::protocol::{Map, Value};

/// Show the settings, each with where it comes from
///
/// Without KEY, those that differ from their defaults. Passwords are masked.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery config show
  rcelery config show broker_url result_backend
  rcelery config show --all 'task_*'
  rcelery config show -j | jq -r .broker_url.origin")]
pub(super) struct ShowArgs {
    /// Settings to show, default or not; `*` stands for anything
    #[arg(value_name = "KEY")]
    keys: Vec<String>,

    /// Show the defaults as well
    #[arg(short, long)]
    all: bool,
}

const COLUMNS: &[Column] = &[
    Column::new("SETTING"),
    Column::new("VALUE").shorten(1, 16),
    Column::new("ORIGIN").shorten(2, 12),
];

impl ShowArgs {
    pub(super) fn run(&self, cx: &Context) -> anyhow::Result<ExitCode> {
        let settings = cx.app.settings();
        let wanted = self.wanted()?;
        let by_hand = settings.to_map(false);
        let rows: Vec<(String, Value, &Origin)> = settings
            .to_map(true)
            .into_iter()
            .filter(|(key, _)| match &wanted {
                Some(wanted) => wanted.contains(&key.as_str()),
                None => self.all || by_hand.contains_key(key),
            })
            .map(|(key, value)| {
                let origin = settings.origin(&key);
                (key, value, origin)
            })
            .collect();
        if cx.out.is_json() {
            let document: Map = rows
                .into_iter()
                .map(|(key, value, origin)| {
                    let origin = Value::from(origin.to_string());
                    (key, Value::from([("value", value), ("origin", origin)]))
                })
                .collect();
            cx.out.json(&document.into())?;
            return Ok(ExitCode::SUCCESS);
        }
        let rows: Vec<Vec<String>> = rows
            .into_iter()
            .map(|(key, value, origin)| vec![key, text(&value), origin.to_string()])
            .collect();
        if cx.out.is_table() {
            cx.out.table(COLUMNS, &rows)?;
        } else {
            for line in aligned(&rows) {
                cx.out.line(line)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The settings that were asked for by name; none if all were.
    fn wanted(&self) -> Result<Option<Vec<&'static str>>, ConfigError> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        let mut wanted = Vec::new();
        for key in &self.keys {
            if key.contains('*') {
                let key = key.to_ascii_lowercase();
                let words: Vec<String> = key.split('*').map(regex::escape).collect();
                let matches = Regex::new(&format!("^{}$", words.join(".*"))).ok();
                let is_meant = |name: &str| matches.as_ref().is_some_and(|m| m.is_match(name));
                wanted.extend(TABLE.iter().map(|e| e.name).filter(|name| is_meant(name)));
            } else {
                wanted.push(config::setting(&current_name(key))?);
            }
        }
        Ok(Some(wanted))
    }
}

/// A value as a person writes it: text as it is, the rest as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Str(text) => text.clone(),
        other => json::line(other),
    }
}

/// Rows whose columns stand under each other, without a header: for `grep` and `awk`.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| printable(cell)).collect())
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        // One long table must not push all origins out of sight.
        cells.filter(|width| *width <= 60).max().unwrap_or(0)
    };
    let (keys, values) = (width(0), width(1));
    rows.iter()
        .map(|row| format!("{:<keys$}  {:<values$}  {}", row[0], row[1], row[2]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_unless_one_is_very_long() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let long = "x".repeat(70);
        let lines = aligned(&[
            row(["a", "1", "default"]),
            row(["long_key", "text", "env A"]),
            row(["b", &long, "flag -b"]),
        ]);
        assert_eq!(lines[0], "a         1     default");
        assert_eq!(lines[1], "long_key  text  env A");
        assert_eq!(lines[2], format!("b         {long}  flag -b"));
    }
}
