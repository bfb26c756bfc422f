//! The request of a task as Celery's worker hands it to a process of its pool: the message's headers, and what the
//! worker adds to them.
//!
//! Mirrors `celery.worker.request.Request.__init__` (`_request_dict`).

use super::codec::json;
use super::{Message, Properties, Value};

/// The request as a JSON object. Beside Celery's keys it has `_content_type` and `_content_encoding`, those of the body.
#[must_use]
pub fn to_json(message: &Message, hostname: &str) -> String {
    let properties = &message.properties;
    let mut out = Object::new();
    for (name, value) in &message.headers {
        out.value(name, value);
    }
    let redelivered = message
        .headers
        .get("redelivered")
        .is_some_and(Value::truthy);
    out.raw("properties", &properties_json(properties));
    out.text("reply_to", properties.reply_to.as_deref());
    out.text("correlation_id", properties.correlation_id.as_deref());
    out.text("hostname", Some(hostname));
    let info = &properties.delivery_info;
    let mut delivery = Object::new();
    delivery.text("exchange", Some(&info.exchange));
    delivery.text("routing_key", Some(&info.routing_key));
    delivery.value("priority", &Value::opt(properties.priority));
    delivery.value("redelivered", &(info.redelivered || redelivered).into());
    out.raw("delivery_info", &delivery.end());
    out.text("_content_type", Some(&message.content_type));
    out.text("_content_encoding", Some(&message.content_encoding));
    out.end()
}

fn properties_json(properties: &Properties) -> String {
    let mut out = Object::new();
    for (name, value) in &properties.extra {
        out.value(name, value);
    }
    for (name, text) in [
        ("correlation_id", &properties.correlation_id),
        ("reply_to", &properties.reply_to),
        ("delivery_tag", &properties.delivery_tag),
        ("expiration", &properties.expiration),
    ] {
        if text.is_some() {
            out.text(name, text.as_deref());
        }
    }
    if let Some(mode) = properties.delivery_mode {
        out.value("delivery_mode", &i64::from(mode).into());
    }
    if let Some(priority) = properties.priority {
        out.value("priority", &priority.into());
    }
    let mut info = Object::new();
    info.text("exchange", Some(&properties.delivery_info.exchange));
    info.text("routing_key", Some(&properties.delivery_info.routing_key));
    out.raw("delivery_info", &info.end());
    out.end()
}

/// A JSON object being written; a key that is written again counts, as everywhere.
struct Object(String);

impl Object {
    fn new() -> Self {
        Self(String::with_capacity(1024))
    }

    fn key(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        json::write_str(&mut self.0, name);
        self.0.push(':');
    }

    fn value(&mut self, name: &str, value: &Value) {
        self.key(name);
        json::write(&mut self.0, value);
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        self.key(name);
        match text {
            Some(text) => json::write_str(&mut self.0, text),
            None => self.0.push_str("null"),
        }
    }

    fn raw(&mut self, name: &str, json: &str) {
        self.key(name);
        self.0.push_str(json);
    }

    fn end(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_celery_hands_over() {
        let mut message = Message::json(&Value::Null);
        message.headers.insert("id".to_owned(), "i\"d".into());
        message
            .headers
            .insert("redelivered".to_owned(), true.into());
        message.properties.delivery_info.routing_key = "celery".to_owned();
        message.properties.priority = Some(3);
        let read = json::from_slice(to_json(&message, "w1@box").as_bytes()).unwrap();
        let read = read.as_map().unwrap();
        assert_eq!(read["id"], "i\"d".into());
        assert_eq!(read["reply_to"], Value::Null);
        assert_eq!(read["hostname"], "w1@box".into());
        let info = read["delivery_info"].as_map().unwrap();
        assert_eq!(info["routing_key"], "celery".into());
        assert_eq!(info["redelivered"], true.into());
        assert_eq!(info["priority"], 3.into());
    }
}
