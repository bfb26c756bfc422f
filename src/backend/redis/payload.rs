//! The bytes of a stored value: serialized, and compressed if so configured.
//!
//! Mirrors `celery.backends.base.Backend.encode`, `compress_payload` and `decompress_payload`.

use crate::backend::BackendError;
use crate::backend::registry::Options;
use crate::protocol::codec::{self, Accept, compression};
use crate::protocol::result::Encoded;
use crate::protocol::{ProtocolError, ResultMeta, Value};

/// Before a compressed value; then its content type, a zero byte and the data.
const MARK: &[u8] = b"\0celery-compressed\0";

/// How values are written and read.
#[derive(Debug, Clone)]
pub(super) struct Codec {
    serializer: String,
    content_type: &'static str,
    compression: Option<String>,
    accept: Accept,
}

impl Codec {
    pub(super) fn new(options: &Options) -> Result<Self, BackendError> {
        let encoded = codec::encode(&options.serializer, &Value::Null)?;
        let compression = options.compression.clone().filter(|c| !c.is_empty());
        if let Some(alias) = &compression {
            compression::compress(alias, b"")?;
        }
        Ok(Self {
            serializer: options.serializer.clone(),
            content_type: encoded.content_type,
            compression,
            accept: options.accept.clone(),
        })
    }

    /// A value without compression: members of chords and whatever else Celery never compresses.
    pub(super) fn encode_plain(&self, value: &Value) -> Result<Vec<u8>, BackendError> {
        Ok(codec::encode(&self.serializer, value)?.body.into())
    }

    /// A value as it is stored.
    pub(super) fn encode(&self, value: &Value) -> Result<Vec<u8>, BackendError> {
        self.compress(self.encode_plain(value)?)
    }

    /// A meta as it is stored.
    pub(super) fn encode_meta(&self, meta: &ResultMeta) -> Result<Vec<u8>, BackendError> {
        if let Some(Encoded::Object(bytes)) = &meta.encoded {
            return Ok(bytes.to_vec());
        }
        if self.content_type != "application/json" {
            return self.encode(&meta.to_value());
        }
        self.compress(meta.to_json().into_bytes())
    }

    fn compress(&self, plain: Vec<u8>) -> Result<Vec<u8>, BackendError> {
        let Some(alias) = &self.compression else {
            return Ok(plain);
        };
        let (label, data) = compression::compress(alias, &plain)?;
        Ok([MARK, label.as_bytes(), b"\0", &data].concat())
    }

    /// Reads a value, compressed or not, whatever is configured.
    pub(super) fn decode(&self, bytes: &[u8]) -> Result<Value, ProtocolError> {
        let Some(rest) = bytes.strip_prefix(MARK) else {
            return codec::decode(self.content_type, bytes, &self.accept);
        };
        let end = rest.iter().position(|b| *b == 0).ok_or_else(|| {
            ProtocolError::decode("result", "a compressed value without a content type")
        })?;
        let label = String::from_utf8_lossy(&rest[..end]);
        let plain = compression::decompress(&label, &rest[end + 1..])?;
        codec::decode(self.content_type, &plain, &self.accept)
    }

    /// Reads a stored meta.
    pub(super) fn decode_meta(
        &self,
        task_id: &str,
        bytes: &[u8],
    ) -> Result<ResultMeta, ProtocolError> {
        ResultMeta::from_value(task_id, self.decode(bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_values_are_read_whatever_is_configured() {
        let options = Options {
            compression: Some("gzip".to_owned()),
            ..Options::default()
        };
        let value = Value::from([("status", "SUCCESS".into())]);
        let bytes = Codec::new(&options).unwrap().encode(&value).unwrap();
        assert!(bytes.starts_with(b"\0celery-compressed\0application/x-gzip\0"));
        let plain = Codec::new(&Options::default()).unwrap();
        assert_eq!(plain.decode(&bytes).unwrap(), value);
        assert!(plain.decode(b"\0celery-compressed\0oops").is_err());
    }

    #[test]
    fn unknown_names_are_refused_at_once() {
        for (serializer, compression) in [("xml", None), ("json", Some("rar".to_owned()))] {
            let options = Options {
                serializer: serializer.to_owned(),
                compression,
                ..Options::default()
            };
            assert!(Codec::new(&options).is_err());
        }
    }
}
