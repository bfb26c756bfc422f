//! Every setting of Celery is one of ours, with the same default or a documented other one, or is known to mean nothing.
//!
//! `celery-settings.tsv`: name, type, default and old name of each, as Celery 5.7 has them.

use std::collections::BTreeSet;

use rcelery::config::{ConfigError, Settings, TABLE, current_name, setting};
use rcelery::protocol::Value;

const CELERYS: &str = include_str!("celery-settings.tsv");

/// Settings of our own.
const OURS: &[&str] = &["broker_url_file", "result_backend_file"];

/// Defaults that are not Celery's: ours as JSON, and why.
const OTHER_DEFAULTS: &[(&str, &str, &str)] = &[
    (
        "result_extended",
        "true",
        "`result` shows task, arguments and worker",
    ),
    (
        "result_backend_always_retry",
        "true",
        "else results are lost in an outage",
    ),
    (
        "task_track_started",
        "true",
        "`result` and `--wait` tell who runs a task",
    ),
    ("worker_pool", "\"threads\"", "there are no child processes"),
];

struct Row<'a> {
    name: &'a str,
    default: &'a str,
    old: &'a str,
}

fn rows() -> Vec<Row<'static>> {
    let lines = CELERYS.lines().skip(1);
    let rows: Vec<Row<'_>> = lines
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
            Row {
                name: cell(0),
                default: cell(2),
                old: cell(3),
            }
        })
        .collect();
    assert_eq!(rows.len(), 207, "the table is whole");
    rows
}

/// A default as Python shows it, as the value that the setting would have here.
fn python(key: &str, text: &str) -> Value {
    let json = match text {
        "None" | "inf" => return Value::Null,
        "datetime.timedelta(days=1)" => return Value::Int(86_400),
        "()" => "[]".to_owned(),
        "('json',)" => "[\"json\"]".to_owned(),
        // Off: no table of options.
        "False" if key.ends_with("use_ssl") => return Value::Null,
        "True" | "False" => text.to_lowercase(),
        _ => text.replace('\'', "\""),
    };
    let parsed: serde_json::Value =
        serde_json::from_str(&json).unwrap_or_else(|e| panic!("{key}: {text}: {e}"));
    Value::from_serialize(&parsed).expect("JSON is a value")
}

/// Numbers count by what they are worth: 4 is 4.0.
fn same(ours: &Value, celerys: &Value) -> bool {
    match (ours, celerys) {
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
            ours.as_f64() == celerys.as_f64()
        }
        // Nothing set and nothing in it are one.
        (Value::Null, Value::Map(map)) | (Value::Map(map), Value::Null) => map.is_empty(),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| same(v, w)))
        }
        _ => ours == celerys,
    }
}

#[test]
fn every_setting_of_celery_is_known_with_its_default() {
    let defaults = Settings::default();
    let mut wrong = Vec::new();
    for row in rows() {
        let name = match setting(row.name) {
            Ok(name) => name,
            Err(ConfigError::NotApplicable { .. }) => continue,
            Err(error) => {
                wrong.push(format!("{}: {error}", row.name));
                continue;
            }
        };
        let ours = defaults.get(name).expect("it is a setting");
        let other = OTHER_DEFAULTS.iter().find(|(key, ..)| *key == name);
        let expected = match other {
            Some((_, json, _)) => {
                let parsed: serde_json::Value = serde_json::from_str(json).expect("JSON");
                Value::from_serialize(&parsed).expect("a value")
            }
            None => python(name, row.default),
        };
        if !same(&ours, &expected) {
            wrong.push(format!("{name}: {ours:?}, Celery has {}", row.default));
        }
        if other.is_some() && same(&ours, &python(name, row.default)) {
            wrong.push(format!(
                "{name}: is listed as other than Celery's, and is not"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_setting_is_made_up() {
    let celerys: BTreeSet<&str> = rows().iter().map(|row| row.name).collect();
    for entry in TABLE {
        let is_ours = OURS.contains(&entry.name);
        assert_ne!(is_ours, celerys.contains(entry.name), "{}", entry.name);
    }
}

#[test]
fn every_old_name_is_translated() {
    for row in rows().iter().filter(|row| !row.old.is_empty()) {
        let old = match row.old.strip_suffix('_') {
            Some(_) => format!("{}{}", row.old, row.name),
            None => row.old.to_owned(),
        };
        assert_eq!(current_name(&old.to_uppercase()), row.name, "{old}");
    }
}

#[test]
fn djangos_names_are_translated() {
    for row in rows() {
        let django = format!("CELERY_{}", row.name.to_uppercase());
        let name = current_name(&django);
        // CELERY_TASK_RESULT_EXPIRES is an old name, and so on: those few that are both mean the old one.
        let is_old = rows()
            .iter()
            .any(|other| other.old.eq_ignore_ascii_case(&django));
        assert!(name == row.name || is_old, "{django} became {name}");
    }
}
