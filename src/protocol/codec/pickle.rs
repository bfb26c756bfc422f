//! pickle as data: plain values are read and written, no code runs.

use crate::protocol::{ProtocolError, Value};

/// Writes plain data in protocol 4.
///
/// # Errors
/// `Encode` for what has no plain form.
pub fn to_vec(value: &Value) -> Result<Vec<u8>, ProtocolError> {
    unimplemented!("{value:?}")
}

/// Reads plain data and exceptions (as `{exc_type, exc_message, exc_module}`).
///
/// # Errors
/// `Decode`, naming the class that is not plain data.
pub fn from_slice(bytes: &[u8]) -> Result<Value, ProtocolError> {
    unimplemented!("{bytes:?}")
}
