//! The table of content types.

use bytes::Bytes;

use super::{compression, json, msgpack, pickle, yaml};
use crate::protocol::{Map, Message, ProtocolError, Value};

/// A serialized body with its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// `application/json`…
    pub content_type: &'static str,
    /// `utf-8` or `binary`.
    pub content_encoding: &'static str,
    /// The bytes.
    pub body: Bytes,
}

struct Codec {
    name: &'static str,
    content_type: &'static str,
    content_encoding: &'static str,
    encode: fn(&Value) -> Result<Vec<u8>, ProtocolError>,
    decode: fn(&[u8]) -> Result<Value, ProtocolError>,
}

const CODECS: &[Codec] = &[
    Codec {
        name: "json",
        content_type: "application/json",
        content_encoding: "utf-8",
        encode: |v| Ok(json::to_vec(v)),
        decode: json::from_slice,
    },
    Codec {
        name: "msgpack",
        content_type: "application/x-msgpack",
        content_encoding: "binary",
        encode: msgpack::to_vec,
        decode: msgpack::from_slice,
    },
    Codec {
        name: "yaml",
        content_type: "application/x-yaml",
        content_encoding: "utf-8",
        encode: yaml::to_vec,
        decode: yaml::from_slice,
    },
    Codec {
        name: "pickle",
        content_type: "application/x-python-serialize",
        content_encoding: "binary",
        encode: pickle::to_vec,
        decode: pickle::from_slice,
    },
];

/// Names and aliases that `accept_content` may list: serializer names or content types.
#[must_use]
pub fn serializer_names() -> Vec<&'static str> {
    CODECS.iter().map(|c| c.name).collect()
}

/// The content types that may be decoded (`accept_content`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accept(Vec<&'static str>);

impl Default for Accept {
    fn default() -> Self {
        Self(vec!["application/json"])
    }
}

impl Accept {
    /// From names (`json`) or content types (`application/json`).
    ///
    /// # Errors
    /// `Refused` for a name that is neither.
    pub fn new<S: AsRef<str>>(names: &[S]) -> Result<Self, ProtocolError> {
        let mut types = Vec::new();
        for name in names {
            let name = name.as_ref();
            let Some(codec) = CODECS
                .iter()
                .find(|c| c.name == name || c.content_type == name)
            else {
                return Err(ProtocolError::Refused {
                    content_type: name.to_owned(),
                    reason: format!("unknown; known are {}", serializer_names().join(", ")),
                });
            };
            types.push(codec.content_type);
        }
        Ok(Self(types))
    }

    fn allows(&self, content_type: &str) -> bool {
        self.0.contains(&content_type)
    }
}

/// Serializes a value.
///
/// # Errors
/// `Encode` for an unknown serializer or a value that has no form in it.
pub fn encode(serializer: &str, value: &Value) -> Result<Encoded, ProtocolError> {
    let codec = CODECS
        .iter()
        .find(|c| c.name == serializer || c.content_type == serializer)
        .ok_or_else(|| ProtocolError::Encode {
            serializer: serializer.to_owned(),
            reason: format!(
                "unknown serializer; known are {}",
                serializer_names().join(", ")
            ),
        })?;
    Ok(Encoded {
        content_type: codec.content_type,
        content_encoding: codec.content_encoding,
        body: (codec.encode)(value)?.into(),
    })
}

/// Serializes the body of a task message, `[args, kwargs, embed]`; JSON without copying the arguments first.
///
/// # Errors
/// As [`encode`].
pub(in crate::protocol) fn encode_task(
    serializer: &str,
    args: &[Value],
    kwargs: &Map,
    embed: &Value,
) -> Result<Encoded, ProtocolError> {
    let json = &CODECS[0];
    if serializer != json.name && serializer != json.content_type {
        let parts = [args.to_vec().into(), kwargs.clone().into(), embed.clone()];
        return encode(serializer, &Value::List(parts.into()));
    }
    let mut body = String::with_capacity(128);
    body.push('[');
    json::write_list(&mut body, args);
    body.push(',');
    json::write_map(&mut body, kwargs);
    body.push(',');
    json::write(&mut body, embed);
    body.push(']');
    Ok(Encoded {
        content_type: json.content_type,
        content_encoding: json.content_encoding,
        body: body.into(),
    })
}

/// Deserializes bytes of a content type. `application/data` (or none) is bytes, `application/text` text; both are always
/// accepted.
///
/// # Errors
/// `Refused` if the type is not accepted or unknown, `Decode` if the bytes are not what it says.
pub fn decode(content_type: &str, bytes: &[u8], accept: &Accept) -> Result<Value, ProtocolError> {
    match content_type {
        // A message without content type is data (kombu/serialization.py, `loads`).
        "" | "application/data" => return Ok(Value::Bytes(bytes.to_vec())),
        "application/text" => {
            let text = std::str::from_utf8(bytes).map_err(|e| ProtocolError::decode("body", e))?;
            return Ok(text.into());
        }
        _ => {}
    }
    let refused = |reason: &str| ProtocolError::Refused {
        content_type: content_type.to_owned(),
        reason: reason.to_owned(),
    };
    let codec = CODECS
        .iter()
        .find(|c| c.content_type == content_type)
        .ok_or_else(|| refused("unknown"))?;
    if !accept.allows(codec.content_type) {
        return Err(refused(&format!(
            "`{}` is not in accept_content",
            codec.name
        )));
    }
    (codec.decode)(bytes)
}

/// Decompresses and deserializes the body of a message.
///
/// # Errors
/// As [`decode`], and `Compression`.
pub fn decode_body(message: &Message, accept: &Accept) -> Result<Value, ProtocolError> {
    match message.header_str("compression") {
        None | Some("") => decode(&message.content_type, &message.body, accept),
        Some(kind) => {
            let body = compression::decompress(kind, &message.body)?;
            decode(&message.content_type, &body, accept)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_accepted_types_are_read() {
        let accept = Accept::default();
        assert_eq!(decode("application/json", b"1", &accept), Ok(1.into()));
        assert_eq!(decode("application/text", b"hi", &accept), Ok("hi".into()));
        for data in ["", "application/data"] {
            assert_eq!(decode(data, b"\xff", &accept), Ok(Value::Bytes(vec![255])));
        }
        for refused in [
            "application/x-python-serialize",
            "text/plain",
            "application/x-nope",
        ] {
            let error = decode(refused, b"1", &accept).unwrap_err();
            assert!(matches!(error, ProtocolError::Refused { .. }), "{refused}");
        }
        let pickle = Accept::new(&["application/x-python-serialize", "yaml"]).unwrap();
        assert_eq!(
            decode("application/x-python-serialize", b"K\x01.", &pickle),
            Ok(1.into())
        );
        assert!(decode("application/json", b"1", &pickle).is_err());
        assert!(Accept::new(&["nope"]).is_err());
    }

    #[test]
    fn a_task_body_is_the_same_by_both_ways() {
        let args = [Value::from(1), "a".into()];
        let kwargs: Map = [("k".to_owned(), Value::Null)].into_iter().collect();
        let embed = Value::from([("chain", Value::Null)]);
        let whole = Value::List(vec![
            args.to_vec().into(),
            kwargs.clone().into(),
            embed.clone(),
        ]);
        for name in serializer_names() {
            let task = encode_task(name, &args, &kwargs, &embed).unwrap();
            assert_eq!(task, encode(name, &whole).unwrap(), "{name}");
        }
        assert!(matches!(
            encode("nope", &whole),
            Err(ProtocolError::Encode { .. })
        ));
    }
}
