//! The JSON envelope in which virtual transports (Redis, SQLAlchemy, filesystem) carry a message.
//!
//! Mirrors `kombu.transport.virtual.base.Message` and `Channel.prepare_message`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::codec::json;
use super::{DeliveryInfo, Map, Message, Properties, ProtocolError, Value};

/// Writes the envelope. `body` goes out as base64, like kombu's.
#[must_use]
pub fn encode(message: &Message) -> String {
    let mut out = String::with_capacity(message.body.len() / 3 * 4 + 1024);
    out.push_str("{\"body\":\"");
    STANDARD.encode_string(&message.body, &mut out);
    out.push_str("\",\"content-encoding\":");
    json::write_str(&mut out, &message.content_encoding);
    out.push_str(",\"content-type\":");
    json::write_str(&mut out, &message.content_type);
    out.push_str(",\"headers\":");
    json::write_map(&mut out, &message.headers);
    out.push_str(",\"properties\":");
    json::write_map(&mut out, &properties(message));
    out.push('}');
    out
}

/// The envelope as a value.
#[must_use]
pub fn to_value(message: &Message) -> Value {
    Value::from([
        ("body", STANDARD.encode(&message.body).into()),
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
    let Value::Map(mut p) = properties else {
        return Err(invalid("`properties` is missing".to_owned()));
    };
    let Some(Value::Map(info)) = p.shift_remove("delivery_info") else {
        return Err(invalid("`properties.delivery_info` is missing".to_owned()));
    };
    let Some(Value::Str(delivery_tag)) = p.shift_remove("delivery_tag") else {
        return Err(invalid("`properties.delivery_tag` is missing".to_owned()));
    };
    let body_encoding = p.shift_remove("body_encoding").unwrap_or_default();
    let is_base64 = body_encoding.as_str() == Some("base64");
    let body = match (text.or(body.as_str()), &body) {
        (Some(text), _) if is_base64 => STANDARD
            .decode(text)
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
    let text = |v: Option<Value>| match v {
        Some(Value::Str(s)) => Some(s),
        Some(Value::Uuid(u)) => Some(u.to_string()),
        Some(Value::Int(i)) => Some(i.to_string()),
        _ => None,
    };
    let info_text = |name: &str| {
        info.get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let properties = Properties {
        correlation_id: text(p.shift_remove("correlation_id")),
        reply_to: text(p.shift_remove("reply_to")),
        delivery_mode: p
            .swap_remove("delivery_mode")
            .and_then(|v| v.as_i64())
            .and_then(|i| u8::try_from(i).ok()),
        priority: p.shift_remove("priority").and_then(|v| v.as_i64()),
        expiration: text(p.shift_remove("expiration")),
        delivery_tag: Some(delivery_tag),
        delivery_info: DeliveryInfo {
            exchange: info_text("exchange"),
            routing_key: info_text("routing_key"),
            redelivered: is_restored || info.get("redelivered").is_some_and(Value::truthy),
        },
        extra: p,
    };
    Ok(Message {
        headers,
        properties,
        content_type: content_type.as_str().unwrap_or_default().to_owned(),
        content_encoding: content_encoding.as_str().unwrap_or_default().to_owned(),
        body,
    })
}
