//! yaml.

use crate::protocol::{ProtocolError, Value};

pub(super) fn to_vec(value: &Value) -> Result<Vec<u8>, ProtocolError> {
    unimplemented!("{value:?}")
}

pub(super) fn from_slice(bytes: &[u8]) -> Result<Value, ProtocolError> {
    unimplemented!("{bytes:?}")
}
