//! What is damaged, of the wrong type or hostile: always an error of the right kind, never a panic.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcelery::protocol::codec::{Accept, compression, json};
use rcelery::protocol::{Message, ProtocolError, TaskMessage, Value, envelope, time};

use crate::fixture::{accept_all, map, one, parse, text};

/// Which error, or none.
fn kind(result: &Result<TaskMessage, ProtocolError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(ProtocolError::Decode {
            what: "envelope", ..
        }) => "envelope",
        Err(ProtocolError::Invalid {
            what: "envelope", ..
        }) => "invalid envelope",
        Err(ProtocolError::Decode { .. }) => "decode",
        Err(ProtocolError::Invalid { .. }) => "invalid",
        Err(ProtocolError::Refused { .. }) => "refused",
        Err(ProtocolError::Compression { .. }) => "compression",
        Err(_) => "other",
    }
}

fn read(payload: &[u8]) -> Result<TaskMessage, ProtocolError> {
    TaskMessage::from_message(&envelope::decode(payload)?, &Accept::default())
}

#[test]
fn every_malformed_message_is_judged() {
    let cases = one("worker", "malformed");
    let want = [
        ("minimal_headers", "ok"),
        ("no_origin_no_ids", "ok"),
        ("body_two_elements", "invalid"),
        ("body_not_json", "decode"),
        ("body_is_dict_no_args", "invalid"),
        ("kwargs_not_mapping", "invalid"),
        ("args_not_list", "ok"),
        ("no_id", "invalid"),
        ("headers_null", "invalid"),
        ("unknown_format", "invalid"),
        ("v1_minimal", "ok"),
        ("v1_no_kwargs", "ok"),
        ("v1_missing_id", "invalid"),
        ("hybrid", "ok"),
        ("pickle_not_accepted", "refused"),
        ("unknown_content_type", "refused"),
        // The text is kept; `strategy` refuses it when it reads the time.
        ("bad_eta", "ok"),
        ("bad_compression", "compression"),
        ("plain_body_encoding", "ok"),
        ("utf8_body_encoding", "ok"),
        ("empty_embed", "ok"),
        ("null_embed", "ok"),
        ("no_delivery_info", "invalid envelope"),
        ("no_delivery_tag", "invalid envelope"),
        ("no_properties", "invalid envelope"),
        ("not_json", "envelope"),
    ];
    assert_eq!(map(&cases).len(), want.len());
    for (name, want) in want {
        let result = read(text(&map(&cases)[name], "payload").as_bytes());
        assert_eq!(kind(&result), want, "{name}: {result:?}");
        if let Ok(task) = result {
            let args = if name == "args_not_list" {
                vec!["a".into(), "b".into()]
            } else {
                vec![2.into(), 3.into()]
            };
            assert_eq!(
                (task.header.task.as_str(), task.args),
                ("cap.add", args),
                "{name}"
            );
            assert_eq!(
                task.header
                    .eta
                    .is_some_and(|eta| time::parse(&eta).is_err()),
                name == "bad_eta"
            );
        }
    }
}

fn valid() -> Vec<u8> {
    let file = one("task_messages", "stamped_visitor");
    text(&file, "raw").as_bytes().to_vec()
}

#[test]
fn every_truncation_is_an_error() {
    let whole = valid();
    assert_eq!(kind(&read(&whole)), "ok");
    for end in 0..whole.len() {
        assert_eq!(kind(&read(&whole[..end])), "envelope", "{end}");
    }
}

#[test]
fn every_truncated_body_is_an_error() {
    for (name, serializer) in [
        ("serializer_json", "json"),
        ("serializer_msgpack", "msgpack"),
        ("serializer_pickle", "pickle"),
    ] {
        let file = one("task_messages", name);
        let message = envelope::decode(text(&file, "raw").as_bytes()).unwrap();
        for end in 0..message.body.len() {
            let cut = Message {
                body: message.body.slice(..end),
                ..message.clone()
            };
            let result = TaskMessage::from_message(&cut, &accept_all());
            assert_eq!(kind(&result), "decode", "{serializer} {end}");
        }
    }
    // Half a yaml document may be a whole one.
    let file = one("task_messages", "serializer_yaml");
    let message = envelope::decode(text(&file, "raw").as_bytes()).unwrap();
    for end in 0..message.body.len() {
        let cut = Message {
            body: message.body.slice(..end),
            ..message.clone()
        };
        let _ = TaskMessage::from_message(&cut, &accept_all());
    }
}

/// Any byte replaced by some others: whatever comes out, nothing panics.
#[test]
fn damaged_bytes_never_panic() {
    for (name, accept) in [
        ("serializer_json", accept_all()),
        ("serializer_pickle", accept_all()),
        ("serializer_msgpack", accept_all()),
        ("serializer_yaml", accept_all()),
    ] {
        let file = one("task_messages", name);
        let message = envelope::decode(text(&file, "raw").as_bytes()).unwrap();
        for at in 0..message.body.len() {
            for byte in [
                0, b'"', b'[', b'}', b'\\', 0x7f, 0x80, 0x95, 0xff, b'R', b'c', b'*', b'&', b'!',
            ] {
                let mut body = message.body.to_vec();
                body[at] = byte;
                let damaged = Message {
                    body: body.into(),
                    ..message.clone()
                };
                let _ = TaskMessage::from_message(&damaged, &accept);
            }
        }
    }
    let whole = valid();
    for at in 0..whole.len() {
        for byte in [0, b'"', b'{', b'}', 0xff] {
            let mut payload = whole.clone();
            payload[at] = byte;
            let _ = read(&payload);
        }
    }
}

