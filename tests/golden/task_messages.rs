//! Task messages as Python clients publish them on Redis.

use rcelery::protocol::codec::{self, json};
use rcelery::protocol::{
    Embed, ProtocolError, Signature, TaskMessage, Value, envelope, repr, time,
};

use crate::fixture::{accept_all, all, get, map, one, parse, same, text};

/// Files whose body we refuse by name.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("compression_lzma", "lzma"),
    ("compression_brotli", "brotli"),
];

/// Messages whose `argsrepr` can't be computed from the body, and why.
const OTHER_REPR: &[(&str, &str)] = &[
    ("argsrepr_custom", "the caller passed the text"),
    ("beat", "beat passes a list, not a tuple"),
    ("chord_unlock", "forwarded"),
    (
        "json_intkeys",
        "keys were numbers in Python; JSON makes them text",
    ),
    ("json_types", "a tuple became a list"),
    ("repr_many", "tuples became lists"),
    ("repr_nested", "tuples became lists"),
    ("serializer_pickle", "a tuple became a list"),
    ("serializer_msgpack", "a tuple became a list"),
    ("serializer_yaml", "a tuple became a list"),
];

#[test]
fn every_task_message_is_read_and_written() {
    let files = all("task_messages");
    assert_eq!(files.len(), 80);
    for (name, file) in files {
        match &file {
            // Times that clients in other zones wrote.
            Value::List(rows) => {
                for row in rows {
                    for field in ["eta", "expires"] {
                        if let Some(at) = get(row, field).as_str() {
                            time::parse(at).unwrap();
                        }
                    }
                }
            }
            Value::Map(m) if m.contains_key("raw") => message(&name, &file),
            Value::Map(_) if name == "_small_points" => {}
            other => panic!("{name} is not accounted for: {other:?}"),
        }
    }
}

fn message(name: &str, file: &Value) {
    let raw = parse(text(file, "raw"));
    let message = envelope::decode(text(file, "raw").as_bytes()).unwrap();
    same(name, &envelope::to_value(&message), &raw);
    same(name, &parse(&envelope::encode(&message)), &raw);

    if let Some((_, word)) = UNSUPPORTED.iter().find(|(n, _)| *n == name) {
        let error = TaskMessage::from_message(&message, &accept_all()).unwrap_err();
        assert!(matches!(error, ProtocolError::Compression { .. }));
        assert!(error.to_string().contains(word), "{error}");
        return;
    }
    let body = codec::decode_body(&message, &accept_all()).unwrap();
    let task = TaskMessage::from_message(&message, &accept_all()).unwrap();
    if name.starts_with("v1_") {
        version_1(name, &body, &task);
        return;
    }
    same(
        name,
        &Value::List(task.args.clone()),
        &body.as_list().unwrap()[0],
    );
    same(
        name,
        &Value::Map(task.kwargs.clone()),
        &body.as_list().unwrap()[1],
    );
    // PyYAML sorts the keys.
    let same_body = |got: &Value, want: &Value| match name {
        "serializer_yaml" => assert_eq!(got, want),
        _ => same(name, got, want),
    };
    same_body(&task.embed.to_value(), &body.as_list().unwrap()[2]);

    let serializer = message.content_type.as_str();
    let compression = message.header_str("compression");
    let again = task.to_message(serializer, compression).unwrap();
    assert_eq!(again.content_type, message.content_type, "{name}");
    assert_eq!(again.content_encoding, message.content_encoding, "{name}");
    // `compression` is ours last; Python writes it before the caller's headers.
    assert_eq!(again.headers, message.headers, "{name}");
    if compression.is_none() {
        let (got, want) = (again.headers.keys(), message.headers.keys());
        assert!(got.eq(want), "{name}");
    }
    same_body(&codec::decode_body(&again, &accept_all()).unwrap(), &body);
    if message.properties.correlation_id.as_deref() == Some(&task.header.id) {
        assert_eq!(
            again.properties.correlation_id,
            message.properties.correlation_id
        );
    }
    for at in [&task.header.eta, &task.header.expires]
        .into_iter()
        .flatten()
    {
        time::parse(at).unwrap();
    }
    signatures(name, &task.embed);

    if OTHER_REPR.iter().any(|(n, _)| *n == name) || !lossless(&task) {
        return;
    }
    let got = repr::args_repr(&task.args);
    assert_eq!(
        Some(got.as_str()),
        task.header.argsrepr.as_deref(),
        "{name}"
    );
    let got = repr::kwargs_repr(&task.kwargs);
    assert_eq!(
        Some(got.as_str()),
        task.header.kwargsrepr.as_deref(),
        "{name}"
    );
}

/// Signatures, groups and chunks hold tuples in Python: their text differs.
fn lossless(task: &TaskMessage) -> bool {
    !task.args.iter().chain(task.kwargs.values()).any(|arg| {
        arg.as_map().is_some_and(|m| m.contains_key("task")) || matches!(arg, Value::List(l) if !l.is_empty() && l.iter().all(|i| i.as_list().is_some()))
    })
}

