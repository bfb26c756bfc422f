//! Content types: one file each, looked up by serializer name or by content type.
//!
//! Mirrors `kombu.serialization` and `kombu.compression`.

pub mod compression;
pub mod json;
mod limits;
pub mod marshal;
mod msgpack;
pub mod pickle;
mod registry;
mod yaml;

pub(super) use self::registry::encode_task;
pub use self::registry::{Accept, Encoded, decode, decode_body, encode, serializer_names};
