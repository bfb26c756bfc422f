//! `rcelery config path`.

use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::context::GlobalArgs;
use crate::cli::error::{Kind, Silent};
use crate::cli::output::table::Column;
use crate::config::{self, Candidate};
use crate::protocol::Value;

/// Say which configuration file is read, and which others are looked for
///
/// In a pipe, the path of the file that is read and nothing else; exit code 1 if there is none.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery config path
  $EDITOR \"$(rcelery config path)\"")]
pub(super) struct PathArgs {}

const COLUMNS: &[Column] = &[
    Column::new("FILE"),
    Column::new("NAMED BY"),
    Column::new("STATE"),
];

impl PathArgs {
    pub(super) fn run(&self, global: &GlobalArgs) -> anyhow::Result<ExitCode> {
        let out = global.out();
        let directory = std::env::current_dir().context("finding the working directory")?;
        let places = config::search(&global.sources(&directory));
        let shown = |place: &Candidate| place.path.display().to_string();
        let read = places.iter().find(|place| place.is_read);
        if out.is_json() {
            let searched = places.iter().map(|place| {
                Value::from([
                    ("path", shown(place).into()),
                    ("named_by", place.named_by.into()),
                    ("state", state(place).into()),
                ])
            });
            out.json(&Value::from([
                (
                    "file",
                    read.map_or(Value::Null, |place| shown(place).into()),
                ),
                ("searched", Value::List(searched.collect())),
            ]))?;
        } else if out.is_table() && !places.is_empty() {
            let row = |place: &Candidate| {
                vec![
                    shown(place),
                    place.named_by.to_owned(),
                    state(place).to_owned(),
                ]
            };
            let rows: Vec<Vec<String>> = places.iter().map(row).collect();
            out.table(COLUMNS, &rows)?;
        } else if let Some(place) = read {
            out.line(shown(place))?;
        } else {
            out.note(match places.as_slice() {
                [] => "no configuration file is read: --no-config".to_owned(),
                places => {
                    let places: Vec<String> = places.iter().map(shown).collect();
                    format!(
                        "there is no configuration file; looked for {}",
                        places.join(", ")
                    )
                }
            })?;
        }
        match read {
            Some(_) => Ok(ExitCode::SUCCESS),
            None => Err(Silent(Kind::Failed.exit()).into()),
        }
    }
}

fn state(place: &Candidate) -> &'static str {
    match (place.is_read, place.exists) {
        (true, true) => "read",
        (true, false) => "missing",
        (false, true) => "not read",
        (false, false) => "not there",
    }
}
