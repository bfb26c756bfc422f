//! From a [`Value`] to any `Deserialize`.
use super::{ProtocolError, Value};

pub(super) fn from_value<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ProtocolError> {
    serde_json::from_slice(&super::codec::json::to_vec(&value))
        .map_err(|e| ProtocolError::invalid("value", e))
}
