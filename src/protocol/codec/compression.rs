//! Compression of bodies, as Celery labels it.
//!
//! Mirrors `kombu.compression`.

use crate::protocol::ProtocolError;

/// Compresses; returns the label for the `compression` header with the bytes.
///
/// # Errors
/// `Compression` for an unknown alias.
pub fn compress(alias: &str, bytes: &[u8]) -> Result<(&'static str, Vec<u8>), ProtocolError> {
    unimplemented!("{alias} {bytes:?}")
}

/// Decompresses what a header labels.
///
/// # Errors
/// `Compression` for an unknown label or damaged data.
pub fn decompress(label: &str, bytes: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    unimplemented!("{label} {bytes:?}")
}
