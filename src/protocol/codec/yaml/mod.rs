//! yaml, as PyYAML's safe loader and dumper understand it (YAML 1.1).
//!
//! Mirrors `kombu.serialization.register_yaml`.

mod load;
mod scalar;
mod write;

use crate::protocol::{ProtocolError, Value};

pub(super) fn to_vec(value: &Value) -> Result<Vec<u8>, ProtocolError> {
    write::document(value)
        .map(String::into_bytes)
        .map_err(|reason| ProtocolError::Encode {
            serializer: "yaml".to_owned(),
            reason,
        })
}

pub(super) fn from_slice(bytes: &[u8]) -> Result<Value, ProtocolError> {
    load::document(bytes).map_err(|reason| ProtocolError::decode("yaml", reason))
}

#[cfg(test)]
mod tests;
