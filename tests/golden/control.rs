//! Remote control: requests and replies.

use rcelery::protocol::codec::json;
use rcelery::protocol::pidbox::{ReplyTo, Request, reply_message};
use rcelery::protocol::{Message, Queue, Value, envelope, event};

use crate::fixture::{accept_all, all, get, map, one, parse, same};

const NODE: &str = "w1@example.com";

#[test]
fn every_control_exchange_is_read_and_written() {
    let files = all("control");
    assert_eq!(files.len(), 75);
    for (name, file) in files {
        match &file {
            Value::Map(m) if m.contains_key("request") => {
                request(&name, &m["request"]);
                replies(&name, &m["replies"]);
            }
            Value::Map(m) if name == "mingle" => {
                for one in m["requests"].as_list().unwrap() {
                    request(&name, one);
                }
                replies(&name, &m["replies"]);
            }
            Value::List(events) if name == "election_events" => {
                for row in events {
                    let message = decoded(&name, get(row, "message"));
                    let body =
                        rcelery::protocol::codec::decode_body(&message, &accept_all()).unwrap();
                    for event in event::read(body.clone()).unwrap() {
                        same(&name, &event.to_value(), &body);
                    }
                }
            }
            // What the Python client returned: for the mailbox.
            Value::Map(_) if name == "beat_ping" => {}
            // Checked below.
            Value::Map(_) if name == "hand_made_requests" => {}
            other => panic!("{name} is not accounted for: {other:?}"),
        }
    }
}

/// The parsed view of an envelope as a message; the other way gives the same envelope.
fn decoded(name: &str, view: &Value) -> Message {
    let message = envelope::decode(&json::to_vec(view)).unwrap();
    same(name, &envelope::to_value(&message), view);
    message
}

fn request(name: &str, value: &Value) {
    if value.is_null() {
        return;
    }
    let message = decoded(name, get(value, "message"));
    if let Some(raw) = map(value).get("raw").and_then(Value::as_str) {
        same(name, &parse(raw), get(value, "message"));
    }
    let body = json::from_slice(&message.body).unwrap();
    same(name, &body, get(value, "decoded_body"));
    let request = Request::from_value(&body).unwrap();
    let clock = u64::try_from(message.headers["clock"].as_i64().unwrap()).unwrap();
    let expires = message.headers.get("expires").and_then(Value::as_f64);
    let again = request.to_message(clock, expires);
    same(name, &json::from_slice(&again.body).unwrap(), &body);
    assert_eq!(again.headers, message.headers, "{name}");
    let asked = match &request.destination {
        Some(nodes) => &nodes[0],
        None => NODE,
    };
    assert!(request.is_for(asked).unwrap(), "{name}");
    if name == "ping_other_destination" {
        assert!(!request.is_for(NODE).unwrap());
    }
}

fn replies(name: &str, value: &Value) {
    for reply in value.as_list().unwrap() {
        // The reply to `objgraph` has a body too big to keep.
        if !map(get(reply, "message")).contains_key("body") {
            assert_eq!(name, "objgraph");
            continue;
        }
        let message = decoded(name, get(reply, "message"));
        let body = json::from_slice(&message.body).unwrap();
        let (node, answer) = body.as_map().unwrap().first().unwrap();
        let clock = u64::try_from(message.headers["clock"].as_i64().unwrap()).unwrap();
        let ticket = message.header_str("ticket").unwrap();
        let again = reply_message(node, answer.clone(), ticket, clock);
        same(name, &json::from_slice(&again.body).unwrap(), &body);
        same(
            name,
            &Value::Map(again.headers.clone()),
            &Value::Map(message.headers.clone()),
        );
        assert_eq!(
            again.properties.delivery_mode,
            message.properties.delivery_mode
        );
    }
}

/// Who answered the requests that were made by hand.
#[test]
fn hand_made_requests_reach_whom_they_reached() {
    let answers = one("control", "hand_made_requests");
    let ping = |more: &str| {
        let text = format!(
            r#"{{"method":"ping","ticket":"t","reply_to":{{"exchange":"reply.celery.pidbox","routing_key":"k"}}{more}}}"#
        );
        Request::from_value(&parse(&text)).unwrap()
    };
    for (name, more) in [
        ("minimal_request_with_binding", ""),
        (
            "destination_other",
            r#","destination":["other@example.com"]"#,
        ),
        ("destination_empty_list", r#","destination":[]"#),
        ("pattern_without_matcher", r#","pattern":"nobody*""#),
        (
            "pattern_pcre_no_match",
            r#","pattern":"x.*","matcher":"pcre""#,
        ),
    ] {
        let answered = !get(&answers, name).is_null();
        assert_eq!(ping(more).is_for(NODE).unwrap(), answered, "{name}");
    }
    assert!(get(&answers, "unknown_matcher").is_null());
    assert!(
        ping(r#","pattern":"w*","matcher":"nope""#)
            .is_for(NODE)
            .is_err()
    );
    assert_eq!(
        ping("").reply_to,
        Some(ReplyTo {
            exchange: "reply.celery.pidbox".to_owned(),
            routing_key: "k".to_owned(),
        })
    );
}

#[test]
fn requests_of_the_wrong_shape_are_refused() {
    for body in [
        "null",
        "[]",
        "1",
        "{}",
        r#"{"method":1}"#,
        r#"{"method":"ping","arguments":[1]}"#,
        r#"{"method":"ping","destination":1}"#,
    ] {
        assert!(Request::from_value(&parse(body)).is_err(), "{body}");
    }
    let request = Request::from_value(&parse(
        r#"{"method":"ping","destination":"w1@example.com"}"#,
    ))
    .unwrap();
    assert!(request.is_for(NODE).unwrap());
}

#[test]
fn queues_are_shown_as_inspect_shows_them() {
    let shown = |name: &str| {
        let file = one("control", name);
        let reply = &get(&file, "replies").as_list().unwrap()[0];
        let message = decoded(name, get(reply, "message"));
        let body = json::from_slice(&message.body).unwrap();
        get(&body, NODE).as_list().unwrap().to_vec()
    };
    same(
        "active_queues",
        &Queue::direct("celery").to_value(),
        &shown("active_queues")[0],
    );
    let after = shown("active_queues_after");
    same(
        "active_queues_after",
        &Queue::direct("extra").to_value(),
        &after[1],
    );
}
