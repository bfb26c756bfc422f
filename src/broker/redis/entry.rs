//! The entries of `unacked`: `[message, exchange, routing_key]`, and how a message looks when it is put back.
//!
//! Mirrors `kombu.transport.redis.QoS.append` and `Channel._do_restore_message`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::protocol::codec::json;
use crate::protocol::envelope;
use crate::protocol::{Map, Message, ProtocolError, Value};

/// Wraps bytes that are no JSON, so that a Python worker's sweep can read and restore the entry.
const WRAPPER: &str = "rcelery_raw";

/// A delivery as `unacked` holds it.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    /// The bytes to put back, marked redelivered if they are a message.
    pub(super) raw: Vec<u8>,
    /// Priority of the message.
    pub(super) priority: Option<i64>,
    pub(super) exchange: String,
    pub(super) routing_key: String,
}

impl Entry {
    /// Reads an entry. One whose message is no JSON was written by us a moment before it was found out: its bytes lie
    /// between the bracket and `, "", "queue"]`.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        match json::from_slice(bytes) {
            Ok(Value::List(items)) => {
                let [message, exchange, routing_key] = <[Value; 3]>::try_from(items).ok()?;
                let (raw, priority) = redelivered(message);
                Some(Self {
                    raw,
                    priority,
                    exchange: exchange.as_str()?.to_owned(),
                    routing_key: routing_key.as_str()?.to_owned(),
                })
            }
            _ => {
                let inner = bytes.strip_prefix(b"[")?.strip_suffix(b"]")?;
                let mark = b", \"\", ";
                let at = inner.windows(mark.len()).rposition(|w| w == mark)?;
                let queue = json::from_slice(&inner[at + mark.len()..]).ok()?;
                Some(Self {
                    raw: inner[..at].to_vec(),
                    priority: None,
                    exchange: String::new(),
                    routing_key: queue.as_str()?.to_owned(),
                })
            }
        }
    }
}

/// The message marked as redelivered, as bytes, and its priority. Body, tag and everything else stay.
fn redelivered(message: Value) -> (Vec<u8>, Option<i64>) {
    let Value::Map(mut message) = message else {
        return (json::to_vec(&message), None);
    };
    if let Some(raw) = unwrap(&message) {
        return (raw, None);
    }
    if let Some(Value::Map(headers)) = message.get_mut("headers") {
        headers.insert("redelivered".to_owned(), true.into());
    }
    let mut priority = None;
    if let Some(Value::Map(properties)) = message.get_mut("properties") {
        priority = properties.get("priority").and_then(Value::as_i64);
        if let Some(Value::Map(info)) = properties.get_mut("delivery_info") {
            info.insert("redelivered".to_owned(), true.into());
        }
    }
    (json::to_vec(&Value::Map(message)), priority)
}

/// The entry of bytes that are no message, readable for Python.
pub(super) fn wrapped(raw: &[u8], queue: &str) -> Vec<u8> {
    let message = Value::from([(WRAPPER, STANDARD.encode(raw).into())]);
    json::to_vec(&Value::List(vec![message, "".into(), queue.into()]))
}

fn unwrap(map: &Map) -> Option<Vec<u8>> {
    if map.len() > 3 {
        return None;
    }
    STANDARD.decode(map.get(WRAPPER)?.as_str()?).ok()
}

/// Reads what came from a list: a message, or the bytes (unwrapped) with the reason why they are none.
pub(super) fn decode(raw: Vec<u8>) -> Result<Message, (Vec<u8>, ProtocolError)> {
    match envelope::decode(&raw) {
        Ok(message) => Ok(message),
        Err(error) => {
            let inner = match json::from_slice(&raw) {
                Ok(Value::Map(map)) => unwrap(&map),
                _ => None,
            };
            Err((inner.unwrap_or(raw), error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_put_back_marked_and_otherwise_unchanged() {
        let raw = br#"[{"body": "eA==", "headers": {"id": "1"}, "properties": {"priority": 6, "delivery_info": {"exchange": "", "routing_key": "q"}, "delivery_tag": "t"}}, "", "q"]"#;
        let entry = Entry::read(raw).unwrap();
        assert_eq!(entry.priority, Some(6));
        assert_eq!(entry.routing_key, "q");
        let back = String::from_utf8(entry.raw).unwrap();
        assert_eq!(
            back,
            r#"{"body":"eA==","headers":{"id":"1","redelivered":true},"properties":{"priority":6,"delivery_info":{"exchange":"","routing_key":"q","redelivered":true},"delivery_tag":"t"}}"#
        );
    }

    #[test]
    fn garbage_is_put_back_byte_for_byte() {
        let garbage = b"\xff not, \"\", JSON";
        assert_eq!(Entry::read(&wrapped(garbage, "q")).unwrap().raw, garbage);
        let fresh = [b"[".as_slice(), garbage, b", \"\", \"q\"]"].concat();
        let entry = Entry::read(&fresh).unwrap();
        assert_eq!(
            (entry.raw.as_slice(), &*entry.routing_key),
            (garbage.as_slice(), "q")
        );
        let python = br#"{"rcelery_raw": "/w=="}"#.to_vec();
        assert_eq!(decode(python).unwrap_err().0, b"\xff");
        assert_eq!(Entry::read(b"{}"), None);
        assert_eq!(Entry::read(b""), None);
    }
}
