//! Stored results.

use rcelery::protocol::codec::{self, compression, json, pickle};
use rcelery::protocol::{Exception, ResultMeta, ResultTuple, State, Value};

use crate::fixture::{accept_all, all, base64, get, map, one, parse, same, text};

/// Files that are not stored values.
const NOT_VALUES: &[(&str, &str)] = &[
    ("chord_size_key", "a counter: for the Redis back end"),
    ("get_commands", "commands: for the Redis back end"),
    ("get_group_commands", "commands: for the Redis back end"),
    (
        "no_overwrite_success_commands",
        "commands: for the Redis back end",
    ),
    (
        "url_rediss_bare",
        "an error about a URL: for the Redis back end",
    ),
];

#[test]
fn every_stored_result_is_read_and_written() {
    let files = all("results_redis");
    assert_eq!(files.len(), 81);
    for (name, file) in files {
        if NOT_VALUES.iter().any(|(n, _)| *n == name) {
            continue;
        }
        match &file {
            Value::Map(m) if name == "group_saved" => group(&parse(m["raw"].as_str().unwrap())),
            // Nothing was stored: ignored results.
            Value::Map(m) if m.get("raw").is_some_and(Value::is_null) => {
                assert!(name.starts_with("ignore"), "{name}");
            }
            Value::Map(m) if m.contains_key("raw") => {
                let raw = parse(m["raw"].as_str().unwrap());
                meta(&name, text(&file, "key"), &raw);
                // The parsed view writes NaN and infinity as text.
                if !["success_nan", "success_inf"].contains(&name.as_str()) {
                    same(&name, &raw, &m["value"]);
                }
            }
            Value::Map(m) if m.contains_key("keys") => {
                for (key, stored) in map(&m["keys"]) {
                    configured(&name, key, get(stored, "raw"));
                }
            }
            Value::Map(m) if m.contains_key("step_0") => {
                for step in m.values() {
                    meta(&name, text(step, "task_id"), step);
                }
            }
            Value::List(rows) if name == "published_value" => {
                for row in rows {
                    meta(&name, text(row, "channel"), &parse(text(row, "data")));
                }
            }
            other => panic!("{name} is not accounted for: {other:?}"),
        }
    }
}

/// One meta, read and written; `key` ends with the task id.
fn meta(name: &str, key: &str, raw: &Value) {
    let meta = ResultMeta::from_value("another-id", raw.clone()).unwrap();
    assert!(key.ends_with(&meta.task_id), "{name}");
    same(name, &meta.to_value(), raw);
    if meta.status.holds_exception() {
        let exception = meta.exception().unwrap();
        same(name, &exception.to_value(), get(raw, "result"));
    }
    assert_eq!(meta.date_done.is_some(), meta.status.is_ready(), "{name}");
}

/// What workers with other settings store: other content types, compression.
fn configured(name: &str, key: &str, raw: &Value) {
    let value = match raw {
        Value::Str(text) => parse(text),
        other => {
            let bytes = base64(text(other, "__base64__"));
            match name {
                "conf_serializer_msgpack" => {
                    codec::decode("application/x-msgpack", &bytes, &accept_all()).unwrap()
                }
                "conf_serializer_pickle" => {
                    codec::decode("application/x-python-serialize", &bytes, &accept_all()).unwrap()
                }
                "conf_compressed_gzip" => {
                    let rest = bytes.strip_prefix(b"\0celery-compressed\0").unwrap();
                    let end = rest.iter().position(|b| *b == 0).unwrap();
                    let label = std::str::from_utf8(&rest[..end]).unwrap();
                    json::from_slice(&compression::decompress(label, &rest[end + 1..]).unwrap())
                        .unwrap()
                }
                _ => panic!("{name} is not accounted for"),
            }
        }
    };
    meta(name, key, &value);
    if name == "conf_serializer_msgpack" {
        let encoded = codec::encode("msgpack", &value).unwrap();
        assert_eq!(encoded.body, base64(text(raw, "__base64__")), "{name}");
    }
}

fn group(raw: &Value) {
    let tuple = ResultTuple::from_value(get(raw, "result")).unwrap();
    assert_eq!(tuple.members.as_ref().unwrap().len(), 2);
    same("group_saved", &tuple.to_value(), get(raw, "result"));
}

#[test]
fn a_failed_chord_body_holds_a_chord_error() {
    let file = one("chord", "body_failed");
    let meta = ResultMeta::from_value("", parse(text(&file, "raw"))).unwrap();
    let exception = meta.exception().unwrap();
    assert_eq!(exception.exc_type, "ChordError");
    assert!(
        exception
            .message()
            .ends_with("raised ValueError('bad thing', 42)")
    );
}

#[test]
fn database_rows_are_read_and_written() {
    for (name, columns) in [
        ("rows_default", &["result", "children"][..]),
        (
            "rows_extended",
            &["result", "children", "args", "kwargs", "stamps"],
        ),
    ] {
        for row in one("database", name).as_list().unwrap() {
            for column in columns {
                let Value::Map(blob) = get(row, column) else {
                    continue;
                };
                let bytes = base64(blob["blob_base64"].as_str().unwrap());
                let value = json::from_slice(&bytes).unwrap();
                same(
                    name,
                    &json::from_slice(&json::to_vec(&value)).unwrap(),
                    &value,
                );
                if *column == "children" {
                    for child in value.as_list().unwrap() {
                        same(
                            name,
                            &ResultTuple::from_value(child).unwrap().to_value(),
                            child,
                        );
                    }
                }
                if *column == "result" && State::new(text(row, "status")).holds_exception() {
                    same(
                        name,
                        &Exception::from_value(&value).unwrap().to_value(),
                        &value,
                    );
                }
            }
        }
    }
    for row in one("database", "rows_tasksetmeta").as_list().unwrap() {
        let value = json::from_slice(&base64(text(get(row, "result"), "blob_base64"))).unwrap();
        same(
            "rows_tasksetmeta",
            &ResultTuple::from_value(&value).unwrap().to_value(),
            &value,
        );
    }
}

#[test]
fn pickled_database_rows_are_read_and_written() {
    // Python writes one string object twice, a tuple, or state that we don't keep: same value, other bytes.
    let mut same_bytes = 0;
    let rows = one("database", "rows_pickle");
    for row in rows.as_list().unwrap() {
        let id = text(row, "task_id");
        let bytes = base64(text(get(row, "result"), "blob_base64"));
        let value = pickle::from_slice(&bytes).unwrap();
        let written = if State::new(text(row, "status")).holds_exception() {
            let exception = pickle::exception_from_slice(&bytes).unwrap();
            same(id, &exception.to_value(), &value);
            pickle::exception_to_vec(&exception).unwrap()
        } else {
            let written = pickle::to_vec(&value).unwrap();
            same(id, &pickle::from_slice(&written).unwrap(), &value);
            written
        };
        same_bytes += usize::from(written == bytes);
    }
    assert!(
        same_bytes >= 25,
        "{same_bytes} of {}",
        rows.as_list().unwrap().len()
    );
}