/// The valid message with one header or property replaced.
fn with(part: &str, name: &str, value: Value) -> Vec<u8> {
    let Value::Map(mut message) = parse(std::str::from_utf8(&valid()).unwrap()) else {
        unreachable!("an object")
    };
    let Some(Value::Map(inner)) = message.get_mut(part) else {
        unreachable!("an object")
    };
    inner.insert(name.to_owned(), value);
    json::to_vec(&Value::Map(message))
}

#[test]
fn headers_of_the_wrong_type_are_named() {
    let list = || Value::List(vec![]);
    for (name, wrong) in [
        ("task", Value::from(1)),
        ("id", list()),
        ("lang", 1.into()),
        ("shadow", 1.into()),
        ("eta", 1.into()),
        ("expires", list()),
        ("group", 1.into()),
        ("group_index", "x".into()),
        ("retries", "x".into()),
        ("retries", (-1).into()),
        ("retries", Value::BigInt("9".repeat(40))),
        ("timelimit", 1.into()),
        ("timelimit", Value::List(vec!["x".into()])),
        ("root_id", 1.into()),
        ("parent_id", list()),
        ("argsrepr", 1.into()),
        ("kwargsrepr", 1.into()),
        ("origin", 1.into()),
        ("replaced_task_nesting", "x".into()),
        ("stamped_headers", "x".into()),
        ("stamps", list()),
    ] {
        let result = read(&with("headers", name, wrong));
        assert_eq!(kind(&result), "invalid", "{name}");
        assert!(
            result
                .unwrap_err()
                .to_string()
                .contains(&format!("`{name}`")),
            "{name}"
        );
    }
    for name in ["ignore_result", "redelivered", "compression", "custom"] {
        assert_eq!(kind(&read(&with("headers", name, list()))), "ok", "{name}");
    }
}

#[test]
fn properties_of_the_wrong_type_are_errors_or_ignored() {
    for (name, want) in [
        ("delivery_tag", "invalid envelope"),
        ("delivery_info", "invalid envelope"),
        ("correlation_id", "ok"),
        ("reply_to", "ok"),
        ("delivery_mode", "ok"),
        ("priority", "ok"),
        ("expiration", "ok"),
        ("anything", "ok"),
    ] {
        assert_eq!(
            kind(&read(&with("properties", name, Value::List(vec![])))),
            want,
            "{name}"
        );
    }
}

/// An envelope around a body.
fn envelope_of(body: &[u8]) -> Vec<u8> {
    let Value::Map(mut message) = parse(std::str::from_utf8(&valid()).unwrap()) else {
        unreachable!("an object")
    };
    message.insert("body".to_owned(), STANDARD.encode(body).into());
    json::to_vec(&Value::Map(message))
}

#[test]
fn hostile_bodies_are_errors() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let mut not_utf8 = b"[[\"".to_vec();
    not_utf8.extend([0xff, 0xfe, b'"', b']']);
    for body in [
        deep.as_bytes(),
        &not_utf8,
        b"",
        b"[[], {}, {}",
        b"[[1e], {}, {}]",
    ] {
        assert_eq!(kind(&read(&envelope_of(body))), "decode");
    }
    for body in [
        "[]",
        "[1, {}, {}]",
        "[[], [], {}]",
        "[[], {}, 1]",
        "[[], {}, {}, {}]",
        "1",
        "null",
        "\"text\"",
        "{}",
    ] {
        assert_eq!(
            kind(&read(&envelope_of(body.as_bytes()))),
            "invalid",
            "{body}"
        );
    }
    assert_eq!(kind(&read(deep.as_bytes())), "envelope");
    assert_eq!(kind(&read(&not_utf8)), "envelope");
}

#[test]
fn half_a_surrogate_pair_does_not_lose_the_message() {
    let task = read(&envelope_of(br#"[["\ud800"], {}, {}]"#)).unwrap();
    assert_eq!(task.args, ["\u{fffd}".into()]);
}

#[test]
fn fifty_megabytes_are_read_and_written() {
    let text = "x".repeat(50 << 20);
    let body = json::to_vec(&Value::List(vec![
        Value::List(vec![text.as_str().into()]),
        Value::from([]),
        Value::Null,
    ]));
    let task = read(&envelope_of(&body)).unwrap();
    assert_eq!(task.args[0].as_str().unwrap().len(), text.len());
    let message = task.to_message("json", Some("zstd")).unwrap();
    assert!(message.body.len() < 1 << 20);
    let again = TaskMessage::from_message(&message, &Accept::default()).unwrap();
    assert!(again == task);
}

#[test]
fn a_compression_bomb_is_stopped() {
    // 1 GiB and a bit of zeros, compressed a first time in frames that zstd reads as one.
    let (_, frame) = compression::compress("zstd", &vec![b' '; 64 << 20]).unwrap();
    let bomb = frame.repeat(17);
    assert!(bomb.len() < 1 << 20);
    let error = compression::decompress("zstd", &bomb).unwrap_err();
    assert!(
        matches!(error, ProtocolError::Compression { .. }),
        "{error}"
    );
}
