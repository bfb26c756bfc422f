//! From any `Serialize` to a [`Value`].
use super::{ProtocolError, Value};

pub(super) fn to_value<T: serde::Serialize + ?Sized>(value: &T) -> Result<Value, ProtocolError> {
    let json = serde_json::to_vec(value).map_err(|e| ProtocolError::decode("value", e))?;
    super::codec::json::from_slice(&json)
}
