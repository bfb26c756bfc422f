//! Events.

use rcelery::protocol::codec::json;
use rcelery::protocol::event::{self, Event, Origin};
use rcelery::protocol::{Map, Value, envelope};

use crate::fixture::{all, get, map, parse, same, text};

/// Files that hold no event.
const NO_EVENTS: &[(&str, &str)] = &[
    ("_channels", "channel names: for the Redis transport"),
    ("_channels_solo", "channel names: for the Redis transport"),
    (
        "_channels_threads",
        "channel names: for the Redis transport",
    ),
    ("_multi_sizes", "sizes of batches: for the dispatcher"),
    ("_receiver_commands", "commands: for the Redis transport"),
    (
        "_utcoffset_America_New_York",
        "an offset: for the dispatcher",
    ),
    ("_utcoffset_Asia_Kolkata", "an offset: for the dispatcher"),
];

#[test]
fn every_event_is_read_and_written() {
    let files = all("events");
    assert_eq!(files.len(), 30);
    for (name, file) in files {
        if NO_EVENTS.iter().any(|(n, _)| *n == name) {
            continue;
        }
        match &file {
            Value::List(rows) => {
                for row in rows {
                    one_event(&name, row);
                }
            }
            Value::Map(m) if m.contains_key("event") => {
                one_event(&name, &m["event"]);
                let kind = text(&m["event"], "type");
                let key = if m["batched"].truthy() {
                    "task.multi".to_owned()
                } else {
                    kind.replace('-', ".")
                };
                assert_eq!(
                    text(&file, "channel"),
                    format!("/0.celeryev/{key}"),
                    "{name}"
                );
            }
            Value::Map(m) if m.contains_key("raw") => raw(&name, m["raw"].as_str().unwrap()),
            other => panic!("{name} is not accounted for: {other:?}"),
        }
    }
}

fn raw(name: &str, raw: &str) {
    let message = envelope::decode(raw.as_bytes()).unwrap();
    same(name, &envelope::to_value(&message), &parse(raw));
    let body = json::from_slice(&message.body).unwrap();
    let events = event::read(body.clone()).unwrap();
    let hostname = message.header_str("hostname").unwrap();
    let again = match &body {
        Value::List(_) => event::multi(&events, hostname),
        _ => event::single(&events[0], hostname),
    };
    same(name, &json::from_slice(&again.body).unwrap(), &body);
    assert_eq!(again.headers, message.headers, "{name}");
    assert_eq!(
        again.properties.delivery_mode, message.properties.delivery_mode,
        "{name}"
    );
}

/// Read, written, and made anew from its parts, in the order of the wire.
fn one_event(name: &str, value: &Value) {
    let event = Event::from_value(value.clone()).unwrap();
    same(name, &event.to_value(), value);
    let fields = map(value);
    let origin = Origin {
        hostname: text(value, "hostname").to_owned(),
        utcoffset: fields["utcoffset"].as_f64().unwrap(),
        pid: u32::try_from(fields["pid"].as_i64().unwrap()).unwrap(),
    };
    let common = ["hostname", "utcoffset", "pid", "clock", "timestamp", "type"];
    let own: Map = fields
        .iter()
        .filter(|(k, _)| !common.contains(&k.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let clock = u64::try_from(fields["clock"].as_i64().unwrap()).unwrap();
    let timestamp = get(value, "timestamp").as_f64().unwrap();
    let made = Event::new(&event.kind, &origin, clock, timestamp, own);
    same(name, &made.to_value(), value);
}

#[test]
fn bodies_that_are_no_events_are_refused() {
    for body in [
        "null",
        "{}",
        "[1]",
        r#"[{"type":1}]"#,
        r#"[{"type":"a"},{}]"#,
        "\"x\"",
    ] {
        assert!(event::read(parse(body)).is_err(), "{body}");
    }
    assert_eq!(event::read(parse("[]")).unwrap(), []);
}
