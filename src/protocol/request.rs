//! The request of a task as Celery's worker hands it to a process of its pool: the message's headers, and what the
//! worker adds to them.
//!
//! Mirrors `celery.worker.request.Request.__init__` (`_request_dict`).

use super::codec::{json, marshal};
use super::{Message, Properties, TaskMessage, Value};

/// The request as a JSON object. Beside Celery's keys it has `_content_type` and `_content_encoding`, those of the body.
#[must_use]
pub fn to_json(message: &Message, hostname: &str) -> String {
    let mut out = Json {
        text: String::with_capacity(1024),
        is_empty: true,
    };
    out.text.push('{');
    fill(&mut out, message, hostname);
    out.text.push('}');
    out.text
}

/// The same in Python's own format; none if a header has no plain form.
#[must_use]
pub fn to_marshal(message: &Message, hostname: &str) -> Option<Vec<u8>> {
    let mut out = Marshal {
        bytes: Vec::with_capacity(1024),
        is_whole: true,
    };
    marshal::open(&mut out.bytes);
    fill(&mut out, message, hostname);
    marshal::end(&mut out.bytes);
    out.is_whole.then_some(out.bytes)
}

/// What was the body, `[args, kwargs, embed]`, in Python's own format; none if an argument has no plain form.
#[must_use]
pub fn body_to_marshal(task: &TaskMessage) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(128);
    let args = &task.args;
    out.push(b'[');
    out.extend_from_slice(&3_i32.to_le_bytes());
    out.push(b'[');
    out.extend_from_slice(&i32::try_from(args.len()).ok()?.to_le_bytes());
    let whole = args.iter().all(|arg| marshal::write(&mut out, arg))
        && marshal::map(&mut out, &task.kwargs)
        && marshal::write(&mut out, &task.embed.to_value());
    whole.then_some(out)
}

fn fill(out: &mut impl Object, message: &Message, hostname: &str) {
    let properties = &message.properties;
    for (name, value) in &message.headers {
        out.value(name, value);
    }
    let redelivered = message
        .headers
        .get("redelivered")
        .is_some_and(Value::truthy);
    out.open("properties");
    fill_properties(out, properties);
    out.close();
    out.text("reply_to", properties.reply_to.as_deref());
    out.text("correlation_id", properties.correlation_id.as_deref());
    out.text("hostname", Some(hostname));
    let info = &properties.delivery_info;
    out.open("delivery_info");
    out.text("exchange", Some(&info.exchange));
    out.text("routing_key", Some(&info.routing_key));
    out.value("priority", &Value::opt(properties.priority));
    out.value("redelivered", &(info.redelivered || redelivered).into());
    out.close();
    out.text("_content_type", Some(&message.content_type));
    out.text("_content_encoding", Some(&message.content_encoding));
}

fn fill_properties(out: &mut impl Object, properties: &Properties) {
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
    // As kombu writes it.
    out.text("body_encoding", Some("base64"));
    out.open("delivery_info");
    out.text("exchange", Some(&properties.delivery_info.exchange));
    out.text("routing_key", Some(&properties.delivery_info.routing_key));
    out.close();
}

/// An object being written; of a key that is written again the last counts.
trait Object {
    fn value(&mut self, name: &str, value: &Value);
    fn text(&mut self, name: &str, text: Option<&str>);
    /// Begins an object inside, until [`Object::close`].
    fn open(&mut self, name: &str);
    fn close(&mut self);
}

struct Json {
    text: String,
    is_empty: bool,
}

impl Json {
    fn key(&mut self, name: &str) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.text.push(',');
        }
        json::write_str(&mut self.text, name);
        self.text.push(':');
    }
}

impl Object for Json {
    fn value(&mut self, name: &str, value: &Value) {
        self.key(name);
        json::write(&mut self.text, value);
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        self.key(name);
        match text {
            Some(text) => json::write_str(&mut self.text, text),
            None => self.text.push_str("null"),
        }
    }

    fn open(&mut self, name: &str) {
        self.key(name);
        self.text.push('{');
        self.is_empty = true;
    }

    fn close(&mut self) {
        self.text.push('}');
        self.is_empty = false;
    }
}

struct Marshal {
    bytes: Vec<u8>,
    is_whole: bool,
}

impl Object for Marshal {
    fn value(&mut self, name: &str, value: &Value) {
        self.is_whole &=
            marshal::text(&mut self.bytes, name) && marshal::write(&mut self.bytes, value);
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        self.is_whole &= marshal::text(&mut self.bytes, name);
        match text {
            Some(text) => self.is_whole &= marshal::text(&mut self.bytes, text),
            None => self.bytes.push(b'N'),
        }
    }

    fn open(&mut self, name: &str) {
        self.is_whole &= marshal::text(&mut self.bytes, name);
        marshal::open(&mut self.bytes);
    }

    fn close(&mut self) {
        marshal::end(&mut self.bytes);
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
        assert!(to_marshal(&message, "w1@box").is_some());
        let bytes = Value::Bytes(vec![1]);
        message.headers.insert("odd".to_owned(), bytes);
        assert!(to_marshal(&message, "w1@box").is_none());
    }
}