fn signatures(name: &str, embed: &Embed) {
    let lists = [&embed.callbacks, &embed.errbacks, &embed.chain];
    for value in lists.into_iter().flatten().flatten().chain(&embed.chord) {
        same(
            name,
            &Signature::from_value(value).unwrap().to_value(),
            value,
        );
    }
}

fn version_1(name: &str, body: &Value, task: &TaskMessage) {
    same(name, &Value::List(task.args.clone()), get(body, "args"));
    same(name, &Value::Map(task.kwargs.clone()), get(body, "kwargs"));
    let header = Value::Map(task.header.to_headers());
    for field in [
        "task",
        "id",
        "group",
        "group_index",
        "retries",
        "eta",
        "expires",
        "timelimit",
    ] {
        same(name, get(&header, field), get(body, field));
    }
    let embed = task.embed.to_value();
    for field in ["callbacks", "errbacks", "chord"] {
        same(name, get(&embed, field), get(body, field));
    }
    assert_eq!(task.header.root_id.as_ref(), Some(&task.header.id));
    assert!(task.header.custom.is_empty(), "{:?}", task.header.custom);
    signatures(name, &task.embed);
}

#[test]
fn decoded_bodies_are_what_python_decoded() {
    // NaN and infinity are shown as text.
    const SHOWN_OTHERWISE: &str = "json_floats";
    let mut checked = 0;
    for (name, file) in all("task_messages") {
        if !map_has(&file, "decoded_body")
            || name == SHOWN_OTHERWISE
            || get(&file, "decoded_body").is_null()
        {
            // Null: the capture shows JSON bodies without compression only.
            continue;
        }
        let message = envelope::decode(text(&file, "raw").as_bytes()).unwrap();
        let body = codec::decode_body(&message, &accept_all()).unwrap();
        same(&name, &body, get(&file, "decoded_body"));
        checked += 1;
    }
    assert_eq!(checked, 66);
}

fn map_has(value: &Value, name: &str) -> bool {
    value.as_map().is_some_and(|m| m.contains_key(name))
}

#[test]
fn serializers_give_the_same_arguments() {
    let args = |name: &str| {
        let file = one("task_messages", name);
        let message = envelope::decode(text(&file, "raw").as_bytes()).unwrap();
        TaskMessage::from_message(&message, &accept_all()).unwrap()
    };
    let json = args("serializer_json");
    for name in ["serializer_msgpack", "serializer_yaml", "serializer_pickle"] {
        let other = args(name);
        assert_eq!(
            (&other.args, &other.kwargs, &other.embed),
            (&json.args, &json.kwargs, &json.embed),
            "{name}"
        );
    }
    let plain = args("compression_gzip");
    assert_eq!(plain.kwargs["k"], true.into());
    for name in ["compression_zlib", "compression_bzip2", "compression_zstd"] {
        assert_eq!(args(name).kwargs, plain.kwargs, "{name}");
    }
}

#[test]
fn custom_headers_and_properties_are_kept() {
    let file = one("task_messages", "custom_headers");
    let message = envelope::decode(text(&file, "raw").as_bytes()).unwrap();
    let task = TaskMessage::from_message(&message, &accept_all()).unwrap();
    assert_eq!(
        json::to_string(&Value::Map(task.header.custom)),
        r#"{"tenant":"acme","n":5}"#
    );
    let file = one("task_messages", "extra_property");
    let message = envelope::decode(text(&file, "raw").as_bytes()).unwrap();
    assert_eq!(message.properties.extra["message_id"], "m-1".into());
}

#[test]
fn small_points_hold() {
    let points = one("task_messages", "_small_points");
    let points = map(&points);
    assert_eq!(
        repr::args_repr(&[Value::Bytes(b"it's".to_vec())]),
        points["repr_bytes_quote"].as_str().unwrap()
    );
    assert_eq!(
        repr::args_repr(&[Value::Decimal("1.50".into())]),
        points["repr_decimal"].as_str().unwrap()
    );
    let long = repr::args_repr(&["word ".repeat(1000).into()]);
    assert_eq!(
        long.chars().count() as i64,
        points["long_text_with_spaces_repr_len"].as_i64().unwrap()
    );
    assert!(long.ends_with(points["long_text_with_spaces_repr_tail"].as_str().unwrap()));
    let body = points["bool_key_body"].as_str().unwrap();
    same(
        "bool_key_body",
        &parse(body),
        &Value::List(vec![
            Value::List(vec![Value::from([("true", 1.into()), ("false", 2.into())])]),
            Value::from([]),
            Embed::default().to_value(),
        ]),
    );
    // Sets have no form in JSON, so their text (`set_repr`) never has to be made here.
}

#[test]
fn chord_unlock_messages_are_read() {
    for row in one("chord", "chord_unlock_messages").as_list().unwrap() {
        let Some(raw) = map(row).get("raw").and_then(Value::as_str) else {
            continue;
        };
        message("chord_unlock", &Value::from([("raw", raw.into())]));
    }
}
