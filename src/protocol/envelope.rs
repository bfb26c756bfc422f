//! The JSON envelope in which virtual transports (Redis, SQLAlchemy, filesystem) carry a message.
//!
//! Mirrors `kombu.transport.virtual.base.Message` and `Channel.prepare_message`.

use std::fmt::Write as _;

use base64_simd::STANDARD;
use bytes::Bytes;

use super::codec::json;
use super::{DeliveryInfo, Map, Message, Properties, ProtocolError, Value};

/// Writes the envelope. `body` goes out as base64, like kombu's.
#[must_use]
pub fn encode(message: &Message) -> String {
    let mut out = String::with_capacity(message.body.len() / 3 * 4 + 1024);
    out.push_str("{\"body\":\"");
    STANDARD.encode_append(&message.body, &mut out);
    out.push_str("\",\"content-encoding\":");
    json::write_str(&mut out, &message.content_encoding);
    out.push_str(",\"content-type\":");
    json::write_str(&mut out, &message.content_type);
    out.push_str(",\"headers\":");
    json::write_map(&mut out, &message.headers);
    out.push_str(",\"properties\":{");
    write_properties(&mut out, message);
    out.push_str("}}");
    out
}

/// The members of `properties`, as [`properties`] has them.
fn write_properties(out: &mut String, message: &Message) {
    let p = &message.properties;
    let text = |out: &mut String, key: &str, value: Option<&str>| {
        if let Some(value) = value {
            out.push_str(key);
            json::write_str(out, value);
            out.push(',');
        }
    };
    text(out, "\"correlation_id\":", p.correlation_id.as_deref());
    text(out, "\"reply_to\":", p.reply_to.as_deref());
    for (key, value) in &p.extra {
        json::write_str(out, key);
        out.push(':');
        json::write(out, value);
        out.push(',');
    }
    let _ = write!(out, "\"delivery_mode\":{},", p.delivery_mode.unwrap_or(2));
    text(out, "\"expiration\":", p.expiration.as_deref());
    out.push_str("\"delivery_info\":{\"exchange\":");
    json::write_str(out, &p.delivery_info.exchange);
    out.push_str(",\"routing_key\":");
    json::write_str(out, &p.delivery_info.routing_key);
    if p.delivery_info.redelivered {
        out.push_str(",\"redelivered\":true");
    }
    let priority = p.priority.unwrap_or(0);
    let _ = write!(
        out,
        "}},\"priority\":{priority},\"body_encoding\":\"base64\""
    );
    if let Some(tag) = &p.delivery_tag {
        out.push_str(",\"delivery_tag\":");
        json::write_str(out, tag);
    }
}

/// The envelope as a value.
#[must_use]
pub fn to_value(message: &Message) -> Value {
    Value::from([
        ("body", STANDARD.encode_to_string(&message.body).into()),
        ("content-encoding", message.content_encoding.as_str().into()),
        ("content-type", message.content_type.as_str().into()),
        ("headers", message.headers.clone().into()),
        ("properties", properties(message).into()),
    ])
}

fn properties(message: &Message) -> Map {
    let p = &message.properties;
    let mut properties = Map::new();
    let mut put = |k: &str, v: Option<Value>| {
        if let Some(v) = v {
            properties.insert(k.to_owned(), v);
        }
    };
    put(
        "correlation_id",
        p.correlation_id.as_deref().map(Into::into),
    );
    put("reply_to", p.reply_to.as_deref().map(Into::into));
    for (k, v) in &p.extra {
        put(k, Some(v.clone()));
    }
    put(
        "delivery_mode",
        Some(i64::from(p.delivery_mode.unwrap_or(2)).into()),
    );
    put("expiration", p.expiration.as_deref().map(Into::into));
    let mut info = Map::new();
    info.insert(
        "exchange".to_owned(),
        p.delivery_info.exchange.as_str().into(),
    );
    info.insert(
        "routing_key".to_owned(),
        p.delivery_info.routing_key.as_str().into(),
    );
    if p.delivery_info.redelivered {
        info.insert("redelivered".to_owned(), true.into());
    }
    put("delivery_info", Some(info.into()));
    put("priority", Some(p.priority.unwrap_or(0).into()));
    put("body_encoding", Some("base64".into()));
    put("delivery_tag", p.delivery_tag.as_deref().map(Into::into));
    properties
}

/// Reads an envelope. `headers: null` is `{}`; `body_encoding` may be `base64`, absent or `utf-8`.
///
/// # Errors
/// `Decode` if it is not a JSON object or the body is not base64, `Invalid` if `properties`, `delivery_tag` or
/// `delivery_info` are missing.
pub fn decode(bytes: &[u8]) -> Result<Message, ProtocolError> {
    let invalid = |reason: String| ProtocolError::invalid("envelope", reason);
    let read = json::object_and_text(bytes, "body");
    let Some((mut envelope, text)) = read.map_err(|e| ProtocolError::decode("envelope", e))? else {
        return Err(invalid("not a JSON object".to_owned()));
    };
    let mut take = |name: &str| envelope.swap_remove(name).unwrap_or_default();
    let (body, headers, properties) = (take("body"), take("headers"), take("properties"));
    let (content_type, content_encoding) = (take("content-type"), take("content-encoding"));
    let is_restored = take("redelivered").truthy();
    let mut headers = match headers {
        Value::Map(headers) => headers,
        Value::Null => Map::new(),
        other => {
            return Err(invalid(format!(
                "headers must be an object, not {}",
                other.type_name()
            )));
        }
    };
    let Value::Map(p) = properties else {
        return Err(invalid("`properties` is missing".to_owned()));
    };
    let text_of = |v: Value| match v {
        Value::Str(s) => Some(s),
        Value::Uuid(u) => Some(u.to_string()),
        Value::Int(i) => Some(i.to_string()),
        _ => None,
    };
    let mut properties = Properties::default();
    let (mut info, mut tag, mut body_encoding) = (Value::Null, Value::Null, Value::Null);
    for (name, value) in p {
        match name.as_str() {
            "delivery_info" => info = value,
            "delivery_tag" => tag = value,
            "body_encoding" => body_encoding = value,
            "correlation_id" => properties.correlation_id = text_of(value),
            "reply_to" => properties.reply_to = text_of(value),
            "expiration" => properties.expiration = text_of(value),
            "priority" => properties.priority = value.as_i64(),
            "delivery_mode" => {
                properties.delivery_mode = value.as_i64().and_then(|i| u8::try_from(i).ok());
            }
            _ => {
                properties.extra.insert(name, value);
            }
        }
    }
    let Value::Map(mut info) = info else {
        return Err(invalid("`properties.delivery_info` is missing".to_owned()));
    };
    let Value::Str(tag) = tag else {
        return Err(invalid("`properties.delivery_tag` is missing".to_owned()));
    };
    properties.delivery_tag = Some(tag);
    let is_base64 = body_encoding.as_str() == Some("base64");
    let body = match (text.or(body.as_str()), &body) {
        (Some(text), _) if is_base64 => STANDARD
            .decode_to_vec(text)
            .map(Bytes::from)
            .map_err(|e| ProtocolError::decode("body", e))?,
        (Some(text), _) => Bytes::copy_from_slice(text.as_bytes()),
        (None, Value::Null) => Bytes::new(),
        // A transport may carry a body that is JSON already as it is.
        (None, other) => Bytes::from(json::to_vec(other)),
    };
    if is_restored {
        // Where a Python worker that stops marks what it puts back (kombu/transport/virtual/base.py, `_restore`).
        headers.insert("redelivered".to_owned(), true.into());
    }
    let mut info_text = |name: &str| match info.get_mut(name) {
        Some(Value::Str(text)) => std::mem::take(text),
        _ => String::new(),
    };
    properties.delivery_info = DeliveryInfo {
        exchange: info_text("exchange"),
        routing_key: info_text("routing_key"),
        redelivered: is_restored || info.get("redelivered").is_some_and(Value::truthy),
    };
    let text = |v: Value| match v {
        Value::Str(s) => s,
        _ => String::new(),
    };
    Ok(Message {
        headers,
        properties,
        content_type: text(content_type),
        content_encoding: text(content_encoding),
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_value_are_the_same_envelope() {
        let mut message = Message::json(&Value::List(vec![1.into()]));
        let same = |message: &Message| {
            assert_eq!(encode(message), json::to_string(&to_value(message)));
        };
        same(&message);
        message.headers.insert("task".to_owned(), "a\"b".into());
        let p = &mut message.properties;
        p.correlation_id = Some("c".to_owned());
        p.reply_to = Some("r".to_owned());
        p.expiration = Some("1000".to_owned());
        p.priority = Some(3);
        p.delivery_mode = Some(1);
        p.delivery_info.redelivered = true;
        p.delivery_info.routing_key = "q".to_owned();
        p.extra.insert("app_id".to_owned(), Value::Null);
        p.extra.insert("user_id".to_owned(), vec![1.into()].into());
        same(&message);
        message.properties.delivery_tag = None;
        same(&message);
    }
}
